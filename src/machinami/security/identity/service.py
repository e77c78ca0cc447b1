"""Use cases of identity: first run, login, sessions, API keys, and who a request comes from."""

from __future__ import annotations

import base64
import logging
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from machinami.kernel.caller import ALL_ROLES, DEFAULT_TENANT, Caller, Role
from machinami.kernel.clock import Clock
from machinami.kernel.errors import Refusal
from machinami.security.identity import rules
from machinami.security.identity.model import ApiKey, IdentityLimits, Login, Session, SetupCode, User
from machinami.security.identity.ports import Entropy, IdentityStore, PasswordHasher

_TOKEN_BYTES: Final = 32
_SETUP_BYTES: Final = 7
_ABSENT_PASSWORD: Final = "no such account, but it takes as long"  # noqa: S105 - hashed for unknown accounts only

log = logging.getLogger(__name__)


class IdentityService:
    """Everything about who someone is. What they may do is decided by the use case they call (`Caller.has`)."""

    def __init__(
        self,
        store: IdentityStore,
        hasher: PasswordHasher,
        clock: Clock,
        entropy: Entropy,
        limits: IdentityLimits,
        common: frozenset[str],
    ) -> None:
        """`common` are lower-case common passwords (`passwords.common_passwords()`)."""
        self._store = store
        self._hasher = hasher
        self._clock = clock
        self._entropy = entropy
        self._limits = limits
        self._common = common
        self._window = rules.LoginWindow.of(limits)
        self._absent_hash: str | None = None
        self._keys: OrderedDict[str, tuple[ApiKey, float]] = OrderedDict()

    # --- first run (trust.md 4.4)

    async def setup_open(self) -> bool:
        """Whether the first run is still to be done."""
        return not await self._store.any_user()

    async def begin_setup(self) -> str | None:
        """A fresh setup code to show on the console, replacing an older one; None if a user already exists."""
        if not await self.setup_open():
            return None
        code = rules.setup_code_text(self._entropy(_SETUP_BYTES))
        expires_at = self._clock.now() + timedelta(minutes=self._limits.setup_code_minutes)
        tries = self._limits.setup_code_tries_max
        await self._store.put_setup_code(SetupCode(rules.digest(rules.normal_setup_code(code)), expires_at, tries))
        return code

    async def complete_setup(self, code: str, name: str, display_name: str, password: str) -> Login:
        """Create the town's first administrator and log them in.

        Name and password are checked before a try is spent. Raises Refusal `security.setup.done`, `.code_wrong`,
        `security.name.malformed`, `security.password.*`.
        """
        if not await self.setup_open():
            raise Refusal("security.setup.done")
        name = rules.check_name(name)
        display_name = rules.check_display_name(display_name or name)
        self._check_password(password, name)
        expected = await self._store.spend_setup_try(self._clock.now())
        if expected is None or not rules.same(expected.code_hash, rules.digest(rules.normal_setup_code(code))):
            raise Refusal("security.setup.code_wrong", tries=expected.tries_left if expected else 0)
        password_hash = await self._hasher.hash(rules.normal_password(password))
        user = User(DEFAULT_TENANT, name, display_name, password_hash, ALL_ROLES, self._clock.now())
        if not await self._store.add_first_user(user):
            raise Refusal("security.setup.done")
        log.info("first administrator created: %s", user.principal)
        return await self._new_login(user)

    # --- people

    async def login(self, name: str, password: str, tenant: str = DEFAULT_TENANT) -> Login:
        """Check a password and open a session.

        Raises Refusal `security.login.wrong` (unknown account, wrong password, disabled account: all alike) and
        `security.login.too_many` (with `wait_s`).
        """
        return await self._new_login(await self._verified_user(name, password, tenant))

    async def logout(self, token: str) -> None:
        """End the session of a cookie."""
        await self._store.remove_session(rules.digest(token))

    async def set_password(self, caller: Caller, name: str, password: str, current: str = "") -> None:
        """Give a user of the caller's tenant a new password and end all their sessions.

        One's own needs the `current` one; anybody else's needs an administrator (the command line counts as one, so
        that a forgotten password locks nobody out). Raises Refusal `security.role.missing`, `security.user.not_found`,
        `security.login.*`, `security.password.*`.
        """
        name = rules.check_name(name)
        if caller.principal == f"user:{name}":
            await self._verified_user(name, current, caller.tenant)
        else:
            _require_admin(caller)
        user = await self._store.user(caller.tenant, name)
        if user is None:
            raise Refusal("security.user.not_found", name=name)
        self._check_password(password, name)
        password_hash = await self._hasher.hash(rules.normal_password(password))
        await self._store.update_user(replace(user, password_hash=password_hash))
        await self._store.remove_sessions(caller.tenant, name)
        self._window.succeeded((caller.tenant, name))

    # --- programs

    async def create_key(
        self, caller: Caller, name: str, roles: Iterable[Role], expires_at: datetime | None = None
    ) -> tuple[ApiKey, str]:
        """A new named key and its text, which is never shown again. Administrators only.

        Raises Refusal `security.role.missing`, `security.name.malformed`, `security.key.exists`, `.no_role`, `.expired`,
        `.too_many`.
        """
        _require_admin(caller)
        name = rules.check_name(name)
        granted = frozenset(roles)
        if not granted:
            raise Refusal("security.key.no_role")
        now = self._clock.now()
        if expires_at is not None and expires_at <= now:
            raise Refusal("security.key.expired")
        if len(await self._store.keys(caller.tenant)) >= self._limits.keys_max:
            raise Refusal("security.key.too_many", count=self._limits.keys_max)
        prefix = base64.b32encode(self._entropy(10)).decode().lower()[: rules.PREFIX_CHARACTERS]
        secret = self._token()
        key = ApiKey(prefix, caller.tenant, name, rules.digest(secret), granted, now, caller.principal, expires_at)
        if not await self._store.add_key(key):
            raise Refusal("security.key.exists", name=name)
        return key, rules.key_text(prefix, secret)

    async def keys(self, caller: Caller) -> list[ApiKey]:
        """The keys of the caller's tenant; administrators only."""
        _require_admin(caller)
        return await self._store.keys(caller.tenant)

    async def revoke_key(self, caller: Caller, name: str) -> ApiKey:
        """Revoke a key: at once here, within `key_cache_s` in other workers. Administrators only.

        Raises Refusal `security.role.missing`, `security.key.not_found`.
        """
        _require_admin(caller)
        key = await self._store.revoke_key(caller.tenant, name, self._clock.now())
        if key is None:
            raise Refusal("security.key.not_found", name=name[:64])
        for digest in [one for one, (cached, _) in self._keys.items() if cached.prefix == key.prefix]:
            del self._keys[digest]
        return key

    # --- requests

    async def authenticate_request(self, method: str, headers: Mapping[str, str], cookies: Mapping[str, str]) -> Caller | None:
        """Who a request comes from; None if it carries no credential or only the cookie of a session that is over.

        `headers` have lower-case names. An API key comes as `Authorization: Bearer` or `X-Api-Key` and wins over a
        cookie. A session's unsafe method needs the header `X-CSRF-Token`. Raises Refusal `security.key.invalid` and
        `security.csrf.missing`.
        """
        presented = _presented_key(headers)
        if presented is not None:
            return await self._caller_of_key(presented)
        token = cookies.get(rules.SESSION_COOKIE)
        if not token:
            return None
        caller = await self._caller_of_session(token)
        if caller is None:
            return None
        if method.upper() not in rules.SAFE_METHODS:
            given = headers.get(rules.CSRF_HEADER, "")
            if not rules.same(given, rules.csrf_of(token)):
                raise Refusal("security.csrf.missing")
        return caller

    def csrf(self, cookies: Mapping[str, str]) -> str:
        """The CSRF token for the page of a session's cookie, empty without one."""
        token = cookies.get(rules.SESSION_COOKIE)
        return rules.csrf_of(token) if token else ""

    # --- inside

    async def _verified_user(self, name: str, password: str, tenant: str) -> User:
        account = (tenant, rules.known_name(name) or "")
        wait_s = self._window.wait_s(account, self._clock.monotonic())
        if wait_s > 0:
            raise Refusal("security.login.too_many", wait_s=round(wait_s))
        self._window.failed(account, self._clock.monotonic())
        normal = rules.normal_password(password)
        if not account[1] or not rules.can_be_password(normal, self._limits):
            raise Refusal("security.login.wrong")
        user = await self._store.user(*account)
        stored = user.password_hash if user else await self._hash_of_absent()
        matches = await self._hasher.verify(stored, normal)
        if user is None or not matches or user.disabled_at is not None:
            raise Refusal("security.login.wrong")
        self._window.succeeded(account)
        if self._hasher.outdated(user.password_hash):
            user = replace(user, password_hash=await self._hasher.hash(normal))
            await self._store.update_user(user)
        return user

    async def _caller_of_session(self, token: str) -> Caller | None:
        session = await self._store.session(rules.digest(token))
        if session is None or self._clock.now() >= session.expires_at:
            return None
        user = await self._store.user(session.tenant, session.user_name)
        if user is None or user.disabled_at is not None:
            return None
        return Caller(user.tenant, user.principal, "operation", user.roles, user.display_name)

    async def _caller_of_key(self, text: str) -> Caller:
        parts = rules.parse_key(text)
        if parts is None:
            raise Refusal("security.key.invalid")
        prefix, secret = parts
        digest = rules.digest(secret)
        key = self._cached(digest)
        if key is None or not rules.same(key.prefix, prefix):
            key = await self._store.key(prefix)
            if key is None or not rules.same(key.secret_hash, digest):
                raise Refusal("security.key.invalid")
            self._remember(digest, key)
        if not key.usable(self._clock.now()):
            raise Refusal("security.key.invalid")
        return Caller(key.tenant, key.principal, "operation", key.roles, key.name)

    def _cached(self, digest: str) -> ApiKey | None:
        entry = self._keys.get(digest)
        if entry is None or self._clock.monotonic() >= entry[1]:
            return None
        return entry[0]

    def _remember(self, digest: str, key: ApiKey) -> None:
        self._keys[digest] = (key, self._clock.monotonic() + self._limits.key_cache_s)
        self._keys.move_to_end(digest)
        while len(self._keys) > self._limits.keys_cached_max:
            self._keys.popitem(last=False)

    async def _new_login(self, user: User) -> Login:
        token = self._token()
        now = self._clock.now()
        expires_at = now + timedelta(hours=self._limits.session_hours)
        await self._store.add_session(Session(rules.digest(token), user.tenant, user.name, now, expires_at))
        return Login(user, token, rules.csrf_of(token), expires_at)

    async def _hash_of_absent(self) -> str:
        if self._absent_hash is None:
            self._absent_hash = await self._hasher.hash(_ABSENT_PASSWORD)
        return self._absent_hash

    def _check_password(self, password: str, name: str) -> None:
        problem = rules.password_problem(password, name, self._common, self._limits)
        if problem is not None:
            raise Refusal(
                f"security.password.{problem}",
                characters_min=self._limits.password_characters_min,
                characters_max=self._limits.password_characters_max,
            )

    def _token(self) -> str:
        return base64.urlsafe_b64encode(self._entropy(_TOKEN_BYTES)).decode().rstrip("=")


def _require_admin(caller: Caller) -> None:
    if not caller.has(Role.ADMIN):
        raise Refusal("security.role.missing", role=Role.ADMIN.value)


def _presented_key(headers: Mapping[str, str]) -> str | None:
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip()
    return headers.get(rules.KEY_HEADER)
