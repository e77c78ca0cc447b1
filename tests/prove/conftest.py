"""A city to be killed, on a folder of its own; what needs a tool of its own is for `make prove` only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .prove_kit import PROVE, City

collect_ignore = [] if PROVE else ["test_generated_requests.py"]


@pytest.fixture
def city(tmp_path: Path) -> Iterator[City]:
    victim = City(tmp_path / "街 data", MACHINAMI_IMPORT_COMMIT_ROWS="100")
    try:
        yield victim
    finally:
        victim.clear_away()
