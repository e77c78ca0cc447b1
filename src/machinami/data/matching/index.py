"""Which standing queries may care about a change, without looking at the others (technology.md (e))."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from typing import Generic, TypeVar

from machinami.data.matching.gates import Gates, gate_of
from machinami.kernel.entity import Entity
from machinami.kernel.query import AttributePath, Compare, EntityQuery, Selector

K = TypeVar("K", bound=Hashable)
_Place = tuple[str, str, str]
_ID, _TYPE, _ANY = "id", "type", "any"
_ALL_ATTRIBUTES = ""


class InterestIndex(Generic[K]):
    """Standing queries by entity id, else by type, else for all; each split by the watched attribute if there is one.

    A query is filed under one type of each alternative of its type selection, and there by the gate of its condition if it
    has one (`gates`). Answers are a superset of the queries that match; `matches` decides. A change costs a few look-ups
    per type and changed attribute, however many queries are filed elsewhere or have limits that it does not reach.
    """

    def __init__(self) -> None:
        self._filed: dict[_Place, set[K]] = {}
        self._gated: dict[_Place, dict[AttributePath, Gates[K]]] = {}
        self._places: dict[K, tuple[tuple[_Place, ...], Compare | None]] = {}

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, key: K) -> bool:
        return key in self._places

    def add(self, key: K, query: EntityQuery, watched: Iterable[str] = ()) -> None:
        """File a query, replacing the one under the same key. `watched`: only changes of these attributes count."""
        self.remove(key)
        names = tuple(watched) or (_ALL_ATTRIBUTES,)
        places = tuple({(kind, value, name) for kind, value in _homes(query.selectors) for name in names})
        gate = gate_of(query.condition)
        for place in places:
            if gate is None:
                self._filed.setdefault(place, set()).add(key)
            else:
                self._gated.setdefault(place, {}).setdefault(gate.path, Gates(gate.path)).add(key, gate)
        self._places[key] = (places, gate)

    def remove(self, key: K) -> None:
        """Forget a query; nothing happens if it is not there."""
        places, gate = self._places.pop(key, ((), None))
        for place in places:
            if gate is None:
                self._filed[place].discard(key)
                if not self._filed[place]:
                    del self._filed[place]
                continue
            gates = self._gated[place]
            gates[gate.path].remove(key, gate)
            if not gates[gate.path]:
                del gates[gate.path]
            if not gates:
                del self._gated[place]

    def candidates(self, before: Entity | None, after: Entity | None, changed: Iterable[str]) -> set[K]:
        """Keys of queries that may concern a change between two states of an entity (None: not there)."""
        entity = after or before
        if entity is None:
            return set()
        types = entity.types if before is None or before.types == entity.types else {*entity.types, *before.types}
        found: set[K] = set()
        for name in (_ALL_ATTRIBUTES, *changed):
            for place in ((_ID, entity.id, name), (_ANY, "", name), *((_TYPE, one, name) for one in types)):
                if keys := self._filed.get(place):
                    found |= keys
                for gates in self._gated[place].values() if place in self._gated else ():
                    for state in (before, after):
                        if state is not None:
                            found.update(*gates.passed(state))
        return found


def _homes(selectors: tuple[Selector, ...]) -> Iterator[tuple[str, str]]:
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
