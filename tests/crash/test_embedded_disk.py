"""A full disk: PostgreSQL crashes when its WAL can't grow; the supervisor's reserve brings it back, nothing is lost."""

import asyncio
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from machinami.adapters.postgres.embedded import folder as folders
from machinami.adapters.postgres.embedded.supervisor import EmbeddedServer, ServerState

DISK_BYTES = 400_000_000
WAIT_S = 60.0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, 400 MB in memory."""
    disk = tmp_path / "disk"
    disk.mkdir()
    options = ["-o", f"size={DISK_BYTES},mode=0700"]
    if subprocess.run(["mount", "-t", "tmpfs", *options, "tmpfs", disk], capture_output=True).returncode != 0:
        pytest.skip("may not mount a file system")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def fill(disk: Path) -> Path:
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        os.posix_fallocate(file.fileno(), 0, folders.free_bytes(disk) - 1_000_000)
        file.seek(0, os.SEEK_END)
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return filler


async def write_until_the_server_dies(server: EmbeddedServer) -> set[int]:
    """Rows that were acknowledged before the WAL could not grow any more."""
    connection = await asyncpg.connect(**server.connect_arguments())
    acked: set[int] = set()
    try:
        for number in range(1, 1000):
            await connection.execute("insert into kept values ($1)", number)
            acked.add(number)
            await connection.execute("select pg_logical_emit_message(true, 'fill', repeat('x', 1000000))")
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        return acked
    finally:
        connection.terminate()
    pytest.fail("the disk did not run full")


async def stored(server: EmbeddedServer) -> set[int]:
    connection = await asyncpg.connect(**server.connect_arguments())
    try:
        return {row["id"] for row in await connection.fetch("select id from kept")}
    finally:
        await connection.close()


async def write_one(server: EmbeddedServer, number: int) -> None:
    connection = await asyncpg.connect(**server.connect_arguments())
    await connection.execute("create table if not exists kept (id bigint primary key)")
    await connection.execute("insert into kept values ($1)", number)
    await connection.close()


def test_watcher_spends_the_reserve_when_the_server_crashed_on_a_full_disk(small_disk: Path) -> None:
    back = threading.Event()
    seen: list[ServerState] = []

    def listen(state: ServerState) -> None:
        seen.append(state)
        if seen[-2:] == [ServerState.RESTARTING, ServerState.RUNNING]:
            back.set()

    app = small_disk / "postgres"
    with EmbeddedServer(small_disk, on_state=listen) as server:
        assert folders.keep_ballast(app)
        asyncio.run(write_one(server, 0))
        filler = fill(small_disk)
        acked = asyncio.run(write_until_the_server_dies(server))
        assert back.wait(WAIT_S), seen
        assert acked
        assert acked <= asyncio.run(stored(server))
        assert not (app / "ballast").exists()
        filler.unlink()
        asyncio.run(write_one(server, -1))
    with EmbeddedServer(small_disk) as server:
        assert -1 in asyncio.run(stored(server))
        assert folders.keep_ballast(app)
