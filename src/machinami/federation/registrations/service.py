"""Use cases on context source registrations (CIM 009 5.9, 5.10) and their live set."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from machinami.federation.registrations import rules
from machinami.federation.registrations.live import LiveRegistrations
from machinami.federation.registrations.model import (
    Figures,
    Interest,
    Letter,
    Match,
    Registered,
    Registration,
    RegistrationLimits,
    Wanted,
    Write,
)
from machinami.federation.registrations.ports import (
    Evaluate,
    FederationStore,
    LocalEntities,
    SourceGuard,
    Watcher,
)
from machinami.federation.registrations.tally import Tally
from machinami.kernel.access import require
from machinami.kernel.caller import Caller, Role
from machinami.kernel.clock import Clock, iso
from machinami.kernel.errors import Refusal
from machinami.kernel.ids import new_urn
from machinami.kernel.query import Page
from machinami.standards.ngsi_ld.attributes import is_uri
from machinami.standards.ngsi_ld.contexts import Context
from machinami.standards.ngsi_ld.registrations import from_record, parse_registration, patch_registration, to_record

KIND = "registration"
LOAD_BATCH = 500
SWEEP_BATCH = 100
ANYTHING = Wanted()


class Registrations:
    """Register, read, change, remove and discover sources; `for_operation` finds those that an operation concerns."""

    def __init__(
        self,
        store: FederationStore,
        entities: LocalEntities,
        guard: SourceGuard,
        evaluate: Evaluate,
        clock: Clock,
        limits: RegistrationLimits,
    ) -> None:
        self._store = store
        self._entities = entities
        self._guard = guard
        self._evaluate = evaluate
        self._clock = clock
        self._limits = limits
        self._live = LiveRegistrations()
        self._tally = Tally(store)
        self._watcher: Watcher | None = None
        self._listener: Callable[[str], None] = lambda tenant: None
        self.writing = asyncio.Lock()
        """Held while a registration, or a subscription to registrations, is written."""

    def watch(self, watcher: Watcher) -> None:
        """Let `watcher` turn changes into notifications, in the same transaction."""
        self._watcher = watcher

    def on_change(self, listener: Callable[[str], None]) -> None:
        """Call `listener` with the tenant of each registration that came, changed or went."""
        self._listener = listener

    async def load(self) -> int:
        """Fill the live set from the store; returns how many there are."""
        place = 0
        while True:
            records, place = await self._store.load(KIND, place, LOAD_BATCH)
            for tenant, number, document in records:
                self._live.keep(registered_of(tenant, number, document))
            if not place:
                return len(self._live)

    def __len__(self) -> int:
        return len(self._live)

    def any(self, tenant: str) -> bool:
        """Whether a tenant has registrations: one look-up."""
        return self._live.any(tenant)

    def for_operation(self, tenant: str, operation: str | None, wanted: Wanted = ANYTHING) -> list[Match]:
        """The registrations that an operation (a single name of 4.20, None: any) concerns, in order of creation (5.12).

        Nearly free for a tenant without registrations. Each match tells which elements of its information match.
        """
        return self._live.matches(tenant, operation, wanted, iso(self._clock.now()))

    def tried(self, tenant: str, registration_id: str, *, failed: bool) -> None:
        """One operation was sent to a source: it answered with success, or failed."""
        self._tally.tried(tenant, registration_id, self._clock.now(), failed=failed)

    async def create(self, caller: Caller, document: Any, context: Context) -> Registration:
        """5.9.2."""
        require(caller, Role.WRITER)
        registration = parse_registration(document, context, self._limits, new_id=new_urn("ContextSourceRegistration"))
        now_text = iso(self._clock.now())
        async with self.writing:
            if self._living(caller.tenant, registration.id, now_text) is not None:
                raise Refusal("federation.registration.already_exists", id=registration.id)
            await self._check(caller, registration, now_text)
            old = self._live.one(caller.tenant, registration.id)
            if old is not None:
                await self._remove(old)
            created = Registered(caller.tenant, registration, context.source, now_text, now_text)
            await self._write(None, created)
        return registration

    async def update(self, caller: Caller, registration_id: str, document: Any, context: Context) -> None:
        """5.9.3."""
        require(caller, Role.WRITER)
        async with self.writing:
            current = self._one(caller, registration_id)
            registration = patch_registration(current.registration, document, context, self._limits)
            now_text = iso(self._clock.now())
            await self._check(caller, registration, now_text)
            source = context.source if context.source is not None else current.context_source
            changed = Registered(caller.tenant, registration, source, current.created_at, now_text, current.number)
            await self._write(current, changed)

    async def delete(self, caller: Caller, registration_id: str) -> None:
        """5.9.4."""
        require(caller, Role.WRITER)
        async with self.writing:
            await self._remove(self._one(caller, registration_id))

    async def retrieve(self, caller: Caller, registration_id: str) -> tuple[Registered, Figures | None]:
        """5.10.1: the registration and what came of its operations."""
        require(caller, Role.READER)
        registered = self._one(caller, registration_id)
        return registered, (await self._figures(caller.tenant, [registration_id]))[0]

    async def discover(self, caller: Caller, interest: Interest, page: Page) -> tuple[list[tuple[Match, Figures | None]], int]:
        """5.10.2: a page of the registrations that are looked for in order of creation, with figures, and the total."""
        require(caller, Role.READER)
        found = self.matching(caller.tenant, interest)
        shown = found[page.offset : page.offset + page.limit]
        figures = await self._figures(caller.tenant, [match.registration.id for match in shown])
        return list(zip(shown, figures, strict=True)), len(found)

    def matching(self, tenant: str, interest: Interest) -> list[Match]:
        """All registrations that are looked for, in order of creation."""
        now_text = iso(self._clock.now())
        held = self._live.of_tenant(tenant)
        return [match for one in held if (match := rules.discovered(one, interest, self._evaluate, now_text)) is not None]

    async def sweep(self) -> int:
        """Remove what has expired (5.2.9) and count tries; returns how many registrations went."""
        await self._tally.flush()
        now_text = iso(self._clock.now())
        expired = [one for one in self._live.everything() if rules.has_expired(one.registration, now_text)]
        for one in expired[:SWEEP_BATCH]:
            async with self.writing:
                if self._live.one(one.tenant, one.registration.id) is one:
                    await self._remove(one)
        return len(expired)

    async def close(self) -> None:
        """Count what was tried."""
        await self._tally.flush()

    def forget_all(self) -> None:
        """Empty the live set after the store was emptied (development mode)."""
        self._live.clear()
        self._tally.clear()

    def _living(self, tenant: str, registration_id: str, now_text: str) -> Registered | None:
        found = self._live.one(tenant, registration_id)
        return None if found is None or rules.has_expired(found.registration, now_text) else found

    def _one(self, caller: Caller, registration_id: str) -> Registered:
        if not is_uri(registration_id):
            raise Refusal("federation.registration.id_not_valid", id=registration_id[:200])
        found = self._living(caller.tenant, registration_id, iso(self._clock.now()))
        if found is None:
            raise Refusal("federation.registration.does_not_exist", id=registration_id)
        return found

    async def _figures(self, tenant: str, registration_ids: Sequence[str]) -> list[Figures | None]:
        stored = await self._store.figures(tenant, registration_ids)
        return [self._tally.shown(tenant, one, stored.get(one)) for one in registration_ids]

    async def _check(self, caller: Caller, registration: Registration, now_text: str) -> None:
        """What stands in the way of a registration outside of itself (5.9.2.4)."""
        if rules.has_expired(registration, now_text):
            raise Refusal("federation.registration.expires_in_past", expires_at=registration.expires_at)
        self._guard.check(registration.endpoint, ())
        if not registration.proxied:
            return
        held = [one.registration for one in self._live.of_tenant(caller.tenant)]
        other = rules.conflict(registration, [one for one in held if not rules.has_expired(one, now_text)])
        if other is not None:
            raise Refusal("federation.registration.other_source", other=other.id)
        for query in rules.local_queries(registration):
            entity_id = await self._entities.first(caller, query)
            if entity_id is not None:
                raise Refusal("federation.registration.held_here", entity=entity_id)

    async def _write(self, before: Registered | None, after: Registered) -> None:
        letters = await self._letters(before, after)
        change = Write(after.tenant, KIND, after.registration.id, record_of(after), new=before is None)
        number = await self._store.write(change, letters)
        if number is None:
            problem = "already_exists" if before is None else "does_not_exist"
            raise Refusal(f"federation.registration.{problem}", id=after.registration.id)
        self._live.keep(replace(after, number=number))
        self._tell(letters)
        self._listener(after.tenant)

    async def _remove(self, registered: Registered) -> None:
        letters = await self._letters(registered, None)
        await self._store.write(Write(registered.tenant, KIND, registered.registration.id), letters)
        self._live.forget(registered.tenant, registered.registration.id)
        self._tally.forget(registered.tenant, registered.registration.id)
        self._tell(letters)
        self._listener(registered.tenant)

    async def _letters(self, before: Registered | None, after: Registered | None) -> list[Letter]:
        return await self._watcher.letters(before, after) if self._watcher is not None else []

    def _tell(self, letters: Sequence[Letter]) -> None:
        if self._watcher is not None:
            self._watcher.sent(letters)


def record_of(registered: Registered) -> dict[str, Any]:
    """What is stored of a registration."""
    return {
        "registration": to_record(registered.registration),
        "context": registered.context_source,
        "createdAt": registered.created_at,
        "modifiedAt": registered.modified_at,
    }


def registered_of(tenant: str, number: int, record: dict[str, Any]) -> Registered:
    """What `record_of` wrote."""
    registration = from_record(record["registration"])
    return Registered(tenant, registration, record["context"], record["createdAt"], record["modifiedAt"], number)


def figures_document(figures: Figures | None) -> dict[str, Any]:
    """The read-only members of a registration (table 5.2.9-2)."""
    if figures is None:
        return {}
    found: dict[str, Any] = {
        "status": "failed" if figures.failed else "ok",
        "timesSent": figures.times_sent,
        "timesFailed": figures.times_failed,
    }
    times: tuple[tuple[str, datetime | None], ...] = (
        ("lastSuccess", figures.last_success),
        ("lastFailure", figures.last_failure),
    )
    return found | {name: iso(at) for name, at in times if at is not None}
