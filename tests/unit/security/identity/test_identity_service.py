"""First run, login, sessions and API keys (trust.md 4.4, trust-S8)."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import argon2
import pytest
from fake_identity_store import FakeIdentityStore

from machinami.kernel.caller import DEFAULT_TENANT, Caller, Role
from machinami.kernel.clock import VirtualClock
from machinami.kernel.errors import MachinamiError, Refusal, Unavailable
from machinami.security.identity import rules
from machinami.security.identity.model import ApiKey, IdentityLimits, Login
from machinami.security.identity.passwords import Argon2Hasher, common_passwords
from machinami.security.identity.service import IdentityService

START = datetime(2026, 11, 26, tzinfo=UTC)
PASSWORD = "blue umbrella old bridge"
LIMITS = IdentityLimits()


class QuickHasher:
    """Stands in for argon2id where a test is about something else; counts its verifications."""

    def __init__(self) -> None:
        self.generation = 1
        self.verified = 0

    async def hash(self, password: str) -> str:
        return f"{self.generation}:{hashlib.sha256(password.encode()).hexdigest()}"

    async def verify(self, stored: str, password: str) -> bool:
        await asyncio.sleep(0)
        self.verified += 1
        assert ":" in stored, "not a hash of this hasher"
        return stored.partition(":")[2] == hashlib.sha256(password.encode()).hexdigest()

    def outdated(self, stored: str) -> bool:
        return not stored.startswith(f"{self.generation}:")


@dataclass
class House:
    service: IdentityService
    store: FakeIdentityStore
    clock: VirtualClock
    hasher: QuickHasher

    async def set_up(self) -> Login:
        code = await self.service.begin_setup()
        assert code is not None
        return await self.service.complete_setup(code, "sato", "佐藤", PASSWORD)

    async def caller(self, login: Login) -> Caller | None:
        return await self.service.authenticate_request("GET", {}, {rules.SESSION_COOKIE: login.token})


@pytest.fixture
def house() -> House:
    counter = itertools.count(1)

    def entropy(count: int) -> bytes:
        return hashlib.shake_128(str(next(counter)).encode()).digest(count)

    store, clock, hasher = FakeIdentityStore(), VirtualClock(START), QuickHasher()
    return House(IdentityService(store, hasher, clock, entropy, LIMITS, common_passwords()), store, clock, hasher)


async def refused(work: object) -> MachinamiError:
    with pytest.raises(MachinamiError) as caught:
        await work  # type: ignore[misc]
    return caught.value


ADMIN = Caller(DEFAULT_TENANT, "local:root", "operation", frozenset({Role.ADMIN}))
READER = Caller(DEFAULT_TENANT, "key:reader", "operation", frozenset({Role.READER, Role.WRITER, Role.OPERATOR}))


async def test_complete_setup_creates_one_administrator_who_is_logged_in(house: House) -> None:
    login = await house.set_up()
    caller = await house.caller(login)
    assert caller is not None
    assert (caller.principal, caller.display_name, caller.has(Role.ADMIN)) == ("user:sato", "佐藤", True)
    assert await house.service.begin_setup() is None
    assert not await house.service.setup_open()


async def test_complete_setup_accepts_the_code_as_people_type_it(house: House) -> None:
    code = await house.service.begin_setup()
    assert code is not None
    typed = code.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    full_width = "".join(chr(ord(one) + 0xFEE0) if one != " " else "\u3000" for one in typed)
    assert (await house.service.complete_setup(full_width, "Sato", "", PASSWORD)).user.display_name == "sato"


async def test_complete_setup_refuses_when_code_was_guessed_five_times(house: House) -> None:
    code = await house.service.begin_setup()
    assert code is not None
    left = [
        (await refused(house.service.complete_setup("00000-00000", "a", "a", PASSWORD))).parameters["tries"] for _ in range(5)
    ]
    assert left == [4, 3, 2, 1, 0]
    assert (await refused(house.service.complete_setup(code, "sato", "佐藤", PASSWORD))).code == "security.setup.code_wrong"
    renewed = await house.service.begin_setup()
    assert renewed not in (None, code)
    assert (await refused(house.service.complete_setup(code, "sato", "佐藤", PASSWORD))).code == "security.setup.code_wrong"
    await house.service.complete_setup(str(renewed), "sato", "佐藤", PASSWORD)


async def test_complete_setup_counts_guesses_when_they_come_at_once(house: House) -> None:
    code = await house.service.begin_setup()
    assert code is not None
    guesses = [house.service.complete_setup(f"{n:05}-00000", "a", "a", PASSWORD) for n in range(50)]
    answers = await asyncio.gather(*guesses, return_exceptions=True)
    assert sorted(one.parameters["tries"] for one in answers if isinstance(one, Refusal))[-5:] == [0, 1, 2, 3, 4]
    assert (await refused(house.service.complete_setup(code, "a", "a", PASSWORD))).code == "security.setup.code_wrong"


async def test_complete_setup_refuses_when_code_is_old_or_used(house: House) -> None:
    code = await house.service.begin_setup()
    assert code is not None
    house.clock.advance(15 * 60)
    assert (await refused(house.service.complete_setup(code, "sato", "佐藤", PASSWORD))).code == "security.setup.code_wrong"
    await house.set_up()
    assert (await refused(house.service.complete_setup(code, "eve", "eve", PASSWORD))).code == "security.setup.done"


async def test_complete_setup_makes_one_administrator_when_two_arrive_at_once(house: House) -> None:
    code = await house.service.begin_setup()
    assert code is not None
    answers = await asyncio.gather(
        *(house.service.complete_setup(code, name, name, PASSWORD) for name in ("sato", "suzuki")), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in answers) == ["Login", "Refusal"]
    assert len(house.store.users) == 1


@pytest.mark.parametrize(
    ("name", "password", "code"),
    [
        ("sato", "short", "security.password.too_short"),
        ("sato", "password12345", "security.password.common"),
        ("sato", "the sato family bridge", "security.password.contains_name"),
        ("sa to", PASSWORD, "security.name.malformed"),
        ("佐藤", PASSWORD, "security.name.malformed"),
        ("", PASSWORD, "security.name.malformed"),
    ],
)
async def test_complete_setup_spends_no_try_when_name_or_password_is_refused(
    house: House, name: str, password: str, code: str
) -> None:
    await house.service.begin_setup()
    assert (await refused(house.service.complete_setup("x", name, "", password))).code == code
    assert house.store.setup_code is not None
    assert house.store.setup_code.tries_left == 5


async def test_login_opens_a_session_when_password_is_right_in_any_width(house: House) -> None:
    await house.set_up()
    assert await house.caller(await house.service.login("sato", PASSWORD)) is not None
    wide = PASSWORD.translate({code: code + 0xFEE0 for code in range(0x21, 0x7F)})
    assert await house.caller(await house.service.login(" ＳＡＴＯ ", wide)) is not None


async def test_login_answers_alike_and_works_alike_when_account_is_unknown(house: House) -> None:
    await house.set_up()
    wrong = await refused(house.service.login("sato", "not the right one"))
    verified = house.hasher.verified
    unknown = await refused(house.service.login("nobody", "not the right one"))
    assert (wrong.code, wrong.parameters) == (unknown.code, unknown.parameters) == ("security.login.wrong", {})
    assert house.hasher.verified == verified + 1


async def test_login_refuses_when_user_is_disabled(house: House) -> None:
    login = await house.set_up()
    await house.store.update_user(replace(login.user, disabled_at=START))
    assert (await refused(house.service.login("sato", PASSWORD))).code == "security.login.wrong"
    assert await house.caller(login) is None


@pytest.mark.parametrize("name", ["sato", "nobody", "\ud800", "", "a" * 10_000])
async def test_login_refuses_for_a_quarter_of_an_hour_when_ten_passwords_were_wrong(house: House, name: str) -> None:
    await house.set_up()
    for _ in range(10):
        assert (await refused(house.service.login(name, "wrong"))).code == "security.login.wrong"
        house.clock.advance(1)
    locked = await refused(house.service.login(name, PASSWORD))
    assert (locked.code, locked.parameters["wait_s"]) == ("security.login.too_many", 890)
    house.clock.advance(891)
    if name == "sato":
        await house.service.login(name, PASSWORD)
        for _ in range(9):
            await refused(house.service.login(name, "wrong"))
        await house.service.login(name, PASSWORD)


async def test_login_counts_guesses_when_they_come_at_once(house: House) -> None:
    await house.set_up()
    answers = await asyncio.gather(*(house.service.login("sato", f"guess {n}") for n in range(100)), return_exceptions=True)
    codes = [one.code for one in answers if isinstance(one, Refusal)]
    assert codes.count("security.login.wrong") == 10
    assert codes.count("security.login.too_many") == 90


@pytest.mark.parametrize("password", ["", "x" * 100_000, "\ud800\ud800\ud800"])
async def test_login_refuses_without_hashing_when_it_can_be_no_password(house: House, password: str) -> None:
    await house.set_up()
    verified = house.hasher.verified
    assert (await refused(house.service.login("sato", password))).code == "security.login.wrong"
    assert house.hasher.verified - verified <= (password == "")


async def test_login_renews_the_hash_when_it_is_outdated(house: House) -> None:
    await house.set_up()
    house.hasher.generation = 2
    await house.service.login("sato", PASSWORD)
    assert house.store.users[DEFAULT_TENANT, "sato"].password_hash.startswith("2:")


async def test_session_ends_when_time_is_over_or_logged_out(house: House) -> None:
    login = await house.set_up()
    house.clock.advance(12 * 3600 - 1)
    assert await house.caller(login) is not None
    second = await house.service.login("sato", PASSWORD)
    house.clock.advance(1)
    assert await house.caller(login) is None
    await house.service.logout(second.token)
    assert await house.caller(second) is None


async def test_session_is_stored_hashed_only(house: House) -> None:
    login = await house.set_up()
    everything = repr((house.store.sessions, house.store.users, house.store.setup_code))
    assert login.token not in everything
    assert PASSWORD not in everything


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "delete", "BREW"])
async def test_authenticate_request_needs_the_csrf_token_when_method_is_unsafe(house: House, method: str) -> None:
    login = await house.set_up()
    other = await house.service.login("sato", PASSWORD)
    cookies = {rules.SESSION_COOKIE: login.token}
    for headers in (
        {},
        {"x-csrf-token": ""},
        {"x-csrf-token": other.csrf},
        {"x-csrf-token": login.token},
        {"x-csrf-token": "é"},
    ):
        assert (await refused(house.service.authenticate_request(method, headers, cookies))).code == "security.csrf.missing"
    given = {"x-csrf-token": house.service.csrf(cookies)}
    assert await house.service.authenticate_request(method, given, cookies) is not None


async def test_authenticate_request_knows_nobody_when_no_credential_is_good(house: House) -> None:
    await house.set_up()
    assert await house.service.authenticate_request("POST", {}, {}) is None
    assert await house.service.authenticate_request("POST", {}, {rules.SESSION_COOKIE: "forged"}) is None
    assert await house.service.authenticate_request("GET", {"authorization": "Basic c2F0bzp4"}, {}) is None
    assert house.service.csrf({}) == ""


async def test_set_password_ends_all_sessions_and_needs_the_old_one_or_an_administrator(house: House) -> None:
    login = await house.set_up()
    me = await house.caller(login)
    assert me is not None
    fresh = "seven green pears walking"
    assert (await refused(house.service.set_password(me, "sato", fresh))).code == "security.login.wrong"
    assert (await refused(house.service.set_password(READER, "sato", fresh))).code == "security.role.missing"
    assert (await refused(house.service.set_password(ADMIN, "nobody", fresh))).code == "security.user.not_found"
    assert (await refused(house.service.set_password(ADMIN, "sato", "short"))).code == "security.password.too_short"
    assert await house.caller(login) is not None
    await house.service.set_password(me, "sato", fresh, current=PASSWORD)
    assert await house.caller(login) is None
    await house.service.login("sato", fresh)
    await house.service.set_password(ADMIN, "sato", PASSWORD)
    await house.service.login("sato", PASSWORD)


async def _key(house: House, name: str = "bus-vendor", *roles: Role) -> tuple[ApiKey, str]:
    return await house.service.create_key(ADMIN, name, roles or (Role.WRITER,))


@pytest.mark.parametrize("form", ["bearer", "x-api-key"])
async def test_authenticate_request_takes_an_api_key_without_csrf(house: House, form: str) -> None:
    _, text = await _key(house)
    headers = {"authorization": f"Bearer {text}"} if form == "bearer" else {"x-api-key": text}
    caller = await house.service.authenticate_request("POST", headers, {})
    assert caller is not None
    assert (caller.principal, caller.tenant, caller.roles) == ("key:bus-vendor", DEFAULT_TENANT, {Role.WRITER})
    assert not caller.has(Role.ADMIN)
    assert text.rsplit("_", 1)[1] not in repr(house.store.api_keys)


async def test_authenticate_request_refuses_when_key_is_wrong_in_any_part(house: House) -> None:
    key, text = await _key(house)
    other, other_text = await _key(house, "other", Role.ADMIN)
    secret = text.removeprefix(f"mn_{key.prefix}_")
    for forged in (
        "",
        "x",
        text[:-1],
        text + "A",
        text.upper(),
        rules.key_text(other.prefix, secret),
        rules.key_text("a" * 10, secret),
        text[:-1] + ("A" if text[-1] != "A" else "B"),
    ):
        headers = {"authorization": f"Bearer {forged}"}
        assert (await refused(house.service.authenticate_request("GET", headers, {}))).code == "security.key.invalid"
    await house.service.authenticate_request("GET", {"x-api-key": text}, {})
    swapped = {"x-api-key": rules.key_text(other.prefix, secret)}
    assert (await refused(house.service.authenticate_request("GET", swapped, {}))).code == "security.key.invalid"
    assert other_text != text


async def test_authenticate_request_refuses_when_key_is_revoked_or_expired(house: House) -> None:
    _, text = await _key(house)
    _, short_lived = await house.service.create_key(ADMIN, "demo", [Role.READER], START + timedelta(hours=1))
    for one in (text, short_lived):
        assert await house.service.authenticate_request("GET", {"x-api-key": one}, {}) is not None
    revoked = await house.service.revoke_key(ADMIN, "bus-vendor")
    assert revoked.revoked_at == START
    assert (await refused(house.service.authenticate_request("GET", {"x-api-key": text}, {}))).code == "security.key.invalid"
    house.clock.advance(3600)
    assert (
        await refused(house.service.authenticate_request("GET", {"x-api-key": short_lived}, {}))
    ).code == "security.key.invalid"


async def test_authenticate_request_notices_within_seconds_when_another_worker_revoked(house: House) -> None:
    _, text = await _key(house)
    for _ in range(100):
        await house.service.authenticate_request("GET", {"x-api-key": text}, {})
    assert house.store.key_reads == 1
    await house.store.revoke_key(DEFAULT_TENANT, "bus-vendor", START)
    house.clock.advance(LIMITS.key_cache_s)
    assert (await refused(house.service.authenticate_request("GET", {"x-api-key": text}, {}))).code == "security.key.invalid"


async def test_authenticate_request_keeps_its_memory_bounded_when_many_keys_are_used(house: House) -> None:
    limits = replace(LIMITS, keys_cached_max=3)
    service = IdentityService(house.store, house.hasher, house.clock, house.service._entropy, limits, frozenset())
    for number in range(8):
        _, text = await service.create_key(ADMIN, f"k{number}", [Role.READER])
        await service.authenticate_request("GET", {"x-api-key": text}, {})
    assert len(service._keys) == 3


async def test_create_key_refuses_when_not_allowed_or_not_sound(house: House) -> None:
    await _key(house)
    make = house.service.create_key
    assert (await refused(make(READER, "x", [Role.READER]))).code == "security.role.missing"
    assert (await refused(make(ADMIN, "bus-vendor", [Role.READER]))).code == "security.key.exists"
    assert (await refused(make(ADMIN, "x", []))).code == "security.key.no_role"
    assert (await refused(make(ADMIN, "x", [Role.READER], START))).code == "security.key.expired"
    assert (await refused(make(ADMIN, "x y", [Role.READER]))).code == "security.name.malformed"
    assert (await refused(house.service.keys(READER))).code == "security.role.missing"
    assert (await refused(house.service.revoke_key(READER, "bus-vendor"))).code == "security.role.missing"
    assert (await refused(house.service.revoke_key(ADMIN, "nothing"))).code == "security.key.not_found"
    assert [key.name for key in await house.service.keys(ADMIN)] == ["bus-vendor"]


async def test_keys_of_another_tenant_are_out_of_reach(house: House) -> None:
    await _key(house)
    neighbour = replace(ADMIN, tenant="neighbour")
    assert await house.service.keys(neighbour) == []
    assert (await refused(house.service.revoke_key(neighbour, "bus-vendor"))).code == "security.key.not_found"


QUICK_ARGON2 = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


async def test_argon2_hasher_verifies_and_names_weaker_hashes_outdated() -> None:
    strong = Argon2Hasher(LIMITS)
    quick = Argon2Hasher(LIMITS, QUICK_ARGON2)
    stored = await quick.hash(PASSWORD)
    assert stored.startswith("$argon2id$")
    assert await quick.verify(stored, PASSWORD)
    assert not await quick.verify(stored, PASSWORD + "x")
    assert strong.outdated(stored)
    assert not quick.outdated(stored)
    assert (await refused(quick.verify("damaged", PASSWORD))).code == "security.login.record_damaged"
    strong.close()
    quick.close()


async def test_argon2_hasher_refuses_when_too_many_wait() -> None:
    hasher = Argon2Hasher(replace(LIMITS, hashings_waiting_max=2), QUICK_ARGON2)
    answers = await asyncio.gather(*(hasher.hash(PASSWORD) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(one, Unavailable) for one in answers) == 3
    assert (await hasher.hash(PASSWORD)).startswith("$argon2id$")
    hasher.close()
