"""Where an @context comes from: memory, the town's store, the offline folder, a guarded fetch; and what is refused."""

from __future__ import annotations

import json
from collections.abc import Awaitable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from machinami.data.contexts import service
from machinami.data.contexts.service import FETCHES_MAX, NEGATIVE_S, Contexts
from machinami.kernel.caller import Caller, Role, development_caller
from machinami.kernel.clock import VirtualClock
from machinami.kernel.errors import Refusal, Unavailable
from machinami.sdk.memory_store import MemoryDocumentStore
from machinami.standards.ngsi_ld.contexts import CORE_CONTEXT_URL, core_context

CALLER = development_caller()
READER = Caller("default", "user:a", "test", frozenset({Role.READER}))
URL = "https://city.example/context.jsonld"
DOCUMENT = {"@context": {"level": "https://city.example/level"}}
ADDRESS = "http://127.0.0.1:8080/ngsi-ld/v1/jsonldContexts"


class Web:
    """Documents by URL; counts what is fetched."""

    def __init__(self, documents: dict[str, Any]) -> None:
        self.documents = documents
        self.fetched: list[str] = []

    async def fetch(self, url: str) -> Any:
        self.fetched.append(url)
        if url not in self.documents:
            raise Unavailable("outbound.fetch.failed", url=url)
        return self.documents[url]


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
    return Contexts(store, web, clock, cache_max=3, depth_max=20)


async def refusal(call: Awaitable[Any]) -> Refusal:
    with pytest.raises(Refusal) as refused:
        await call
    return refused.value


async def test_resolve_gives_the_core_context_without_any_look_up_when_there_is_none(contexts: Contexts, web: Web) -> None:
    assert await contexts.resolve("default", None) is core_context()
    assert (await contexts.resolve("default", CORE_CONTEXT_URL)).expand_term("name") == core_context().expand_term("name")
    assert web.fetched == []


async def test_resolve_fetches_a_document_once_and_keeps_the_context(contexts: Contexts, web: Web) -> None:
    first = await contexts.resolve("default", URL)
    assert first.expand_term("level") == "https://city.example/level"
    assert await contexts.resolve("default", URL) is first
    await contexts.resolve("default", [URL, CORE_CONTEXT_URL])
    assert web.fetched == [URL]


async def test_resolve_takes_the_stored_document_when_it_starts_anew(
    contexts: Contexts, store: MemoryDocumentStore, clock: VirtualClock
) -> None:
    await contexts.resolve("default", URL)
    without_network = Contexts(store, Web({}), clock, cache_max=3, depth_max=5)
    assert (await without_network.resolve("default", URL)).expand_term("level") == "https://city.example/level"


async def test_resolve_keeps_tenants_apart(contexts: Contexts, web: Web) -> None:
    await contexts.resolve("one", URL)
    web.documents[URL] = {"@context": {"level": "https://other.example/level"}}
    assert (await contexts.resolve("two", URL)).expand_term("level") == "https://other.example/level"
    assert (await contexts.resolve("one", URL)).expand_term("level") == "https://city.example/level"


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
    assert await store.count("default", service.KIND) == 0
    web.documents[URL] = DOCUMENT
    clock.advance(NEGATIVE_S)
    assert (await contexts.resolve("default", URL)).expand_term("level") == "https://city.example/level"


async def test_resolve_passes_on_that_the_store_cannot_answer(web: Web, clock: VirtualClock) -> None:
    class Down(MemoryDocumentStore):
        async def fetch(self, tenant: str, kind: str, key: str) -> dict[str, Any] | None:
            raise Unavailable("data.store.unavailable", reason="test")

    with pytest.raises(Unavailable):
        await Contexts(Down(), web, clock, cache_max=3, depth_max=5).resolve("default", URL)


@pytest.mark.parametrize(("documents", "served"), [(FETCHES_MAX, True), (FETCHES_MAX + 1, False)])
async def test_resolve_fetches_no_more_documents_than_allowed(
    store: MemoryDocumentStore, clock: VirtualClock, documents: int, served: bool
) -> None:
    urls = [f"https://city.example/{number}" for number in range(documents)]
    web = Web(dict.fromkeys(urls, DOCUMENT))
    contexts = Contexts(store, web, clock, cache_max=100, depth_max=5)
    if served:
        await contexts.resolve("default", urls)
    else:
        assert (await refusal(contexts.resolve("default", urls))).code == "data.context.too_many_documents"
    assert len(web.fetched) == FETCHES_MAX


async def test_resolve_reads_documents_that_name_documents(contexts: Contexts, web: Web) -> None:
    web.documents["https://city.example/outer"] = {"@context": ["context.jsonld", {"depth": "https://city.example/depth"}]}
    context = await contexts.resolve("default", "https://city.example/outer")
    assert (context.expand_term("level"), context.expand_term("depth")) == (
        "https://city.example/level", "https://city.example/depth",
    )  # fmt: skip


async def test_resolve_keeps_the_contexts_used_last_when_there_are_too_many(contexts: Contexts) -> None:
    maps = [{f"term{number}": f"https://city.example/{number}"} for number in range(4)]
    kept = [await contexts.resolve("default", one) for one in maps[:3]]
    assert await contexts.resolve("default", maps[0]) is kept[0]
    await contexts.resolve("default", maps[3])
    assert await contexts.resolve("default", maps[0]) is kept[0]
    assert await contexts.resolve("default", maps[1]) is not kept[1]


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
    assert (await contexts.resolve("default", URL)).expand_term("level") == "https://offline.example/level"
    assert [one["URL"] for one in await contexts.listing(READER)] == [URL, URL]
    assert (await contexts.serve(READER, URL, ADDRESS))["body"]["@context"]["level"] == "https://offline.example/level"
    assert (await refusal(contexts.delete(CALLER, URL, ADDRESS))).code == "data.context.built_in"


async def test_host_keeps_a_context_that_can_be_used_by_its_address(contexts: Contexts, web: Web) -> None:
    local_id = await contexts.host(CALLER, DOCUMENT, ADDRESS)
    for name in (local_id, f"{ADDRESS}/{local_id}"):
        record = await contexts.serve(READER, name, ADDRESS)
        assert (record["kind"], record["localId"], record["body"]) == ("Hosted", local_id, DOCUMENT)
    used = await contexts.resolve("default", f"{ADDRESS}/{local_id}")
    assert used.expand_term("level") == "https://city.example/level"
    assert web.fetched == []
    assert len(await contexts.listing(READER)) == 1


@pytest.mark.parametrize("document", [[], None, {"level": "x"}])
async def test_host_refuses_what_is_no_context(contexts: Contexts, document: Any) -> None:
    assert (await refusal(contexts.host(CALLER, document, ADDRESS))).code == "data.context.not_a_context"


async def test_host_refuses_a_context_that_cannot_be_read_and_stores_nothing(contexts: Contexts) -> None:
    assert (await refusal(contexts.host(CALLER, {"@context": 5}, ADDRESS))).code == "ngsi_ld.context.not_valid"
    assert await contexts.listing(READER) == []


async def test_delete_forgets_a_context_for_good(contexts: Contexts, web: Web) -> None:
    await contexts.resolve("default", URL)
    web.documents[URL] = {"@context": {"level": "https://new.example/level"}}
    await contexts.delete(CALLER, URL, ADDRESS)
    assert (await contexts.resolve("default", URL)).expand_term("level") == "https://new.example/level"
    assert web.fetched == [URL, URL]


@pytest.mark.parametrize("name", [CORE_CONTEXT_URL, "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context.jsonld"])
async def test_delete_refuses_a_core_context(contexts: Contexts, name: str) -> None:
    assert (await refusal(contexts.delete(CALLER, name, ADDRESS))).code == "data.context.built_in"


async def test_serve_and_delete_refuse_what_is_not_there(contexts: Contexts) -> None:
    for call in (contexts.serve(READER, "urn:x", ADDRESS), contexts.delete(CALLER, "urn:x", ADDRESS)):
        assert (await refusal(call)).code == "data.context.does_not_exist"


async def test_changes_need_the_writers_role(contexts: Contexts) -> None:
    for call in (contexts.host(READER, DOCUMENT, ADDRESS), contexts.delete(READER, URL, ADDRESS)):
        assert (await refusal(call)).code == "security.access.forbidden"


async def test_forget_all_asks_anew_when_the_store_was_emptied(
    contexts: Contexts, store: MemoryDocumentStore, web: Web
) -> None:
    await contexts.resolve("default", URL)
    await store.remove("default", service.KIND, URL)
    contexts.forget_all()
    await contexts.resolve("default", URL)
    assert web.fetched == [URL, URL]
