"""What subscriptions need from the store beside records and changes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

from machinami.data.delivery.model import Delivery
from machinami.data.ports import QueryResult
from machinami.kernel.caller import Caller
from machinami.kernel.change import Cursor
from machinami.kernel.entity import Entity
from machinami.kernel.query import Condition, EntityQuery, Page

S = TypeVar("S")


class Figures(Protocol):
    """What came of a subscription's notifications so far (5.2.14)."""

    @property
    def times_sent(self) -> int: ...
    @property
    def times_failed(self) -> int: ...
    @property
    def last_notification(self) -> datetime | None: ...
    @property
    def last_success(self) -> datetime | None: ...
    @property
    def last_failure(self) -> datetime | None: ...


class Cursors(Protocol):
    """Where consumers of the change log stand."""

    async def load(self, name: str) -> Cursor:
        """The consumer's cursor; a new consumer begins at the log's start."""


class MatchStore(Protocol):
    """The matcher's durable side: its cursor and the deliveries it makes are one transaction (trust-N2)."""

    async def commit_matches(self, consumer: str, old: Cursor, new: Cursor, rows: Sequence[Delivery]) -> None:
        """Queue deliveries (their `number` is given by the store) and move the cursor from `old` to `new`.

        `Unavailable` `data.consumer.overtaken` if another worker moved it meanwhile: nothing is queued then.
        """

    async def states(self, tenant: str, subscription_ids: Sequence[str]) -> Mapping[str, Figures]:
        """What is known of the deliveries of these subscriptions."""

    async def drop_lane(self, tenant: str, subscription_id: str) -> None:
        """Forget the waiting deliveries and figures of a subscription that is gone."""


class PeriodStore(Protocol):
    """The durable side of periodic notifications: the time of the next one and the deliveries are one transaction."""

    async def periods(self) -> Mapping[tuple[str, str], datetime]:
        """When each (tenant, subscription) that was notified before is due next."""

    async def commit_period(
        self, tenant: str, subscription_id: str, old: datetime | None, new: datetime, rows: Sequence[Delivery]
    ) -> int:
        """Move the time of the next notification from `old` (None: none stored) to `new` and queue deliveries; how many.

        None are queued while one of the subscription still waits. `Unavailable` `data.consumer.overtaken` if another
        worker moved the time meanwhile: nothing is changed then.
        """


class EntityFinder(Protocol):
    """Entities as a query finds them, and those that they lead to."""

    async def find(self, caller: Caller, query: EntityQuery, page: Page) -> QueryResult: ...

    async def linked(
        self, caller: Caller, roots: Sequence[tuple[Entity, S]], targets: Callable[[Entity, S], Iterable[tuple[str, S]]], *,
        levels: int, known: Collection[str], most: int,
    ) -> list[tuple[Entity, S]]: ...  # fmt: skip

    async def behind(self, caller: Caller, entity: Entity, condition: Condition | None, most: int) -> dict[str, Entity]:
        """The living entities behind the links that a condition follows from an entity, by id."""


@dataclass(frozen=True, slots=True)
class TenantRecord:
    """A record with its tenant."""

    tenant: str
    document: dict[str, Any]


class SubscriptionRecords(Protocol):
    """Durable subscription documents."""

    async def add(self, tenant: str, kind: str, key: str, document: dict[str, Any]) -> bool: ...
    async def put(self, tenant: str, kind: str, key: str, document: dict[str, Any]) -> None: ...
    async def fetch(self, tenant: str, kind: str, key: str) -> dict[str, Any] | None: ...
    async def remove(self, tenant: str, kind: str, key: str) -> bool: ...
    async def listing(self, tenant: str, kind: str, limit: int, offset: int = 0) -> list[dict[str, Any]]: ...
    async def count(self, tenant: str, kind: str) -> int: ...

    async def everywhere(self, kind: str, after: int, limit: int) -> tuple[list[TenantRecord], int]:
        """Records of all tenants in order of creation behind `after`, and the place to go on from (0 at the end)."""


class TargetGuard(Protocol):
    """Judges an endpoint when a subscription is made: a refused address must not wait for the first send (trust-N16)."""

    def check(self, url: str, headers: Sequence[tuple[str, str]]) -> None:
        """Refusal if notifications may not go there."""
