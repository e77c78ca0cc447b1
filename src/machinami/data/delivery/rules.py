"""Pure decisions of the delivery lanes: backoff, breaker, age, fair shares (trust-N5)."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

from machinami.data.delivery.model import (
    Delivery,
    EndpointHealth,
    Failure,
    LaneLimits,
    Outcome,
    Settlement,
    State,
    Urgency,
)

_DEFAULT_PORTS: Final = {"http": 80, "https": 443, "mqtt": 1883, "mqtts": 8883}
_STATUS_OF_TROUBLE: Final = frozenset((408, 425, 429))
_LATENCY_WEIGHT: Final = 0.3
_EXPONENT_MAX: Final = 30


def endpoint_of(url: str) -> str:
    """The endpoint a breaker belongs to: `scheme://host:port`; the text itself if it is no URL (B11 stores any)."""
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError:
        return url
    return f"{parts.scheme}://{parts.hostname}:{port}" if parts.hostname else url


def backoff_s(attempts: int, limits: LaneLimits, chance: random.Random) -> float:
    """Wait before the next try after `attempts` (≥ 1) failed ones: doubling, capped, with jitter of half its length."""
    full = min(limits.backoff_max_s, limits.backoff_min_s * 2.0 ** min(attempts - 1, _EXPONENT_MAX))
    return full / 2 + chance.random() * full / 2


def age_s_max(urgency: Urgency, limits: LaneLimits) -> float:
    """Age at which an undelivered notification becomes a dead letter."""
    return limits.alarm_age_s_max if urgency is Urgency.ALARM else limits.measure_age_s_max


def timeout_of(delivery: Delivery, limits: LaneLimits) -> float:
    """The subscription's own timeout within bounds, else the setting."""
    return min(delivery.timeout_s or limits.timeout_s, limits.timeout_s_max)


def shows_trouble(outcome: Outcome) -> bool:
    """Whether an outcome counts against the endpoint.

    A 4xx (or 3xx) answer, or a broker's refusal, is about one message: the endpoint lives. Overload (408, 425, 429), 5xx
    and missing answers count. A target that the egress guard refuses says nothing about the endpoint but is not worth
    more than probes.
    """
    if outcome.status is None:
        return outcome.failure not in (Failure.INTERNAL, Failure.DECLINED)
    return outcome.status >= 500 or outcome.status in _STATUS_OF_TROUBLE


def after_outcome(health: EndpointHealth, outcome: Outcome, monotonic_s: float, limits: LaneLimits) -> EndpointHealth:
    """The endpoint's health after one more outcome; the breaker opens at the limit and re-opens after a failed probe."""
    if outcome.failure is Failure.INTERNAL:
        return health
    if health.latency_s:
        latency = health.latency_s + _LATENCY_WEIGHT * (outcome.duration_s - health.latency_s)
    else:
        latency = outcome.duration_s
    if not shows_trouble(outcome):
        return EndpointHealth(latency_s=latency, proven=True)
    failures = health.failures + 1
    open_until = monotonic_s + limits.probe_s if failures >= limits.breaker_failures else None
    return replace(health, failures=failures, open_until=open_until, latency_s=latency)


def allowances(
    healths: Mapping[str, EndpointHealth],
    in_flight: Mapping[str, int],
    monotonic_s: float,
    limits: LaneLimits,
    turn: int = 0,
) -> dict[str, int]:
    """How many further rows each known endpoint may get now; an unknown endpoint may get one.

    An open breaker gets none, a breaker to be probed or an endpoint in trouble one at a time. Endpoints that are
    slow, failing or not yet proven share half of all places, so that the healthy half never waits for them (trust-R8);
    `turn` rotates who of them comes first.
    """
    result: dict[str, int] = {}
    suspects: list[str] = []
    suspects_in_flight = 0
    for endpoint, health in healths.items():
        under_way = in_flight.get(endpoint, 0)
        if health.proven and not health.failures and health.latency_s < limits.slow_s:
            result[endpoint] = limits.in_flight_max
            continue
        suspects_in_flight += under_way
        closed = health.open_until is not None and health.open_until > monotonic_s
        result[endpoint] = 0
        if not closed and under_way < _share_of_suspect(health, limits):
            suspects.append(endpoint)
    room = max(0, max(1, limits.in_flight_max // 2) - suspects_in_flight)
    start = turn % len(suspects) if suspects else 0
    for endpoint in (suspects[start:] + suspects[:start])[:room]:
        result[endpoint] = 1
    return result


def settle(
    delivery: Delivery, outcome: Outcome, health: EndpointHealth, now: datetime, limits: LaneLimits, chance: random.Random
) -> Settlement:
    """What becomes of a row: delivered, waiting for its next try, or a dead letter.

    `health` is the endpoint's after this outcome. The subscription's own cooldown (CIM 009 5.2.15) wins; else, while
    the endpoint's breaker is open, the next probe decides and not the row's backoff, so that a revived receiver is
    found within `probe_s`. A receiver's Retry-After lengthens the wait, up to `backoff_max_s`. Age is counted from the
    change, so a clock stepped back only makes a row live longer (trust-N13).
    """
    if outcome.delivered:
        return Settlement(delivery, State.DELIVERED, outcome, now)
    if (now - delivery.created_at).total_seconds() >= age_s_max(delivery.urgency, limits):
        return Settlement(delivery, State.DEAD, outcome, now)
    if delivery.cooldown_s is not None:
        wait_s = min(delivery.cooldown_s, age_s_max(delivery.urgency, limits))
    elif health.open_until is not None:
        wait_s = limits.probe_s
    else:
        wait_s = backoff_s(delivery.attempts + 1, limits, chance)
    wait_s = max(wait_s, min(outcome.retry_after_s or 0.0, limits.backoff_max_s))
    return Settlement(delivery, State.WAITING, outcome, now, now + timedelta(seconds=wait_s))


def parse_retry_after(text: str | None, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for (RFC 9110 10.2.3: seconds or an HTTP date); None if it says nothing."""
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return max(0.0, (moment - now).total_seconds())


def _share_of_suspect(health: EndpointHealth, limits: LaneLimits) -> int:
    """Requests a suspect may have under way: one to learn from, the lane's own number where it is merely slow."""
    return limits.lane_in_flight_max if health.proven and not health.failures else 1
