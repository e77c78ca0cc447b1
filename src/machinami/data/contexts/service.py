"""Resolves @contexts and manages the stored ones: built-in core contexts, the town's own store, then a guarded fetch (B1-B3).

A resolved context is kept by its JSON text, so that the hot path is one dictionary look-up.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from machinami.data.contexts import rules
from machinami.data.contexts.documents import ContextBounds, Documents
from machinami.data.contexts.model import ContextKind, StoredContext, Usage
from machinami.data.contexts.ports import ContextFetcher
from machinami.data.ports import DocumentStore
from machinami.kernel.access import require
from machinami.kernel.caller import Caller, Role, home_of
from machinami.kernel.clock import Clock, iso
from machinami.kernel.errors import MachinamiError, Refusal
from machinami.kernel.ids import new_urn
from machinami.standards.ngsi_ld.contexts import (
    CORE_CONTEXT_URL,
    Context,
    ContextMissing,
    build_context,
    core_context,
    core_document,
    core_version,
)

FETCHES_MAX: Final = 10
TOGETHER_MAX: Final = 20
"""Most @contexts of one request that are looked for at the same time."""
KEPT_CHARACTERS_MAX: Final = 16_384
"""A longer @context inside of a request is read anew each time; a URL is never that long."""


@dataclass(frozen=True, slots=True)
class _Resolved:
    context: Context
    documents: tuple[str, ...]
    until: str


class Contexts:
    """The @context store of one Machinami."""

    def __init__(self, store: DocumentStore, fetcher: ContextFetcher, clock: Clock, bounds: ContextBounds) -> None:
        self._documents = Documents(store, fetcher, clock, bounds)
        self._clock = clock
        self._bounds = bounds
        self._started = iso(clock.now())
        self._folder: Path | None = None
        self._preloaded: dict[str, Any] = {}
        self._resolved: OrderedDict[tuple[str, str], _Resolved] = OrderedDict()

    # --- the offline folder

    def preload(self, folder: Path) -> int:
        """Read an offline folder: `index.json` maps URLs to file names beside it. Returns how many were read."""
        index = folder / "index.json"
        if not index.is_file():
            return 0
        self._folder = folder
        for url, name in json.loads(index.read_text("utf-8")).items():
            self._preloaded[url] = json.loads((folder / name).read_text("utf-8"))
        self._resolved.clear()
        return len(self._preloaded)

    # --- resolving

    async def resolve(self, tenant: str, local: Any, turn: asyncio.Semaphore | None = None) -> Context:
        """The Context of a user's @context (None: the core context). Raises Refusal `data.context.*`.

        `turn` bounds the downloads of several that are looked for together.
        """
        if local is None:
            return core_context()
        key = (home_of(tenant), json.dumps(local, sort_keys=True))
        if len(key[1]) > self._bounds.bytes_max:
            raise Refusal("data.context.too_large", most=str(self._bounds.bytes_max))
        found = self._resolved.get(key)
        if found is None or (found.until and found.until <= iso(self._clock.now())):
            found = await self._anew(key, local, turn or asyncio.Semaphore(1))
        else:
            self._resolved.move_to_end(key)
        for name in found.documents:
            self._documents.count(key[0], name)
        return found.context

    async def resolve_all(self, tenant: str, locals_: Iterable[Any]) -> list[Context | MachinamiError]:
        """Several @contexts at once, in order, each with its own success or refusal; what takes too long is refused."""
        wanted = list(locals_)
        by_text = {json.dumps(one, sort_keys=True): one for one in wanted}
        turn = asyncio.Semaphore(TOGETHER_MAX)

        async def one(local: Any) -> Context | MachinamiError:
            try:
                return await self.resolve(tenant, local, turn)
            except MachinamiError as error:
                return error

        tasks = {text: asyncio.create_task(one(local)) for text, local in by_text.items()}
        if tasks:
            await asyncio.wait(tasks.values(), timeout=self._bounds.wait_s)
        late = [task for task in tasks.values() if not task.done()]
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        found = {text: _too_late(by_text[text]) if task.cancelled() else task.result() for text, task in tasks.items()}
        return [found[json.dumps(one, sort_keys=True)] for one in wanted]

    async def _anew(self, key: tuple[str, str], local: Any, turn: asyncio.Semaphore) -> _Resolved:
        try:
            async with asyncio.timeout(self._bounds.wait_s):
                found = await self._build(key[0], local, turn)
        except TimeoutError as error:
            raise _too_late(local) from error
        if len(key[1]) <= KEPT_CHARACTERS_MAX:
            self._resolved[key] = found
        while len(self._resolved) > self._bounds.cache_max:
            self._resolved.popitem(last=False)
        return found

    async def _build(self, tenant: str, local: Any, turn: asyncio.Semaphore) -> _Resolved:
        got: dict[str, StoredContext] = {}
        offline: set[str] = set()

        def known(url: str) -> Any:
            if url in self._preloaded:
                offline.add(rules.cached_id(url))
                return self._preloaded[url]
            if url not in got:
                raise ContextMissing(url)
            return got[url].body

        while True:
            try:
                context = build_context(local, known, depth_max=self._bounds.depth_max)
            except ContextMissing as missing:
                if len(got) >= FETCHES_MAX:
                    raise Refusal("data.context.too_many_documents", most=str(FETCHES_MAX)) from missing
                got[missing.url] = await self._documents.obtain(tenant, missing.url, turn)
            else:
                until = min((one.expires_at for one in got.values() if one.expires_at), default="")
                return _Resolved(context, (*offline, *(one.local_id for one in got.values())), until)

    def forget_all(self) -> None:
        """Drop what is cached after the store was emptied (development mode); the offline folder stays."""
        self._resolved.clear()
        self._documents.forget_all()

    # --- managing

    async def host(self, caller: Caller, document: Any) -> str:
        """Store a user's @context (5.13.2); members beside @context are dropped. Returns its id."""
        require(caller, Role.WRITER)
        if not isinstance(document, dict) or "@context" not in document:
            raise Refusal("data.context.not_a_context")
        await self.resolve(caller.tenant, document["@context"])
        hosted = StoredContext(
            new_urn("Context"), ContextKind.HOSTED, {"@context": document["@context"]}, iso(self._clock.now())
        )
        await self._documents.add(caller.tenant, hosted)
        return hosted.local_id

    async def implicit(self, caller: Caller, source: Any, *, passing: bool = False) -> str | None:
        """The id of a stored @context that says the same as `source`, made if there is none (5.13.1).

        None if a URL says it already. What a client reads needs no role to write. One that is not `passing` stays until
        it is deleted: receivers of notifications may read it at any time.
        """
        if rules.only_url(source) is not None:
            return None
        tenant, local_id = home_of(caller.tenant), rules.implicit_id(source)
        kept = await self._documents.kept(tenant, local_id)
        if kept is None:
            kind = ContextKind.IMPLICITLY_CREATED
            made = StoredContext(local_id, kind, {"@context": source}, iso(self._clock.now()), passing=passing)
            await self._documents.add(tenant, made)
        elif kept.passing and not passing:
            await self._documents.put(tenant, replace(kept, passing=False))
        return local_id

    async def listing(self, caller: Caller) -> list[StoredContext]:
        """All stored contexts (5.13.3): the core context, preloaded ones and then the others in order of creation."""
        require(caller, Role.READER)
        found = await self._documents.listing(caller.tenant)
        built_in = map(self._built_in, (CORE_CONTEXT_URL, *self._preloaded))
        return [*built_in, *(one for one in found if not self._is_built_in(one.url))]

    def usage(self, caller: Caller, context: StoredContext) -> Usage:
        """How a context was used since the start."""
        return self._documents.usage(caller.tenant, context.local_id)

    async def retrieve(self, caller: Caller, name: str) -> StoredContext:
        """One stored context by id or URL, for its metadata (5.13.4)."""
        require(caller, Role.READER)
        found = await self._find(caller.tenant, name)
        if found is None:
            raise Refusal("data.context.does_not_exist", id=name)
        return found

    async def serve(self, caller: Caller, name: str) -> StoredContext:
        """One context to read (5.13.4); what was only downloaded is not ours to serve."""
        found = await self.retrieve(caller, name)
        if found.kind is ContextKind.CACHED:
            raise Refusal("data.context.only_cached", id=name)
        return found

    def served(self, caller: Caller, context: StoredContext) -> None:
        """Count that a context was found for a client."""
        self._documents.count(caller.tenant, context.local_id)

    async def delete(self, caller: Caller, name: str) -> None:
        """Forget a stored context (5.13.5); what is built in or in the offline folder can't be deleted."""
        require(caller, Role.WRITER)
        found = await self.retrieve(caller, name)
        if self._is_built_in(found.url):
            raise Refusal("data.context.built_in", url=found.url)
        await self._documents.remove(caller.tenant, found.local_id)
        self._resolved.clear()

    async def reload(self, caller: Caller, name: str) -> None:
        """Replace a cached context by what its URL gives now; the old one stays if that fails (5.13.5.4).

        A core context is built in and stays as published; one of the offline folder is read from there again.
        """
        require(caller, Role.WRITER)
        found = await self.retrieve(caller, name)
        if found.kind is not ContextKind.CACHED:
            raise Refusal("data.context.not_reloadable", id=name, kind=found.kind.value)
        if found.url in self._preloaded:
            await asyncio.to_thread(self._reread, found.url)
        elif core_version(found.url) is None:
            await self._documents.download(caller.tenant, found.url, found, again=True)
        self._resolved.clear()

    def _reread(self, url: str) -> None:
        assert self._folder is not None
        try:
            self.preload(self._folder)
        except (OSError, ValueError) as error:
            raise Refusal("data.context.not_available", url=url, reason=type(error).__name__) from error

    async def _find(self, tenant: str, name: str) -> StoredContext | None:
        if self._is_built_in(name):
            return self._built_in(name)
        for url in (CORE_CONTEXT_URL, *self._preloaded):
            if rules.cached_id(url) == name:
                return self._built_in(url)
        return await self._documents.kept(tenant, name)

    def _is_built_in(self, url: str) -> bool:
        return url in self._preloaded or core_version(url) is not None

    def _built_in(self, url: str) -> StoredContext:
        body = self._preloaded[url] if url in self._preloaded else core_document(url)
        return StoredContext(rules.cached_id(url), ContextKind.CACHED, body, self._started, url)


def _too_late(local: Any) -> Refusal:
    url = rules.only_url(local) or "(several)"
    return Refusal("data.context.not_available", url=url, reason="it did not come in time")
