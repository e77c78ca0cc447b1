"""The load generator, a process of its own: `python -m bench.load` reads one `Plan` (pickle) and prints a result (JSON).

Keep-alive connections, one request under way on each; requests are rendered beforehand, so that the generator spends
as little as it can of the processors that it shares with the server.
"""

from __future__ import annotations

import asyncio
import json
import pickle
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlsplit

import uvloop

WARM_S = 0.4


@dataclass
class Plan:
    """Requests (complete HTTP messages) that `connections` clients send in turn for `seconds`, each starting elsewhere."""

    url: str
    requests: list[bytes]
    connections: int
    seconds: float


@dataclass
class Result:
    """Answers per second, latencies in milliseconds, and how many answers were not 2xx."""

    per_second: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    answers: int
    failed: int
    first_failure: str = ""
    latencies_ms: list[float] = field(default_factory=list)


def request(method: str, path: str, body: bytes = b"", media_type: str = "application/json") -> bytes:
    """One HTTP/1.1 message."""
    head = f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n"
    if body:
        head += f"content-type: {media_type}\r\ncontent-length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


def run(plan: Plan) -> Result:
    """Carry a plan out in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        input=pickle.dumps(plan),
        capture_output=True,
        check=True,
        timeout=plan.seconds + 60,
    )
    return Result(**json.loads(done.stdout))


class _Client(asyncio.Protocol):
    def __init__(self, load: _Load, first: int) -> None:
        self._load = load
        self._place = first
        self._buffer = b""
        self._wanted = -1
        self._began = 0.0

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._send()

    def _send(self) -> None:
        requests = self._load.plan.requests
        self._place = (self._place + 1) % len(requests)
        self._began = time.perf_counter()
        self._transport.write(requests[self._place])

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._wanted < 0:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            self._wanted = end + 4 + _length(self._buffer[:end])
        if len(self._buffer) < self._wanted:
            return
        answer, self._buffer, self._wanted = self._buffer, b"", -1
        if self._load.note(answer, time.perf_counter() - self._began):
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self._load.ended()


def _length(head: bytes) -> int:
    lower = head.lower()
    start = lower.find(b"content-length:")
    if start < 0:
        return 0
    return int(lower[start + 15 :].split(b"\r\n", 1)[0])


class _Load:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._open = plan.connections
        self._done = asyncio.Event()
        self._latencies: list[float] = []
        self._failed = 0
        self._first_failure = ""
        self._from = time.perf_counter() + WARM_S
        self._until = self._from + plan.seconds

    def note(self, answer: bytes, seconds: float) -> bool:
        """Count an answer; whether to go on."""
        now = time.perf_counter()
        if answer[9:10] != b"2":
            self._failed += 1
            self._first_failure = self._first_failure or answer[:400].decode("latin-1")
        elif self._from <= now < self._until:
            self._latencies.append(seconds)
        return now < self._until

    def ended(self) -> None:
        self._open -= 1
        if self._open == 0:
            self._done.set()

    async def run(self) -> Result:
        address = urlsplit(self.plan.url)
        loop = asyncio.get_running_loop()
        step = max(1, len(self.plan.requests) // self.plan.connections)
        for number in range(self.plan.connections):
            await loop.create_connection(lambda n=number: _Client(self, n * step), address.hostname, address.port)  # type: ignore[misc]
        await self._done.wait()
        found = sorted(self._latencies)
        if not found:
            return Result(0.0, 0.0, 0.0, 0.0, 0, self._failed, self._first_failure or "no answer in time")
        p50, p95, p99 = (found[min(len(found) - 1, int(len(found) * part))] * 1000 for part in (0.5, 0.95, 0.99))
        return Result(len(found) / self.plan.seconds, p50, p95, p99, len(found), self._failed, self._first_failure)


def main() -> None:
    plan: Plan = pickle.load(sys.stdin.buffer)
    result = uvloop.run(_Load(plan).run())
    sys.stdout.write(json.dumps(asdict(result)))


if __name__ == "__main__":
    sys.modules.setdefault("bench.load", sys.modules["__main__"])
    main()
