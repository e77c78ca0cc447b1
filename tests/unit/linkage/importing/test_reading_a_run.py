"""A run that ends while somebody reads its record was never interrupted."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest

from machinami.kernel.caller import development_caller
from machinami.kernel.clock import VirtualClock
from machinami.kernel.errors import Refusal, Unavailable
from machinami.linkage.importing.runs import RUN, ImportRequest, Imports, UploadedFile
from machinami.sdk.memory_store import MemoryDocumentStore


class SlowRecords(MemoryDocumentStore):
    """Reads run records at once but hands them over only when the run has ended; stores them when it is allowed to."""

    def __init__(self) -> None:
        super().__init__()
        self.ended = asyncio.Event()
        self.stored = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def fetch(self, tenant: str, kind: str, key: str) -> dict[str, Any] | None:
        found = await super().fetch(tenant, kind, key)
        copy = dict(found) if found else None
        if kind == RUN:
            await self.ended.wait()
        return copy

    async def listing(self, tenant: str, kind: str, limit: int, offset: int = 0) -> list[dict[str, Any]]:
        found = [dict(one) for one in await super().listing(tenant, kind, limit, offset)]
        await self.ended.wait()
        return found

    async def put(self, tenant: str, kind: str, key: str, document: dict[str, Any]) -> None:
        await super().put(tenant, kind, key, dict(document))
        self.stored.set()
        await self.go_on.wait()


CALLER = development_caller()
REQUEST = ImportRequest((UploadedFile("a.csv", b""),), "372013")


@pytest.fixture
def records() -> SlowRecords:
    return SlowRecords()


@pytest.fixture
def imports(records: SlowRecords) -> Imports:
    read = Mock(side_effect=Refusal("import.file.empty", file="a.csv"))
    return Imports(read, AsyncMock(), records, Mock(), VirtualClock(datetime(2026, 5, 14, tzinfo=UTC)), 100)


async def end(run: str) -> None:
    await asyncio.gather(*[task for task in asyncio.all_tasks() if task.get_name() == f"import-{run}"])


async def test_get_tells_how_the_run_ended_when_it_ends_while_its_record_is_read(
    imports: Imports, records: SlowRecords
) -> None:
    run = await imports.start(CALLER, REQUEST)
    reading = asyncio.create_task(imports.get(CALLER, run))
    await end(run)
    records.ended.set()
    assert (await reading)["problem"]["code"] == "import.file.empty"


async def test_listing_tells_how_a_run_ended_when_it_ends_while_the_list_is_read(
    imports: Imports, records: SlowRecords
) -> None:
    run = await imports.start(CALLER, REQUEST)
    reading = asyncio.create_task(imports.listing(CALLER))
    await end(run)
    records.ended.set()
    assert [one["problem"]["code"] for one in await reading] == ["import.file.empty"]


async def test_listing_says_running_when_a_run_has_only_just_been_stored(imports: Imports, records: SlowRecords) -> None:
    records.go_on.clear()
    records.ended.set()
    starting = asyncio.create_task(imports.start(CALLER, REQUEST))
    await records.stored.wait()
    assert [one["state"] for one in await imports.listing(CALLER)] == ["running"]
    records.go_on.set()
    await end(await starting)


async def test_a_run_is_interrupted_when_its_first_record_is_stored_but_the_store_says_no(
    imports: Imports, records: SlowRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def put(tenant: str, kind: str, key: str, document: dict[str, Any]) -> None:
        await MemoryDocumentStore.put(records, tenant, kind, key, dict(document))
        raise Unavailable("data.store.unavailable", reason="the answer was lost")

    monkeypatch.setattr(records, "put", put)
    records.ended.set()
    with pytest.raises(Unavailable):
        await imports.start(CALLER, REQUEST)
    assert [one["problem"]["code"] for one in await imports.listing(CALLER)] == ["import.run.interrupted"]
