"""Who this installation is among brokers."""

from __future__ import annotations

import pytest

from machinami.kernel.source import duration


@pytest.mark.parametrize(("seconds", "text"), [(-1, "P0DT0H0M0S"), (59, "P0DT0H0M59S"), (86_400 + 3_600 + 61, "P1DT1H1M1S")])
def test_duration_is_iso_8601(seconds: int, text: str) -> None:
    assert duration(seconds) == text
