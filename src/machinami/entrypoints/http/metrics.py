"""Figures for Prometheus: requests, commits, queues, deliveries.

Requests are counted in plain numbers, because each one passes here and all of them on one thread; the library writes
the exposition format when somebody asks.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The registry of one server. `watch` adds a figure that is read when it is asked for."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = _Requests()
        self._registry.register(self._requests)
        self._watched = _Watched()
        self._registry.register(self._watched)
        self.request: Callable[[str, int, float], None] = self._requests.note

    def watch(self, name: str, text: str, read: Callable[[], float], *, counts: bool = False) -> None:
        """A figure `machinami_<name>`: a counter if it only ever rises."""
        self._watched.add(f"machinami_{name}", text, read, counts)

    def text(self) -> bytes:
        """The exposition format."""
        return generate_latest(self._registry)


class _Requests(Collector):
    """Requests by method and status, and how long they took, in seconds."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, int], int] = {}
        self._buckets = [0] * (len(SECONDS) + 1)
        self._sum = 0.0

    def note(self, method: str, status: int, seconds: float) -> None:
        key = (method, status)
        self._counts[key] = self._counts.get(key, 0) + 1
        self._buckets[bisect_left(SECONDS, seconds)] += 1
        self._sum += seconds

    def collect(self) -> list[Metric]:
        requests = CounterMetricFamily("machinami_http_requests", "Requests by method and status.", labels=["method", "status"])
        for (method, status), count in sorted(self._counts.items()):
            requests.add_metric([method, str(status)], count)
        names = [*(str(one) for one in SECONDS), "+Inf"]
        buckets = list(zip(names, accumulate(self._buckets), strict=True))
        times = HistogramMetricFamily("machinami_http_request_seconds", "Time of a request.", buckets, self._sum)
        return [requests, times]


class _Watched(Collector):
    def __init__(self) -> None:
        self._figures: list[tuple[str, str, Callable[[], float], bool]] = []

    def add(self, name: str, text: str, read: Callable[[], float], counts: bool) -> None:
        self._figures.append((name, text, read, counts))

    def collect(self) -> list[Metric]:
        return [
            (CounterMetricFamily if counts else GaugeMetricFamily)(name, text, value=read())
            for name, text, read, counts in self._figures
        ]
