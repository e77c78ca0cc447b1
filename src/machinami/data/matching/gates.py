"""Standing queries by a comparison that they can't do without: limits that a value does not reach cost nothing.

Of a condition such as `level>5;name` the comparison `level>5` is its gate. Queries with the same path are kept in order of
their limits, so that one search finds those that a value passes, however many there are.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Hashable, Iterator
from typing import Any, Final, Generic, TypeVar

from machinami.data.matching.conditions import targets
from machinami.kernel.entity import Entity
from machinami.kernel.query import And, AttributePath, Compare, Comparison, Condition

K = TypeVar("K", bound=Hashable)
_LOWER: Final = frozenset({Comparison.GREATER, Comparison.GREATER_EQUAL})
_UPPER: Final = frozenset({Comparison.LESS, Comparison.LESS_EQUAL})


def gate_of(condition: Condition | None) -> Compare | None:
    """A comparison that must hold for the condition to hold, if it is one that can be looked up: with numbers, or equality
    with numbers and texts, of a path that stays within the entity."""
    for one in condition.items if isinstance(condition, And) else (condition,):
        if isinstance(one, Compare) and not one.path.links:
            if one.operator is Comparison.EQUAL and all(isinstance(each, str | int | float) for each in one.operands):
                return one
            if one.operator in _LOWER | _UPPER and _is_number(one.operands[0]):
                return one
    return None


class Gates(Generic[K]):
    """Keys by their gates, which all have one path."""

    def __init__(self, path: AttributePath) -> None:
        self._path = path
        self._lower: _Limits[K] = _Limits()
        self._upper: _Limits[K] = _Limits()
        self._equal: dict[Any, set[K]] = {}

    def __bool__(self) -> bool:
        return bool(self._lower.limits or self._upper.limits or self._equal)

    def add(self, key: K, gate: Compare) -> None:
        """File a key under its gate."""
        if gate.operator is Comparison.EQUAL:
            for operand in gate.operands:
                self._equal.setdefault(operand, set()).add(key)
        else:
            self._side(gate).add(gate.operands[0], key)

    def remove(self, key: K, gate: Compare) -> None:
        """Forget a key that was filed under this gate."""
        if gate.operator is not Comparison.EQUAL:
            self._side(gate).remove(gate.operands[0], key)
            return
        for operand in set(gate.operands):
            self._equal[operand].discard(key)
            if not self._equal[operand]:
                del self._equal[operand]

    def passed(self, entity: Entity) -> Iterator[set[K]]:
        """Keys of the gates that the entity may pass: all that it does, and perhaps more."""
        for candidates, singles in targets(self._path, entity):
            numbers = [one for one in singles if _is_number(one)]
            if numbers:
                yield from self._lower.up_to(max(numbers))
                yield from self._upper.from_on(min(numbers))
            for one in candidates if self._equal else ():
                if isinstance(one, str | int | float) and one in self._equal:
                    yield self._equal[one]

    def _side(self, gate: Compare) -> _Limits[K]:
        return self._lower if gate.operator in _LOWER else self._upper


class _Limits(Generic[K]):
    """Keys by a number, in its order."""

    def __init__(self) -> None:
        self.limits: list[Any] = []
        self._keys: dict[Any, set[K]] = {}

    def add(self, limit: Any, key: K) -> None:
        if limit not in self._keys:
            insort(self.limits, limit)
            self._keys[limit] = set()
        self._keys[limit].add(key)

    def remove(self, limit: Any, key: K) -> None:
        keys = self._keys[limit]
        keys.discard(key)
        if not keys:
            del self._keys[limit]
            del self.limits[bisect_left(self.limits, limit)]

    def up_to(self, number: Any) -> Iterator[set[K]]:
        return (self._keys[limit] for limit in self.limits[: bisect_right(self.limits, number)])

    def from_on(self, number: Any) -> Iterator[set[K]]:
        return (self._keys[limit] for limit in self.limits[bisect_left(self.limits, number) :])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
