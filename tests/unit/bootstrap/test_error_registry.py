"""The registry of errors is complete: each code in the source has its texts, and each text can be written."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

import machinami
from machinami.bootstrap.errors import register_all
from machinami.entrypoints.http.errors import ROWS
from machinami.entrypoints.http.problems import STATUS, problem_document
from machinami.kernel.error_texts import ERRORS, describe, register
from machinami.kernel.errors import Kind, MachinamiError

SOURCE = Path(machinami.__file__).parent
RAISERS = frozenset({"Refusal", "Unavailable", "MachinamiError"})

register_all()
if "http.path.unknown" not in ERRORS:
    register(ROWS)


def literal_codes() -> Iterator[tuple[str, str, frozenset[str] | None]]:
    """(place, code, names of its parameters or None if they are not written out) of each error made in the source."""
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
                continue
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if name in RAISERS and isinstance(node.args[0].value, str):
                names = [keyword.arg for keyword in node.keywords]
                given = None if None in names else frozenset(str(one) for one in names)
                yield f"{path.relative_to(SOURCE)}:{node.lineno}", node.args[0].value, given


def fields(template: str) -> frozenset[str]:
    return frozenset(name.partition(".")[0].partition("[")[0] for _, name, _, _ in Formatter().parse(template) if name)


CODES = list(literal_codes())


def test_the_scan_sees_the_source() -> None:
    assert len(CODES) > 100


def test_each_code_in_the_source_is_registered() -> None:
    assert [(place, code) for place, code, _ in CODES if code not in ERRORS] == []


def test_each_raised_error_brings_what_its_texts_name() -> None:
    missing = [
        (place, code, sorted(wanted - given))
        for place, code, given in CODES
        if given is not None and code in ERRORS and (wanted := all_fields(code)) - given
    ]
    assert missing == []


def all_fields(code: str) -> frozenset[str]:
    row = ERRORS[code]
    return fields(row.en) | fields(row.ja) | fields(row.remedy_en) | fields(row.remedy_ja)


@pytest.mark.parametrize("code", sorted(ERRORS))
def test_both_languages_name_the_same_parameters_and_can_be_written(code: str) -> None:
    row = ERRORS[code]
    if code != "cli.server.refused":  # it passes on the server's own texts, one parameter per language
        assert fields(row.en) == fields(row.ja)
        assert fields(row.remedy_en) == fields(row.remedy_ja)
    error = MachinamiError(code, **dict.fromkeys(all_fields(code), "〇〇"))
    for language in ("en", "ja"):
        assert all(text.strip() for text in describe(error, language))
    assert problem_document(error)["status"] == STATUS[row.kind]


def test_each_kind_has_a_status() -> None:
    assert set(STATUS) == set(Kind)
