"""Aggregated temporal representation (CIM 009 4.5.19): methods, periods, and what a method says of values.

The sums that all methods follow from are exact decimals, so that a store may add them up in any order: `summed` is how they
are defined. Where the clause leaves it open: a period without values is left out; the standard deviation is that of a sample,
so a single value has none.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from math import sqrt
from typing import Any, Final

from machinami.kernel.entity import Instance, value_of
from machinami.kernel.errors import Refusal
from machinami.standards.ngsi_ld.durations import Duration


class Method(StrEnum):
    """The aggregation methods."""

    TOTAL_COUNT = "totalCount"
    DISTINCT_COUNT = "distinctCount"
    SUM = "sum"
    AVG = "avg"
    MIN = "min"
    MAX = "max"
    STDDEV = "stddev"
    SUMSQ = "sumsq"


_COUNTED: Final = frozenset({Method.TOTAL_COUNT, Method.DISTINCT_COUNT})


WHOLE: Final = Duration()
"""A duration of nothing stands for the whole time range (4.5.19.1)."""


def parse_methods(text: str) -> tuple[Method, ...]:
    """The methods of a comma-separated list, in its order."""
    names = [one.strip() for one in text.split(",") if one.strip()]
    unknown = [one for one in names if one not in tuple(Method)]
    if unknown or not names:
        raise _refuse(f"aggrMethods must name at least one of {', '.join(Method)}, and nothing else")
    return tuple(dict.fromkeys(Method(one) for one in names))


@dataclass(frozen=True, slots=True)
class Periods:
    """Equal periods from `origin` on: period n begins n durations later, by the calendar of `zone` where months count.

    Without a duration there is one period, up to `end`.
    """

    origin: datetime
    duration: Duration
    end: datetime
    zone: tzinfo = UTC

    def start(self, number: int) -> datetime:
        """When a period begins; raises OverflowError or ValueError beyond the calendar."""
        duration = self.duration
        if not duration.months:
            return self.origin + number * duration.span
        local = _later(self.origin.astimezone(self.zone), number * duration.months)
        return (local + number * duration.span).astimezone(self.origin.tzinfo)

    def begin_of(self, time: datetime, begins: Sequence[datetime]) -> datetime:
        """The begin of the period that holds `time`; `begins` are the boundaries where months count."""
        if self.duration == WHOLE:
            return self.origin
        if self.duration.months:
            return begins[bisect_right(begins, time) - 1]
        return self.origin + (time - self.origin) // self.duration.span * self.duration.span

    def boundaries(self, last: datetime, most: int) -> list[datetime] | None:
        """The begins of all periods up to the one that holds `last`; None if they are more than `most`."""
        found = [self.origin]
        while True:
            try:
                following = self.start(len(found))
            except (OverflowError, ValueError):
                return found
            if following > last:
                return found
            found.append(following)
            if len(found) > most:
                return None

    def range_of(self, start: datetime, begins: Sequence[datetime] = ()) -> tuple[datetime, datetime]:
        """(start, end) of the period that begins at `start`."""
        if self.duration == WHOLE:
            return start, self.end
        if not self.duration.months:
            return start, _capped(start, self.duration.span)
        try:
            return start, self.start(bisect_right(begins, start))
        except (OverflowError, ValueError):
            return start, datetime.max.replace(tzinfo=self.origin.tzinfo)


def _capped(start: datetime, span: timedelta) -> datetime:
    try:
        return start + span
    except OverflowError:
        return datetime.max.replace(tzinfo=start.tzinfo)


def _later(local: datetime, months: int) -> datetime:
    """The same day of a later month, or that month's last day."""
    year, month = divmod(local.year * 12 + local.month - 1 + months, 12)
    first = local.replace(year=year, month=month + 1, day=1)
    length = ((first + timedelta(days=32)).replace(day=1) - first).days if (year, month) < (9999, 11) else 31
    return first.replace(day=min(local.day, length))


@dataclass(frozen=True, slots=True)
class Sums:
    """What all methods need of the values of one period. `numbers` counts those that have an amount: numbers, booleans as
    0 and 1, arrays by their size; `arrays`: there are arrays among them; `texts`: the first and last one in order."""

    total: int
    distinct: int = 0
    numbers: int = 0
    sum: Decimal = Decimal(0)
    squares: Decimal = Decimal(0)
    least: Decimal | None = None
    most: Decimal | None = None
    arrays: bool = False
    texts: tuple[str, str] | None = None


def summed(instances: Iterable[Instance]) -> Sums:
    """The sums of instances: what a store's must be equal to."""
    values = [_comparable(one) for one in instances]
    amounts = [amount for amount, _, _, _ in values if amount is not None]
    texts = [text for _, text, _, _ in values if text is not None]
    return Sums(
        total=len(values),
        distinct=len({key for _, _, key, _ in values}),
        numbers=len(amounts),
        sum=_exact_sum(amounts),
        squares=_exact_sum([one * one for one in map(Fraction, amounts)]),
        least=min(amounts, default=None),
        most=max(amounts, default=None),
        arrays=any(is_array for _, _, _, is_array in values),
        texts=(min(texts), max(texts)) if texts else None,
    )


def aggregated(method: Method, sums: Sums) -> Any:
    """What a method says of a period; None if it does not apply, or has nothing to say (the deviation of a single value)."""
    if not applies(method, sums):
        return None
    if method is Method.TOTAL_COUNT:
        return sums.total
    if method is Method.DISTINCT_COUNT:
        return sums.distinct
    if not sums.numbers and sums.texts is not None:
        return sums.texts[0] if method is Method.MIN else sums.texts[1]
    if method is Method.AVG:
        return float(Fraction(sums.sum) / sums.numbers)
    if method is Method.STDDEV:
        return _deviation(sums)
    found = {Method.SUM: sums.sum, Method.SUMSQ: sums.squares, Method.MIN: sums.least, Method.MAX: sums.most}[method]
    return None if found is None else _number(found)


def applies(method: Method, sums: Sums) -> bool:
    """Whether a method is defined for values of these kinds (tables 4.5.19.1-1 to 4.5.19.1-3)."""
    if method in _COUNTED:
        return True
    if sums.numbers:
        return not (sums.arrays and method in (Method.STDDEV, Method.SUMSQ))
    return sums.texts is not None and method in (Method.MIN, Method.MAX)


def needs(methods: Sequence[Method]) -> tuple[bool, bool, bool]:
    """(distinct values, squares, least and greatest) : what has to be summed up for these methods."""
    squares = Method.STDDEV in methods or Method.SUMSQ in methods
    return Method.DISTINCT_COUNT in methods, squares, Method.MIN in methods or Method.MAX in methods


def _deviation(sums: Sums) -> float | None:
    if sums.numbers < 2:
        return None
    total = Fraction(sums.sum)
    return sqrt((Fraction(sums.squares) - total * total / sums.numbers) / (sums.numbers - 1))


def _number(value: Decimal) -> int | float:
    whole = int(value)
    return whole if whole == value and abs(whole) < 2**53 else float(value)


def _comparable(instance: Instance) -> tuple[Decimal | None, str | None, str, bool]:
    """(amount, text, a key that equal values share, whether it is an array) of an instance's value."""
    value = value_of(instance)
    key = _key(value)
    if instance["type"] not in ("Property", "GeoProperty", "ListProperty"):
        return None, None, key, False
    if isinstance(value, bool):
        return Decimal(int(value)), None, key, False
    if isinstance(value, int | float):
        return Decimal(repr(value)), None, key, False
    if isinstance(value, list):
        return Decimal(len(value)), None, key, True
    if isinstance(value, dict):
        value = value.get("@value")
    return None, value if isinstance(value, str) else None, key, False


def _key(value: Any) -> str:
    """Equal for equal JSON values: the order of members does not count, and 1 is 1.0 but not true."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{name!r}:{_key(value[name])}" for name in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_key, value)) + "]"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(Fraction(repr(value)))
    return repr(value)


def _exact_sum(values: Iterable[Decimal | Fraction]) -> Decimal:
    return _decimal(sum((Fraction(one) for one in values), Fraction(0)))


def _decimal(value: Fraction) -> Decimal:
    """A sum of decimals as an exact decimal: its denominator has no other factors than 2 and 5."""
    places = 0
    while value.denominator != 1:
        value *= 10
        places += 1
    digits = tuple(map(int, str(abs(value.numerator))))
    return Decimal((int(value < 0), digits, -places))


def _refuse(reason: str) -> Refusal:
    return Refusal("ngsi_ld.temporal_query.not_valid", reason=reason)
