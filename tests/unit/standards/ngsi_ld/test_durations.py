from datetime import UTC, datetime, timedelta

import pytest

from machinami.kernel.errors import Refusal
from machinami.standards.ngsi_ld.durations import Duration, parse_duration

LAST_OF_JANUARY = datetime(2024, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("PT0S", Duration()),
        ("P0D", Duration()),
        ("PT90S", Duration(span=timedelta(seconds=90))),
        ("PT1.5S", Duration(span=timedelta(seconds=1.5))),
        ("P2W", Duration(span=timedelta(days=14))),
        ("P3Y6M4DT12H30M5S", Duration(42, timedelta(days=4, hours=12, minutes=30, seconds=5))),
        ("P1M", Duration(1)),
        ("PT1M", Duration(span=timedelta(minutes=1))),
    ],
)
def test_parse_duration_reads_the_forms_of_the_standard(text: str, wanted: Duration) -> None:
    assert parse_duration("aggrPeriodDuration", text) == wanted


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "1H", "P1", "PT1", "P1S", "PT1D", "P1W2D", "P-1D", "p1d", "PT1H ", "P１D", None, 3]
)
def test_parse_duration_refuses_anything_else(text: object) -> None:
    with pytest.raises(Refusal, match=r"ngsi_ld\.duration\.not_valid"):
        parse_duration("entityMapLifetime", text)


@pytest.mark.parametrize(
    ("months", "day"), [(1, datetime(2024, 2, 29, 12, tzinfo=UTC)), (3, datetime(2024, 4, 30, 12, tzinfo=UTC)),
                        (13, datetime(2025, 2, 28, 12, tzinfo=UTC)), (-1, datetime(2023, 12, 31, 12, tzinfo=UTC))],
)  # fmt: skip
def test_after_takes_the_last_day_when_a_month_is_shorter(months: int, day: datetime) -> None:
    assert Duration(months).after(LAST_OF_JANUARY) == day


def test_after_stops_at_the_end_of_the_calendar() -> None:
    assert parse_duration("d", "P999999Y").after(LAST_OF_JANUARY) == datetime.max.replace(tzinfo=UTC)
    assert parse_duration("d", "P999999D").after(datetime(9999, 1, 1, tzinfo=UTC)) == datetime.max.replace(tzinfo=UTC)


@pytest.mark.parametrize(("text", "seconds"), [("PT1M30S", 90), ("P1W", 604_800), ("P1Y2M", 425 * 86_400), ("P0D", 0)])
def test_seconds_counts_months_and_years_without_a_calendar(text, seconds):
    assert parse_duration("cacheDuration", text).seconds == seconds
