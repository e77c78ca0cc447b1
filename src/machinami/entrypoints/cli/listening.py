"""Running the HTTP servers of one core: the public one, the private socket for commands, TLS for the LAN."""

from __future__ import annotations

import asyncio
import os
import pwd
import socket
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Final

import uvicorn

from machinami.bootstrap.core import Core
from machinami.entrypoints.cli.process import SOCKET_NAME
from machinami.entrypoints.http.app import Application
from machinami.entrypoints.http.asgi import wanted_tenant
from machinami.entrypoints.http.joined import JoinedProtocol
from machinami.kernel.caller import ALL_ROLES, DEFAULT_TENANT, Caller

STOP_S: Final = 5


class QuietServer(uvicorn.Server):
    """uvicorn without its own signal handling: the program around it decides when to stop."""

    def install_signal_handlers(self) -> None:
        """Signals are handled in `process.stop_signal`."""

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        """Leave the signals alone."""
        return nullcontext()


class Listeners:
    """The servers of one core; `close` ends them all and lets requests under way finish."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.application = Application(core)
        self._servers: list[tuple[QuietServer, asyncio.Task[None]]] = []
        self._socket_path: Path | None = None

    async def listen(self, bound: socket.socket, certificate: Path | None = None) -> int:
        """Serve on a socket from `process.bind`; returns its port."""
        await self._serve(self.application.asgi(), bound, certificate)
        return int(bound.getsockname()[1])

    async def listen_privately(self, folder: Path) -> None:
        """Serve commands of this computer's user on a 0600 socket in the data folder."""
        path = folder / SOCKET_NAME
        path.unlink(missing_ok=True)
        bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY)
        mask = os.umask(0o177)
        try:
            bound.bind(f"/proc/self/fd/{descriptor}/{SOCKET_NAME}")
        finally:
            os.umask(mask)
            os.close(descriptor)
        self._socket_path = path
        await self._serve(self.application.asgi(local_authenticator()), bound, None)

    async def _serve(self, asgi: Any, bound: socket.socket, certificate: Path | None) -> None:
        config = uvicorn.Config(
            asgi, log_config=None, access_log=False, lifespan="off", http=JoinedProtocol, loop="none", server_header=False,
            proxy_headers=False, timeout_graceful_shutdown=STOP_S, ssl_certfile=certificate, timeout_keep_alive=30,
        )  # fmt: skip
        server = QuietServer(config)
        task = asyncio.create_task(server.serve(sockets=[bound]), name="http")
        while not server.started:
            if task.done():
                task.result()
            await asyncio.sleep(0.005)
        self._servers.append((server, task))

    async def close(self) -> None:
        """Stop listening; live streams end, requests under way get a few seconds."""
        self._core.live.close()
        for server, _ in self._servers:
            server.should_exit = True
        await asyncio.gather(*(task for _, task in self._servers), return_exceptions=True)
        self._servers.clear()
        if self._socket_path is not None:
            self._socket_path.unlink(missing_ok=True)


def local_authenticator() -> Any:
    """Whoever can open the private socket is this computer's user (or root): caller `local:<os-user>`."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = str(os.getuid())

    async def authenticate(headers: Mapping[str, str], method: str, client: str = "") -> Caller:
        return Caller(wanted_tenant(headers) or DEFAULT_TENANT, f"local:{name}", "administration", ALL_ROLES, name)

    return authenticate
