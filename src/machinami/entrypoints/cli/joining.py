"""Commands act as a client of the server on the same data folder; without one, they start the city for themselves."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from machinami.bootstrap.options import Options
from machinami.entrypoints.cli.folders import enter
from machinami.entrypoints.cli.process import SOCKET_NAME
from machinami.kernel.errors import MachinamiError
from machinami.kernel.late import Late

if TYPE_CHECKING:
    from machinami.bootstrap import core as cores
    from machinami.entrypoints.cli import listening
else:
    cores = Late("machinami.bootstrap.core")
    listening = Late("machinami.entrypoints.cli.listening")

ORIGIN: Final = "http://machinami"
LONG_S: Final = 3_600.0


class ServerRefusal(MachinamiError):
    """What the server refused, as it said it."""

    def __init__(self, problem: dict[str, Any]) -> None:
        texts = {name: str(problem.get(name, "")) for name in ("detail_ja", "remedy", "remedy_ja")}
        super().__init__("cli.server.refused", detail=str(problem.get("title", "")), **texts)


class CityClient:
    """The city's HTTP API over its private socket; the caller is `local:<os-user>`."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def json(self, method: str, path: str, body: Any = None, form: aiohttp.FormData | None = None) -> Any:
        """One request; the parsed answer, None if it has no body. Raises `ServerRefusal`."""
        async with self._session.request(method, f"{ORIGIN}{path}", json=body, data=form) as answer:
            document = await answer.json(content_type=None) if answer.status != 204 else None
            if answer.status >= 400:
                raise ServerRefusal(document or {})
            return document

    async def content(self, path: str) -> bytes:
        """The bytes of an answer."""
        async with self._session.get(f"{ORIGIN}{path}") as answer:
            return await answer.read()


@asynccontextmanager
async def joined(options: Options, *, begin: bool = False) -> AsyncIterator[CityClient]:
    """A client of the running server of the data folder; if none runs, one is opened for as long as it is needed.

    `begin`: a folder in which no city was begun becomes one.
    """
    if await _answers(options.data):
        async with _client(options.data) as client:
            yield client
        return
    enter(options.data, options.store, begin)
    core = cores.Core(options)
    await core.open()
    listeners = listening.Listeners(core)
    try:
        await listeners.listen_privately(options.data)
        async with _client(options.data) as client:
            yield client
    finally:
        await listeners.close()
        await core.close()


async def _answers(data: Path) -> bool:
    if not (data / SOCKET_NAME).exists():
        return False
    async with _client(data) as client:
        try:
            await client.json("GET", "/health")
        except (aiohttp.ClientConnectorError, ServerRefusal) as error:
            return isinstance(error, ServerRefusal)
        return True


@asynccontextmanager
async def _client(data: Path) -> AsyncIterator[CityClient]:
    descriptor = os.open(data, os.O_PATH | os.O_DIRECTORY)  # a socket's own path may have 107 characters only
    try:
        path = f"/proc/self/fd/{descriptor}/{SOCKET_NAME}"
        timeout = aiohttp.ClientTimeout(total=LONG_S)
        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(path), timeout=timeout) as session:
            yield CityClient(session)
    finally:
        os.close(descriptor)
