"""A run that ends while somebody reads its record was never interrupted."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any
from unittest.mock import AsyncMock, Mock

from machinami.kernel.caller import development_caller
from machinami.kernel.clock import VirtualClock
from machinami.kernel.errors import Refusal
from machinami.linkage.importing.runs import RUN, ImportRequest, Imports, UploadedFile
from machinami.sdk.memory_store import MemoryDocumentStore


class SlowRecords(MemoryDocumentStore):
    """Reads a run's record at once but hands it over only when the run has ended."""

    def __init__(self) -> None:
        super().__init__()
        self.ended = asyncio.Event()

    async def fetch(self, tenant: str, kind: str, key: str) -> dict[str, Any] | None:
        found = await super().fetch(tenant, kind, key)
        copy = dict(found) if found else None
        if kind == RUN:
            await self.ended.wait()
        return copy

    async def put(self, tenant: str, kind: str, key: str, document: dict[str, Any]) -> None:
        await super().put(tenant, kind, key, dict(document))


async def test_get_says_running_when_the_run_ends_while_its_record_is_read() -> None:
    records, caller = SlowRecords(), development_caller()
    read = Mock(side_effect=Refusal("import.file.empty", file="a.csv"))
    clock = VirtualClock(datetime(2026, 5, 14, tzinfo=UTC))
    imports = Imports(read, AsyncMock(), records, Mock(), clock, 100)
    run = await imports.start(caller, ImportRequest((UploadedFile("a.csv", b""),), "372013"))
    reading = asyncio.create_task(imports.get(caller, run))
    await asyncio.gather(*[task for task in asyncio.all_tasks() if task.get_name() == f"import-{run}"])
    records.ended.set()
    assert (await reading)["state"] == "running"
    assert (await imports.get(caller, run))["problem"]["code"] == "import.file.empty"
