"""Which entities a temporal query finds: those whose instances within the window meet it (CIM 009 5.7.4.4, sets S1 to S4).

A condition holds if one instance meets it, so that reading some of them can show that an entity matches, but only reading all
that it does not. Comparisons of numbers are therefore left to the store, which finds a witness; of everything else the first
instances are read, and more of those entities only that did not match by them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from machinami.data.entities.past import SCOPE
from machinami.data.matching import matches
from machinami.data.matching.selectors import scope_holds
from machinami.data.temporal.model import Bound, Series, Window
from machinami.data.temporal.ports import History, Place
from machinami.kernel.entity import Attributes, Entity, Instance
from machinami.kernel.errors import Refusal
from machinami.kernel.query import Compare, Comparison, Condition, EntityQuery, Exists, conditions

FIRST: Final = 50
"""Instances of an attribute that are read of each candidate before any is read whole."""
_ORDERED: Final = frozenset({Comparison.GREATER, Comparison.GREATER_EQUAL, Comparison.LESS, Comparison.LESS_EQUAL})


class PastMatcher:
    """Decides on candidates by what `history` has of them, reading at most `matched_max` instances of an attribute."""

    def __init__(self, history: History, matched_max: int) -> None:
        self._history = history
        self._matched_max = matched_max

    async def present(self, tenant: str, candidates: Sequence[Entity], places: Sequence[Place], window: Window) -> list[Entity]:
        """The candidates that have any instance of these places in the window."""
        found = await self._history.series(tenant, places, replace(window, limit=1))
        present = {one.entity_id for one in found}
        return [one for one in candidates if one.id in present]

    async def matching(
        self, tenant: str, candidates: Sequence[Entity], query: EntityQuery, window: Window, now: str
    ) -> list[Entity]:
        """The candidates whose instances in the window meet the query's condition, place and scope."""
        bounds, names = _divided(query)
        if not candidates or not (bounds or names):
            return list(candidates)
        past: dict[str, list[Series]] = {}
        for name, bound in bounds:
            await self._read(tenant, [(one.id, name) for one in candidates], replace(window, limit=1, bound=bound), past)
        places = [(one.id, name) for one in candidates for name in names]
        await self._read(tenant, places, replace(window, limit=FIRST), past)
        matched = []
        for one in candidates:
            known = past.get(one.id, [])
            if holds(one, known, query, now) or await self._holds_at_length(tenant, one, known, query, window, now):
                matched.append(one)
        return matched

    async def _holds_at_length(
        self, tenant: str, entity: Entity, known: Sequence[Series], query: EntityQuery, window: Window, now: str
    ) -> bool:
        """Whether the rest of the instances makes the entity match, if not all of them have been read."""
        cut = [one.attribute for one in known if len(one.points) == FIRST]
        if not cut:
            return False
        past: dict[str, list[Series]] = {}
        await self._read(tenant, [(entity.id, name) for name in cut], replace(window, limit=self._matched_max + 1), past)
        whole = past.get(entity.id, [])
        if holds(entity, [*whole, *(one for one in known if one.attribute not in cut)], query, now):
            return True
        if any(len(one.points) > self._matched_max for one in whole):
            raise Refusal("data.query.too_complex", examined=str(self._matched_max + 1), budget=str(self._matched_max))
        return False

    async def _read(self, tenant: str, places: Sequence[Place], window: Window, past: dict[str, list[Series]]) -> None:
        for one in await self._history.series(tenant, places, window):
            past.setdefault(one.entity_id, []).append(one)


def _divided(query: EntityQuery) -> tuple[list[tuple[str, Bound]], list[str]]:
    """The query's comparisons of numbers, which a witness decides, and the attributes that have to be read for the rest."""
    by_name: dict[str, list[Compare | Exists]] = {}
    for one in conditions(query.condition):
        by_name.setdefault(one.path.name, []).append(one)
    numeric = {name: bounds for name, several in by_name.items() if all(bounds := [_bound(one) for one in several])}
    names = set(by_name) - set(numeric)
    if query.geo is not None:
        names.add(query.geo.property_name)
    if query.scope is not None:
        names.add(SCOPE)
    decided = [(name, bound) for name, bounds in numeric.items() if name not in names for bound in bounds if bound is not None]
    return decided, sorted(names)


def _bound(condition: Condition) -> Bound | None:
    if not isinstance(condition, Compare) or condition.operator not in _ORDERED:
        return None
    path, operand = condition.path, condition.operands[0]
    if path.sub or path.members or path.links or isinstance(operand, bool) or not isinstance(operand, int | float):
        return None
    return Bound(condition.operator, operand)


def holds(entity: Entity, past: Iterable[Series], query: EntityQuery, now: str) -> bool:
    """Whether these instances meet the query's condition, place and scope; the scopes of now count as well.

    Marks of deletions have no value that could meet anything.
    """
    attributes: Attributes = {}
    for one in past:
        attributes.setdefault(one.attribute, []).extend(
            _lasting(point.instance) for point in one.points if "deletedAt" not in point.instance
        )
    scopes = [one["value"] for one in attributes.pop(SCOPE, [])]
    if query.scope is not None:
        told = [tuple(one) if isinstance(one, list) else (one,) for one in scopes]
        if not any(scope_holds(query.scope, one) for one in (*told, entity.scopes)):
            return False
    as_lived = replace(entity, attributes=attributes, expires_at=None)
    return matches(as_lived, EntityQuery(condition=query.condition, geo=query.geo), now)


def _lasting(instance: Instance) -> Instance:
    """The instance as it was: what has expired since is part of the past all the same."""
    return (
        {member: value for member, value in instance.items() if member != "expiresAt"} if "expiresAt" in instance else instance
    )
