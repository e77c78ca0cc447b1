"""A city to be killed, on a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .prove_kit import City


@pytest.fixture
def city(tmp_path: Path) -> Iterator[City]:
    victim = City(tmp_path / "街 data", MACHINAMI_IMPORT_COMMIT_ROWS="100")
    try:
        yield victim
    finally:
        victim.clear_away()
