"""Where an @context comes from: memory, the town's store, the offline folder, a guarded fetch; and what is refused."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from machinami.data.contexts import documents, rules, service
from machinami.data.contexts.documents import NEGATIVE_S, ContextBounds
from machinami.data.contexts.model import ContextKind, Download, Usage
from machinami.data.contexts.service import FETCHES_MAX, Contexts
from machinami.kernel.caller import Caller, Role, development_caller
from machinami.kernel.clock import VirtualClock
from machinami.kernel.errors import Refusal, Unavailable
from machinami.sdk.memory_store import MemoryDocumentStore
from machinami.standards.ngsi_ld.contexts import CORE_CONTEXT_URL, core_context

CALLER = development_caller()
READER = Caller("default", "user:a", "test", frozenset({Role.READER}))
URL = "https://city.example/context.jsonld"
DOCUMENT = {"@context": {"level": "https://city.example/level"}}


class Web:
    """Documents by URL; counts what is fetched."""

    def __init__(self, documents: dict[str, Any]) -> None:
        self.documents = documents
        self.fetched: list[str] = []
        self.fresh_s: float | None = None
        self.open: asyncio.Event | None = None
        self.slow = "-"

    async def fetch(self, url: str) -> Download:
        self.fetched.append(url)
        if url.startswith(self.slow):
            await asyncio.sleep(0.2)
        if self.open is not None:
            await self.open.wait()
        if url not in self.documents:
            raise Unavailable("outbound.fetch.failed", url=url)
        return Download(self.documents[url], self.fresh_s)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(datetime(2026, 11, 26, tzinfo=UTC))


@pytest.fixture
def web() -> Web:
    return Web({URL: DOCUMENT})


@pytest.fixture
def store() -> MemoryDocumentStore:
    return MemoryDocumentStore()


@pytest.fixture
def contexts(store: MemoryDocumentStore, web: Web, clock: VirtualClock) -> Contexts:
    return Contexts(store, web, clock, ContextBounds(cache_max=3, depth_max=20))


async def refusal(call: Awaitable[Any]) -> Refusal:
    with pytest.raises(Refusal) as refused:
        await call
    return refused.value


async def test_resolve_gives_the_core_context_without_any_look_up_when_there_is_none(contexts: Contexts, web: Web) -> None:
    assert await contexts.resolve("default", None) is core_context()
    assert (await contexts.resolve("default", CORE_CONTEXT_URL)).expanded["name"] == core_context().expanded["name"]
    assert web.fetched == []


async def test_resolve_fetches_a_document_once_and_keeps_the_context(contexts: Contexts, web: Web) -> None:
    first = await contexts.resolve("default", URL)
    assert first.expanded["level"] == "https://city.example/level"
    assert await contexts.resolve("default", URL) is first
    await contexts.resolve("default", [URL, CORE_CONTEXT_URL])
    assert web.fetched == [URL]


async def test_resolve_takes_the_stored_document_when_it_starts_anew(
    contexts: Contexts, store: MemoryDocumentStore, clock: VirtualClock
) -> None:
    await contexts.resolve("default", URL)
    without_network = Contexts(store, Web({}), clock, ContextBounds(cache_max=3, depth_max=5))
    assert (await without_network.resolve("default", URL)).expanded["level"] == "https://city.example/level"


async def test_resolve_keeps_tenants_apart(contexts: Contexts, web: Web) -> None:
    await contexts.resolve("one", URL)
    web.documents[URL] = {"@context": {"level": "https://other.example/level"}}
    assert (await contexts.resolve("two", URL)).expanded["level"] == "https://other.example/level"
    assert (await contexts.resolve("one", URL)).expanded["level"] == "https://city.example/level"


async def test_resolve_does_not_ask_again_for_a_while_when_a_document_could_not_be_had(
    contexts: Contexts, web: Web, clock: VirtualClock
) -> None:
    missing = "https://down.example/c.jsonld"
    assert (await refusal(contexts.resolve("default", missing))).parameters["reason"] == "outbound.fetch.failed"
    clock.advance(NEGATIVE_S - 0.1)
    error = await refusal(contexts.resolve("default", missing))
    assert (error.code, error.parameters["url"]) == ("data.context.not_available", missing)
    assert web.fetched == [missing]
    web.documents[missing] = DOCUMENT
    clock.advance(0.2)
    await contexts.resolve("default", missing)
    assert web.fetched == [missing, missing]


@pytest.mark.parametrize("document", [[], "text", {"name": "no context here"}])
async def test_resolve_stores_nothing_when_the_document_is_no_context(
    contexts: Contexts, web: Web, store: MemoryDocumentStore, clock: VirtualClock, document: Any
) -> None:
    """A login page of some proxy must not stay as the context for ever."""
    web.documents[URL] = document
    assert (await refusal(contexts.resolve("default", URL))).code == "data.context.not_available"
    assert await store.count("default", documents.KIND) == 0
    web.documents[URL] = DOCUMENT
    clock.advance(NEGATIVE_S)
    assert (await contexts.resolve("default", URL)).expanded["level"] == "https://city.example/level"


async def test_resolve_passes_on_that_the_store_cannot_answer(web: Web, clock: VirtualClock) -> None:
    class Down(MemoryDocumentStore):
        async def fetch(self, tenant: str, kind: str, key: str) -> dict[str, Any] | None:
            raise Unavailable("data.store.unavailable", reason="test")

    with pytest.raises(Unavailable):
        await Contexts(Down(), web, clock, ContextBounds(cache_max=3, depth_max=5)).resolve("default", URL)


@pytest.mark.parametrize(("documents", "served"), [(FETCHES_MAX, True), (FETCHES_MAX + 1, False)])
async def test_resolve_fetches_no_more_documents_than_allowed(
    store: MemoryDocumentStore, clock: VirtualClock, documents: int, served: bool
) -> None:
    urls = [f"https://city.example/{number}" for number in range(documents)]
    web = Web(dict.fromkeys(urls, DOCUMENT))
    contexts = Contexts(store, web, clock, ContextBounds(cache_max=100, depth_max=5))
    if served:
        await contexts.resolve("default", urls)
    else:
        assert (await refusal(contexts.resolve("default", urls))).code == "data.context.too_many_documents"
    assert len(web.fetched) == FETCHES_MAX


async def test_resolve_reads_documents_that_name_documents(contexts: Contexts, web: Web) -> None:
    web.documents["https://city.example/outer"] = {"@context": ["context.jsonld", {"depth": "https://city.example/depth"}]}
    context = await contexts.resolve("default", "https://city.example/outer")
    assert (context.expanded["level"], context.expanded["depth"]) == (
        "https://city.example/level", "https://city.example/depth",
    )  # fmt: skip


async def test_resolve_keeps_the_contexts_used_last_when_there_are_too_many(contexts: Contexts) -> None:
    maps = [{f"term{number}": f"https://city.example/{number}"} for number in range(4)]
    kept = [await contexts.resolve("default", one) for one in maps[:3]]
    assert await contexts.resolve("default", maps[0]) is kept[0]
    await contexts.resolve("default", maps[3])
    assert await contexts.resolve("default", maps[0]) is kept[0]
    assert await contexts.resolve("default", maps[1]) is not kept[1]


async def test_resolve_refuses_a_context_that_is_too_large_and_does_not_keep_a_long_one(
    store: MemoryDocumentStore, web: Web, clock: VirtualClock
) -> None:
    contexts = Contexts(store, web, clock, ContextBounds(bytes_max=service.KEPT_CHARACTERS_MAX + 1_000))
    long = {"a": f"https://a.example/{'x' * service.KEPT_CHARACTERS_MAX}"}
    assert await contexts.resolve("default", long) is not await contexts.resolve("default", long)
    assert (
        await refusal(contexts.resolve("default", {**long, "b": "https://b.example/" * 100}))
    ).code == "data.context.too_large"
    assert (await refusal(contexts.host(CALLER, {"@context": "x" * 20_000}))).code == "data.context.too_large"


async def test_resolve_passes_on_what_is_wrong_with_a_context(contexts: Contexts) -> None:
    assert (await refusal(contexts.resolve("default", {"a": "b:c", "b": "a:c"}))).code == "ngsi_ld.context.not_valid"


async def test_preload_serves_documents_of_the_offline_folder_before_all_else(
    contexts: Contexts, web: Web, tmp_path: Path
) -> None:
    assert contexts.preload(tmp_path) == 0
    (tmp_path / "city.jsonld").write_text(json.dumps({"@context": {"level": "https://offline.example/level"}}), "utf-8")
    (tmp_path / "index.json").write_text(json.dumps({URL: "city.jsonld"}), "utf-8")
    await contexts.resolve("default", URL)
    assert contexts.preload(tmp_path) == 1
    assert (await contexts.resolve("default", URL)).expanded["level"] == "https://offline.example/level"
    assert [one.url for one in await contexts.listing(READER)] == [CORE_CONTEXT_URL, URL]
    assert (await contexts.retrieve(READER, URL)).body["@context"]["level"] == "https://offline.example/level"
    assert (await refusal(contexts.delete(CALLER, URL))).code == "data.context.built_in"


async def test_reload_reads_the_offline_folder_again_and_keeps_the_old_one_when_that_fails(
    contexts: Contexts, tmp_path: Path
) -> None:
    (tmp_path / "index.json").write_text(json.dumps({URL: "city.jsonld"}), "utf-8")
    for level in ("old", "new"):
        (tmp_path / "city.jsonld").write_text(json.dumps({"@context": {"level": f"https://offline.example/{level}"}}), "utf-8")
        contexts.preload(tmp_path) if level == "old" else await contexts.reload(CALLER, URL)
        assert (await contexts.resolve("default", URL)).expanded["level"] == f"https://offline.example/{level}"
    (tmp_path / "city.jsonld").write_text("{", "utf-8")
    assert (await refusal(contexts.reload(CALLER, URL))).code == "data.context.not_available"
    assert (await contexts.resolve("default", URL)).expanded["level"] == "https://offline.example/new"


async def test_host_keeps_a_context_that_can_be_used_by_its_address_under_any_host_name(contexts: Contexts, web: Web) -> None:
    local_id = await contexts.host(CALLER, {**DOCUMENT, "title": "dropped"})
    record = await contexts.serve(READER, local_id)
    assert (record.kind, record.local_id, record.body) == (ContextKind.HOSTED, local_id, DOCUMENT)
    for host in ("http://127.0.0.1:8080", "https://city.example"):
        used = await contexts.resolve("default", f"{host}/ngsi-ld/v1/jsonldContexts/{local_id}")
        assert used.expanded["level"] == "https://city.example/level"
    assert web.fetched == []
    assert [one.kind for one in await contexts.listing(READER)] == [ContextKind.CACHED, ContextKind.HOSTED]


async def test_a_download_never_takes_the_place_of_what_lives_here(contexts: Contexts, web: Web) -> None:
    """Another server may offer a document under an address that looks like ours."""
    source = [URL, {"depth": "https://city.example/depth"}]
    foreign = f"https://evil.example/ngsi-ld/v1/jsonldContexts/{rules.implicit_id(source)}"
    web.documents[foreign] = {"@context": {"depth": "https://evil.example/depth"}}
    assert (await contexts.resolve("default", foreign)).expanded["depth"] == "https://evil.example/depth"
    local_id = await contexts.implicit(READER, source)
    assert local_id is not None
    assert (await contexts.serve(READER, local_id)).body == {"@context": source}


async def test_implicit_makes_one_context_for_the_same_content_and_none_where_a_url_says_it(contexts: Contexts) -> None:
    source = [URL, {"depth": "https://city.example/depth"}]
    made = [await contexts.implicit(READER, source) for _ in range(2)]
    assert made[0] == made[1] is not None
    for named in (None, URL, [URL], [URL, CORE_CONTEXT_URL], [CORE_CONTEXT_URL], []):
        assert await contexts.implicit(READER, named) is None
    kinds = [one.kind for one in await contexts.listing(READER)]
    assert kinds == [ContextKind.CACHED, ContextKind.IMPLICITLY_CREATED]
    assert (await refusal(contexts.reload(CALLER, made[0] or ""))).code == "data.context.not_reloadable"


@pytest.mark.parametrize("document", [[], None, {"level": "x"}])
async def test_host_refuses_what_is_no_context(contexts: Contexts, document: Any) -> None:
    assert (await refusal(contexts.host(CALLER, document))).code == "data.context.not_a_context"


async def test_host_refuses_a_context_that_cannot_be_read_and_stores_nothing(
    contexts: Contexts, store: MemoryDocumentStore
) -> None:
    assert (await refusal(contexts.host(CALLER, {"@context": 5}))).code == "ngsi_ld.context.not_valid"
    assert await store.count("default", documents.KIND) == 0


async def test_host_refuses_when_the_store_is_full(contexts: Contexts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "STORED_MAX", 1)
    await contexts.host(CALLER, DOCUMENT)
    assert (await refusal(contexts.host(CALLER, DOCUMENT))).code == "data.context.store_full"
    assert (await refusal(contexts.implicit(CALLER, {"a": "https://a.example/"}))).code == "data.context.store_full"
    await contexts.resolve("default", URL)
    assert len(await contexts.listing(READER)) == 2


async def test_what_can_be_had_again_makes_room_when_the_store_is_full(
    contexts: Contexts, store: MemoryDocumentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First what queries made, then downloads; never what a client gave or what a subscription names."""
    monkeypatch.setattr(documents, "STORED_MAX", 4)
    monkeypatch.setattr(documents, "FORGOTTEN_AT_ONCE", 1)

    async def implicit(name: str, *, passing: bool) -> str:
        return await contexts.implicit(READER, {name: f"https://a.example/{name}"}, passing=passing) or ""

    async def there() -> list[str]:
        return [one["localId"] for one in await store.listing("default", documents.KIND, 10)]

    hosted = await contexts.host(CALLER, DOCUMENT)
    await contexts.resolve("default", URL)
    subscribed, asked = await implicit("subscribed", passing=True), await implicit("asked", passing=True)
    assert await implicit("subscribed", passing=False) == subscribed
    again = await implicit("again", passing=True)
    assert await there() == [hosted, rules.cached_id(URL), subscribed, again]
    assert asked not in await there()
    more = await implicit("more", passing=False)
    last = await implicit("last", passing=False)
    assert await there() == [hosted, subscribed, more, last]
    assert (await refusal(implicit("none", passing=True))).code == "data.context.store_full"
    assert (await contexts.resolve("default", URL)).expanded["level"] == "https://city.example/level"


async def test_what_was_used_longest_ago_makes_room_first(
    contexts: Contexts, store: MemoryDocumentStore, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "STORED_MAX", 2)
    monkeypatch.setattr(documents, "FORGOTTEN_AT_ONCE", 1)
    first, second, third = [f"https://{name}.example/" for name in ("first", "second", "third")]
    made = [await contexts.implicit(READER, {"a": one}, passing=True) for one in (first, second)]
    contexts.served(READER, await contexts.serve(READER, made[0] or ""))
    await contexts.implicit(READER, {"a": third}, passing=True)
    kept = [one["localId"] for one in await store.listing("default", documents.KIND, 10)]
    assert kept[:-1] == made[:1]


async def test_implicit_in_a_snapshot_is_served_by_its_town(contexts: Contexts) -> None:
    inside = Caller("default:7", "user:a", "test", frozenset({Role.READER}))
    local_id = await contexts.implicit(inside, {"a": "https://a.example/"}, passing=True)
    assert (await contexts.serve(READER, local_id or "")).kind is ContextKind.IMPLICITLY_CREATED


async def test_delete_forgets_a_context_for_good(contexts: Contexts, web: Web) -> None:
    await contexts.resolve("default", URL)
    web.documents[URL] = {"@context": {"level": "https://new.example/level"}}
    await contexts.delete(CALLER, URL)
    assert (await contexts.resolve("default", URL)).expanded["level"] == "https://new.example/level"
    assert web.fetched == [URL, URL]


async def test_reload_replaces_a_download_and_keeps_the_old_one_when_it_cannot_be_had(contexts: Contexts, web: Web) -> None:
    await contexts.resolve("default", URL)
    kept = await contexts.retrieve(READER, URL)
    web.documents[URL] = {"@context": {"level": "https://new.example/level"}}
    await contexts.reload(CALLER, kept.local_id)
    assert (await contexts.resolve("default", URL)).expanded["level"] == "https://new.example/level"
    for broken in ({"no": "context"}, None):
        web.documents[URL] = broken
        assert (await refusal(contexts.reload(CALLER, URL))).code == "data.context.not_available"
        assert (await contexts.resolve("default", URL)).expanded["level"] == "https://new.example/level"


@pytest.mark.parametrize(("said", "seconds"), [(None, 86_400.0), (60.0, 60.0), (0.0, 1.0)])
async def test_resolve_asks_anew_when_a_download_is_no_longer_fresh(
    contexts: Contexts, web: Web, clock: VirtualClock, said: float | None, seconds: float
) -> None:
    web.fresh_s = said
    await contexts.resolve("default", URL)
    clock.advance(seconds - 0.5)
    await contexts.resolve("default", URL)
    assert web.fetched == [URL]
    web.documents[URL] = {"@context": {"level": "https://new.example/level"}}
    clock.advance(0.5)
    assert (await contexts.resolve("default", URL)).expanded["level"] == "https://new.example/level"


async def test_resolve_goes_on_with_the_old_download_when_a_new_one_cannot_be_had(
    contexts: Contexts, web: Web, clock: VirtualClock
) -> None:
    await contexts.resolve("default", URL)
    del web.documents[URL]
    clock.advance(86_400)
    for _ in range(3):
        assert (await contexts.resolve("default", URL)).expanded["level"] == "https://city.example/level"
    assert web.fetched == [URL, URL]


async def test_resolve_fetches_a_document_once_for_all_who_wait_for_it(contexts: Contexts, web: Web) -> None:
    web.open = asyncio.Event()
    waiting = [asyncio.create_task(contexts.resolve("default", URL)) for _ in range(5)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)
    web.open.set()
    assert len({id(one) for one in await asyncio.gather(*waiting[1:])}) >= 1
    assert web.fetched == [URL]


async def test_resolve_refuses_when_the_documents_together_take_too_long(
    store: MemoryDocumentStore, web: Web, clock: VirtualClock
) -> None:
    contexts = Contexts(store, web, clock, ContextBounds(wait_s=0.05))
    web.open = asyncio.Event()
    assert (await refusal(contexts.resolve("default", URL))).code == "data.context.not_available"
    web.open.set()


async def test_resolve_all_waits_once_for_many_that_cannot_be_had(
    store: MemoryDocumentStore, web: Web, clock: VirtualClock
) -> None:
    contexts = Contexts(store, web, clock, ContextBounds(wait_s=0.1))
    web.slow = "https://down.example/"
    began = time.monotonic()
    found = await contexts.resolve_all("default", [f"{web.slow}{number}" for number in range(200)] + [DOCUMENT["@context"], 5])
    assert time.monotonic() - began < 1
    assert {one.code for one in found[:200] if isinstance(one, Refusal)} == {"data.context.not_available"}
    assert len(web.fetched) <= service.TOGETHER_MAX + 1
    assert not isinstance(found[200], Refusal)
    assert isinstance(found[201], Refusal)


async def test_usage_counts_each_time_a_context_is_found(contexts: Contexts, clock: VirtualClock) -> None:
    await contexts.resolve("default", URL)
    clock.advance(5)
    await contexts.resolve("default", [URL])
    kept = await contexts.retrieve(READER, URL)
    assert contexts.usage(READER, kept) == Usage(2, "2026-11-26T00:00:05Z")
    contexts.served(READER, kept)
    assert contexts.usage(READER, kept).hits == 3
    assert contexts.usage(Caller("other", "user:a", "test", frozenset({Role.READER})), kept) == Usage()


async def test_serve_refuses_a_download(contexts: Contexts) -> None:
    await contexts.resolve("default", URL)
    assert (await refusal(contexts.serve(READER, URL))).code == "data.context.only_cached"
    assert (await refusal(contexts.serve(READER, CORE_CONTEXT_URL))).code == "data.context.only_cached"


@pytest.mark.parametrize("name", [CORE_CONTEXT_URL, "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context.jsonld"])
async def test_a_core_context_is_told_of_and_stays(contexts: Contexts, web: Web, name: str) -> None:
    assert (await contexts.retrieve(READER, name)).kind is ContextKind.CACHED
    assert (await refusal(contexts.delete(CALLER, name))).code == "data.context.built_in"
    await contexts.reload(CALLER, name)
    assert web.fetched == []


async def test_what_is_not_there_is_refused(contexts: Contexts) -> None:
    for name in ("urn:x", "https://nowhere.example/c", "5"):
        for call in (contexts.serve(READER, name), contexts.delete(CALLER, name), contexts.reload(CALLER, name)):
            assert (await refusal(call)).code == "data.context.does_not_exist"


async def test_changes_need_the_writers_role(contexts: Contexts) -> None:
    for call in (contexts.host(READER, DOCUMENT), contexts.delete(READER, URL), contexts.reload(READER, URL)):
        assert (await refusal(call)).code == "security.access.forbidden"


async def test_forget_all_asks_anew_when_the_store_was_emptied(
    contexts: Contexts, store: MemoryDocumentStore, web: Web
) -> None:
    await contexts.resolve("default", URL)
    assert await store.remove("default", documents.KIND, rules.cached_id(URL))
    contexts.forget_all()
    await contexts.resolve("default", URL)
    assert web.fetched == [URL, URL]
