"""A small webhook receiver on loopback, so that the demonstration's notifications really leave and really arrive."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from aiohttp import web

BODY_BYTES_MAX = 1_000_000


class Receiver:
    """Listens on a free port of 127.0.0.1 under an address nobody can guess."""

    def __init__(self) -> None:
        self._path = f"/{secrets.token_urlsafe(12)}"
        self._runner: web.AppRunner | None = None
        self.address = ""

    async def start(self, on_headline: Callable[[str], None]) -> None:
        """Answer 204 to each notification and pass its headline on."""

        async def take(request: web.Request) -> web.Response:
            document = await request.json()
            on_headline(str(document.get("text_ja") or document.get("headline_ja") or document.get("id", "")))
            return web.Response(status=204)

        application = web.Application(client_max_size=BODY_BYTES_MAX)
        application.router.add_post(self._path, take)
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        self.address = f"http://127.0.0.1:{port}{self._path}"

    async def close(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()
