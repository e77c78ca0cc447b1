"""The database under a city: begun early, awaited later, stopped whatever happened in between."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from machinami.bootstrap import database
from machinami.bootstrap.database import Database
from machinami.kernel.errors import Refusal, Unavailable


class SlowServer:
    """As `EmbeddedServer`: `start` waits until it may go on or is to stop."""

    made: list[SlowServer]

    def __init__(self, folder: Path, binaries: Path | None) -> None:
        self.may_start, self.stopped = threading.Event(), threading.Event()
        self.begun = threading.Event()
        self.made.append(self)

    def start(self) -> None:
        self.begun.set()
        self.may_start.wait(10)
        if self.stopped.is_set():
            raise Unavailable("store.server.stopping", folder="")

    def stop(self) -> None:
        self.stopped.set()
        self.may_start.set()

    def connect_arguments(self) -> dict[str, Any]:
        return {"host": "here"}


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> list[SlowServer]:
    SlowServer.made = []
    monkeypatch.setattr(database, "EmbeddedServer", SlowServer)
    return SlowServer.made


async def test_begin_goes_on_while_the_server_comes_up(tmp_path: Path, servers: list[SlowServer]) -> None:
    under = Database(tmp_path)
    under.begin()
    starting = asyncio.create_task(under.start())
    await asyncio.to_thread(servers[0].begun.wait, 10)
    assert not starting.done()
    servers[0].may_start.set()
    assert (await starting)() == {"host": "here"}
    assert len(servers) == 1
    await under.stop()
    assert servers[0].stopped.is_set()


async def test_stop_ends_a_start_under_way_and_lets_the_folder_go(
    tmp_path: Path, servers: list[SlowServer], caplog: pytest.LogCaptureFixture
) -> None:
    under = Database(tmp_path)
    under.begin()
    with pytest.raises(Refusal, match="in_use"):
        Database(tmp_path).begin()
    await under.stop()
    again = Database(tmp_path)
    again.begin()
    await again.stop()
    assert caplog.text == ""


async def test_a_database_elsewhere_is_neither_begun_nor_stopped(tmp_path: Path, servers: list[SlowServer]) -> None:
    under = Database(tmp_path / "none", "postgresql://db/city")
    under.begin()
    assert (await under.start())() == {"dsn": "postgresql://db/city"}
    await under.stop()
    assert (servers, under.state, list(tmp_path.iterdir())) == ([], "external", [])
