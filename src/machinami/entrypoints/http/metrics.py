"""Figures for Prometheus: requests, commits, queues, deliveries.

Requests are counted in plain numbers, because each one passes here and all of them on one thread; `exposition`
writes them when somebody asks.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import Final, NamedTuple

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Figure(NamedTuple):
    """A figure that is read when it is asked for; a counter if it only ever rises."""

    name: str
    text: str
    read: Callable[[], float]
    counts: bool


class Metrics:
    """The figures of one server."""

    def __init__(self) -> None:
        self.requests: dict[tuple[str, int], int] = {}
        self.buckets = [0] * (len(SECONDS) + 1)
        self.seconds = 0.0
        self.watched: list[Figure] = []

    def request(self, method: str, status: int, seconds: float) -> None:
        """Count a request that was answered."""
        key = (method, status)
        self.requests[key] = self.requests.get(key, 0) + 1
        self.buckets[bisect_left(SECONDS, seconds)] += 1
        self.seconds += seconds

    def watch(self, name: str, text: str, read: Callable[[], float], *, counts: bool = False) -> None:
        """Show a figure as `machinami_<name>`."""
        self.watched.append(Figure(name, text, read, counts))
