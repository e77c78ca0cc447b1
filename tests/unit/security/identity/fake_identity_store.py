"""Identity records in memory, as atomic as `IdentityStore` asks for."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime

from machinami.security.identity.model import ApiKey, Session, SetupCode, User


class FakeIdentityStore:
    def __init__(self) -> None:
        self.users: dict[tuple[str, str], User] = {}
        self.sessions: dict[str, Session] = {}
        self.api_keys: dict[str, ApiKey] = {}
        self.setup_code: SetupCode | None = None
        self.key_reads = 0

    async def any_user(self) -> bool:
        await asyncio.sleep(0)
        return bool(self.users)

    async def add_first_user(self, user: User) -> bool:
        await asyncio.sleep(0)
        if self.users:
            return False
        self.users[user.tenant, user.name] = user
        self.setup_code = None
        return True

    async def user(self, tenant: str, name: str) -> User | None:
        await asyncio.sleep(0)
        return self.users.get((tenant, name))

    async def update_user(self, user: User) -> None:
        await asyncio.sleep(0)
        self.users[user.tenant, user.name] = user

    async def put_setup_code(self, code: SetupCode) -> None:
        await asyncio.sleep(0)
        self.setup_code = code

    async def spend_setup_try(self, now: datetime) -> SetupCode | None:
        await asyncio.sleep(0)
        code = self.setup_code
        if code is None or code.tries_left < 1 or code.expires_at <= now:
            return None
        self.setup_code = replace(code, tries_left=code.tries_left - 1)
        return self.setup_code

    async def add_session(self, session: Session) -> None:
        await asyncio.sleep(0)
        self.sessions = {key: one for key, one in self.sessions.items() if one.expires_at > session.created_at}
        self.sessions[session.token_hash] = session

    async def session(self, token_hash: str) -> Session | None:
        await asyncio.sleep(0)
        return self.sessions.get(token_hash)

    async def remove_session(self, token_hash: str) -> None:
        await asyncio.sleep(0)
        self.sessions.pop(token_hash, None)

    async def remove_sessions(self, tenant: str, user_name: str) -> None:
        await asyncio.sleep(0)
        self.sessions = {k: s for k, s in self.sessions.items() if (s.tenant, s.user_name) != (tenant, user_name)}

    async def add_key(self, key: ApiKey) -> bool:
        await asyncio.sleep(0)
        if key.prefix in self.api_keys or any((k.tenant, k.name) == (key.tenant, key.name) for k in self.api_keys.values()):
            return False
        self.api_keys[key.prefix] = key
        return True

    async def key(self, prefix: str) -> ApiKey | None:
        await asyncio.sleep(0)
        self.key_reads += 1
        return self.api_keys.get(prefix)

    async def keys(self, tenant: str) -> list[ApiKey]:
        await asyncio.sleep(0)
        return sorted((key for key in self.api_keys.values() if key.tenant == tenant), key=lambda key: key.name)

    async def revoke_key(self, tenant: str, name: str, at: datetime) -> ApiKey | None:
        await asyncio.sleep(0)
        for prefix, key in self.api_keys.items():
            if (key.tenant, key.name) == (tenant, name):
                self.api_keys[prefix] = replace(key, revoked_at=key.revoked_at or at)
                return self.api_keys[prefix]
        return None
