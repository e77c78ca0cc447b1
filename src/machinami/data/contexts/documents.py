"""The documents behind @contexts: in memory, in the town's own store, or from their servers through a guarded fetch (B3).

A URL that failed is not asked again for `NEGATIVE_S` seconds; one URL is fetched once at a time, however many requests need
it. The store is bounded: what can be had again makes room.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Final

from machinami.data.contexts import rules
from machinami.data.contexts.model import ContextKind, StoredContext, Usage, stored
from machinami.data.contexts.ports import ContextFetcher
from machinami.data.ports import DocumentStore
from machinami.kernel.clock import Clock, iso
from machinami.kernel.errors import MachinamiError, Refusal

KIND: Final = "context"
NEGATIVE_S: Final = 10.0
STORED_MAX: Final = 1_000
FORGOTTEN_AT_ONCE: Final = 50
"""How many make room when there are as many as may be, so that not each new one looks through all."""
_NEVER: Final = Usage()


@dataclass(frozen=True, slots=True)
class ContextBounds:
    """`wait_s`: longest wait for all documents of one request; `fresh_s`: how long a download is used by itself."""

    bytes_max: int = 1_000_000
    cache_max: int = 1_000
    depth_max: int = 5
    wait_s: float = 1.5
    fresh_s: float = 86_400.0


class Documents:
    """Stored documents of all tenants, by id."""

    def __init__(self, store: DocumentStore, fetcher: ContextFetcher, clock: Clock, bounds: ContextBounds) -> None:
        self._store = store
        self._fetcher = fetcher
        self._clock = clock
        self._bounds = bounds
        self._kept: OrderedDict[tuple[str, str], StoredContext] = OrderedDict()
        self._used: OrderedDict[tuple[str, str], Usage] = OrderedDict()
        self._failed: dict[str, float] = {}
        self._fetching: dict[tuple[str, str], asyncio.Task[StoredContext]] = {}

    async def obtain(self, tenant: str, url: str, turn: asyncio.Semaphore) -> StoredContext:
        """A document from memory, from the store or from its server; an expired one is asked for anew."""
        kept = await self.kept(tenant, url)
        if kept is not None and not (kept.expires_at and kept.expires_at <= iso(self._clock.now())):
            return kept
        try:
            async with turn:
                return await self.download(tenant, url, kept)
        except Refusal:
            if kept is None:
                raise
        return self._keep(tenant, replace(kept, expires_at=rules.expiry(self._clock.now(), NEGATIVE_S, 0)))

    async def kept(self, tenant: str, name: str) -> StoredContext | None:
        """A document by its id or URL, None if it is not here."""
        for local_id in rules.local_ids(name):
            if (tenant, local_id) in self._kept:
                return self._kept[tenant, local_id]
            record = await self._store.fetch(tenant, KIND, local_id)
            if record is not None:
                return self._keep(tenant, stored(record))
        return None

    async def download(self, tenant: str, url: str, old: StoredContext | None, *, again: bool = False) -> StoredContext:
        """Fetch a document and store it; requests that need the same one wait for the same fetch."""
        if again:
            self._failed.pop(url, None)
        if self._clock.monotonic() - self._failed.get(url, -NEGATIVE_S) < NEGATIVE_S:
            raise Refusal("data.context.not_available", url=url, reason="failed a moment ago")
        key = (tenant, url)
        task = self._fetching.get(key)
        if task is None:
            task = self._fetching[key] = asyncio.create_task(self._fetch(tenant, url, old))
            task.add_done_callback(lambda done: self._fetched(key, done))
        return await asyncio.shield(task)

    def _fetched(self, key: tuple[str, str], task: asyncio.Task[StoredContext]) -> None:
        self._fetching.pop(key, None)
        if not task.cancelled():
            task.exception()

    async def _fetch(self, tenant: str, url: str, old: StoredContext | None) -> StoredContext:
        try:
            download = await self._fetcher.fetch(url)
            if not isinstance(download.document, dict) or "@context" not in download.document:
                raise Refusal("data.context.not_a_context")
        except MachinamiError as error:
            self._failed[url] = self._clock.monotonic()
            if len(self._failed) > self._bounds.cache_max:
                self._failed.clear()
            raise Refusal("data.context.not_available", url=url, reason=error.code) from error
        now = self._clock.now()
        made = StoredContext(
            rules.cached_id(url), ContextKind.CACHED, {"@context": download.document["@context"]},
            iso(now), url, rules.expiry(now, download.fresh_s, self._bounds.fresh_s),
        )  # fmt: skip
        if old is not None or await self._has_room(tenant):
            await self.put(tenant, made)
        return self._keep(tenant, made)

    def _keep(self, tenant: str, context: StoredContext) -> StoredContext:
        self._kept[tenant, context.local_id] = context
        while len(self._kept) > self._bounds.cache_max:
            self._kept.popitem(last=False)
        return context

    def count(self, tenant: str, local_id: str) -> None:
        """Count that a document was found for a request."""
        key = (tenant, local_id)
        self._used[key] = Usage(self._used.get(key, _NEVER).hits + 1, iso(self._clock.now()))
        self._used.move_to_end(key)
        while len(self._used) > self._bounds.cache_max:
            self._used.popitem(last=False)

    async def add(self, tenant: str, context: StoredContext) -> None:
        """Store one more; Refusal `data.context.store_full`."""
        if not await self._has_room(tenant):
            raise Refusal("data.context.store_full", most=str(STORED_MAX))
        await self.put(tenant, context)

    async def put(self, tenant: str, context: StoredContext) -> None:
        """Store a document in the place of what has its id."""
        await self._store.put(tenant, KIND, context.local_id, context.document())
        self._keep(tenant, context)

    async def remove(self, tenant: str, local_id: str) -> None:
        """Forget a document."""
        await self._store.remove(tenant, KIND, local_id)
        self._kept.pop((tenant, local_id), None)
        self._used.pop((tenant, local_id), None)

    async def listing(self, tenant: str) -> list[StoredContext]:
        """All that are stored, in order of creation."""
        return [stored(one) for one in await self._store.listing(tenant, KIND, STORED_MAX)]

    def usage(self, tenant: str, local_id: str) -> Usage:
        """How a document was used since the start."""
        return self._used.get((tenant, local_id), _NEVER)

    def forget_all(self) -> None:
        """Drop what is in memory."""
        for shelf in (self._kept, self._used, self._failed):
            shelf.clear()

    async def _has_room(self, tenant: str) -> bool:
        """Whether one more may be stored; of too many, those that can be had again go, longest unused first."""
        if await self._store.count(tenant, KIND) < STORED_MAX:
            return True
        found = [one for one in await self.listing(tenant) if one.replaceable]
        found.sort(key=lambda one: (not one.passing, self.usage(tenant, one.local_id).last))
        for one in found[:FORGOTTEN_AT_ONCE]:
            await self.remove(tenant, one.local_id)
        return bool(found)
