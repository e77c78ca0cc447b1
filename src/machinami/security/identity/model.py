"""Records of identity. Secrets are never in them: only hashes of what was shown to a person once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from machinami.kernel.caller import Role


@dataclass(frozen=True, slots=True)
class User:
    """A person who logs in. `name` is unique per tenant, lower-case; the principal is `user:<name>`."""

    tenant: str
    name: str
    display_name: str
    password_hash: str
    roles: frozenset[Role]
    created_at: datetime
    disabled_at: datetime | None = None

    @property
    def principal(self) -> str:
        return f"user:{self.name}"


@dataclass(frozen=True, slots=True)
class Session:
    """One login. `token_hash` (hex SHA-256 of the cookie's value) is unique over all tenants."""

    token_hash: str
    tenant: str
    user_name: str
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A named key of a program. `prefix` is unique over all tenants, `name` among a tenant's keys, revoked ones included,
    so that a principal `key:<name>` in old records always means the same key.
    """

    prefix: str
    tenant: str
    name: str
    secret_hash: str
    roles: frozenset[Role]
    created_at: datetime
    created_by: str
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    @property
    def principal(self) -> str:
        return f"key:{self.name}"

    def usable(self, now: datetime) -> bool:
        """Neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class SetupCode:
    """The code of the first run; at most one exists. `tries_left` falls by one before each comparison."""

    code_hash: str
    expires_at: datetime
    tries_left: int


@dataclass(frozen=True, slots=True)
class Login:
    """What a successful login hands to the browser: `token` for the HttpOnly cookie, `csrf` for the page."""

    user: User
    token: str
    csrf: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class IdentityLimits:
    """Bounds, from the settings table: setup_code_minutes, setup_code_tries_max, password_characters_min,
    session_hours, login_tries_max; the rest are fixed defaults.
    """

    setup_code_minutes: int = 15
    setup_code_tries_max: int = 5
    password_characters_min: int = 12
    password_characters_max: int = 256
    session_hours: int = 12
    login_tries_max: int = 10
    login_window_s: float = 900.0
    accounts_watched_max: int = 10_000
    keys_max: int = 1_000
    keys_cached_max: int = 4_096
    key_cache_s: float = 2.0
    hashings_waiting_max: int = 16
