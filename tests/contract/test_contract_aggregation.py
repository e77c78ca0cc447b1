"""What the store aggregates is what the reference model of `sdk.reference` makes of the same points (CIM 009 4.5.19)."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from machinami.adapters.postgres.store import PostgresStore
from machinami.data.temporal.model import Window
from machinami.data.temporal.service import Aggregation, Asked, Temporal
from machinami.kernel.caller import development_caller
from machinami.kernel.clock import VirtualClock, iso
from machinami.kernel.errors import Refusal
from machinami.kernel.settings import Settings
from machinami.sdk.reference.aggregation import aggregated_points
from machinami.standards.ngsi_ld.aggregation import Method, aggregated
from machinami.standards.ngsi_ld.contexts import core_context
from machinami.standards.ngsi_ld.durations import parse_duration
from machinami.standards.ngsi_ld.temporal_input import parse_evolution

from .servers import START

PROVE = os.environ.get("MACHINAMI_PROVE") == "1"
CONTEXT = core_context()
DURATIONS = ["PT0S", "PT1H", "PT90M", "P1D", "P1DT12H", "P1W", "P1M", "P1M1D", "P3M", "P1Y"]
ZONES = [UTC, ZoneInfo("Asia/Tokyo"), ZoneInfo("Europe/Paris")]
_tenants = count(1)
moments = st.builds(
    lambda day, minute: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day, minutes=minute),
    st.one_of(st.integers(0, 3), st.integers(0, 400)), st.sampled_from([0, 1, 30, 59, 60, 720, 1439]),
)  # fmt: skip
KINDS = [
    st.one_of(st.integers(-5, 5), st.sampled_from([0.1, 2.5, -1e6, 1e6, 3.0])),
    st.booleans(),
    st.sampled_from(["", "a", "B", "b", "é", "高松", "10", "9"]),
    st.lists(st.integers(0, 2), max_size=3),
]
series = st.sampled_from(KINDS).flatmap(
    lambda kind: st.lists(st.tuples(moments, kind), min_size=1, max_size=12, unique_by=lambda one: one[0])
)


@settings(
    max_examples=1_000 if PROVE else 100,
    deadline=None,
    database=None,
    derandomize=not PROVE,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(points=series, duration=st.sampled_from(DURATIONS), zone=st.sampled_from(ZONES), begin=st.none() | moments)
async def test_aggregates_are_those_of_the_reference(
    postgres: PostgresStore, points: list[tuple[datetime, Any]], duration: str, zone: Any, begin: datetime | None
) -> None:
    tenant = f"aggregates{next(_tenants)}"
    caller = development_caller(tenant)
    temporal = Temporal(postgres, postgres.history, VirtualClock(START), Settings())
    instances = [{"type": "Property", "value": value, "observedAt": iso(at)} for at, value in points]
    document = {"id": "urn:ngsi-ld:Meter:1", "type": "Meter", "level": instances}
    await temporal.upsert(caller, *parse_evolution(document, CONTEXT))
    inside = [(at, value) for at, value in points if begin is None or at >= begin]
    window = Window("observedAt", after=begin, strict=True, limit=2**31)
    asked = Asked(window, aggregation=Aggregation(tuple(Method), parse_duration("aggrPeriodDuration", duration), zone))
    try:
        answered = await temporal.retrieve(caller, document["id"], asked)
    except Refusal as error:
        pytest.fail(f"{error.code} {error.parameters}")
    [evolution] = answered.found
    periods = evolution.aggregates[0].periods if evolution.aggregates else ()
    for method in Method:
        found = [(start, said) for start, _, sums in periods if (said := aggregated(method, sums)) is not None]
        wanted = aggregated_points(inside, method.value, duration, begin, zone)
        assert [start for start, _ in found] == [start for start, _ in wanted], method
        for (_, said), (_, expected) in zip(found, wanted, strict=True):
            assert said == (expected if isinstance(expected, str) else pytest.approx(expected, rel=1e-9, abs=1e-9)), method
