"""Which index rows an attribute gives: pure, so that a change's rows are the difference of before and after.

Indexed are the values themselves (numbers, texts, cells), not what lies inside objects or sub-attributes: a query on
those is narrowed by the attribute's existence, and an attribute that holds objects is marked as a candidate for any
comparison. Everything is then decided exactly on the documents.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from machinami.adapters.postgres import cells
from machinami.kernel.entity import Entity, Instance, value_of
from machinami.kernel.geometry import box_of

TEXT_CHARACTERS_MAX: Final = 120
SCOPE: Final = "\x00scope"
OPAQUE: Final = "\ufffe"
"""Indexed as a text in place of objects inside a value: such an attribute is a candidate of every comparison."""


@lru_cache(maxsize=20_000)
def path_key(name: str) -> int:
    """A signed 64-bit key for an expanded attribute name."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)


def text_key(text: str) -> str:
    """The part of a text that is indexed; longer texts are told apart on the documents."""
    return text[:TEXT_CHARACTERS_MAX]


def scope_key(levels: Iterable[str]) -> str:
    """The indexed form of a scope's levels: as the matcher reads them, empty ones and a missing leading slash don't count."""
    return text_key("/" + "/".join(level for level in levels if level))


@dataclass(slots=True)
class IndexRows:
    """Rows of the four value tables: `(path,)`, `(path, number)`, `(path, text)`, `(path, cell)`."""

    attributes: set[int] = field(default_factory=set)
    numbers: set[tuple[int, float]] = field(default_factory=set)
    texts: set[tuple[int, str]] = field(default_factory=set)
    cells: set[tuple[int, int]] = field(default_factory=set)

    def add(self, name: str, instances: list[Instance]) -> None:
        """Add the rows of one attribute."""
        path = path_key(name)
        self.attributes.add(path)
        for instance in instances:
            kind = instance["type"]
            value = value_of(instance)
            if value.__class__ is float:
                self.numbers.add((path, value))
            elif kind == "GeoProperty":
                self.cells.update((path, cell) for cell in geometry_cells(value))
            elif kind == "LanguageProperty":
                self._scalars(path, list(value.values()))
            else:
                self._scalars(path, value)

    def _scalars(self, path: int, value: Any) -> None:
        for scalar in _leaves(value):
            if scalar is None:
                self.texts.add((path, OPAQUE))
            elif isinstance(scalar, bool):
                self.texts.add((path, "true" if scalar else "false"))
            elif isinstance(scalar, int | float):
                self.numbers.add((path, float(scalar)))
            else:
                self.texts.add((path, text_key(scalar)))


def differing(before: Entity, after: Entity, names: Iterable[str]) -> frozenset[str]:
    """Those of the attributes whose rows may differ: most updates bring new times and the same name and place."""
    return frozenset([name for name in names if _indexed(before.attributes.get(name)) != _indexed(after.attributes.get(name))])


def _indexed(instances: list[Instance] | None) -> list[tuple[str, str, Any]] | None:
    """What the rows follow from, with its class: 1 is equal to true for Python, but not for the index."""
    if instances is None:
        return None
    found = []
    for one in instances:
        value = value_of(one)
        kind = value.__class__.__name__
        found.append((one["type"], kind, repr(value) if kind == "list" else value))
    return found


def rows_of(entity: Entity | None, names: frozenset[str] | None) -> IndexRows:
    """The rows of an entity's attributes in `names` (None: of all), its scopes included in the latter case."""
    rows = IndexRows()
    if entity is None:
        return rows
    for name in entity.attributes if names is None else names:
        instances = entity.attributes.get(name)
        if instances is not None:
            rows.add(name, instances)
    for scope in entity.scopes:
        rows.texts.add((path_key(SCOPE), scope_key(scope.split("/"))))
    return rows


def geometry_cells(geometry: Any) -> list[int]:
    """The cells under which a GeoJSON geometry is found."""
    if geometry["type"] == "Point":
        lon, lat = geometry["coordinates"][:2]
        return [cells.cell_of(lon, lat, cells.LEVEL_MAX)]
    if geometry["type"] == "GeometryCollection":
        return [cell for part in geometry["geometries"] for cell in geometry_cells(part)]
    return cells.cover(box_of(geometry["coordinates"]))


def _leaves(value: Any) -> Iterator[bool | int | float | str | None]:
    """The scalars of a value and of arrays in it; None stands for anything that the index doesn't look into."""
    if isinstance(value, bool | int | float | str):
        yield value
    elif isinstance(value, list):
        for part in value:
            yield from _leaves(part)
    else:
        yield None
