"""Each code that the entity rules and the matcher raise has texts, and both languages use the same parameters."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter

import pytest

from machinami.data.entities import errors as entity_errors
from machinami.data.entities import rules
from machinami.data.matching import errors as matching_errors
from machinami.kernel.error_texts import ErrorText

ROWS = {**entity_errors.ROWS, **matching_errors.ROWS}
FOLDER = Path(rules.__file__).parent.parent


def fields(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name is not None}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_texts_use_the_same_parameters_in_both_languages(row: ErrorText) -> None:
    assert fields(row.en) == fields(row.ja)
    assert fields(row.remedy_en) == fields(row.remedy_ja) == set()


def test_texts_exist_for_exactly_the_codes_in_use() -> None:
    sources = [path for part in ("entities", "matching") for path in (FOLDER / part).glob("*.py") if path.name != "errors.py"]
    used = {code for path in sources for code in re.findall(r'"(data\.[a-z_]+\.[a-z_]+)"', path.read_text("utf-8"))}
    assert used == set(ROWS)
