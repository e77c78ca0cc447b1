"""The `IdentityStore` port on PostgreSQL: people, sessions, the setup code and API keys."""
# ruff: noqa: S608 - column lists are constants, values are parameters

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import asyncpg

from machinami.adapters.postgres.connection import Pool
from machinami.kernel.caller import Role
from machinami.security.identity.model import ApiKey, Session, SetupCode, User

FIRST_USER_LOCK: Final = 0x6D6163_75736572
_PERSON: Final = "tenant, name, display_name, password_hash, roles, created_at, disabled_at"
_SESSION: Final = "token_hash, tenant, user_name, created_at, expires_at"
_KEY: Final = "prefix, tenant, name, secret_hash, roles, created_at, created_by, expires_at, revoked_at"


class PostgresIdentities:
    """Implements `security.identity.ports.IdentityStore`; each call is one durable transaction."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def any_user(self) -> bool:
        row = await self._pool.fetch_row("select exists (select 1 from identity_person)")
        return bool(row and row[0])

    async def add_first_user(self, user: User) -> bool:
        async with self._pool.transaction() as connection:
            await connection.execute("select pg_advisory_xact_lock($1)", FIRST_USER_LOCK)
            if await connection.fetchval("select exists (select 1 from identity_person)"):
                return False
            await connection.execute(
                f"insert into identity_person ({_PERSON}) values ($1, $2, $3, $4, $5, $6, $7)",
                user.tenant, user.name, *_person_values(user), user.created_at, user.disabled_at,
            )  # fmt: skip
            await connection.execute("delete from identity_setup_code")
        return True

    async def user(self, tenant: str, name: str) -> User | None:
        row = await self._pool.fetch_row(f"select {_PERSON} from identity_person where tenant = $1 and name = $2", tenant, name)
        return User(**{**row, "roles": _roles(row)}) if row else None

    async def update_user(self, user: User) -> None:
        await self._pool.execute(
            "update identity_person set display_name = $3, password_hash = $4, roles = $5, created_at = $6, disabled_at = $7"
            " where tenant = $1 and name = $2",
            user.tenant, user.name, *_person_values(user), user.created_at, user.disabled_at,
        )  # fmt: skip

    async def put_setup_code(self, code: SetupCode) -> None:
        await self._pool.execute(
            "insert into identity_setup_code (code_hash, expires_at, tries_left) values ($1, $2, $3) on conflict (single) do"
            " update set code_hash = excluded.code_hash, expires_at = excluded.expires_at, tries_left = excluded.tries_left",
            code.code_hash, code.expires_at, code.tries_left,
        )  # fmt: skip

    async def spend_setup_try(self, now: datetime) -> SetupCode | None:
        row = await self._pool.fetch_row(
            "update identity_setup_code set tries_left = tries_left - 1 where tries_left > 0 and expires_at > $1"
            " returning code_hash, expires_at, tries_left",
            now,
        )
        return SetupCode(**row) if row else None

    async def add_session(self, session: Session) -> None:
        async with self._pool.transaction() as connection:
            await connection.execute("delete from identity_session where expires_at <= $1", session.created_at)
            await connection.execute(
                f"insert into identity_session ({_SESSION}) values ($1, $2, $3, $4, $5)",
                session.token_hash, session.tenant, session.user_name, session.created_at, session.expires_at,
            )  # fmt: skip

    async def session(self, token_hash: str) -> Session | None:
        row = await self._pool.fetch_row(f"select {_SESSION} from identity_session where token_hash = $1", token_hash)
        return Session(**row) if row else None

    async def remove_session(self, token_hash: str) -> None:
        await self._pool.execute("delete from identity_session where token_hash = $1", token_hash)

    async def remove_sessions(self, tenant: str, user_name: str) -> None:
        await self._pool.execute("delete from identity_session where tenant = $1 and user_name = $2", tenant, user_name)

    async def add_key(self, key: ApiKey) -> bool:
        status = await self._pool.execute(
            f"insert into identity_api_key ({_KEY}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing",
            key.prefix, key.tenant, key.name, key.secret_hash, sorted(key.roles), key.created_at, key.created_by,
            key.expires_at, key.revoked_at,
        )  # fmt: skip
        return status.endswith(" 1")

    async def key(self, prefix: str) -> ApiKey | None:
        row = await self._pool.fetch_row(f"select {_KEY} from identity_api_key where prefix = $1", prefix)
        return _api_key(row) if row else None

    async def keys(self, tenant: str) -> list[ApiKey]:
        rows = await self._pool.fetch(f"select {_KEY} from identity_api_key where tenant = $1 order by name", tenant)
        return [_api_key(row) for row in rows]

    async def revoke_key(self, tenant: str, name: str, at: datetime) -> ApiKey | None:
        row = await self._pool.fetch_row(
            "update identity_api_key set revoked_at = coalesce(revoked_at, $3) where tenant = $1 and name = $2"
            f" returning {_KEY}",
            tenant, name, at,
        )  # fmt: skip
        return _api_key(row) if row else None


def _person_values(user: User) -> tuple[str, str, list[Role]]:
    return user.display_name, user.password_hash, sorted(user.roles)


def _roles(row: asyncpg.Record) -> frozenset[Role]:
    return frozenset(Role(one) for one in row["roles"])


def _api_key(row: asyncpg.Record) -> ApiKey:
    values: dict[str, Any] = {**row, "roles": _roles(row)}
    return ApiKey(**values)
