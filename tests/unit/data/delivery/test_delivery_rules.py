"""Pure lane decisions (trust-N5)."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from machinami.data.delivery import rules
from machinami.data.delivery.model import Delivery, EndpointHealth, Failure, LaneLimits, Outcome, State, Urgency

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
LIMITS = LaneLimits()
ROW = Delivery("t", 1, "s", "k", "n", "http://a.example/", "http://a.example:80", b"", {}, NOW)
HEALTHY = EndpointHealth(latency_s=0.01, proven=True)


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("http://A.Example/x?y", "http://a.example:80"),
        ("https://a.example/", "https://a.example:443"),
        ("http://a.example:1026/n", "http://a.example:1026"),
        ("http://[2400::1]:8080/", "http://2400::1:8080"),
        ("mqtt://broker.example/topic", "mqtt://broker.example:1883"),
        ("not a url", "not a url"),
        ("http://a.example:99999/", "http://a.example:99999/"),
    ],
)
def test_endpoint_of_names_scheme_host_and_port(url: str, endpoint: str) -> None:
    assert rules.endpoint_of(url) == endpoint


@given(st.integers(1, 10_000), st.integers(0, 2**32))
def test_backoff_s_stays_within_half_and_whole_of_the_doubling(attempts: int, seed: int) -> None:
    full = min(300.0, 2.0 ** min(attempts - 1, 100))
    assert full / 2 <= rules.backoff_s(attempts, LIMITS, random.Random(seed)) <= full


def test_after_outcome_opens_the_breaker_at_the_limit_and_again_after_a_failed_probe() -> None:
    health = HEALTHY
    for count in range(1, 5):
        health = rules.after_outcome(health, Outcome(failure=Failure.TIMEOUT, duration_s=5.0), 100.0, LIMITS)
        assert (health.failures, health.open_until) == (count, None)
    health = rules.after_outcome(health, Outcome(status=503), 100.0, LIMITS)
    assert health.open_until == 130.0
    health = rules.after_outcome(health, Outcome(failure=Failure.CONNECT), 131.0, LIMITS)
    assert health.open_until == 161.0
    health = rules.after_outcome(health, Outcome(status=204), 162.0, LIMITS)
    assert (health.failures, health.open_until, health.proven) == (0, None, True)


@pytest.mark.parametrize(
    ("outcome", "trouble"),
    [
        (Outcome(status=200), False),
        (Outcome(status=302), False),
        (Outcome(status=400), False),
        (Outcome(status=404), False),
        (Outcome(status=408), True),
        (Outcome(status=429), True),
        (Outcome(status=500), True),
        (Outcome(failure=Failure.CLOSED), True),
        (Outcome(failure=Failure.REFUSED), True),
        (Outcome(failure=Failure.INTERNAL), False),
    ],
)
def test_shows_trouble_when_the_endpoint_and_not_the_message_failed(outcome: Outcome, trouble: bool) -> None:
    assert rules.shows_trouble(outcome) is trouble


def test_allowances_gives_none_when_open_one_when_to_be_probed_and_all_when_healthy() -> None:
    healths = {
        "well": HEALTHY,
        "open": EndpointHealth(failures=5, open_until=200.0),
        "probe": EndpointHealth(failures=5, open_until=90.0),
        "probing": EndpointHealth(failures=5, open_until=90.0),
        "shaky": EndpointHealth(failures=1, proven=True),
        "slow": EndpointHealth(latency_s=4.0, proven=True),
    }
    shares = rules.allowances(healths, {"probing": 1, "slow": 7}, 100.0, LIMITS)
    assert shares == {"well": LIMITS.in_flight_max, "open": 0, "probe": 1, "probing": 0, "shaky": 1, "slow": 1}
    assert rules.allowances(healths, {"slow": 8}, 100.0, LIMITS)["slow"] == 0


def test_allowances_keeps_half_for_the_healthy_and_takes_turns_among_suspects() -> None:
    limits = LaneLimits(in_flight_max=8)
    healths = {f"e{number}": EndpointHealth(failures=1) for number in range(10)}
    seen: set[str] = set()
    for turn in range(10):
        shares = rules.allowances(healths, {"e0": 1}, 0.0, limits, turn)
        served = {endpoint for endpoint, share in shares.items() if share}
        assert len(served) == 3
        seen |= served
    assert seen == set(healths) - {"e0"}


def test_allowances_probes_even_when_there_is_one_place_only() -> None:
    assert rules.allowances({"e": EndpointHealth(failures=9, open_until=1.0)}, {}, 2.0, LaneLimits(in_flight_max=1)) == {"e": 1}


def _wait_s(row: Delivery, outcome: Outcome, health: EndpointHealth) -> float:
    settlement = rules.settle(row, outcome, health, NOW, LIMITS, random.Random(1))
    assert settlement.state is State.WAITING
    assert settlement.due_at is not None
    return (settlement.due_at - NOW).total_seconds()


def test_settle_is_delivered_when_the_answer_is_2xx_whatever_the_age() -> None:
    old = replace(ROW, created_at=NOW - timedelta(days=9))
    assert rules.settle(old, Outcome(status=202), HEALTHY, NOW, LIMITS, random.Random(1)).state is State.DELIVERED


def test_settle_waits_for_backoff_probe_cooldown_or_retry_after() -> None:
    failed = Outcome(status=500)
    opened = EndpointHealth(failures=5, open_until=1.0)
    assert 0.5 <= _wait_s(ROW, failed, HEALTHY) <= 1.0
    assert 4.0 <= _wait_s(replace(ROW, attempts=3), failed, HEALTHY) <= 8.0
    assert _wait_s(replace(ROW, attempts=30), failed, opened) == 30.0
    assert _wait_s(replace(ROW, cooldown_s=600.0), failed, opened) == 600.0
    assert _wait_s(ROW, replace(failed, retry_after_s=17.0), HEALTHY) == 17.0
    assert _wait_s(ROW, replace(failed, retry_after_s=1e9), HEALTHY) == 300.0


@pytest.mark.parametrize(("urgency", "hours"), [(Urgency.MEASURE, 24), (Urgency.ALARM, 72)])
def test_settle_is_dead_when_the_class_is_out_of_time(urgency: Urgency, hours: int) -> None:
    row = replace(ROW, urgency=urgency, created_at=NOW - timedelta(hours=hours))
    assert rules.settle(row, Outcome(status=500), HEALTHY, NOW, LIMITS, random.Random(1)).state is State.DEAD
    younger = replace(row, created_at=row.created_at + timedelta(seconds=1))
    assert rules.settle(younger, Outcome(status=500), HEALTHY, NOW, LIMITS, random.Random(1)).state is State.WAITING


def test_settle_keeps_a_row_alive_when_the_clock_was_stepped_back() -> None:
    row = replace(ROW, created_at=NOW + timedelta(days=400))
    assert rules.settle(row, Outcome(status=500), HEALTHY, NOW, LIMITS, random.Random(1)).state is State.WAITING


def test_timeout_of_takes_the_subscriptions_own_within_bounds() -> None:
    assert rules.timeout_of(ROW, LIMITS) == 5.0
    assert rules.timeout_of(replace(ROW, timeout_s=0.5), LIMITS) == 0.5
    assert rules.timeout_of(replace(ROW, timeout_s=9_999.0), LIMITS) == 60.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Thu, 26 Nov 2026 12:01:30 GMT", 90.0),
        ("Thu, 26 Nov 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("１２", None),
        ("", None),
        ("9" * 400, 999_999_999.0),
        ("Thu, 99 Nov 2026 12:01:30 GMT", None),
    ],
)
def test_parse_retry_after_reads_seconds_and_dates(text: str | None, seconds: float | None) -> None:
    assert rules.parse_retry_after(text, NOW) == seconds


@given(st.text(max_size=60))
def test_parse_retry_after_never_fails_when_given_any_text(text: str) -> None:
    seconds = rules.parse_retry_after(text, NOW)
    assert seconds is None or seconds >= 0
