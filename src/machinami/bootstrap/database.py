"""The PostgreSQL under a city: the embedded server of its data folder, or one somewhere else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from machinami.adapters.postgres.embedded.locks import ServerFolderLock
from machinami.adapters.postgres.embedded.supervisor import EmbeddedServer
from machinami.kernel.errors import Refusal


class Database:
    """`start` it (or `begin` and go on meanwhile), connect with its arguments, `stop` it when nothing uses it any more."""

    def __init__(self, data: Path, dsn: str = "", binaries: Path | None = None) -> None:
        self._data = data
        self._dsn = dsn
        self._binaries = binaries
        self._server: EmbeddedServer | None = None
        self._lock: ServerFolderLock | None = None
        self._starting: asyncio.Future[None] | None = None

    def begin(self) -> None:
        """Let the embedded server come up in a thread of its own. Harmless when begun."""
        if self._dsn or self._starting is not None:
            return
        self._data.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = ServerFolderLock(self._data)
        self._lock.acquire()
        self._server = EmbeddedServer(self._data, self._binaries)
        self._starting = asyncio.get_running_loop().run_in_executor(None, self._server.start)

    async def start(self) -> Callable[[], dict[str, Any]]:
        """Bring it up; what it returns gives the arguments to connect with."""
        if self._dsn:
            arguments = dsn_arguments(self._dsn)
            return lambda: arguments
        self.begin()
        assert self._server is not None
        assert self._starting is not None
        await self._starting
        return self._server.connect_arguments

    async def stop(self) -> None:
        """Stop the embedded server, if nobody else uses it, even while it comes up. Harmless when not begun."""
        if self._server is not None:
            await asyncio.to_thread(self._server.stop)
            self._server = None
        if self._starting is not None:
            await asyncio.gather(self._starting, return_exceptions=True)
            self._starting = None
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    @property
    def state(self) -> str:
        """`running` and its like, or `external`."""
        return self._server.state.value if self._server else "external"


def dsn_arguments(dsn: str) -> dict[str, Any]:
    """`postgresql://user:password@host:port/database` or `postgresql:///database?host=/socket/folder` for the driver."""
    scheme = dsn.partition(":")[0]
    try:
        parts = urlsplit(dsn)
        several = "," in parts.netloc
        ports = [None if several else parts.port, *(int(port) for port in parse_qs(parts.query).get("port", ()))]
    except ValueError as error:
        raise Refusal("data.store.dsn", dsn=scheme) from error
    if scheme not in ("postgresql", "postgres") or any(port is not None and not 0 < port < 65_536 for port in ports):
        raise Refusal("data.store.dsn", dsn=scheme or "?")
    return {"dsn": dsn}
