"""Real PostgreSQL servers for the contract suite: the embedded one and Debian's, with a fresh database per test module."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from machinami.adapters.postgres.connection import prepare
from machinami.adapters.postgres.embedded import EmbeddedServer
from machinami.adapters.postgres.migrate import migrate

DEBIAN = Path("/usr/lib/postgresql/15/bin")
TEMPLATE = "contract_template"
SERVERS = ["embedded", pytest.param("debian", marks=pytest.mark.system_postgres)]
START = datetime(2026, 5, 14, 3, 0, tzinfo=UTC)
_numbers = count(1)


@dataclass(frozen=True)
class Server:
    """A running server; `arguments(database)` are those of `asyncpg.connect`."""

    name: str
    arguments: Callable[[str], dict[str, Any]]

    @contextmanager
    def new_database(self, *, migrated: bool = True) -> Iterator[Database]:
        """A database of its own, with or without the schema; dropped at the end, so that stopping has little to write."""
        name = f"contract_{next(_numbers)}"
        apart(self._administer(f"create database {name} template {TEMPLATE if migrated else 'template1'}"))
        try:
            yield Database(self, name)
        finally:
            apart(self._administer(f"drop database {name} with (force)"))

    def make_template(self) -> None:
        """Migrate once; the databases of the modules are copies."""
        apart(self._administer(f"create database {TEMPLATE} template template1"))
        apart(_migrated(self.arguments(TEMPLATE)))

    async def _administer(self, statement: str) -> None:
        connection = await asyncpg.connect(**self.arguments("postgres"))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


@dataclass(frozen=True)
class Database:
    """One database of a server."""

    server: Server
    name: str

    def arguments(self) -> dict[str, Any]:
        return self.server.arguments(self.name)

    async def connect(self) -> asyncpg.Connection:
        """A prepared connection beside the adapters'."""
        connection = await asyncpg.connect(**self.arguments())
        await prepare(connection)
        return connection


def apart(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine in a loop of its own, from a fixture that has none."""
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(asyncio.run, work).result()


async def _migrated(arguments: dict[str, Any]) -> None:
    connection = await asyncpg.connect(**arguments)
    try:
        await prepare(connection)
        await migrate(connection)
    finally:
        await connection.close()


@contextmanager
def embedded_server() -> Iterator[Server]:
    """The server that Machinami carries, in a data folder of its own."""
    with tempfile.TemporaryDirectory(prefix="machinami-contract-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with EmbeddedServer(folder, ballast_bytes=1_000_000) as embedded:
            server = Server("embedded", lambda database: {**embedded.connect_arguments(), "database": database})
            server.make_template()
            yield server


@contextmanager
def debian_server() -> Iterator[Server]:
    """Debian's PostgreSQL 15 in a temporary folder, reached by a socket only; skips if it is not installed."""
    if not (DEBIAN / "postgres").exists():
        pytest.skip(f"Debian's PostgreSQL 15 is not installed ({DEBIAN}): apt install postgresql-15")
    account: dict[str, Any] = {}
    folder = Path(tempfile.mkdtemp(prefix="machinami-pg15-"))
    try:
        if os.geteuid() == 0:
            entry = pwd.getpwnam("postgres")
            os.chown(folder, entry.pw_uid, entry.pw_gid)
            account = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
        cluster = folder / "cluster"
        initdb = [DEBIAN / "initdb", "-D", cluster, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"]
        subprocess.run(initdb, check=True, capture_output=True, cwd=folder, **account)
        command = [DEBIAN / "postgres", "-D", cluster, "-k", folder, "-c", "listen_addresses="]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, **account)
        try:
            server = Server(
                "debian", lambda database: {"host": str(folder), "port": 5432, "user": "postgres", "database": database}
            )
            if not apart(_answers(server, process)):
                raise RuntimeError((folder / "log").read_text())
            server.make_template()
            yield server
        finally:
            process.send_signal(signal.SIGQUIT)  # the folder is thrown away: no last checkpoint
            process.wait(30)
    finally:
        shutil.rmtree(folder)


async def _answers(server: Server, process: subprocess.Popen[bytes]) -> bool:
    """Whether it answers before it ends."""
    async with asyncio.timeout(60):
        while process.poll() is None:
            try:
                connection = await asyncpg.connect(**server.arguments("postgres"))
            except (OSError, asyncpg.CannotConnectNowError):
                await asyncio.sleep(0.02)
            else:
                await connection.close()
                return True
    return False
