"""The registry of errors is complete: each code in the source has its texts, and each text can be written."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

import machinami
from machinami.bootstrap.errors import register_all
from machinami.bootstrap.reasons import REASONS
from machinami.entrypoints.http.errors import ROWS
from machinami.entrypoints.http.problems import STATUS, problem_document
from machinami.kernel.error_texts import ERRORS, describe, reason_in_japanese, register
from machinami.kernel.errors import Kind, MachinamiError

SOURCE = Path(machinami.__file__).parent
_REASONED = ("reason", "wanted")
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
OTHERS_REASONS = frozenset({"HTTP {}", "{}: {}", "id", "on", "sysAttrs"})
"""Names of the API and of settings, and what a library said: the same in both languages."""


def pieces(value: ast.expr) -> list[str]:
    """The texts that an expression may be; `{}` stands for what is filled in."""
    match value:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.JoinedStr(values=values):
            return ["".join(str(one.value) if isinstance(one, ast.Constant) else "{}" for one in values)]
        case ast.IfExp(body=body, orelse=orelse):
            return [*pieces(body), *pieces(orelse)]
    return []


def reasons() -> dict[str, str]:
    """Each reason in the source, written as a parameter of an error or handed to a function that makes it one."""
    trees = {path: ast.parse(path.read_text("utf-8")) for path in sorted(SOURCE.rglob("*.py"))}
    nodes = [(path, node) for path, tree in trees.items() for node in ast.walk(tree)]
    makers: dict[str, int] = {}
    for _, node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names = [one.arg for one in node.args.args if one.arg != "self"]
            keywords = [one for call in ast.walk(node) if isinstance(call, ast.Call) for one in call.keywords]
            handed = [one.value.id for one in keywords if one.arg in _REASONED and isinstance(one.value, ast.Name)]
            makers |= {node.name: names.index(one) for one in handed if one in names}
    found: dict[str, str] = {}
    for path, node in nodes:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id in _REASONED:
            found |= {text: f"{path.relative_to(SOURCE)}:{node.lineno}" for text in pieces(node.value)}
        if isinstance(node, ast.Call):
            place = makers.get(node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", ""))
            given = [one.value for one in node.keywords if one.arg in _REASONED]
            given += [] if place is None else node.args[place : place + 1]
            found |= {text: f"{path.relative_to(SOURCE)}:{node.lineno}" for one in given for text in pieces(one)}
    return found


def test_each_reason_in_the_source_is_said_in_japanese_and_no_other() -> None:
    found = {text: place for text, place in reasons().items() if text not in OTHERS_REASONS}
    assert len(found) > 100
    assert {text: place for text, place in found.items() if text not in REASONS} == {}
    assert REASONS.keys() - found.keys() == set()
    said = {text: reason_in_japanese(text.replace("{}", "5")) for text in found}
    assert [text for text in found if said[text] == text.replace("{}", "5")] == []
    assert {text for text, said in REASONS.items() if text.count("{}") != said.format(*["\0"] * 9).count("\0")} == set()


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("it must be a URI", "URI にしてください"),
        ("it must be one of normalized, concise", "normalized, concise のいずれかにしてください"),
        ("'x' is not expected here", "ここに 'x' は書けません"),
        ("it must be an object with a, b only", "a, b だけを使ったオブジェクトにしてください"),
        ('each item must be {"key": text, "value": text}', '各要素は {"key": 文字列, "value": 文字列} にしてください'),
        ("Connection refused", "Connection refused"),
        ("{} is none of a, b", "{} は a, b のいずれでもありません"),
        ("it must be {x} or {0}", "{x} or {0} にしてください"),
    ],
)
def test_reason_in_japanese(reason: str, said: str) -> None:
    assert reason_in_japanese(reason) == said
    error = MachinamiError("ngsi_ld.attribute.not_valid", attribute="a", reason=reason)
    assert describe(error, "ja")[0] == f"属性 a: {said}。"
    assert describe(error, "en")[0] == f"Attribute a: {reason}."


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


def test_each_registered_code_is_made_somewhere() -> None:
    source = "".join(path.read_text("utf-8") for path in SOURCE.rglob("*.py") if path.name != "errors.py")
    whole = set(re.findall(r'"([a-z0-9_]+(?:\.[a-z0-9_]+)+)"', source))
    beginnings = tuple(re.findall(r'f"((?:[a-z0-9_]+\.)+)\{', source))
    assert [code for code in ERRORS if code not in whole and not code.startswith(beginnings)] == []


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
