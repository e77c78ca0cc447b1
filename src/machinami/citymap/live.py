"""What open pages are told: a bounded ring of numbered events per server, resumable by the last id seen."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, Final

from machinami.citymap.features import feature
from machinami.citymap.service import CityMap
from machinami.kernel.change import Change, ChangeKind
from machinami.kernel.errors import Unavailable

ALL: Final = ""


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
        self._closed = False

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
        """Announce entity changes that some layer shows: the last state of each entity in the batch."""
        for change in {(one.tenant, one.entity.id): one for one in changes}.values():
            layers = city.layers_of(change.entity)
            if layers:
                gone = change.kind is ChangeKind.DELETED
                drawn = {layer.id: None if gone else feature(change.entity, layer) for layer in layers}
                data = {"id": change.entity.id, "layers": list(drawn), "feature": next(iter(drawn.values()))}
                self.announce(change.tenant, "entity", data)
            elif change.kind is not ChangeKind.UPDATED:
                self.announce(change.tenant, "types", {"type": change.entity.types[0]})
            else:
                self.announce(change.tenant, "entity", {"id": change.entity.id, "layers": [], "feature": None})

    async def stream(self, tenant: str, last_id: str, heartbeat_s: float) -> AsyncGenerator[bytes, None]:
        """Server-sent events of a tenant from behind `last_id` on; a comment when nothing happened for a while."""
        if len(self._signals) >= self._clients_max:
            raise Unavailable("citymap.stream.too_many", most=str(self._clients_max))
        signal = asyncio.Event()
        self._signals.add(signal)
        try:
            position, first = self._position(last_id)
            yield first
            while not self._closed:
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

    def _position(self, last_id: str) -> tuple[int, bytes]:
        epoch, _, number = last_id.rpartition("-")
        newest = self._next - 1
        if not last_id:
            return newest, f"id: {self._epoch}-{newest}\nevent: hello\ndata: {{}}\n\n".encode()
        oldest = self._events[0].id if self._events else self._next
        if epoch == self._epoch and number.isdigit() and oldest - 1 <= int(number) <= newest:
            return int(number), b": welcome back\n\n"
        return newest, f"id: {self._epoch}-{newest}\nevent: reset\ndata: {{}}\n\n".encode()

    def _behind(self, position: int) -> list[LiveEvent]:
        if not self._events or self._events[-1].id <= position:
            return []
        start = max(0, position + 1 - self._events[0].id)
        return [self._events[place] for place in range(start, len(self._events))]

    def _encoded(self, event: LiveEvent) -> bytes:
        data = json.dumps(event.data, ensure_ascii=False, separators=(",", ":"))
        return f"id: {self._epoch}-{event.id}\nevent: {event.name}\ndata: {data}\n\n".encode()
