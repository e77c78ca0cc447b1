"""What the import works with: tables of cells, data models and their items (req-S27, req-S38, req-D01)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Final

from machinami.kernel.entity import DEFAULT_VOCABULARY, LOCATION

Cell = str | int | float | bool | date | datetime | time | timedelta | None
Row = tuple[Cell, ...]
Range = tuple[int, int, int, int]

GENERIC_MODEL: Final = "place"
DESCRIPTION: Final = "http://purl.org/dc/terms/description"

# Terms that NGSI-LD's core @context (V1.9) defines for itself: an attribute of that short name would expand to something else.
# fmt: off
CORE_TERMS: Final = frozenset([
    "accept", "attributes", "attrs", "avg", "bbox", "collation", "coordinates", "createdAt", "csf", "data", "dataset",
    "datasetId", "deletedAt", "detail", "endpoint", "entities", "entity", "error", "errors", "expiresAt", "features",
    "format", "geojson", "geometry", "id", "information", "isActive", "join", "json", "key", "lang", "management", "max",
    "min", "mode", "modifiedAt", "object", "objects", "observedAt", "omit", "operations", "ordering", "pick", "properties",
    "q", "reason", "scope", "status", "stddev", "success", "sum", "sumsq", "tenant", "throttling", "timeout", "title",
    "type", "unchanged", "unitCode", "updated", "uri", "value", "values", "vocab",
])
# fmt: on


def attribute_iri(name: str) -> str:
    """The expanded name of an attribute that NGSI-LD's core @context compacts back to `name`."""
    if name == "location":
        return LOCATION
    if name == "description":
        return DESCRIPTION
    return DEFAULT_VOCABULARY + name


@dataclass(frozen=True, slots=True)
class Table:
    """One sheet as read: `rows` of cells from the sheet's first row on, blank rows included.

    `file` may carry the folder (`hospital/data.xlsx`). `merged` are cell ranges (first row, first column, last row, last
    column), all counted from 0. `formulas` maps a formula cell (row, column) to whether a result was stored with it.
    """

    file: str
    sheet: str
    rows: tuple[Row, ...]
    merged: tuple[Range, ...] = ()
    formulas: Mapping[tuple[int, int], bool] = field(default_factory=dict)
    spreadsheet: bool = True
    hidden: bool = False


class ItemKind(StrEnum):
    """The types of the standard models' items; a coordinate is a number, a choice is one of `values`."""

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    TIME = "time"
    URI = "uri"
    CHOICE = "choice"


class Width(StrEnum):
    """全半角: which character widths an item is written in."""

    HALF = "half"
    FULL = "full"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a data model with the nine parameters of the standard models (DM chapter 3).

    `name` is our attribute name, `standard_name` the standard's where it differs; `also` are other headings in use.
    """

    name: str
    ja: str
    example: str = ""
    kind: ItemKind = ItemKind.TEXT
    item_required: bool = False
    value_required: bool = False
    width: Width = Width.ANY
    values: tuple[str, ...] = ()
    unit: str = ""
    also: tuple[str, ...] = ()
    standard_name: str = ""


class Subject(StrEnum):
    """What the rows of a model are about; statistics are recognised, but are neither places nor events."""

    PLACE = "place"
    EVENT = "event"
    STATISTICS = "statistics"


@dataclass(frozen=True, slots=True)
class DataModel:
    """A model: its items, and the evidence by which a sheet is recognised as one of it.

    `key` names the attributes that identify a row without a published code, `tell_apart` those that distinguish rows with
    the same key. `own` are the normalised headings that speak for this model because shared items don't have them;
    `words` are looked for in title, sheet and file name, `name_pattern` in the rows' names; `evidence` is its weight.
    """

    id: str
    type: str
    ja: str
    en: str
    source: str
    subject: Subject
    items: tuple[Item, ...]
    own: frozenset[str]
    key: tuple[str, ...]
    tell_apart: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    name_pattern: str = ""
    evidence: int = 4
    order: int = 0

    @property
    def type_iri(self) -> str:
        """The expanded entity type."""
        return DEFAULT_VOCABULARY + self.type


@dataclass(frozen=True, slots=True)
class Town:
    """A municipality: six-digit 全国地方公共団体コード, names, and where its office stands (degrees)."""

    code: str
    prefecture: str
    name: str
    latitude: float | None = None
    longitude: float | None = None
