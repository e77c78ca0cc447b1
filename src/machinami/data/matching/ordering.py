"""The order of entities by their values (CIM 009 4.23): a sort key per entity, exact and stable."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from machinami.kernel.clock import parse_instant
from machinami.kernel.entity import VALUE_MEMBER, Entity, Instance
from machinami.kernel.query import AttributePath, Ordering, OrderTerm
from machinami.kernel.relationships import is_relationship, objects_of
from machinami.standards.collation import collation_key, parse_collation
from machinami.standards.ngsi_ld.language import chosen_text

Key = tuple[Any, ...]
_TIMES: Final = frozenset({"observedAt", "createdAt", "modifiedAt", "deletedAt", "expiresAt"})
_MEMBERS: Final = _TIMES | {"unitCode", "datasetId", "objectType"}
_CORE: Final = "https://uri.etsi.org/ngsi-ld/"
_NUMBER, _STRING, _OBJECT, _ARRAY, _BOOLEAN, _TIME, _DATE, _DATE_TIME, _NULL, _MISSING = range(10)
_TYPED: Final = {"Time": _TIME, "Date": _DATE, "DateTime": _DATE_TIME}
_ABSENT: Final = object()


def order_key(ordering: Ordering) -> Callable[[Entity], Key]:
    """A function from entities to keys that compare in the ordering's order, then in order of creation.

    Of an attribute with several instances the default one counts, else the first. Values of different kinds stand as 4.23.2
    lists them, the other way round when descending, but null and what is not there last in both directions.
    """
    text = collation_key(parse_collation(ordering.collation))
    readers = [_reader(term, ordering, text) for term in ordering.terms]
    return lambda entity: (*(read(entity) for read in readers), entity.sequence)


def _reader(term: OrderTerm, ordering: Ordering, text: Callable[[str], Key]) -> Callable[[Entity], Key]:
    def read(entity: Entity) -> Key:
        value, typed = _value(term.path, entity)
        if term.distance:
            distance = _distance(term.path, entity, ordering)
            if distance is not None:
                return (0, _Descending(distance) if term.descending else distance)
        key = _value_key(value, typed, text)
        if key[0] >= _NULL:
            return (2, key[0])
        return (1, _Descending(key) if term.descending else key)

    return read


@dataclass(frozen=True, slots=True)
class _Descending:
    """A key that compares the other way round."""

    key: Any

    def __lt__(self, other: _Descending) -> bool:
        return bool(other.key < self.key)


def _value(path: AttributePath, entity: Entity) -> tuple[Any, int | None]:
    """What a path leads to, and its rank if that is known from the name."""
    if not path.sub and not path.members and path.name not in entity.attributes:
        found = _entity_member(path.name.removeprefix(_CORE), entity)
        if found is not _ABSENT:
            return found, _DATE_TIME if isinstance(found, str) and path.name.removeprefix(_CORE) in _TIMES else None
    instance = _default(entity.attributes.get(path.name))
    for place, name in enumerate(path.sub):
        if instance is None:
            return _ABSENT, None
        member = name.removeprefix(_CORE)
        if place == len(path.sub) - 1 and member in _MEMBERS and not path.members:
            return instance.get(member, _ABSENT), _DATE_TIME if member in _TIMES else None
        instance = _default(instance.get("attributes", {}).get(name))
    if instance is None:
        return _ABSENT, None
    return _instance_value(instance, path.members), None


def _entity_member(name: str, entity: Entity) -> Any:
    match name:
        case "id":
            return entity.id
        case "type":
            return entity.types[0] if len(entity.types) == 1 else list(entity.types)
        case "scope":
            return _one_or_many(entity.scopes)
        case "createdAt":
            return entity.created_at
        case "modifiedAt":
            return entity.modified_at
        case "expiresAt":
            return entity.expires_at or _ABSENT
    return _ABSENT


def _one_or_many(values: tuple[str, ...]) -> Any:
    return _ABSENT if not values else values[0] if len(values) == 1 else list(values)


def _default(instances: list[Instance] | None) -> Instance | None:
    if not instances:
        return None
    return next((one for one in instances if "datasetId" not in one), instances[0])


def _instance_value(instance: Instance, members: tuple[str, ...]) -> Any:
    if is_relationship(instance):
        objects = objects_of(instance)
        return _ABSENT if members else objects[0] if isinstance(instance.get("object"), str) else objects
    value = instance.get(VALUE_MEMBER[instance["type"]])
    if instance["type"] == "LanguageProperty" and not members:
        return chosen_text(value, "*")[0] if value else _ABSENT
    for member in members:
        if not isinstance(value, dict) or member not in value:
            return _ABSENT
        value = value[member]
    return value


def _value_key(value: Any, typed: int | None, text: Callable[[str], Key]) -> Key:
    """(rank of 4.23.2, what compares within it)."""
    if value is _ABSENT:
        return (_MISSING,)
    if value is None:
        return (_NULL,)
    if isinstance(value, bool):
        return (_BOOLEAN, value)
    if isinstance(value, int | float):
        return (_NUMBER, value)
    if isinstance(value, str):
        return (_STRING, text(value)) if typed is None else (typed, _moment(value))
    if isinstance(value, list):
        return (_ARRAY, tuple(_value_key(one, None, text) for one in value))
    rank = _TYPED.get(str(value.get("@type")).removeprefix(_CORE)) if isinstance(value.get("@value"), str) else None
    if rank is not None:
        return (rank, _moment(value["@value"]))
    return (_OBJECT, json.dumps(value, sort_keys=True, ensure_ascii=False))


@lru_cache(maxsize=8_192)
def _moment(text: str) -> tuple[int, Any]:
    """An instant, or the text of a date or time that is none."""
    try:
        return (0, parse_instant(text))
    except ValueError:
        return (1, text)


def _distance(path: AttributePath, entity: Entity, ordering: Ordering) -> float | None:
    """Metres from the reference geometry; None if the attribute is no GeoProperty."""
    instance = _default(entity.attributes.get(path.name)) if not path.sub and not path.members else None
    if instance is None or instance["type"] != "GeoProperty":
        return None
    from machinami.data.matching.geometry import distance_between  # shapely and numpy: loaded for the first one

    return distance_between(ordering.geometry_type, ordering.coordinates, instance["value"])
