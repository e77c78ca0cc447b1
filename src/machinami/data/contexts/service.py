"""Resolves @contexts: core contexts are built in, then the town's own store, then a guarded fetch (B1-B3).

A resolved context is kept by its JSON text, so that the hot path is one dictionary look-up. A URL that failed is not
asked again for `NEGATIVE_S` seconds.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from pathlib import Path
from typing import Any

from machinami.data.contexts.ports import ContextFetcher
from machinami.data.ports import DocumentStore
from machinami.kernel.access import require
from machinami.kernel.caller import Caller, Role
from machinami.kernel.clock import Clock, iso
from machinami.kernel.errors import MachinamiError, Refusal
from machinami.kernel.ids import new_urn
from machinami.standards.ngsi_ld.contexts import Context, ContextMissing, build_context, core_context, core_version

KIND = "context"
NEGATIVE_S = 10.0
FETCHES_MAX = 10
LISTING_MAX = 1_000


class Contexts:
    """The @context store of one Machinami."""

    def __init__(self, store: DocumentStore, fetcher: ContextFetcher, clock: Clock, *, cache_max: int, depth_max: int) -> None:
        self._store = store
        self._fetcher = fetcher
        self._clock = clock
        self._cache_max = cache_max
        self._depth_max = depth_max
        self._resolved: OrderedDict[str, Context] = OrderedDict()
        self._documents: OrderedDict[tuple[str, str], Any] = OrderedDict()
        self._failed: dict[str, float] = {}
        self._preloaded: dict[str, Any] = {}

    def preload(self, folder: Path) -> int:
        """Read an offline folder: `index.json` maps URLs to file names beside it. Returns how many were read."""
        index = folder / "index.json"
        if not index.is_file():
            return 0
        for url, name in json.loads(index.read_text("utf-8")).items():
            self._preloaded[url] = json.loads((folder / name).read_text("utf-8"))
        self._resolved.clear()
        return len(self._preloaded)

    async def resolve(self, tenant: str, local: Any) -> Context:
        """The Context of a user's @context (None: the core context). Raises Refusal `data.context.*`."""
        if local is None:
            return core_context()
        key = f"{tenant}\0{json.dumps(local, sort_keys=True)}"
        known = self._resolved.get(key)
        if known is not None:
            self._resolved.move_to_end(key)
            return known
        context = await self._build(tenant, local)
        self._resolved[key] = context
        while len(self._resolved) > self._cache_max:
            self._resolved.popitem(last=False)
        return context

    async def _build(self, tenant: str, local: Any) -> Context:
        for obtained in range(FETCHES_MAX + 1):
            try:
                return build_context(local, lambda url: self._known(tenant, url), depth_max=self._depth_max)
            except ContextMissing as missing:
                if obtained < FETCHES_MAX:
                    await self._obtain(tenant, missing.url)
        raise Refusal("data.context.too_many_documents", most=str(FETCHES_MAX))

    def _known(self, tenant: str, url: str) -> Any:
        if url in self._preloaded:
            return self._preloaded[url]
        document = self._documents.get((tenant, url))
        if document is None:
            raise ContextMissing(url)
        return document

    async def _obtain(self, tenant: str, url: str) -> None:
        record = await self._store.fetch(tenant, KIND, url)
        if record is not None:
            document = record["body"]
        else:
            if self._clock.monotonic() - self._failed.get(url, -NEGATIVE_S) < NEGATIVE_S:
                raise Refusal("data.context.not_available", url=url, reason="failed a moment ago")
            try:
                document = await self._fetcher.fetch(url)
                if not isinstance(document, dict) or "@context" not in document:
                    raise Refusal("data.context.not_a_context")
            except MachinamiError as error:
                self._failed[url] = self._clock.monotonic()
                if len(self._failed) > self._cache_max:
                    self._failed.clear()
                raise Refusal("data.context.not_available", url=url, reason=error.code) from error
            await self._store.put(tenant, KIND, url, self._record(url, "Cached", document))
        self._documents[(tenant, url)] = document
        while len(self._documents) > self._cache_max:
            self._documents.popitem(last=False)

    def forget_all(self) -> None:
        """Drop what is cached after the store was emptied (development mode); the offline folder stays."""
        self._resolved.clear()
        self._documents.clear()
        self._failed.clear()

    def _record(self, url: str, kind: str, body: Any) -> dict[str, Any]:
        return {"URL": url, "localId": url, "kind": kind, "createdAt": iso(self._clock.now()), "body": body}

    async def host(self, caller: Caller, document: Any, address: str) -> str:
        """Store a user's @context under a URL of ours (5.13.2); `address` is the prefix of that URL. Returns its id."""
        require(caller, Role.WRITER)
        if not isinstance(document, dict) or "@context" not in document:
            raise Refusal("data.context.not_a_context")
        await self._build(caller.tenant, document["@context"])
        local_id = new_urn("Context")
        url = f"{address}/{local_id}"
        record = {**self._record(url, "Hosted", document), "localId": local_id}
        await self._store.put(caller.tenant, KIND, url, record)
        return local_id

    async def listing(self, caller: Caller) -> list[dict[str, Any]]:
        """All stored contexts (5.13.3), preloaded ones as cached."""
        require(caller, Role.READER)
        stored = await self._store.listing(caller.tenant, KIND, LISTING_MAX)
        preloaded = [self._record(url, "Cached", body) for url, body in self._preloaded.items()]
        return preloaded + stored

    async def serve(self, caller: Caller, name: str, address: str) -> dict[str, Any]:
        """The record of one context, by id or URL (5.13.4)."""
        require(caller, Role.READER)
        for url in (name, f"{address}/{name}"):
            if url in self._preloaded:
                return self._record(url, "Cached", self._preloaded[url])
            record = await self._store.fetch(caller.tenant, KIND, url)
            if record is not None:
                return record
        raise Refusal("data.context.does_not_exist", id=name)

    async def delete(self, caller: Caller, name: str, address: str) -> None:
        """Forget a stored context (5.13.5); a core context can't be deleted."""
        require(caller, Role.WRITER)
        if core_version(name) is not None or name in self._preloaded:
            raise Refusal("data.context.built_in", url=name)
        for url in (name, f"{address}/{name}"):
            if await self._store.remove(caller.tenant, KIND, url):
                self._documents.pop((caller.tenant, url), None)
                self._resolved.clear()
                return
        raise Refusal("data.context.does_not_exist", id=name)
