"""Federation over parts in memory: a store that yields where a database would, and no local entities unless told."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from machinami.data.matching import matches
from machinami.federation.registration_subscriptions.composing import Composer
from machinami.federation.registration_subscriptions.service import RegistrationSubscriptions
from machinami.federation.registrations.model import Figures, Letter, RegistrationLimits, Tries, Write
from machinami.federation.registrations.service import Registrations
from machinami.kernel.caller import Caller, development_caller
from machinami.kernel.clock import VirtualClock
from machinami.kernel.errors import Unavailable
from machinami.kernel.query import EntityQuery
from machinami.standards.ngsi_ld.contexts import Context, core_context
from machinami.standards.ngsi_ld.subscription_model import SubscriptionLimits

START = datetime(2026, 1, 1, tzinfo=UTC)
CALLER = development_caller()


class MemoryStore:
    """A `FederationStore` in memory; `down` makes it fail."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, str, str], tuple[int, dict[str, Any]]] = {}
        self.letters: list[Letter] = []
        self.counted: dict[str, Figures] = {}
        self.down = False
        self.due: dict[tuple[str, str], datetime] = {}
        self._number = 0

    async def load(self, kind: str, after: int, limit: int) -> tuple[list[tuple[str, int, dict[str, Any]]], int]:
        found = [(key[0], number, document) for key, (number, document) in self.records.items() if key[1] == kind]
        return sorted(found, key=lambda one: one[1]), 0

    async def write(self, change: Write, letters: Sequence[Letter] = ()) -> int | None:
        await self._yield()
        key = (change.tenant, change.kind, change.key)
        if (key in self.records) is change.new:
            return None
        if change.document is None:
            number, _ = self.records.pop(key)
        else:
            self._number += 1
            number = self.records[key][0] if key in self.records else self._number
            self.records[key] = (number, change.document)
        self.letters += letters
        return number

    async def periods(self) -> Mapping[tuple[str, str], datetime]:
        return dict(self.due)

    async def send_in_time(self, letter: Letter, old: datetime | None, new: datetime) -> bool:
        await self._yield()
        key = (letter.tenant, letter.subscription_id)
        assert self.due.get(key) == old
        self.due[key] = new
        self.letters.append(letter)
        return True

    async def figures(self, tenant: str, registration_ids: Sequence[str]) -> Mapping[str, Figures]:
        return {one: self.counted[one] for one in registration_ids if one in self.counted}

    async def count_tries(self, tries: Sequence[Tries]) -> None:
        await self._yield()
        for one in tries:
            self.counted[one.registration_id] = self.counted.get(one.registration_id, Figures()).plus(one)

    async def _yield(self) -> None:
        await asyncio.sleep(0)
        if self.down:
            raise Unavailable("data.store.unavailable", reason="down")


class Anything:
    """Lanes nobody looks at, contexts that are all the core context, a guard that lets everything pass."""

    async def settled(self) -> None: ...

    async def states(self, tenant: str, subscription_ids: Sequence[str]) -> Mapping[str, Any]:
        return {}

    async def drop_lane(self, tenant: str, subscription_id: str) -> None: ...

    async def resolve(self, tenant: str, local: Any) -> Context:
        await asyncio.sleep(0)
        return core_context()

    def check(self, url: str, headers: Sequence[tuple[str, str]]) -> None: ...

    async def first(self, caller: Caller, query: EntityQuery) -> str | None:
        await asyncio.sleep(0)
        return None


@dataclass
class Town:
    """Registrations and their subscriptions over one store."""

    store: MemoryStore = field(default_factory=MemoryStore)
    clock: VirtualClock = field(default_factory=lambda: VirtualClock(START))

    def __post_init__(self) -> None:
        parts = Anything()
        self.registrations = Registrations(self.store, parts, parts, matches, self.clock, RegistrationLimits())
        self.subscriptions = RegistrationSubscriptions(
            self.store, self.registrations, parts, Composer(parts, self.clock), parts, matches, self.clock,
            SubscriptionLimits(),
        )  # fmt: skip
        self.registrations.watch(self.subscriptions)

    async def register(self, name: str, kind: str = "Bus", **members: Any) -> None:
        document = {
            "id": f"urn:csr:{name}", "type": "ContextSourceRegistration", "endpoint": "http://a.example",
            "information": [{"entities": [{"type": kind}]}], **members,
        }  # fmt: skip
        await self.registrations.create(CALLER, document, core_context())

    async def subscribe(self, name: str, kind: str = "Bus", **members: Any) -> None:
        document = {
            "id": f"urn:s:{name}", "type": "Subscription", "entities": [{"type": kind}],
            "notification": {"endpoint": {"uri": "http://b.example"}}, **members,
        }  # fmt: skip
        await self.subscriptions.create(CALLER, document, core_context())
