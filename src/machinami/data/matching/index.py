"""Which standing queries may care about a change, without looking at the others (technology.md (e))."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from typing import Generic, TypeVar

from machinami.data.matching.gates import Gates, gate_of
from machinami.kernel.entity import Entity
from machinami.kernel.query import AttributePath, Compare, EntityQuery, Selector

K = TypeVar("K", bound=Hashable)
_Home = tuple[str, str]
_ID, _TYPE, _ANY = "id", "type", "any"
_ALL_ATTRIBUTES = ""


class _Shelf(Generic[K]):
    """Keys of one home and one watched attribute: those to be tried at once, and those behind gates."""

    def __init__(self) -> None:
        self.open: set[K] = set()
        self.gated: dict[AttributePath, Gates[K]] = {}

    def __bool__(self) -> bool:
        return bool(self.open or self.gated)

    def add(self, key: K, gate: Compare | None) -> None:
        if gate is None:
            self.open.add(key)
        else:
            self.gated.setdefault(gate.path, Gates(gate.path)).add(key, gate)

    def look(self, before: Entity | None, after: Entity | None, found: set[K]) -> None:
        found |= self.open
        for gates in self.gated.values():
            for state in (before, after):
                if state is not None:
                    found.update(*gates.passed(state))

    def remove(self, key: K, gate: Compare | None) -> None:
        if gate is None:
            self.open.discard(key)
            return
        gates = self.gated[gate.path]
        gates.remove(key, gate)
        if not gates:
            del self.gated[gate.path]


class InterestIndex(Generic[K]):
    """Standing queries by entity id, else by type, else for all; each split by the watched attribute if there is one.

    A query is filed under one type of each alternative of its type selection, and there by the gate of its condition if it
    has one (`gates`). Answers are a superset of the queries that match; `matches` decides. A change costs a few look-ups
    per type and changed attribute, however many queries are filed elsewhere or have limits that it does not reach.
    """

    def __init__(self) -> None:
        self._homes: dict[str, dict[str, dict[str, _Shelf[K]]]] = {_ID: {}, _TYPE: {}, _ANY: {}}
        self._places: dict[K, tuple[tuple[tuple[_Home, str], ...], Compare | None]] = {}

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, key: K) -> bool:
        return key in self._places

    def add(self, key: K, query: EntityQuery, watched: Iterable[str] = ()) -> None:
        """File a query, replacing the one under the same key. `watched`: only changes of these attributes count."""
        self.remove(key)
        names = tuple(watched) or (_ALL_ATTRIBUTES,)
        places = tuple({(home, name) for home in _homes(query.selectors) for name in names})
        gate = gate_of(query.condition)
        for (kind, value), name in places:
            self._homes[kind].setdefault(value, {}).setdefault(name, _Shelf()).add(key, gate)
        self._places[key] = (places, gate)

    def remove(self, key: K) -> None:
        """Forget a query; nothing happens if it is not there."""
        places, gate = self._places.pop(key, ((), None))
        for (kind, value), name in places:
            shelves = self._homes[kind][value]
            shelves[name].remove(key, gate)
            if not shelves[name]:
                del shelves[name]
            if not shelves:
                del self._homes[kind][value]

    def candidates(self, before: Entity | None, after: Entity | None, changed: Iterable[str]) -> set[K]:
        """Keys of queries that may concern a change between two states of an entity (None: not there)."""
        entity = after or before
        if entity is None:
            return set()
        types = entity.types if before is None or before.types == entity.types else {*entity.types, *before.types}
        found: set[K] = set()
        by_type = self._homes[_TYPE]
        for shelves in (self._homes[_ID].get(entity.id), self._homes[_ANY].get(""), *[by_type.get(one) for one in types]):
            if shelves is not None:
                for name in (_ALL_ATTRIBUTES, *changed):
                    if name in shelves:
                        shelves[name].look(before, after, found)
        return found


def _homes(selectors: tuple[Selector, ...]) -> Iterator[_Home]:
    """Under what a query is filed: each id, else one type of each alternative, else everything."""
    if not selectors:
        yield _ANY, ""
    for selector in selectors:
        if selector.ids is not None:
            yield from ((_ID, one) for one in selector.ids)
        elif selector.types is not None:
            for alternative in selector.types.any_of:
                yield (_TYPE, min(alternative)) if alternative else (_ANY, "")
        else:
            yield _ANY, ""
