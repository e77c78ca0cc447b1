"""Time is injected: UTC instants for data, a monotonic reading for waiting (design.md, decision 7)."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """A source of time that a test or a replay can replace."""

    def now(self) -> datetime:
        """The present instant, timezone-aware UTC."""

    def monotonic(self) -> float:
        """Seconds on a clock that never jumps; only differences mean anything."""


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


class VirtualClock:
    """A clock that moves only when told to; for tests and replays."""

    def __init__(self, start: datetime) -> None:
        self._now = start.astimezone(UTC)
        self._elapsed_s = 0.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._elapsed_s

    def advance(self, seconds: float) -> None:
        """Move both readings forward by `seconds`."""
        self._now += timedelta(seconds=seconds)
        self._elapsed_s += seconds


def iso(instant: datetime) -> str:
    """An instant as NGSI-LD writes it: UTC, `Z`, a fraction only where it is not zero (CIM 009 4.6.3)."""
    text = instant.astimezone(UTC).replace(tzinfo=None).isoformat()
    return (text.rstrip("0") if instant.microsecond else text) + "Z"


def parse_instant(text: str) -> datetime:
    """Read an ISO 8601 date-time with an offset or `Z` (comma or dot fraction); raises ValueError otherwise."""
    parsed = datetime.fromisoformat(text.replace(",", "."))
    if parsed.tzinfo is None:
        raise ValueError(f"no UTC offset in {text!r}")
    try:
        return parsed.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{text!r} lies outside of the years 1 to 9999 in UTC") from error
