"""The archives of telegrams, opened once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

DATA = Path(__file__).parents[3] / "data" / "jma"


class Telegrams:
    """The official samples by name, the independent reading of most of them, and P2PQuake's pairs."""

    def __init__(self) -> None:
        self._xml = ZipFile(DATA / "telegrams.zip")
        self._json = ZipFile(DATA / "telegrams-json.zip")
        self._real = ZipFile(DATA / "p2pquake.zip")
        self.names = [name.removesuffix(".xml") for name in self._xml.namelist()]
        self.names_with_json = [name.removesuffix(".json") for name in self._json.namelist()]

    def xml(self, start: str) -> bytes:
        """The telegram whose name starts with `start`."""
        return self._xml.read(next(name for name in self._xml.namelist() if name.startswith(start)))

    def expected(self, name: str) -> dict[str, Any]:
        return json.loads(self._json.read(f"{name}.json"))

    def real(self) -> Iterator[tuple[str, bytes, list[dict[str, Any]]]]:
        """(folder, telegram, what P2PQuake published)."""
        names = self._real.namelist()
        for folder in sorted({name.split("/")[0] for name in names}):
            published = [name for name in names if name.startswith(f"{folder}/") and name.endswith(".json")]
            yield folder, self._real.read(f"{folder}/report.xml"), [json.loads(self._real.read(name)) for name in published]


@pytest.fixture(scope="session")
def telegrams() -> Telegrams:
    return Telegrams()
