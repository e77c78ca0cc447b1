"""Who carries out which part of an operation: pure (CIM 009 4.3.6.2, 4.3.6.3, the behaviours of 5.6)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from machinami.federation.registrations.model import EntityInfo, Match, Mode, Registered, RegistrationInfo
from machinami.federation.registrations.patterns import pattern_finds
from machinami.kernel.entity import Entity
from machinami.kernel.query import EntityQuery, Selector, conditions

Names = frozenset[str] | None
"""Expanded attribute names; None means whatever there is."""


@dataclass(frozen=True, slots=True)
class Share:
    """The part of an operation for one source."""

    registered: Registered
    attributes: Names


@dataclass(frozen=True, slots=True)
class Split:
    """An operation in parts: for sources, for none (a proxied source does not offer it), and for this broker.

    `local` is None when the operation names no attributes; `here` says whether this broker has a part at all, `proxied`
    whether some data are held at a source alone.
    """

    shares: tuple[Share, ...]
    conflicts: tuple[Share, ...]
    local: Names
    here: bool

    @property
    def proxied(self) -> bool:
        """Whether a proxied registration took part of it."""
        return bool(self.conflicts) or any(one.registered.registration.proxied for one in self.shares)


def split(matches: Sequence[Match], operations: frozenset[str], names: Names) -> Split:
    """The parts of a write on one entity: exclusive sources first, then all redirects, then inclusive ones and us.

    A source can take its part if it offers any of the operations.
    """
    shares: list[Share] = []
    conflicts: list[Share] = []
    left = names
    for mode in (Mode.EXCLUSIVE, Mode.REDIRECT, Mode.INCLUSIVE):
        taken: set[str] = set()
        for match in matches:
            registration = match.registration
            if registration.mode is not mode or not _concerned(match, left):
                continue
            part = offered(match.information, left)
            if operations & registration.operations:
                shares.append(Share(match.registered, part))
            elif registration.proxied:
                conflicts.append(Share(match.registered, part))
            taken |= part or frozenset()
        if left is not None and mode is not Mode.INCLUSIVE:
            left -= taken
    whole = Split(tuple(shares), tuple(conflicts), left, True)
    here = left is None or bool(left) or not whole.proxied
    return Split(whole.shares, whole.conflicts, left, here)


def _concerned(match: Match, names: Names) -> bool:
    return names is None or bool(offered(match.information, names)) or (not names and _is_whole(match.information))


def offered(information: Iterable[RegistrationInfo], names: Names) -> Names:
    """Those of the names that the information speaks of; None for all attributes of an entity."""
    if _is_whole(information):
        return names
    listed = frozenset(name for info in information for name in info.attributes)
    return listed if names is None else names & listed


def _is_whole(information: Iterable[RegistrationInfo]) -> bool:
    return any(not info.attributes for info in information)


def kept_of_answer(entity: Entity, information: Iterable[RegistrationInfo]) -> Entity | None:
    """The part of an answered entity that the source is registered for, None if it is not (4.3.6.1)."""
    fitting = [info for info in information if _speaks_of(info, entity)]
    if not fitting:
        return None
    names = offered(fitting, frozenset(entity.attributes))
    if names is None or len(names) == len(entity.attributes):
        return entity
    return entity.with_attributes({name: value for name, value in entity.attributes.items() if name in names})


def _speaks_of(info: RegistrationInfo, entity: Entity) -> bool:
    return not info.entities or any(
        (one.id is None or one.id == entity.id)
        and (one.id_pattern is None or pattern_finds(one.id_pattern, entity.id))
        and one.types.issubset(entity.types)
        for one in info.entities
    )


def without_proxied(entity: Entity, matches: Iterable[Match]) -> Entity | None:
    """What this broker may say of an entity of its own: nothing that is held at a source alone (4.3.6.3)."""
    names = frozenset(entity.attributes)
    left = names
    for match in matches:
        fitting = [info for info in match.information if _speaks_of(info, entity)]
        if match.registration.proxied and fitting:
            if match.registration.mode is Mode.REDIRECT and any(not info.attributes for info in fitting):
                return None
            left -= offered(fitting, left) or frozenset()
    if len(left) == len(names):
        return entity
    return entity.with_attributes({name: value for name, value in entity.attributes.items() if name in left})


@dataclass(frozen=True, slots=True)
class Narrowed:
    """Entities to ask a source for: what the request wants and the source is registered for; empty parts ask for all.

    `types` are alternatives, each a set that an entity must have.
    """

    types: tuple[frozenset[str], ...] = ()
    ids: tuple[str, ...] = ()
    id_pattern: str | None = None


def names_of(query: EntityQuery) -> frozenset[str]:
    """The attributes that a query depends on: those it lists, with those of its filters; empty for all (5.12)."""
    if not query.attributes:
        return frozenset()
    filtered = {one.path.name for one in conditions(query.condition)} | ({query.geo.property_name} if query.geo else set())
    return frozenset(query.attributes) | filtered


def narrowed(selectors: Sequence[Selector], information: Iterable[RegistrationInfo]) -> list[Narrowed]:
    """What to ask a source for, so that no request goes beyond its registration (4.3.6.1)."""
    asked = tuple(selectors) or (Selector(),)
    found = dict.fromkeys(
        one for info in information for entity in info.entities or (None,) for each in asked if (one := _narrow(each, entity))
    )
    return _joined(found)


def _narrow(selector: Selector, entity: EntityInfo | None) -> Narrowed | None:
    wanted = selector.types.any_of if selector.types is not None else ()
    ids = tuple(sorted(selector.ids or ()))
    if entity is None:
        return Narrowed(wanted, ids, None if ids else selector.id_pattern)
    types = tuple(one for one in wanted if one <= entity.types)
    if wanted and not types:
        return None
    fitting = tuple(one for one in ids if _id_fits(entity, one))
    if ids and not fitting:
        return None
    if entity.id is not None:
        return Narrowed(types or (entity.types,), (entity.id,))
    pattern = None if fitting else entity.id_pattern or selector.id_pattern
    return Narrowed(types or (entity.types,), fitting, pattern)


def _id_fits(entity: EntityInfo, entity_id: str) -> bool:
    if entity.id is not None:
        return entity.id == entity_id
    return entity.id_pattern is None or pattern_finds(entity.id_pattern, entity_id)


def _joined(parts: Iterable[Narrowed]) -> list[Narrowed]:
    """One request for all that are named by id, one for all that are named by type alone."""
    listed = list(parts)
    by_id = [one for one in listed if one.ids]
    by_type = [one for one in listed if not one.ids and one.id_pattern is None]
    joined = [one for one in listed if one.id_pattern is not None]
    if by_type:
        everything = any(not one.types for one in by_type)
        joined.append(Narrowed(() if everything else _once(kind for one in by_type for kind in one.types)))
    if by_id:
        ids = tuple(dict.fromkeys(name for one in by_id for name in one.ids))
        free = any(not one.types for one in by_id)
        joined.append(Narrowed(() if free else _once(kind for one in by_id for kind in one.types), ids))
    return joined


def _once(kinds: Iterable[frozenset[str]]) -> tuple[frozenset[str], ...]:
    return tuple(dict.fromkeys(kinds))
