"""Which standing queries may care about a change, without looking at the others (technology.md (e))."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from typing import Generic, TypeVar

from machinami.kernel.entity import Entity
from machinami.kernel.query import EntityQuery, Selector

K = TypeVar("K", bound=Hashable)
_Place = tuple[str, str, str]
_ID, _TYPE, _ANY = "id", "type", "any"
_ALL_ATTRIBUTES = ""


class InterestIndex(Generic[K]):
    """Standing queries by entity id, else by type, else for all; each split by the watched attribute if there is one.

    A query is filed under one type of each alternative of its type selection. Answers are a superset of the queries
    that match; `matches` decides. A change costs a few look-ups per type and changed attribute, however many queries
    are filed elsewhere.
    """

    def __init__(self) -> None:
        self._filed: dict[_Place, set[K]] = {}
        self._places: dict[K, tuple[_Place, ...]] = {}

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, key: K) -> bool:
        return key in self._places

    def add(self, key: K, query: EntityQuery, watched: Iterable[str] = ()) -> None:
        """File a query, replacing the one under the same key. `watched`: only changes of these attributes count."""
        self.remove(key)
        names = tuple(watched) or (_ALL_ATTRIBUTES,)
        places = tuple({(kind, value, name) for kind, value in _homes(query.selectors) for name in names})
        for place in places:
            self._filed.setdefault(place, set()).add(key)
        self._places[key] = places

    def remove(self, key: K) -> None:
        """Forget a query; nothing happens if it is not there."""
        for place in self._places.pop(key, ()):
            keys = self._filed[place]
            keys.discard(key)
            if not keys:
                del self._filed[place]

    def candidates(self, before: Entity | None, after: Entity | None, changed: Iterable[str]) -> set[K]:
        """Keys of queries that may concern a change between two states of an entity (None: not there)."""
        entity = after or before
        if entity is None:
            return set()
        types = entity.types if before is None or before.types == entity.types else {*entity.types, *before.types}
        filed = self._filed
        names = (_ALL_ATTRIBUTES, *changed)
        found: set[K] = set()
        for name in names:
            if keys := filed.get((_ID, entity.id, name)):
                found |= keys
            if keys := filed.get((_ANY, "", name)):
                found |= keys
            for one in types:
                if keys := filed.get((_TYPE, one, name)):
                    found |= keys
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
