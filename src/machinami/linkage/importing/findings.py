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
SHOWN_ITEMS: Final = 5
ITEM_JOINT: Final = "\n"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: how it affects its row, its short names, and what it says.

    Rules that `repeat` are told once per column when they are many; what a rule `rejects` (a row, sheet or file) is not
    taken over.
    """

    severity: Severity
    name_en: str
    name_ja: str
    en: str
    ja: str
    repeats: bool = False
    rejects: bool = False


def _load() -> dict[str, Rule]:
    rows = json.loads((files("machinami.linkage.importing") / "rules.json").read_text("utf-8"))
    return {code: Rule(**{**row, "severity": Severity(row["severity"])}) for code, row in rows.items()}


RULES: Final[dict[str, Rule]] = _load()


def finding(code: str, place: Place, value: str = "", proposal: str = "", **parameters: str) -> Finding:
    """A finding of a rule, with the rule's severity."""
    return Finding(code, RULES[code].severity, place, value, proposal, parameters)


def describe(one: Finding, language: str = "ja", whole: bool = False) -> str:
    """What a finding says, in `ja` or `en`; a long list of `items` is only begun and counted unless it is wanted whole."""
    rule = RULES[one.code]
    blank = {"heading": "", "rows": str(one.place.row or "")}
    parameters = {**blank, **one.parameters, "value": _shortened(one.value), "proposal": one.proposal}
    if "items" in parameters:
        parameters["items"] = _listed(parameters["items"].split(ITEM_JOINT), language, whole)
    text = (rule.ja if language == "ja" else rule.en).format(**parameters)
    if "count" in one.parameters and rule.repeats:
        count, rows = one.parameters["count"], one.parameters["rows"]
        text += f"(同様の行: {count}行、{rows}行目)" if language == "ja" else f" ({count} rows like this: {rows})"
    return text


def _shortened(text: str, limit: int = 60) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def _listed(names: Sequence[str], language: str, whole: bool) -> str:
    rest = len(names) - SHOWN_ITEMS
    if whole or rest <= 0:
        return "、".join(names)
    return "、".join(names[:SHOWN_ITEMS]) + (f" ほか{rest}項目" if language == "ja" else f" and {rest} more")


def in_order(found: Iterable[Finding]) -> list[Finding]:
    """Findings by file and sheet (as they first came), then by row and column; what concerns a whole sheet comes first."""
    findings = list(found)
    sheets = {sheet: place for place, sheet in enumerate(dict.fromkeys((one.place.file, one.place.sheet) for one in findings))}

    def place(one: Finding) -> tuple[int, int, int, str]:
        where = one.place
        return (sheets[where.file, where.sheet], where.row or 0, len(where.column), where.column)

    return sorted(findings, key=place)


def weightiest(found: Sequence[Finding], limit: int) -> list[Finding]:
    """The first `limit` findings in their order; where there are more, the less severe ones are left out first."""
    if len(found) <= limit:
        return list(found)
    ranks = list(Severity)
    kept = sorted(range(len(found)), key=lambda index: ranks.index(found[index].severity))[:limit]
    return [found[index] for index in sorted(kept)]


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
SEVERITY_WORDS: Final[dict[str, dict[Severity, str]]] = {
    "ja": {Severity.ERROR: "エラー", Severity.WARNING: "要確認", Severity.INFO: "情報"},
    "en": {one: one.value for one in Severity},
}


def to_csv(found: Iterable[Finding], language: str = "ja") -> bytes:
    """Findings as CSV for a spreadsheet program: UTF-8 with BOM, CRLF, no cell that would run as a formula."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(_HEADINGS[language])
    for one in found:
        severity, place = SEVERITY_WORDS[language][one.severity], one.place
        row = (severity, one.code, place.file, place.sheet, place.row or "", place.column, one.value, one.proposal)
        writer.writerow([_safe(str(cell)) for cell in (*row, describe(one, language, whole=True))])
    return b"\xef\xbb\xbf" + text.getvalue().encode("utf-8", "replace")


def _safe(cell: str) -> str:
    """A cell that no spreadsheet program takes for a formula (OWASP, CSV injection)."""
    return "'" + cell if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")) else cell
