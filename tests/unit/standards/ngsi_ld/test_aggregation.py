"""Aggregation of time series: durations, periods by the calendar, and what each method says of each kind of value."""

from __future__ import annotations

import statistics
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from machinami.kernel.errors import Refusal
from machinami.standards.ngsi_ld.aggregation import (
    Method,
    Periods,
    aggregated,
    parse_methods,
    summed,
)
from machinami.standards.ngsi_ld.durations import Duration, parse_duration

TOKYO = timezone(timedelta(hours=9))
START = datetime(2026, 1, 31, 15, 0, tzinfo=UTC)


def prop(value, kind="Property", member="value"):
    return {"type": kind, member: value}


@pytest.mark.parametrize("text", ["", ",", "mean", "avg,mean"])
def test_parse_methods_refuses_unknown_ones(text):
    with pytest.raises(Refusal, match=r"temporal_query.not_valid"):
        parse_methods(text)


def test_months_begin_by_the_calendar_of_the_zone():
    by_tokyo = Periods(START, parse_duration("d", "P1M"), START, TOKYO)
    assert [by_tokyo.start(n).isoformat() for n in range(3)] == [
        "2026-01-31T15:00:00+00:00", "2026-02-28T15:00:00+00:00", "2026-03-31T15:00:00+00:00",
    ]  # fmt: skip
    by_utc = Periods(START, parse_duration("d", "P1M"), START)
    assert [by_utc.start(n).day for n in range(4)] == [31, 28, 31, 30]
    assert by_utc.start(13) == datetime(2027, 2, 28, 15, tzinfo=UTC)


def test_the_end_of_the_calendar_is_no_crash():
    years = Periods(datetime(9998, 6, 1, tzinfo=UTC), parse_duration("d", "P1Y"), START)
    begins = years.boundaries(datetime(9999, 12, 31, tzinfo=UTC), 10)
    assert begins == [datetime(9998, 6, 1, tzinfo=UTC), datetime(9999, 6, 1, tzinfo=UTC)]
    assert years.range_of(begins[1], begins)[1] == datetime.max.replace(tzinfo=UTC)
    days = Periods(datetime(9999, 12, 31, tzinfo=UTC), parse_duration("d", "P2D"), START)
    assert days.range_of(days.origin)[1] == datetime.max.replace(tzinfo=UTC)
    assert years.boundaries(datetime(9999, 12, 31, tzinfo=UTC), 1) is None


@given(
    origin=st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)),
    months=st.integers(0, 40),
    seconds=st.integers(1, 10_000_000),
    passed=st.integers(0, 900_000_000),
    hours=st.integers(-12, 14),
)
def test_every_instant_lies_in_the_period_that_holds_it(origin, months, seconds, passed, hours):
    start = origin.replace(tzinfo=UTC)
    duration = Duration(months, timedelta(seconds=seconds))
    periods = Periods(start, duration, start, timezone(timedelta(hours=hours)))
    time = start + timedelta(seconds=passed)
    begins = periods.boundaries(time, 20_000) if months else []
    begin, end = periods.range_of(periods.begin_of(time, begins), begins)
    assert begin <= time < end
    assert begins == sorted(begins)


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ([1, 2.5, 2.5], {"totalCount": 3, "distinctCount": 2, "sum": 6, "avg": 2.0, "min": 1, "max": 2.5, "sumsq": 13.5}),
        ([True, False, True], {"sum": 2, "avg": 2 / 3, "min": 0, "max": 1, "sumsq": 2, "distinctCount": 2}),
        (["b", "a", "ア"], {"min": "a", "max": "ア", "sum": None, "avg": None, "stddev": None, "totalCount": 3}),
        ([[1, 2], [], [3]], {"sum": 3, "avg": 1.0, "min": 0, "max": 2, "stddev": None, "sumsq": None, "distinctCount": 3}),
        ([{"x": 1}, {"x": 1.0}], {"sum": None, "min": None, "totalCount": 2, "distinctCount": 1}),
        ([{"@type": "DateTime", "@value": "2026-01-01T00:00:00Z"}], {"max": "2026-01-01T00:00:00Z", "avg": None}),
        ([1, True, "1"], {"distinctCount": 3}),
    ],
)
def test_methods_say_what_the_table_defines(values, wanted):
    sums = summed([prop(one) for one in values])
    assert {name: aggregated(Method(name), sums) for name in wanted} == wanted


def test_relationships_are_only_counted():
    sums = summed([prop(one, "Relationship", "object") for one in ("urn:a:1", "urn:a:1", "urn:a:2")])
    assert [aggregated(one, sums) for one in Method] == [3, 2, None, None, None, None, None, None]


@given(st.lists(st.floats(-1e6, 1e6, allow_subnormal=False).map(lambda one: round(one, 4)), min_size=2, max_size=40))
def test_sums_are_exact_and_deviations_those_of_a_sample(values):
    sums = summed([prop(one) for one in values])
    assert aggregated(Method.STDDEV, sums) == pytest.approx(statistics.stdev(values), rel=1e-9, abs=1e-6)
    assert aggregated(Method.AVG, sums) == pytest.approx(statistics.fmean(values), rel=1e-12, abs=1e-12)
    assert summed([prop(one) for one in reversed(values)]) == sums


def test_a_single_value_has_no_deviation():
    assert aggregated(Method.STDDEV, summed([prop(5)])) is None
