"""Use cases of snapshots (CIM 009 5.16), and the filling of them in durable steps."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from machinami.data.delivery.model import Delivery
from machinami.data.delivery.rules import endpoint_of
from machinami.data.snapshots.documents import notification_document
from machinami.data.snapshots.model import Past, Progress, Snapshot, SnapshotLimits, Status, Step
from machinami.data.snapshots.ports import Finder, PastFinder, SnapshotStore, SourceFinder
from machinami.data.snapshots.rules import begun, copy_of, finished_step, outcome, updated
from machinami.data.subscriptions.ports import TargetGuard
from machinami.kernel.access import require
from machinami.kernel.caller import DEFAULT_TENANT, Caller, Role, system_caller
from machinami.kernel.clock import Clock
from machinami.kernel.entity import Entity
from machinami.kernel.errors import Refusal
from machinami.kernel.ids import new_urn
from machinami.kernel.query import Page

CHUNK: Final = 500
AT_ONCE: Final = 50
CLEARED_ROWS: Final = 20_000


class Snapshots:
    """The snapshots of one Machinami.

    `on_begun` is called when one waits to be filled, `on_queued` when a notification waits to be sent.
    """

    def __init__(
        self, store: SnapshotStore, entities: Finder, past: PastFinder, guard: TargetGuard, clock: Clock,
        limits: SnapshotLimits, *, on_begun: Callable[[], None], on_queued: Callable[[], None],
    ) -> None:  # fmt: skip
        self._store = store
        self._entities = entities
        self._past = past
        self._guard = guard
        self._clock = clock
        self._limits = limits
        self._on_begun = on_begun
        self._on_queued = on_queued
        self._over: Callable[[str], SourceFinder | None] = lambda tenant: None
        self._used: dict[tuple[str, int], tuple[Snapshot, datetime]] = {}

    def ask_sources(self, over: Callable[[str], SourceFinder | None]) -> None:
        """Queries of a tenant are asked of its sources too (5.16.1.4): `over` gives what finds them, None without sources."""
        self._over = over

    async def create(self, caller: Caller, members: Mapping[str, Any], steps: Sequence[Step]) -> Snapshot:
        """Begin a snapshot of what the steps find (5.16.1); it is filled in the background."""
        require(caller, Role.WRITER)
        self._check_endpoint(members)
        made = begun(caller.tenant, members, steps, self._clock.now(), self._limits)
        kept = await self._store.add(made, self._limits.snapshots_max)
        if kept is None:
            raise Refusal("data.snapshot.already_exists", id=made.id)
        self._on_begun()
        return kept

    async def clone(self, caller: Caller, snapshot_id: str, members: Mapping[str, Any]) -> Snapshot:
        """Begin a copy of a snapshot (5.16.2)."""
        source = await self._ready(caller, snapshot_id)
        return await self.create(caller, members, [Step(source=source.number, source_id=source.id)])

    async def retrieve(self, caller: Caller, snapshot_id: str) -> Snapshot:
        """Its status (5.16.3)."""
        require(caller, Role.READER)
        found = await self._store.fetch(caller.tenant, snapshot_id, self._clock.now())
        if found is None:
            raise Refusal("data.snapshot.does_not_exist", id=snapshot_id)
        return self._as_used(found)

    async def update(self, caller: Caller, snapshot_id: str, fragment: Mapping[str, Any]) -> Snapshot:
        """Change what clients may change (5.16.4), and tell the endpoint (5.16.6)."""
        require(caller, Role.WRITER)
        self._check_endpoint(fragment)
        found = await self.retrieve(caller, snapshot_id)
        changed = updated(found, fragment, self._clock.now(), self._limits)
        await self._put(changed)
        return changed

    async def delete(self, caller: Caller, snapshot_id: str) -> None:
        """5.16.5."""
        require(caller, Role.WRITER)
        if not await self._store.remove(caller.tenant, snapshot_id, self._clock.now()):
            raise Refusal("data.snapshot.does_not_exist", id=snapshot_id)

    async def purge(self, caller: Caller, fits: Callable[[Snapshot], bool]) -> int:
        """Delete those that fit (5.16.7); Refusal if none does (6.36.3.2)."""
        require(caller, Role.WRITER)
        now = self._clock.now()
        chosen = [one for one in await self._store.listing(caller.tenant, now) if fits(self._as_used(one))]
        if not chosen:
            raise Refusal("data.snapshot.none_matches")
        for one in chosen:
            await self._store.remove(caller.tenant, one.id, now)
        return len(chosen)

    async def enter(self, caller: Caller, snapshot_id: str) -> Caller:
        """The caller as they work on the snapshot (5.5.15): the same person in the place of its copy."""
        found = await self._ready(caller, snapshot_id)
        self._used[found.tenant, found.number] = (found, self._clock.now())
        return replace(caller, tenant=found.place)

    async def fill(self) -> bool:
        """Fill what waits to be filled, a step after the other; whether there was anything."""
        waiting = await self._store.filling(AT_ONCE, self._clock.now())
        for one in waiting:
            await self._fill(one)
        return bool(waiting)

    async def sweep(self) -> None:
        """Note when snapshots were used, and clear away some of what is gone."""
        used, self._used = self._used, {}
        for one, at in used.values():
            await self._store.touch(one, at)
        await self._store.clear(self._clock.now(), CLEARED_ROWS)

    async def gone(self, places: Collection[str]) -> set[str]:
        """Those of the places whose snapshots are not there any more."""
        return await self._store.gone(places, self._clock.now())

    async def _ready(self, caller: Caller, snapshot_id: str) -> Snapshot:
        found = await self.retrieve(caller, snapshot_id)
        if found.status is Status.PREPARING:
            raise Refusal("data.snapshot.preparing", id=snapshot_id)
        return found

    def _as_used(self, one: Snapshot) -> Snapshot:
        used = self._used.get((one.tenant, one.number))
        return one if used is None else replace(one, last_used_at=used[1])

    def _check_endpoint(self, members: Mapping[str, Any]) -> None:
        endpoint = members.get("endpoint")
        if endpoint is not None and str(endpoint).lower().startswith("http"):
            self._guard.check(str(endpoint), list(_receiver_info(members).items()))

    # --- filling

    async def _fill(self, one: Snapshot) -> None:
        while one.progress.step < len(one.steps):
            try:
                progress = await self._advance(one, one.steps[one.progress.step])
            except Refusal as error:
                failed = finished_step(one.progress, error)
                progress = await self._store.copy(one, (), None, failed, self._limits.entities_max)
            if progress is None:
                return
            one = replace(one, progress=progress)
        now = self._clock.now()
        await self._put(replace(one, status=outcome(one), modified_at=now))

    async def _advance(self, one: Snapshot, step: Step) -> Progress | None:
        """Copy the next entities of the step at work; None if the snapshot is gone."""
        if step.window is not None:
            return await self._copy_past(one, step)
        over = self._over(one.tenant) if not step.source else None
        if over is not None:
            return await self._copy_from_sources(one, step, over)
        tenant, past = one.tenant, None
        if step.source:
            tenant = f"{one.tenant}:{step.source}"
            past = Past(tenant)
        page = Page(CHUNK, after_sequence=one.progress.after)
        result = await self._entities.find(system_caller("snapshots", tenant), step.query, page)
        if step.source:
            source = await self._store.fetch(one.tenant, step.source_id, self._clock.now())
            if source is None or source.number != step.source:
                raise Refusal("data.snapshot.source_gone")
        return await self._copy(one, step, result.entities, past, last=not result.more)

    async def _copy_from_sources(self, one: Snapshot, step: Step, over: SourceFinder) -> Progress | None:
        """Copy all that a query finds over sources; after a crash it is asked again, and what is there is not copied twice."""
        most = self._limits.entities_max
        result = await over.find(system_caller("snapshots", one.tenant), step.query, Page(most))
        if result.more:
            raise Refusal("data.snapshot.too_large", most=str(most))
        missing = Refusal("data.snapshot.sources_missing", warnings=", ".join(over.warnings)) if over.warnings else None
        done: Progress | None = replace(one.progress, found=len(result.entities))
        chunks = [result.entities[start : start + CHUNK] for start in range(0, len(result.entities), CHUNK)] or [[]]
        for place, chunk in enumerate(chunks, start=1):
            assert done is not None
            if place == len(chunks):
                done = finished_step(done, missing, failed=False)
            done = await self._store.copy(one, [copy_of(entity, step) for entity in chunk], None, done, most)
            if done is None:
                return None
        return done

    async def _copy_past(self, one: Snapshot, step: Step) -> Progress | None:
        """Copy all of a step that looks into the past, chunk by chunk."""
        window = step.window
        assert window is not None
        matched = await self._past.matched(system_caller("snapshots", one.tenant), step.query, window)
        left = [entity for entity in matched if entity.sequence > one.progress.after]
        past = Past(one.tenant, window, step.keep, step.drop)
        progress: Progress | None = one.progress
        for start in range(0, max(len(left), 1), CHUNK):
            progress = await self._copy(one, step, left[start : start + CHUNK], past, last=start + CHUNK >= len(left))
            if progress is None:
                return None
            one = replace(one, progress=progress)
        return progress

    async def _copy(
        self, one: Snapshot, step: Step, entities: Sequence[Entity], past: Past | None, *, last: bool
    ) -> Progress | None:
        done = one.progress
        after = entities[-1].sequence if entities else done.after
        progress = replace(done, after=after, found=done.found + len(entities))
        if last:
            progress = finished_step(progress)
        copies = [copy_of(entity, step) for entity in entities]
        return await self._store.copy(one, copies, past, progress, self._limits.entities_max)

    async def _put(self, one: Snapshot) -> None:
        rows = [self._notification(one)] if one.members.get("endpoint") and one.status is not Status.PREPARING else []
        if await self._store.update(one, rows) and rows:
            self._on_queued()

    def _notification(self, one: Snapshot) -> Delivery:
        url, now, number = str(one.members["endpoint"]), self._clock.now(), new_urn("SnapshotNotification")
        headers = {"Content-Type": "application/json"}
        if one.tenant != DEFAULT_TENANT:
            headers["NGSILD-Tenant"] = one.tenant
        body = json.dumps(notification_document(one, number, now), ensure_ascii=False).encode()
        return Delivery(
            tenant=one.tenant, number=0, subscription_id=one.id, order_key=one.id, notification_id=number, url=url,
            endpoint=endpoint_of(url), body=body, headers=_receiver_info(one.members) | headers, created_at=now,
        )  # fmt: skip


def _receiver_info(members: Mapping[str, Any]) -> dict[str, str]:
    pairs = members.get("receiverInfo")
    return {one["key"]: one["value"] for one in pairs} if isinstance(pairs, list) else {}
