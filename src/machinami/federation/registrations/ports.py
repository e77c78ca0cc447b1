"""What registrations need from outside of their group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from machinami.federation.registrations.model import Figures, Letter, Registered, Tries, Write
from machinami.kernel.caller import Caller
from machinami.kernel.entity import Entity
from machinami.kernel.query import EntityQuery


class FederationStore(Protocol):
    """Durable records of federation. A record's change and the notifications that it causes are one transaction."""

    async def load(self, kind: str, after: int, limit: int) -> tuple[list[tuple[str, int, dict[str, Any]]], int]:
        """(tenant, number, record) of all tenants in order of creation behind `after`, and the place to go on from (0: end)."""

    async def write(self, change: Write, letters: Sequence[Letter] = ()) -> int | None:
        """Carry out the change and queue the letters; returns the record's number.

        None, and nothing is written, if a new record's key exists already or another's does not.
        """

    async def periods(self) -> Mapping[tuple[str, str], datetime]:
        """When each (tenant, subscription of letters) that was told by time before is due next."""

    async def send_in_time(self, letter: Letter, old: datetime | None, new: datetime) -> bool:
        """Move the time of a subscription's next letter from `old` (None: none stored) to `new` and queue this one.

        It is not queued while another of the subscription still waits; whether it was. `Unavailable`, and nothing is
        changed, if the stored time is not `old`.
        """

    async def figures(self, tenant: str, registration_ids: Sequence[str]) -> Mapping[str, Figures]:
        """What came of the operations of these registrations; those never tried are left out."""

    async def count_tries(self, tries: Sequence[Tries]) -> None:
        """Add to the figures of registrations."""


class SourceGuard(Protocol):
    """Judges an address when it is registered: a refused one must not wait for the first request."""

    def check(self, url: str, headers: Sequence[tuple[str, str]]) -> None:
        """Refusal if requests may not go there."""


class LocalEntities(Protocol):
    """The entities held here."""

    async def first(self, caller: Caller, query: EntityQuery) -> str | None:
        """The id of one that matches, None if there is none."""


class Evaluate(Protocol):
    """The evaluator of queries over one entity (4.9, 4.10, 4.19)."""

    def __call__(self, entity: Entity, query: EntityQuery, now: str) -> bool: ...


class Watcher(Protocol):
    """Who wants to know of changes of registrations."""

    async def letters(self, before: Registered | None, after: Registered | None) -> list[Letter]:
        """The notifications that a change from `before` to `after` (None: not there) causes."""

    def sent(self, letters: Sequence[Letter]) -> None:
        """These were committed."""
