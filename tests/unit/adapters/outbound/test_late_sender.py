"""The HTTP client is loaded at the first request; wrong settings are refused at the start all the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from machinami.adapters.outbound.late_sender import LateSender
from machinami.kernel.clock import SystemClock
from machinami.kernel.errors import Refusal
from machinami.security.egress.model import EgressPolicy


async def test_send_is_judged_by_the_guard_when_it_is_the_first() -> None:
    sender = LateSender(EgressPolicy(()), SystemClock())
    outcome = await sender.send("http://127.0.0.1:9/", b"{}", {}, 1.0)
    await sender.close()
    assert outcome.status is None
    assert "security.egress" in outcome.detail


def test_settings_are_refused_at_once_when_they_are_wrong(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="ca_bundle"):
        LateSender(EgressPolicy(()), SystemClock(), ca_bundle=tmp_path / "missing.pem")


def test_start_loads_no_library_that_only_later_work_needs() -> None:
    code = (
        "import sys, machinami.entrypoints.cli.main;"
        "print([name for name in ('aiohttp', 'cryptography', 'numpy', 'openpyxl', 'paho', 'shapely') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
