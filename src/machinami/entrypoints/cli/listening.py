"""Running the HTTP servers of one core: the public one, the private socket for commands, TLS for the LAN."""

from __future__ import annotations

import asyncio
import os
import pwd
import signal
import socket
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Final

import uvicorn

from machinami.bootstrap.core import Core
from machinami.entrypoints.http.app import Application
from machinami.entrypoints.http.asgi import wanted_tenant
from machinami.entrypoints.http.joined import JoinedProtocol
from machinami.kernel.caller import ALL_ROLES, DEFAULT_TENANT, Caller
from machinami.kernel.errors import Refusal

SOCKET_NAME: Final = "machinami.sock"
STOP_S: Final = 5


def bind(host: str, port: int) -> socket.socket:
    """Take an address before anything else is begun; `port` 0 takes a free one. Refusal `cli.port.taken`."""
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise Refusal("cli.port.taken", host=host, port=str(port), reason=error.strerror or str(error)) from error
    return bound


class QuietServer(uvicorn.Server):
    """uvicorn without its own signal handling: the program around it decides when to stop."""

    def install_signal_handlers(self) -> None:
        """Signals are handled in `stop_signal`."""

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        """Leave the signals alone."""
        return nullcontext()


class Listeners:
    """The servers of one core; `close` ends them all and lets requests under way finish."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.application = Application(core)
        self._asgi = self.application.asgi()
        self._servers: list[tuple[QuietServer, asyncio.Task[None]]] = []
        self._socket_path: Path | None = None

    async def listen(self, bound: socket.socket, certificate: Path | None = None) -> int:
        """Serve on a socket from `bind`; returns its port."""
        await self._serve(self._asgi, bound, certificate)
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


def stop_signal() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, stop.set)
    return stop
