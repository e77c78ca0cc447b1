"""Which model a sheet is: by its headings first, then by words in title, sheet and file names, then by the rows' names.

All of the evidence is data of the models; no code knows a file.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

from machinami.linkage.importing.headings import Dictionary, Heading, is_row_number, normalise, text_of, without_parentheses
from machinami.linkage.importing.merging import ARCHIVE_PREFIX
from machinami.linkage.importing.model import GENERIC_MODEL, DataModel, Row, Subject, Table

OWN_HEADING_WEIGHT: Final = 2
OWN_HEADINGS_COUNTED: Final = 6
WORD_WEIGHT: Final = 4
NAME_SHARE_MIN: Final = 0.6
SCORE_MIN: Final = 3
_GENERIC_STEMS: Final = frozenset(
    [
        "data",
        "sheet",
        "list",
        "export",
        "book",
        "csv",
        "xlsx",
        "opendata",
        "odata",
        "dataset",
        "table",
        "download",
        "ファイル",
        "一覧",
        "リスト",
        "データ",
    ]
)
_EDITION = re.compile(
    r"(令和|平成|昭和)(元|\d+)年?度?|[rhs]\d+(?=\D|$)|v\d+|\d+年?度?|\(\d*\)|(コピー|copy|最新版|最新|新版|更新版|修正版|改訂版|改定版|確定版|時点|現在|月|日|版)",
    re.I,
)


def publication_of(table: Table, heading: Heading | None) -> str:
    """The name of the list that a file is an edition of: folder or file name without dates, years and copy marks.

    LinkData files are archived editions; they get a name of their own so that they never replace a current list.
    """
    path = unicodedata.normalize("NFKC", table.file).replace("\\", "/").strip("/")
    folders, _, name = path.rpartition("/")
    stem = name.rsplit(".", 1)[0]
    if heading is not None and heading.directives:
        return f"{ARCHIVE_PREFIX}{heading.directive('file_name') or stem}"
    bare = re.sub(r"\(\s*\)", "", _EDITION.sub("", stem)).strip(" _-.・")
    if bare.casefold() in _GENERIC_STEMS or not bare:
        parent = folders.rpartition("/")[2]
        bare = parent or (heading.fingerprint if heading is not None else stem)
    return bare


def title_text(table: Table, heading: Heading) -> str:
    """Everything that may say what a sheet is about."""
    source = heading.directive("download_from").rstrip("/").rpartition("/")[2]
    parts = (table.file, table.sheet, source, *heading.titles)
    return unicodedata.normalize("NFKC", " ".join(parts)).casefold()


def score(model: DataModel, heading: Heading, title: str, rows: Sequence[Row]) -> int:
    """How much speaks for a model; `rows` are some of the rows below the heading."""
    dictionary = Dictionary(model.items)
    items = [(text, dictionary.find(text)) for text in heading.texts if text and not is_row_number(text)]
    own = {item.name for text, item in items if item and {normalise(text), normalise(without_parentheses(text))} & model.own}
    total = OWN_HEADING_WEIGHT * min(len(own), OWN_HEADINGS_COUNTED)
    if any(_says(title, word) for word in model.words):
        total += WORD_WEIGHT
    if model.name_pattern and _share_of_names(model, heading, dictionary, rows) >= NAME_SHARE_MIN:
        total += model.evidence
    return total


def _share_of_names(model: DataModel, heading: Heading, dictionary: Dictionary, rows: Sequence[Row]) -> float:
    """The share of the rows' names that fit the model's pattern."""
    column = next(
        (i for i, text in enumerate(heading.texts) if text and (item := dictionary.find(text)) and item.name == "name"), None
    )
    if column is None:
        return 0.0
    names = [text for row in rows if column < len(row) and (text := text_of(row[column]))]
    pattern = re.compile(model.name_pattern)
    return sum(1 for name in names if pattern.search(name)) / len(names) if names else 0.0


def _says(title: str, word: str) -> bool:
    """Whether a title has a word; a Latin word must stand alone (singular or plural): park, but not parking."""
    if not word.isascii():
        return word in title
    return re.search(rf"(?<![a-z]){re.escape(word)}s?(?![a-z])", title) is not None


def recognise(models: Iterable[DataModel], heading: Heading, title: str, rows: Sequence[Row]) -> DataModel | None:
    """The model with the best score, or None when no model reaches the minimum; earlier models win a draw.

    A sheet that lacks what makes a model - an event its day - is not of that model.
    """
    best: tuple[int, DataModel] | None = None
    for model in models:
        if model.id == GENERIC_MODEL or not (model.subject is Subject.STATISTICS or describes_places(model, heading)):
            continue
        found = score(model, heading, title, rows)
        if found >= SCORE_MIN and (best is None or found > best[0]):
            best = (found, model)
    return best[1] if best else None


def describes_places(model: DataModel, heading: Heading) -> bool:
    """Whether a sheet says what its rows are called and where they are; events need only a name and a day."""
    dictionary = Dictionary(model.items)
    present = {item.name for text in heading.texts if text and (item := dictionary.find(text)) is not None}
    named = "name" in present or model.key[0] in present or (model.id != GENERIC_MODEL and "identifier" in present)
    where = present & {"latitude", "latitudeLongitude", "address", "streetAddress"}
    if model.subject is Subject.EVENT:
        return named and bool(present & {"eventDate", "startDate"})
    return named and bool(where)
