"""The rules of the import: one code per rule with its severity and ja/en texts, and the findings as a CSV file.

The texts (`rules.json`) are the published documentation of the rules. `describe` fills in `{heading}`, `{value}`,
`{proposal}` and a rule's own parameters.
"""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from machinami.kernel.finding import Finding, Place, Severity

COLLAPSE_FROM: Final = 10


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: how it affects its row, and what it says. Rules that `repeat` are told once per column when they are many."""

    severity: Severity
    en: str
    ja: str
    repeats: bool = False


def _load() -> dict[str, Rule]:
    rows = json.loads((files("machinami.linkage.importing") / "rules.json").read_text("utf-8"))
    return {code: Rule(Severity(row["severity"]), row["en"], row["ja"], row["repeats"]) for code, row in rows.items()}


RULES: Final[dict[str, Rule]] = _load()


def finding(code: str, place: Place, value: str = "", proposal: str = "", **parameters: str) -> Finding:
    """A finding of a rule, with the rule's severity."""
    return Finding(code, RULES[code].severity, place, value, proposal, parameters)


def describe(one: Finding, language: str = "ja") -> str:
    """What a finding says, in `ja` or `en`."""
    rule = RULES[one.code]
    text = (rule.ja if language == "ja" else rule.en).format(
        **{"heading": "", **one.parameters, "value": _shortened(one.value), "proposal": one.proposal}
    )
    if "count" in one.parameters and rule.repeats:
        count, rows = one.parameters["count"], one.parameters["rows"]
        text += f"(同様の行: {count}行、{rows}行目)" if language == "ja" else f" ({count} rows like this: {rows})"
    return text


def _shortened(text: str, limit: int = 60) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def collapse(found: Sequence[Finding]) -> list[Finding]:
    """Many findings of a repeating rule in one column become one that names its rows; the rest stays row by row."""
    groups: dict[tuple[str, ...], list[Finding]] = defaultdict(list)
    for one in found:
        if RULES[one.code].repeats and one.place.row is not None:
            groups[_group(one)].append(one)
    many = {group for group, members in groups.items() if len(members) >= COLLAPSE_FROM}
    told: set[tuple[str, ...]] = set()
    result = []
    for one in found:
        group = _group(one)
        if group not in many:
            result.append(one)
        elif group not in told and RULES[one.code].repeats and one.place.row is not None:
            told.add(group)
            rows = [member.place.row for member in groups[group] if member.place.row is not None]
            parameters = {**one.parameters, "count": str(len(rows)), "rows": row_ranges(rows)}
            result.append(Finding(one.code, one.severity, one.place, one.value, one.proposal, parameters))
    return result


def _group(one: Finding) -> tuple[str, ...]:
    value = one.value if one.code == "import.value.not_allowed" else ""
    return (one.code, one.place.file, one.place.sheet, one.place.column, value)


def row_ranges(rows: Iterable[int]) -> str:
    """Row numbers as people write them: 2-5, 9."""
    spans: list[list[int]] = []
    for row in sorted(set(rows)):
        if spans and row == spans[-1][1] + 1:
            spans[-1][1] = row
        else:
            spans.append([row, row])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)


_HEADINGS: Final = {
    "ja": ("重要度", "規則", "ファイル", "シート", "行", "列", "値", "修正案", "説明"),
    "en": ("severity", "rule", "file", "sheet", "row", "column", "value", "proposal", "text"),
}
_SEVERITIES: Final = {Severity.ERROR: "エラー", Severity.WARNING: "要確認", Severity.INFO: "情報"}


def to_csv(found: Iterable[Finding], language: str = "ja") -> bytes:
    """Findings as CSV for a spreadsheet program: UTF-8 with BOM, CRLF, no cell that would run as a formula."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(_HEADINGS[language])
    for one in found:
        severity = _SEVERITIES[one.severity] if language == "ja" else one.severity.value
        place = one.place
        row = (severity, one.code, place.file, place.sheet, place.row or "", place.column, one.value, one.proposal)
        writer.writerow([_safe(str(cell)) for cell in (*row, describe(one, language))])
    return b"\xef\xbb\xbf" + text.getvalue().encode("utf-8", "replace")


def _safe(cell: str) -> str:
    """A cell that no spreadsheet program takes for a formula (OWASP, CSV injection)."""
    return "'" + cell if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")) else cell
