"""A sheet's rows by its mapping: which of them are data, what their cells say, and what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from machinami.kernel.entity import Attributes, Instance
from machinami.kernel.finding import Finding, Place
from machinami.linkage.importing.findings import finding
from machinami.linkage.importing.headings import Heading, column_letter, normalise, text_of
from machinami.linkage.importing.mapping import SheetMapping, Use
from machinami.linkage.importing.model import Cell, DataModel, Item, ItemKind, Row, Table, Town, attribute_iri
from machinami.linkage.importing.position import Position, read_position, split_pair
from machinami.linkage.importing.values import published_text, read_value

AS_PUBLISHED: Final = attribute_iri("asPublished")
ADDRESS_PARTS: Final = ("prefecture", "city", "streetAddress", "cityBlock", "buildingNameEtc")
POSITION_ITEMS: Final = frozenset({"latitude", "longitude", "latitudeLongitude"})
_NOTE = re.compile(r"^[※*＊注（(・○●◆■□→出備]")
_DAY_HEADING = re.compile(r"(年月日|日付|指定日|設置日|開設日|設立日|更新日|登録日|完成日|竣工日)$")
_TOTALS: Final = frozenset(["合計", "計", "小計", "総計", "総数", "total", "合計数"])


def cell_at(row: Row, index: int | None) -> Cell:
    """A cell, or None beyond the row's end."""
    return row[index] if index is not None and index < len(row) else None


def property_of(value: Any, published: str | None = None) -> list[Instance]:
    """A Property with one instance, the published text as a sub-property where it was read differently."""
    instance: Instance = {"type": "Property", "value": value}
    if published is not None:
        instance["attributes"] = {AS_PUBLISHED: [{"type": "Property", "value": published}]}
    return [instance]


@dataclass(slots=True)
class ReadRow:
    """One data row: its number as the spreadsheet shows it, attributes by short name, folded texts, position."""

    number: int
    attributes: dict[str, list[Instance]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    position: Position = field(default_factory=Position)

    def expanded(self) -> Attributes:
        """The attributes under their expanded names, with the location."""
        result = {attribute_iri(name): instances for name, instances in self.attributes.items()}
        if self.position.placed:
            point: Instance = {"type": "GeoProperty", "value": self.position.geometry()}
            if self.position.published != f"{self.position.latitude!r}, {self.position.longitude!r}":
                point["attributes"] = {AS_PUBLISHED: [{"type": "Property", "value": self.position.published}]}
            result[attribute_iri("location")] = [point]
        elif self.position.published:
            result[attribute_iri("publishedPosition")] = property_of(self.position.published)
        return result


class SheetReader:
    """Reads the rows of one table under one mapping; collects findings as it goes."""

    def __init__(
        self, table: Table, heading: Heading, mapping: SheetMapping, model: DataModel, town: Town, today: date | None
    ) -> None:
        self.table, self.heading, self.mapping, self.model = table, heading, mapping, model
        self.findings: list[Finding] = []
        self.counted = 0
        self._town, self._today = town, today
        self._items: dict[str, Item] = {item.name: item for item in model.items}
        self._columns = [(index, column) for index, column in enumerate(mapping.columns) if column.use in (Use.ITEM, Use.EXTRA)]
        self._index = {column.attribute: index for index, column in self._columns}
        self._has_position = bool(POSITION_ITEMS & self._index.keys())

    def place(self, row: int | None, column: int | None = None) -> Place:
        """A place in this sheet; the row is counted from 0 here, from 1 in the finding."""
        letter = column_letter(column) if column is not None else ""
        return Place(self.table.file, self.table.sheet, row + 1 if row is not None else None, letter)

    def note(
        self, code: str, row: int | None, column: int | None = None, value: str = "", proposal: str = "", **more: str
    ) -> None:
        """Add a finding."""
        texts = self.heading.texts
        heading = texts[column] if column is not None and column < len(texts) else ""
        self.findings.append(finding(code, self.place(row, column), value, proposal, heading=heading, **more))

    def data_rows(self) -> Iterator[tuple[int, Row]]:
        """(index, row) of the rows that hold data; blank rows and directives pass silently, the others with a finding."""
        heading_cells = [normalise(text) for text in self.heading.texts if text]
        for index in range(self.heading.last + 1, len(self.table.rows)):
            row = self.table.rows[index]
            filled = [column for column, cell in enumerate(row) if text_of(cell)]
            if not filled or (text_of(row[0]).startswith("#") and len(text_of(row[0])) > 1):
                continue
            if all(self.mapping.columns[column].use is Use.ROW_NUMBER and text_of(row[column]).isdigit() for column in filled):
                continue
            self.counted += 1
            texts = [text_of(row[column]) for column in filled]
            if [normalise(text) for text in texts] == heading_cells:
                self.note("import.row.heading_repeated", index)
            elif len(filled) == 1 and len(heading_cells) > 2 and (_NOTE.match(texts[0]) or len(texts[0]) > 30):
                self.note("import.row.note", index, filled[0], texts[0])
            elif any(normalise(text) in _TOTALS for text in texts[:2]):
                self.note("import.row.total", index, filled[0], texts[0])
            else:
                yield index, row

    def read(self, index: int, row: Row) -> ReadRow | None:
        """One row's content, or None with a finding when it can't be named."""
        result = ReadRow(index + 1)
        for column, meaning in self._columns:
            if meaning.attribute in POSITION_ITEMS:
                self._formula(index, column, cell_at(row, column))
                continue
            self._read_cell(result, index, column, meaning.attribute, cell_at(row, column))
        self._compose_address(result, index)
        if not any(result.texts.get(name) for name in ("name", "identifier", self.model.key[0])):
            self.note("import.row.no_name", index, self._index.get("name"))
            return None
        self._read_position(result, index, row)
        return result

    def _read_cell(self, result: ReadRow, index: int, column: int, attribute: str, cell: Cell) -> None:
        item = self._items.get(attribute) or _own_item(attribute, cell)
        if text_of(cell) == "":
            if self.table.formulas.get((index, column)) is False:
                self.note("import.value.formula_empty", index, column)
            elif item.value_required:
                self.note("import.value.required", index, column)
            return
        self._formula(index, column, cell)
        reading = read_value(item, cell, self._today)
        published = published_text(cell)
        for code, proposal in reading.notes:
            self.note(code, index, column, published, proposal, allowed="・".join(item.values))
        if reading.value is None or reading.value == "":
            return
        result.attributes[attribute] = property_of(reading.value, reading.published)
        result.texts[attribute] = str(reading.value)

    def _formula(self, index: int, column: int, cell: Cell) -> None:
        if (index, column) in self.table.formulas:
            code = "import.value.formula" if text_of(cell) else "import.value.formula_empty"
            self.note(code, index, column, published_text(cell))

    def _compose_address(self, result: ReadRow, index: int) -> None:
        if "address" in result.texts or "streetAddress" not in result.texts:
            return
        joined = "".join(result.texts.get(part, "") for part in ADDRESS_PARTS)
        result.attributes["address"] = property_of(joined)
        result.texts["address"] = joined
        self.note("import.row.address_composed", index, self._index["streetAddress"], joined)

    def _read_position(self, result: ReadRow, index: int, row: Row) -> None:
        if not self._has_position:
            return
        latitude, longitude = cell_at(row, self._index.get("latitude")), cell_at(row, self._index.get("longitude"))
        column = self._index.get("latitude", self._index.get("latitudeLongitude"))
        if (both := self._index.get("latitudeLongitude")) is not None and not (text_of(latitude) or text_of(longitude)):
            pair, column = split_pair(cell_at(row, both)), both
            if pair is not None:
                latitude, longitude = pair
            elif text_of(cell_at(row, both)).strip(",、 "):
                latitude, longitude = cell_at(row, both), "?"
        result.position = read_position(latitude, longitude, self._town)
        for code, proposal in result.position.notes:
            self.note(code, index, column, result.position.published, proposal)


def _own_item(attribute: str, cell: Cell) -> Item:
    """The item of a column that no model knows: days are read as days, numbers stay numbers, all else is text."""
    if _DAY_HEADING.search(attribute):
        return Item(attribute, attribute, kind=ItemKind.DATE)
    number = isinstance(cell, (int, float)) and not isinstance(cell, bool)
    return Item(attribute, attribute, kind=ItemKind.NUMBER if number else ItemKind.TEXT)


def filled_columns(table: Table, heading: Heading) -> list[bool]:
    """Which columns hold any value below the heading."""
    width = max((len(row) for row in table.rows), default=0)
    filled = [False] * width
    for row in table.rows[heading.last + 1 :]:
        for column, cell in enumerate(row):
            if not filled[column] and text_of(cell):
                filled[column] = True
    return filled
