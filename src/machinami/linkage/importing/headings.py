"""Headings: normal form, where the heading row is, and what stands in each column.

A heading may fill several rows with merged cells, stand below title rows, or be announced by LinkData's `#property` cell.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from machinami.linkage.importing.model import Cell, DataModel, Item, Row, Table

HEADING_SEARCH_ROWS: Final = 30
HEADING_ROWS_MAX: Final = 3
ROW_JOINT: Final = " / "
PROPERTY_DIRECTIVE: Final = "#property"
_ROW_NUMBER_HEADINGS: Final = frozenset(
    [
        "no",
        "number",
        "№",
        "#",
        "番号",
        "通番",
        "連番",
        "項番",
        "行番号",
        "整理番号",
        "通し番号",
        "#property",
        "index",
        "順番",
        "seq",
        "row",
    ]
)
_ESSENTIAL: Final = frozenset(["name", "address", "latitude", "longitude", "identifier", "eventDate", "startDate"])
_INSTRUCTION = re.compile(r"^[←→↑↓※]")
_PARENTHESES = re.compile(r"[(\[{〔【<].*?[)\]}〕】>]")
_PUNCTUATION = re.compile(r"[\s_\-‐‑‒–—―ー・･:;,.、。/／'\"*※＊|]+")


def normalise(heading: str) -> str:
    """The form in which headings are compared: NFKC, lower case, no blanks, no punctuation (long vowels included)."""
    bare = _PUNCTUATION.sub("", unicodedata.normalize("NFKC", heading).casefold())
    return unicodedata.normalize("NFKC", bare)


def without_parentheses(heading: str) -> str:
    """A heading without its bracketed remarks, e.g. a unit: 標高(m) → 標高."""
    return _PARENTHESES.sub("", unicodedata.normalize("NFKC", heading))


def is_row_number(heading: str) -> bool:
    """Whether a heading announces a running row number, which never identifies anything."""
    text = unicodedata.normalize("NFKC", heading).strip().casefold().rstrip(".")
    return text in _ROW_NUMBER_HEADINGS


def is_instruction(heading: str) -> bool:
    """Whether a column is a template's hint to its author (←データの項目名を入力) and no data."""
    return bool(_INSTRUCTION.match(heading.strip()))


def text_of(cell: Cell) -> str:
    """A cell as text without outer blanks; nothing for an empty cell."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()


class Dictionary:
    """Headings → items of one model, the model's own items first."""

    def __init__(self, items: Iterable[Item]) -> None:
        self._exact: dict[str, Item] = {}
        for item in items:
            for heading in (item.ja, item.name, item.standard_name, *item.also):
                if heading:
                    self._exact.setdefault(normalise(heading), item)

    def find(self, heading: str) -> Item | None:
        """The item that a heading names, with or without its bracketed remarks; of several rows also the last alone."""
        found = self._exact.get(normalise(heading))
        if found is None and (bare := normalise(without_parentheses(heading))):
            found = self._exact.get(bare)
        if found is None and ROW_JOINT in heading:
            found = self.find(heading.partition(ROW_JOINT)[2])
        return found


@dataclass(frozen=True, slots=True)
class Heading:
    """The heading of a table: `first` and `last` row (from 0), one text per column, what stands above it.

    `directives` are LinkData's `#name,value` rows; `titles` other texts above the heading.
    """

    first: int
    last: int
    texts: tuple[str, ...]
    titles: tuple[str, ...] = ()
    directives: tuple[tuple[str, str], ...] = ()

    @property
    def fingerprint(self) -> str:
        """The identity of a heading: the same for the same headings however they are written (width, blanks)."""
        joined = "\0".join(normalise(text) for text in self.texts if text and not is_instruction(text))
        return hashlib.blake2b(joined.encode(), digest_size=8).hexdigest()

    def directive(self, name: str) -> str:
        """The value of a directive, or nothing."""
        return next((value for found, value in self.directives if found == name), "")


def known_headings(models: Iterable[DataModel]) -> Dictionary:
    """All headings of all models, to tell a heading row from other rows."""
    return Dictionary(item for model in models for item in model.items)


def find_heading(table: Table, known: Dictionary) -> Heading | None:
    """The heading of a table, or None when no row among the first ones has two headings that any model knows."""
    directives: list[tuple[str, str]] = []
    for index, row in enumerate(table.rows[:HEADING_SEARCH_ROWS]):
        first = text_of(row[0]) if row else ""
        if first.casefold() == PROPERTY_DIRECTIVE:
            return Heading(index, index, tuple(text_of(cell) for cell in row), (), tuple(directives))
        if first.startswith("#") and len(first) > 1:
            directives.append((first[1:].casefold(), text_of(row[1]) if len(row) > 1 else ""))
    best: tuple[int, int, int, tuple[str, ...]] | None = None
    for index in range(min(HEADING_SEARCH_ROWS, len(table.rows))):
        for depth in range(1, HEADING_ROWS_MAX + 1):
            texts = _combined(table, index, depth)
            if texts is None:
                continue
            score = _score(texts, known)
            if best is None or score > best[0]:
                best = (score, index, depth, texts)
    if best is None or best[0] == 0:
        return None
    _, index, depth, texts = best
    titles = tuple(text for row in table.rows[:index] for text in _title_texts(row))
    return Heading(index, index + depth - 1, texts, titles, tuple(directives))


def title_rows(table: Table, heading: Heading) -> list[int]:
    """The rows (from 0) that hold the heading's `titles`."""
    return [index for index, row in enumerate(table.rows[: heading.first]) if heading.titles and _title_texts(row)]


def _title_texts(row: Row) -> list[str]:
    return [text for cell in row if (text := text_of(cell)) and not text.startswith("#")]


def _score(texts: Iterable[str], known: Dictionary) -> int:
    """How much a row is a heading: the items it names, those that place and name things counted threefold."""
    named = {item.name for text in texts if text and (item := known.find(text)) is not None}
    return len(named) + 2 * len(named & _ESSENTIAL) if len(named) > 1 else 0


def _combined(table: Table, index: int, depth: int) -> tuple[str, ...] | None:
    """The texts of `depth` rows joined column by column (upper / lower); None where the rows can't be one heading."""
    rows = table.rows[index : index + depth]
    if len(rows) < depth or any(not any(text_of(cell) for cell in row) for row in rows):
        return None
    if any(_is_title(row) for row in rows[:-1]):
        return None
    if any(not isinstance(cell, str) for row in rows for cell in row if text_of(cell)):
        return None
    width = max(len(row) for row in rows)
    filled = [_filled(table, index + offset, width, rows[offset], rows[offset + 1 :]) for offset in range(depth)]
    columns = zip(*filled, strict=True)
    return tuple(ROW_JOINT.join(dict.fromkeys(part for part in parts if part)) for parts in columns)


def _is_title(row: Row) -> bool:
    """Whether a row above a heading is no part of it: its only text stands in the first column."""
    return bool(row and text_of(row[0])) and not any(text_of(cell) for cell in row[1:])


def _filled(table: Table, index: int, width: int, row: Row, below: Sequence[Row]) -> list[str]:
    """A heading row with the text of merged cells repeated in each column they cover.

    Without merges on record (csv), an empty cell takes the text on its left if a lower heading row has a text there.
    """
    texts = [text_of(row[column]) if column < len(row) else "" for column in range(width)]
    merges = [merge for merge in table.merged if merge[0] <= index <= merge[2]]
    for top, left, bottom, right in merges:
        source = text_of(table.rows[top][left]) if left < len(table.rows[top]) else ""
        if top == index or bottom > top:
            for column in range(left, min(right + 1, width)):
                texts[column] = texts[column] or (source if top == index else "")
    if not table.merged:
        for column in range(1, width):
            lower = any(column < len(line) and text_of(line[column]) for line in below)
            if not texts[column] and texts[column - 1] and lower:
                texts[column] = texts[column - 1]
    return texts


def column_letter(column: int) -> str:
    """The letter by which spreadsheet programs name a column counted from 0."""
    letters = ""
    number = column + 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters
