"""The HTTP client, loaded when something is to be sent: 0.1 s and 10 MB that a start need not wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from machinami.data.delivery.model import Outcome
from machinami.kernel.clock import Clock
from machinami.security.egress.model import EgressPolicy

if TYPE_CHECKING:
    from machinami.adapters.outbound.http_sender import HttpSender


class LateSender:
    """An `HttpSender` made at the first request. Settings that can be wrong (proxy, certificates) are judged at once."""

    def __init__(self, policy: EgressPolicy, clock: Clock, *, proxy: str = "", ca_bundle: Path | None = None) -> None:
        self._policy = policy
        self._clock = clock
        self._sender: HttpSender | None = None
        self._turn = asyncio.Lock()
        if proxy or ca_bundle:
            from machinami.adapters.outbound.http_sender import HttpSender

            self._sender = HttpSender(policy, clock, proxy=proxy, ca_bundle=ca_bundle)

    async def send(self, url: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> Outcome:
        """As `HttpSender.send`."""
        return await (await self._ready()).send(url, body, headers, timeout_s)

    async def fetch(self, url: str, accept: str, bytes_max: int, timeout_s: float) -> bytes:
        """As `HttpSender.fetch`."""
        return await (await self._ready()).fetch(url, accept, bytes_max, timeout_s)

    async def close(self) -> None:
        """Close all connections."""
        if self._sender is not None:
            await self._sender.close()

    async def _ready(self) -> HttpSender:
        async with self._turn:
            if self._sender is None:
                module = await asyncio.to_thread(import_module, "machinami.adapters.outbound.http_sender")
                self._sender = module.HttpSender(self._policy, self._clock)
            return self._sender
