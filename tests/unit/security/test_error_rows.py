"""Every code of this part has its texts, in both languages, with the placeholders that are given."""

from __future__ import annotations

import re
import string
from pathlib import Path

import machinami
from machinami.adapters.outbound.errors import ROWS as OUTBOUND
from machinami.security.egress.errors import ROWS as EGRESS
from machinami.security.identity.errors import ROWS as IDENTITY

ROWS = {**OUTBOUND, **EGRESS, **IDENTITY}
SOURCES = [
    path
    for folder in ("security", "adapters/outbound")
    for path in (Path(machinami.__file__).parent / folder).rglob("*.py")
    if path.name != "errors.py"
]


def _placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_rows_use_the_same_placeholders_in_both_languages() -> None:
    for code, row in ROWS.items():
        assert _placeholders(row.en) == _placeholders(row.ja), code
        assert _placeholders(row.remedy_en) == _placeholders(row.remedy_ja), code


def test_rows_and_raised_codes_are_the_same() -> None:
    text = "\n".join(path.read_text("utf-8") for path in SOURCES)
    raised = set(re.findall(r'(?:Refusal|Unavailable)\(\s*"((?:security|outbound)\.[a-z_.]+)"', text))
    raised |= {f"security.password.{one}" for one in re.findall(r'return "([a-z_]+)"\n', text)}
    assert raised == set(ROWS)


def test_rows_need_no_placeholder_that_is_not_raised_with_the_code() -> None:
    text = "\n".join(path.read_text("utf-8") for path in SOURCES)
    for code, row in ROWS.items():
        if code.startswith("security.password."):
            continue
        needed = _placeholders(row.en) | _placeholders(row.remedy_en)
        for call in re.findall(rf'\(\s*"{re.escape(code)}"([^\n]*)', text):
            assert needed <= set(re.findall(r"(\w+)=", call)), code
