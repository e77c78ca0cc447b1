"""What an import is asked for, and what it would do: the plan that is shown before anything is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from machinami.kernel.entity import Entity
from machinami.kernel.finding import Finding
from machinami.linkage.importing.mapping import SheetMapping
from machinami.linkage.importing.model import Town


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How to import: the town, a model that overrides recognition, stored mappings, and today for missing years.

    `publication` names the list that the files are an edition of; by default it comes from the file's or folder's name.
    `supersedes` says that the files are a new edition although they look like a lesser one (csv after xlsx).
    """

    town: Town
    model: str | None = None
    publication: str | None = None
    supersedes: bool = False
    mappings: tuple[SheetMapping, ...] = ()
    today: date | None = None


@dataclass(frozen=True, slots=True)
class SheetSummary:
    """What became of one sheet: `rows` with content below the heading = `planned` + `merged` + `rejected`.

    `planned` rows became entities of this sheet, `merged` rows were joined with another row or list, `rejected` rows
    were not taken over; each of them has a finding. `model` is empty when nothing was imported.
    `complete`: the sheet speaks for its whole list, so what it lacks is gone; a lesser edition doesn't.
    """

    file: str
    sheet: str
    publication: str = ""
    model: str = ""
    rows: int = 0
    planned: int = 0
    merged: int = 0
    rejected: int = 0
    mapping: SheetMapping | None = None
    complete: bool = True


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """The outcome of planning: entities in their final content, each with the index of its sheet in `sheets`."""

    entities: tuple[Entity, ...]
    findings: tuple[Finding, ...]
    sheets: tuple[SheetSummary, ...]
    origins: Mapping[str, int]
    town: Town
