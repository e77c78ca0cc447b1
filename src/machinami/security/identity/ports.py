"""What identity needs: a store for its few records, a password hasher, randomness."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from machinami.security.identity.model import ApiKey, Session, SetupCode, User


class IdentityStore(Protocol):
    """Durable records of identity. All methods raise `Unavailable` when the store can't answer.

    Unique: user (tenant, name); session token_hash; key prefix; key (tenant, name). Indexed: session (tenant,
    user_name) and expires_at.
    """

    async def any_user(self) -> bool:
        """Whether the first run is over: a user exists in any tenant."""

    async def add_first_user(self, user: User) -> bool:
        """Create the user and remove the setup code in one transaction, only while no user exists; else False."""

    async def user(self, tenant: str, name: str) -> User | None:
        """The user of that name."""

    async def update_user(self, user: User) -> None:
        """Replace the user of the same tenant and name."""

    async def put_setup_code(self, code: SetupCode) -> None:
        """Replace the setup code."""

    async def spend_setup_try(self, now: datetime) -> SetupCode | None:
        """Take one try from the setup code, atomically; None if there is none, it expired or no try was left."""

    async def add_session(self, session: Session) -> None:
        """Store a new session and drop those that expired before its `created_at`."""

    async def session(self, token_hash: str) -> Session | None:
        """The session, expired ones included."""

    async def remove_session(self, token_hash: str) -> None:
        """End one session, if it exists."""

    async def remove_sessions(self, tenant: str, user_name: str) -> None:
        """End all sessions of a user."""

    async def add_key(self, key: ApiKey) -> bool:
        """Store a new key; False if its name or prefix is taken."""

    async def key(self, prefix: str) -> ApiKey | None:
        """The key with that prefix, revoked ones included."""

    async def keys(self, tenant: str) -> list[ApiKey]:
        """All keys of a tenant by name, revoked ones included."""

    async def revoke_key(self, tenant: str, name: str, at: datetime) -> ApiKey | None:
        """Set `revoked_at` if it is not set; the key as it is then, None if there is no such key."""


class PasswordHasher(Protocol):
    """A slow, salted password hash."""

    async def hash(self, password: str) -> str:
        """The hash with its parameters in one text."""

    async def verify(self, stored: str, password: str) -> bool:
        """Whether the password belongs to the hash; takes as long for a wrong one."""

    def outdated(self, stored: str) -> bool:
        """Whether the hash was made with weaker parameters than today's."""


class Entropy(Protocol):
    """Random bytes fit for secrets; `secrets.token_bytes` is one."""

    def __call__(self, count: int, /) -> bytes: ...
