"""Findings about people's data: values, never exceptions (style.md 2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Severity(StrEnum):
    """How a finding affects its row: `error` = not taken over, `warning` = taken over, to be checked, `info` = noted."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a file: the sheet's name, the row and column as the spreadsheet program numbers them (from 1)."""

    file: str
    sheet: str = ""
    row: int | None = None
    column: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One observation: a rule's code, where, the value found and a proposed fix.

    `code` selects the ja/en texts; `parameters` fill their placeholders. `proposal` is the value we would write, empty
    if there is none to propose.
    """

    code: str
    severity: Severity
    place: Place
    value: str = ""
    proposal: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
