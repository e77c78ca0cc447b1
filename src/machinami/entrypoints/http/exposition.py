"""The figures in the format that Prometheus reads; loaded when somebody asks for them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

from prometheus_client import generate_latest
from prometheus_client.core import Metric
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from machinami.entrypoints.http.metrics import SECONDS, Metrics


class Families(Collector):
    """Requests by method and status, how long they took in seconds, and what is watched."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        metrics = self._metrics
        requests = CounterMetricFamily("machinami_http_requests", "Requests by method and status.", labels=["method", "status"])
        for (method, status), count in sorted(metrics.requests.items()):
            requests.add_metric([method, str(status)], count)
        yield requests
        names = [*(str(one) for one in SECONDS), "+Inf"]
        buckets = list(zip(names, accumulate(metrics.buckets), strict=True))
        yield HistogramMetricFamily("machinami_http_request_seconds", "Time of a request.", buckets, metrics.seconds)
        for figure in metrics.watched:
            family = CounterMetricFamily if figure.counts else GaugeMetricFamily
            yield family(f"machinami_{figure.name}", figure.text, value=figure.read())


def exposition(metrics: Metrics) -> bytes:
    """The text of /metrics."""
    return generate_latest(Families(metrics))
