"""The HTTP and MQTT clients, each loaded when it first has something to send: a start need not wait for them."""

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
    from machinami.adapters.outbound.http_sender import HttpSender, Page
    from machinami.adapters.outbound.mqtt_sender import MqttSender


class LateSender:
    """An `HttpSender` and an `MqttSender`, made at the first request.

    Settings that can be wrong (proxy, certificates) are judged at once.
    """

    def __init__(self, policy: EgressPolicy, clock: Clock, *, proxy: str = "", ca_bundle: Path | None = None) -> None:
        self._policy = policy
        self._clock = clock
        self._ca_bundle = ca_bundle
        self._sender: HttpSender | None = None
        self._publisher: MqttSender | None = None
        self._turn = asyncio.Lock()
        if proxy or ca_bundle:
            from machinami.adapters.outbound.http_sender import HttpSender

            self._sender = HttpSender(policy, clock, proxy=proxy, ca_bundle=ca_bundle)

    async def send(self, url: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> Outcome:
        """As `HttpSender.send`, or `MqttSender.send` for an mqtt URL."""
        if url.startswith(("mqtt:", "mqtts:")):
            return await (await self._publishing()).send(url, body, headers, timeout_s)
        return await (await self._ready()).send(url, body, headers, timeout_s)

    async def download(self, url: str, accept: str, bytes_max: int, timeout_s: float) -> Page:
        """As `HttpSender.download`."""
        return await (await self._ready()).download(url, accept, bytes_max, timeout_s)

    async def exchange(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str], bytes_max: int, timeout_s: float
    ) -> tuple[int, dict[str, str], bytes]:
        """As `HttpSender.exchange`."""
        return await (await self._ready()).exchange(method, url, body, headers, bytes_max, timeout_s)

    async def close(self) -> None:
        """Close all connections."""
        for sender in (self._sender, self._publisher):
            if sender is not None:
                await sender.close()

    async def _ready(self) -> HttpSender:
        async with self._turn:
            if self._sender is None:
                module = await asyncio.to_thread(import_module, "machinami.adapters.outbound.http_sender")
                self._sender = module.HttpSender(self._policy, self._clock)
            return self._sender

    async def _publishing(self) -> MqttSender:
        async with self._turn:
            if self._publisher is None:
                module = await asyncio.to_thread(import_module, "machinami.adapters.outbound.mqtt_sender")
                self._publisher = module.MqttSender(self._policy, self._clock, ca_bundle=self._ca_bundle)
            return self._publisher
