"""Figures for Prometheus: requests, commits, queues, deliveries."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import Metric
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The registry of one server. `watch` adds a figure that is read when it is asked for."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._watched = _Watched()
        self._registry.register(self._watched)
        self._requests = Counter(
            "machinami_http_requests", "Requests by method and status.", ["method", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "machinami_http_request_seconds", "Time of a request.", buckets=SECONDS, registry=self._registry
        )
        self._children: dict[tuple[str, int], Counter] = {}

    def request(self, method: str, status: int, seconds: float) -> None:
        child = self._children.get((method, status))
        if child is None:
            child = self._children[(method, status)] = self._requests.labels(method, str(status))
        child.inc()
        self._seconds.observe(seconds)

    def watch(self, name: str, text: str, read: Callable[[], float], *, counts: bool = False) -> None:
        """A figure `machinami_<name>`: a counter if it only ever rises."""
        self._watched.add(f"machinami_{name}", text, read, counts)

    def text(self) -> bytes:
        """The exposition format."""
        return generate_latest(self._registry)


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
