"""Selecting entities by type, id and scope (CIM 009 4.17, 4.19, 5.2.33)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from machinami.data.matching.patterns import pattern
from machinami.kernel.entity import Entity
from machinami.kernel.query import ScopeQuery, Selector, TypeSelection


def type_matches(selection: TypeSelection, types: Iterable[str]) -> bool:
    """4.17: the entity has all types of any one alternative."""
    return any(alternative.issubset(types) for alternative in selection.any_of)


def selects(selectors: tuple[Selector, ...], entity: Entity) -> bool:
    """5.2.33: any selector all of whose given parts hold."""
    return any(_selects(selector, entity) for selector in selectors)


def _selects(selector: Selector, entity: Entity) -> bool:
    if selector.types is not None and not type_matches(selector.types, entity.types):
        return False
    if selector.ids is not None and entity.id not in selector.ids:
        return False
    return selector.id_pattern is None or pattern(selector.id_pattern).search(entity.id) is not None


def scope_holds(query: ScopeQuery, scopes: tuple[str, ...]) -> bool:
    """4.19: for any one alternative, each of its patterns matches some scope of the entity."""
    return any(
        all(any(scope_pattern_matches(one, scope) for scope in scopes) for one in alternative) for alternative in query.any_of
    )


def scope_pattern_matches(scope_pattern: str, scope: str) -> bool:
    """`+` stands for one level, a closing `#` for the level before it and all below; the leading slash is optional (4.18)."""
    wanted = _levels(scope_pattern)
    levels = _levels(scope)
    if wanted and wanted[-1] == "#":
        wanted = wanted[:-1]
        if len(levels) < max(len(wanted), 1):
            return False
    elif len(levels) != len(wanted):
        return False
    return all(one in ("+", level) for one, level in zip(wanted, levels, strict=False))


@lru_cache(maxsize=4_096)
def _levels(scope: str) -> tuple[str, ...]:
    return tuple(level for level in scope.split("/") if level)
