"""What the data group needs from a store (implemented by `adapters.postgres` and by the fake in `sdk`)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from machinami.data.entities.decisions import Decision
from machinami.kernel.change import Change, Cursor
from machinami.kernel.entity import Entity
from machinami.kernel.errors import MachinamiError
from machinami.kernel.name_use import NameUse
from machinami.kernel.query import EntityQuery, Page

Decide = Callable[[Entity | None, str], Decision]


@dataclass(frozen=True, slots=True)
class Mutation:
    """One intended change: a pure function from the entity as it stands (or None) and the time to a decision.

    The store may call `decide` again after a conflict, so it must have no effects. `label` marks replayed or
    simulated data in the change log; `principal` says who asked.
    """

    tenant: str
    entity_id: str
    decide: Decide
    principal: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class QueryResult:
    """A page of entities in the order asked for; `total` only if it was asked for; `more` if a next page exists."""

    entities: list[Entity]
    total: int | None
    more: bool


@dataclass(frozen=True, slots=True)
class TypeCount:
    """How many current entities have a type (expanded)."""

    type: str
    count: int


class EntityStore(Protocol):
    """Entities, their history and their change log: state + history + log are one transaction (trust-N2)."""

    async def write(self, mutations: Sequence[Mutation]) -> list[Decision | MachinamiError]:
        """Decide and commit each mutation; returns when all are fsynced. One failed member never fails its neighbours.

        Mutations of one call on the same entity apply in order. Raises `Unavailable` if the store can't answer.
        """

    async def get(self, tenant: str, entity_id: str) -> Entity | None:
        """The entity as last committed, expired ones included."""

    async def get_many(self, tenant: str, ids: Collection[str]) -> dict[str, Entity]:
        """Those of the entities that there are, by id, as last committed, expired ones included; one batch."""

    async def query(self, tenant: str, query: EntityQuery, page: Page, now: datetime) -> QueryResult:
        """Entities that match and have not expired at `now`; raises `Refusal` `data.query.too_complex` over budget."""

    async def types(self, tenant: str) -> list[TypeCount]:
        """All types that have entities, by name."""

    async def name_uses(self, tenant: str, *, of_type: str | None = None, attribute: str | None = None) -> list[NameUse]:
        """The uses of types and attributes as committed, in no order: type by type, or those of one type or attribute.

        Totals over all types come with an attribute or by type "". None has count 0. What has expired counts until it is swept.
        """

    async def changes(self, after: Cursor, limit: int) -> list[Change]:
        """Committed changes behind `after`, oldest first, never skipping one that commits late."""

    async def newest(self) -> Cursor:
        """The end of the change log now."""

    async def expire(self, now: datetime, limit: int) -> list[tuple[str, str]]:
        """(tenant, id) of entities whose `expiresAt`, or that of an attribute of theirs, has passed; at most `limit`."""


class DocumentStore(Protocol):
    """Small named records by tenant and kind (subscriptions, contexts, mappings, import runs), newest version only."""

    async def put(self, tenant: str, kind: str, key: str, document: dict[str, Any]) -> None:
        """Create or replace, durably."""

    async def add(self, tenant: str, kind: str, key: str, document: dict[str, Any]) -> bool:
        """Create; False if the key exists."""

    async def fetch(self, tenant: str, kind: str, key: str) -> dict[str, Any] | None:
        """The record or None."""

    async def remove(self, tenant: str, kind: str, key: str) -> bool:
        """Delete; False if it was not there."""

    async def listing(self, tenant: str, kind: str, limit: int, offset: int = 0) -> list[dict[str, Any]]:
        """Records in order of creation."""

    async def count(self, tenant: str, kind: str) -> int:
        """How many there are."""
