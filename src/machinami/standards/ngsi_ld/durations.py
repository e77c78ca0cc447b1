"""Durations in the form that GS CIM 009 V1.9.1 takes of ISO 8601 (4.5.19.1): `P[n]Y[n]M[n]DT[n]H[n]M[n]S` or `P[n]W`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from machinami.kernel.errors import Refusal

_FORM: Final = re.compile(
    r"P(?:(\d{1,6})W|(?:(\d{1,6})Y)?(?:(\d{1,6})M)?(?:(\d{1,6})D)?(?:T(?=\d)(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9}(?:[.,]\d{1,6})?)S)?)?)",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Duration:
    """Calendar months and a span of time: a month is as long as the calendar makes it."""

    months: int = 0
    span: timedelta = timedelta()

    @property
    def seconds(self) -> float:
        """Its length where no calendar counts it off: a month as 30 days, a year as 365."""
        years, months = divmod(self.months, 12)
        return self.span.total_seconds() + (years * 365 + months * 30) * 86_400

    def after(self, start: datetime) -> datetime:
        """The instant this much later; a day that a month lacks is its last one. `datetime.max` at the end of the calendar."""
        month = start.year * 12 + start.month - 1 + self.months
        year, month = divmod(month, 12)
        try:
            return _last_fitting(start, year, month + 1) + self.span
        except (OverflowError, ValueError):
            return datetime.max.replace(tzinfo=start.tzinfo)


def parse_duration(name: str, text: object) -> Duration:
    """The duration that `text` says; raises Refusal `ngsi_ld.duration.not_valid` with the member's `name`."""
    match = _FORM.fullmatch(text) if isinstance(text, str) else None
    if match is None or text == "P":
        raise Refusal("ngsi_ld.duration.not_valid", name=name, value=str(text)[:50])
    weeks, years, months, days, hours, minutes = (int(one or 0) for one in match.groups()[:6])
    seconds = float((match[7] or "0").replace(",", "."))
    try:
        span = timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError:
        raise Refusal("ngsi_ld.duration.not_valid", name=name, value=str(text)[:50]) from None
    return Duration(years * 12 + months, span)


def _last_fitting(start: datetime, year: int, month: int) -> datetime:
    for day in range(start.day, 27, -1):
        try:
            return start.replace(year=year, month=month, day=day)
        except ValueError:
            if day == 28:
                raise
    return start.replace(year=year, month=month)
