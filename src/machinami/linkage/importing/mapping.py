"""A mapping: what each column of a heading means. Versioned JSON that people can read, edit, store, export and use again.

It is found again by the fingerprint of the normalised headings together with the list's name, because many lists of a
town share the same headings (公園 and 消防署 with name, address, telephone).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from machinami.kernel.errors import Refusal
from machinami.linkage.importing.headings import Dictionary, Heading, is_instruction, is_row_number, normalise
from machinami.linkage.importing.model import CORE_TERMS, DataModel

VERSION: Final = 1


class Use(StrEnum):
    """What a column is used for: an item of the model, an attribute of its own, a row number, or nothing."""

    ITEM = "item"
    EXTRA = "extra"
    ROW_NUMBER = "row_number"
    IGNORE = "ignore"


@dataclass(frozen=True, slots=True)
class Column:
    """One column from the left: its heading as published, its use, and the attribute's short name."""

    heading: str
    use: Use
    attribute: str = ""


@dataclass(frozen=True, slots=True)
class SheetMapping:
    """The mapping of one heading to one model. `key` names the attributes that identify a row without a code."""

    fingerprint: str
    publication: str
    model: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()

    def to_document(self) -> dict[str, Any]:
        """The JSON document that is stored and exported."""
        return {
            "machinamiMapping": VERSION,
            "fingerprint": self.fingerprint,
            "publication": self.publication,
            "model": self.model,
            "key": list(self.key),
            "columns": [{"heading": one.heading, "use": one.use.value, "attribute": one.attribute} for one in self.columns],
        }

    def to_json(self) -> str:
        """The exported file."""
        return json.dumps(self.to_document(), ensure_ascii=False, indent=2) + "\n"

    @staticmethod
    def from_json(source: str | dict[str, Any]) -> SheetMapping:
        """Read an exported mapping; raises the refusal `import.mapping.invalid`."""
        try:
            document = json.loads(source) if isinstance(source, str) else source
            if document["machinamiMapping"] != VERSION:
                raise Refusal("import.mapping.invalid", reason=f"version {document['machinamiMapping']!r}")
            columns = tuple(Column(str(one["heading"]), Use(one["use"]), str(one["attribute"])) for one in document["columns"])
            mapping = SheetMapping(
                str(document["fingerprint"]),
                str(document["publication"]),
                str(document["model"]),
                columns,
                tuple(document["key"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise Refusal("import.mapping.invalid", reason=f"{type(error).__name__}: {error}") from error
        taken = [one.attribute for one in columns if one.use in (Use.ITEM, Use.EXTRA)]
        if len(set(taken)) != len(taken) or not all(taken):
            raise Refusal("import.mapping.invalid", reason="an attribute is named twice or not at all")
        return mapping

    def column_of(self, attribute: str) -> int | None:
        """The index of the column that an attribute comes from."""
        return next((index for index, one in enumerate(self.columns) if one.attribute == attribute), None)

    @property
    def attributes(self) -> frozenset[str]:
        """The attributes that this sheet speaks about."""
        return frozenset(one.attribute for one in self.columns if one.use in (Use.ITEM, Use.EXTRA))


def stored_mapping(mappings: Iterable[SheetMapping], fingerprint: str, publication: str) -> SheetMapping | None:
    """The stored mapping for a heading of a list: of the same list, else one that names no list."""
    fitting = [one for one in mappings if one.fingerprint == fingerprint]
    exact = next((one for one in fitting if one.publication == publication), None)
    return exact or next((one for one in fitting if not one.publication), None)


def build_mapping(heading: Heading, model: DataModel, publication: str, filled: Sequence[bool]) -> SheetMapping:
    """The mapping of a heading to a model; `filled` tells which columns hold any value.

    The first column of an item wins; a later one with the same meaning becomes an attribute of its own.
    """
    dictionary = Dictionary(model.items)
    columns: list[Column] = []
    taken: set[str] = set()
    for index, text in enumerate(heading.texts):
        column = _column(index, text, dictionary, taken, index < len(filled) and filled[index])
        if column.attribute:
            taken.add(column.attribute)
        columns.append(column)
    beyond = range(len(heading.texts), len(filled))
    columns += [Column("", Use.EXTRA, _unnamed(index)) if filled[index] else Column("", Use.IGNORE) for index in beyond]
    mapping = SheetMapping(heading.fingerprint, publication, model.id, tuple(columns))
    return replace(mapping, key=model.key)


def aligned(stored: SheetMapping, heading: Heading, publication: str, filled: Sequence[bool]) -> SheetMapping:
    """A stored mapping on a heading of the same fingerprint, where blank or hint columns may stand elsewhere."""
    if [normalise(one.heading) for one in stored.columns] == [normalise(text) for text in _padded(heading.texts, len(filled))]:
        return replace(stored, publication=publication)
    named = iter([one for one in stored.columns if one.heading and not is_instruction(one.heading)])
    columns = [
        next(named) if text and not is_instruction(text) else _column(index, text, Dictionary(()), set(), fills)
        for index, (text, fills) in enumerate(zip(_padded(heading.texts, len(filled)), filled, strict=True))
    ]
    return replace(stored, publication=publication, columns=tuple(columns))


def _padded(texts: Sequence[str], length: int) -> tuple[str, ...]:
    return (*texts, *("" for _ in range(length - len(texts))))


def _column(index: int, text: str, dictionary: Dictionary, taken: set[str], filled: bool) -> Column:
    if is_instruction(text):
        return Column(text, Use.IGNORE)
    if is_row_number(text):
        return Column(text, Use.ROW_NUMBER)
    if not text:
        return Column("", Use.EXTRA, _unnamed(index)) if filled else Column("", Use.IGNORE)
    item = dictionary.find(text)
    if item is not None and item.name not in taken:
        return Column(text, Use.ITEM, item.name)
    name = free_name(attribute_name(text), taken)
    return Column(text, Use.EXTRA, name)


def _unnamed(index: int) -> str:
    return f"column{index + 1}"


def free_name(name: str, taken: set[str]) -> str:
    """`name`, or `name_2` … where it is taken."""
    if name not in taken:
        return name
    number = 2
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"


def attribute_name(heading: str) -> str:
    """A stable attribute name from a heading: letters and digits of any script, the rest an underscore.

    A name that NGSI-LD's core @context has taken gets an underscore behind it.
    """
    name = "_".join(part for part in "".join(one if one.isalnum() else " " for one in heading).split())
    if not name or name[0].isdigit():
        name = f"column_{name}" if name else "column"
    return f"{name}_" if name in CORE_TERMS or name in ("location", "source", "publication", "withdrawn") else name
