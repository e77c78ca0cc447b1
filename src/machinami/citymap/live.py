"""What open pages are told: a bounded ring of numbered events per server, resumable by the last id seen."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from machinami.citymap.features import feature
from machinami.citymap.service import CityMap
from machinami.kernel.change import Change, ChangeKind
from machinami.kernel.entity import LOCATION
from machinami.kernel.errors import Unavailable

ALL: Final = ""
AWAY_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class LiveEvent:
    """One event: `id` rises by one; `tenant` "" concerns all."""

    id: int
    tenant: str
    name: str
    data: dict[str, Any]


class LiveFeed:
    """Publishes events to any number of pages. `epoch` tells servers' lives apart: an id of another life means reset."""

    def __init__(self, epoch: str, kept: int, clients_max: int) -> None:
        self._epoch = epoch
        self._events: deque[LiveEvent] = deque(maxlen=kept)
        self._next = 1
        self._clients_max = clients_max
        self._signals: set[asyncio.Event] = set()
        self._left_at = -AWAY_S
        self._closed = False

    @property
    def watched(self) -> bool:
        """Whether a page is open, or was a short while ago and may come back for what it missed."""
        return bool(self._signals) or time.monotonic() - self._left_at < AWAY_S

    def forget(self) -> None:
        """Changes were left out while nobody watched: pages that come back start anew."""
        self._events.clear()
        self._next += 1

    @property
    def clients(self) -> int:
        """Open streams."""
        return len(self._signals)

    def close(self) -> None:
        """End all streams, so that the server need not wait for open pages; they come back by themselves."""
        self._closed = True
        for signal in self._signals:
            signal.set()

    def announce(self, tenant: str, event: str, data: dict[str, Any]) -> None:
        """Add an event; open streams send it at once."""
        self._events.append(LiveEvent(self._next, tenant, event, data))
        self._next += 1
        for signal in self._signals:
            signal.set()

    def changes(self, city: CityMap, changes: list[Change]) -> None:
        """Announce the last state of each entity of a batch, once for each layer that shows it, drawn as that layer does.

        An entity that no layer shows is told as `types` when it comes or goes, and not at all when it is updated.
        """
        batches: dict[tuple[str, str], list[Change]] = {}
        for change in changes:
            batches.setdefault((change.tenant, change.entity.id), []).append(change)
        for (tenant, entity_id), own in batches.items():
            last = own[-1]
            layers = city.layers_of(last.entity, had_place=any(LOCATION in one.names for one in own))
            for layer in layers:
                drawn = None if last.kind is ChangeKind.DELETED else feature(last.entity, layer)
                self.announce(tenant, "entity", {"id": entity_id, "layers": [layer.id], "feature": drawn})
            if not layers and any(one.kind is not ChangeKind.UPDATED for one in own):
                self.announce(tenant, "types", {"type": last.entity.types[0]})

    async def stream(self, tenant: str, last_id: str, heartbeat_s: float) -> AsyncGenerator[bytes, None]:
        """Server-sent events of a tenant from behind `last_id` on; a comment when nothing happened for a while.

        A page that reads too slowly to keep up with the ring is told to load everything again.
        """
        if len(self._signals) >= self._clients_max:
            raise Unavailable("citymap.stream.too_many", most=str(self._clients_max))
        signal = asyncio.Event()
        self._signals.add(signal)
        try:
            position, first = self._position(last_id)
            yield first
            while not self._closed:
                if position < self._oldest - 1:
                    position, first = self._reset()
                    yield first
                for event in self._behind(position):
                    if event.tenant in (ALL, tenant):
                        yield self._encoded(event)
                    position = event.id
                try:
                    await asyncio.wait_for(signal.wait(), heartbeat_s)
                    signal.clear()
                except TimeoutError:
                    yield b": still here\n\n"
        finally:
            self._signals.discard(signal)
            self._left_at = time.monotonic()

    def _position(self, last_id: str) -> tuple[int, bytes]:
        epoch, _, number = last_id.rpartition("-")
        newest = self._next - 1
        if not last_id:
            return newest, f"id: {self._epoch}-{newest}\nevent: hello\ndata: {{}}\n\n".encode()
        known = epoch == self._epoch and number.isdecimal() and len(number) <= len(str(newest))
        if known and self._oldest - 1 <= int(number) <= newest:
            return int(number), b": welcome back\n\n"
        return self._reset()

    def _reset(self) -> tuple[int, bytes]:
        newest = self._next - 1
        return newest, f"id: {self._epoch}-{newest}\nevent: reset\ndata: {{}}\n\n".encode()

    @property
    def _oldest(self) -> int:
        """The id of the oldest event kept, or of the next one."""
        return self._next - len(self._events)

    def _behind(self, position: int) -> list[LiveEvent]:
        return list(islice(self._events, max(0, position + 1 - self._oldest), None))

    def _encoded(self, event: LiveEvent) -> bytes:
        data = json.dumps(event.data, ensure_ascii=False, separators=(",", ":"))
        return f"id: {self._epoch}-{event.id}\nevent: {event.name}\ndata: {data}\n\n".encode()
