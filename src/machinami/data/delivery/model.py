"""One notification on its way: the row, what came of a try, and the bounds of the lanes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

NOTIFICATION_ID_HEADER: Final = "webhook-id"
"""Header that carries the notification id, identical on each retry (trust-N10; name as in Standard Webhooks)."""


class Urgency(StrEnum):
    """Which age limit and which place in the queue a notification has (trust-N5): alarms go first and live longer."""

    ALARM = "alarm"
    MEASURE = "measure"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One claimed row of table `delivery`: one notification of one subscription, payload fixed when it was matched.

    `number` orders the rows of a lane; `order_key` is what must stay in order within it (the entity id; a notification
    about several entities uses the first). `endpoint` is `rules.endpoint_of(url)`. `timeout_s` and `cooldown_s` are
    the subscription's own and win over the settings. `attempts` counts the tries before this one.
    """

    tenant: str
    number: int
    subscription_id: str
    order_key: str
    notification_id: str
    url: str
    endpoint: str
    body: bytes
    headers: Mapping[str, str]
    created_at: datetime
    urgency: Urgency = Urgency.MEASURE
    attempts: int = 0
    timeout_s: float | None = None
    cooldown_s: float | None = None


class Failure(StrEnum):
    """Why no complete answer came."""

    REFUSED = "refused-by-egress-guard"
    NAME = "name-not-resolved"
    CONNECT = "not-connected"
    TLS = "tls"
    TIMEOUT = "timeout"
    CLOSED = "closed-before-the-end"
    PROTOCOL = "not-http"
    DECLINED = "declined-by-broker"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one try: a complete answer's `status`, or a `failure` with a `detail` for people.

    What an MQTT broker has taken has the status 200.

    `retry_after_s` is the answer's Retry-After; `duration_s` runs from the name's resolution to the answer's end.
    """

    status: int | None = None
    failure: Failure | None = None
    retry_after_s: float | None = None
    duration_s: float = 0.0
    detail: str = ""

    @property
    def delivered(self) -> bool:
        """Whether the receiver has taken it over: any complete 2xx answer."""
        return self.failure is None and self.status is not None and 200 <= self.status < 300


class State(StrEnum):
    """What becomes of a row after a try."""

    DELIVERED = "delivered"
    WAITING = "waiting"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Settlement:
    """What the store writes after a try; the claim ends with it.

    `due_at` is set for `WAITING` rows. `outcome` and `at` also feed the subscription's own members (timesSent,
    lastSuccess, lastFailure; CIM 009 5.2.14).
    """

    delivery: Delivery
    state: State
    outcome: Outcome
    at: datetime
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An undelivered notification that is kept for people to look at, replay or export (trust-N6)."""

    delivery: Delivery
    dead_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class LaneLimits:
    """The bounds of delivery; defaults are those of the settings table (trust-N5)."""

    in_flight_max: int = 256
    lane_in_flight_max: int = 8
    timeout_s: float = 5.0
    timeout_s_max: float = 60.0
    backoff_min_s: float = 1.0
    backoff_max_s: float = 300.0
    breaker_failures: int = 5
    probe_s: float = 30.0
    measure_age_s_max: float = 24 * 3600.0
    alarm_age_s_max: float = 72 * 3600.0
    poll_s: float = 1.0
    endpoints_max: int = 4_096
    slow_s: float = 1.0

    @property
    def lease_s(self) -> float:
        """How long a claim holds beyond a subscription's own timeout: longer than a send and its settling take."""
        return self.timeout_s + 10.0


@dataclass(frozen=True, slots=True)
class EndpointHealth:
    """What the worker knows of one endpoint (scheme, host, port). Instants are readings of the monotonic clock.

    `failures` counts in a row; `open_until` is set while the circuit breaker is open; `latency_s` is a running mean;
    `proven` says that the last known answer showed a living endpoint.
    """

    failures: int = 0
    open_until: float | None = None
    latency_s: float = 0.0
    proven: bool = False


@dataclass(slots=True)
class Counters:
    """What a worker did since it started, for metrics."""

    delivered: int = 0
    failed: int = 0
    dead: int = 0
    store_errors: int = 0
    last_errors: dict[str, str] = field(default_factory=dict)
