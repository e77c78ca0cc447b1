"""Shared builders of alarm tests."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from machinami.command.alarms.model import AlarmEvent, AlarmKey, Effect, Severity

START = datetime(2026, 11, 26, 0, 0, tzinfo=UTC)
EVENT = AlarmEvent(
    key=AlarmKey("jma", "20261126000000", "590", "tsunami"),
    effect=Effect.RAISE,
    severity=Severity.MAJOR,
    order="000",
    event_at=START,
    arrived_at=START,
    level="津波警報",
    area_name="香川県",
    headline_ja="香川県 津波警報",
    headline_en="Tsunami warning: 香川県",
)


@pytest.fixture
def message():
    """Build the n-th message (a minute after the one before), with changes."""

    def build(number: int = 0, **changes) -> AlarmEvent:
        at = START + timedelta(minutes=number)
        return replace(EVENT, **{"order": f"{number:03}", "event_at": at, "arrived_at": at, **changes})

    return build
