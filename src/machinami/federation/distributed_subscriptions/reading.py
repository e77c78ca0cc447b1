"""Entities as sources' notifications show them: with what was deleted, and what was there before (CIM 009 5.8.6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from machinami.federation.distribution.answers import read_entity
from machinami.kernel.entity import NGSI_LD_NULL, VALUE_MEMBER, Attributes, Entity, Instance
from machinami.standards.ngsi_ld.contexts import Context
from machinami.standards.ngsi_ld.notifications import Told

_MEMBERS: Final = frozenset({"id", "type", "scope", "@context", "createdAt", "modifiedAt", "deletedAt", "expiresAt"})
_PREVIOUS: Final = frozenset(f"previous{member[0].upper()}{member[1:]}" for member in VALUE_MEMBER.values())
_TIMES: Final = ("createdAt", "modifiedAt", "deletedAt", "datasetId")


def read_told(document: Any, context: Context) -> Told:
    """An entity of a notification in normalized form; Refusal `ngsi_ld.*` if it is none.

    An attribute that was deleted has an instance of NGSI-LD Null; what was there before stands in `previous…`.
    """
    if not isinstance(document, dict):
        return Told(read_entity(document, context))
    living, stones = _parted(document, context)
    entity = read_entity(living, context)
    attributes = {name: _with_previous(found, document, name, context) for name, found in entity.attributes.items()}
    for name, found in stones.items():
        attributes[name] = [*attributes.get(name, []), *found]
    deleted_at = document.get("deletedAt")
    return Told(replace(entity, attributes=attributes), deleted_at if isinstance(deleted_at, str) else None)


def without_stones(entity: Entity) -> Entity:
    """The entity as it stands: without what was deleted."""
    living = {name: [one for one in found if not is_stone(one)] for name, found in entity.attributes.items()}
    return entity.with_attributes({name: found for name, found in living.items() if found})


def with_stones(entity: Entity, told: Entity) -> Entity:
    """An entity with what was deleted of it according to `told`, as far as nobody else has it."""
    attributes: Attributes = dict(entity.attributes)
    for name, found in told.attributes.items():
        held = {one.get("datasetId") for one in attributes.get(name, [])}
        stones = [one for one in found if is_stone(one) and one.get("datasetId") not in held]
        if stones:
            attributes[name] = [*attributes.get(name, []), *stones]
    return entity.with_attributes(attributes)


def is_stone(instance: Instance) -> bool:
    """Whether an instance says that it was deleted."""
    return instance[VALUE_MEMBER[instance["type"]]] in (NGSI_LD_NULL, {"@none": NGSI_LD_NULL})


def _parted(document: Mapping[str, Any], context: Context) -> tuple[dict[str, Any], Attributes]:
    """The document without deleted instances, and those by expanded name."""
    living: dict[str, Any] = {}
    stones: Attributes = {}
    for name, body in document.items():
        if name in _MEMBERS:
            living[name] = body
            continue
        bodies = body if isinstance(body, list) else [body]
        gone = [stone for one in bodies if (stone := _stone(one, context)) is not None]
        left = [_without_previous(one) for one in bodies if _stone(one, context) is None]
        if gone:
            stones[context.expanded[name]] = gone
        if left:
            living[name] = left if isinstance(body, list) else left[0]
    living.pop("deletedAt", None)
    return living, stones


def _stone(body: Any, context: Context) -> Instance | None:
    if body == NGSI_LD_NULL:
        return {"type": "Property", "value": NGSI_LD_NULL}
    if not isinstance(body, dict):
        return None
    kind = body.get("type", "Property")
    member = VALUE_MEMBER.get(kind) if isinstance(kind, str) else None
    if member is None or body.get(member) not in (NGSI_LD_NULL, {"@none": NGSI_LD_NULL}):
        return None
    times = {name: body[name] for name in _TIMES if isinstance(body.get(name), str)}
    return {"type": kind, member: body[member], **times, **_previous(body, context)}


def _without_previous(body: Any) -> Any:
    """What can be read: the value before may have been of another type, and then its member is no part of this one."""
    return {name: value for name, value in body.items() if name not in _PREVIOUS} if isinstance(body, dict) else body


def _previous(body: Mapping[str, Any], context: Context) -> dict[str, Any]:
    return {name: _expanded(body[name], context) if name == "previousVocab" else body[name] for name in _PREVIOUS & body.keys()}


def _expanded(value: Any, context: Context) -> Any:
    if isinstance(value, list):
        return [_expanded(one, context) for one in value]
    return context.expand_value(value) if isinstance(value, str) else value


def _with_previous(instances: list[Instance], document: Mapping[str, Any], name: str, context: Context) -> list[Instance]:
    by_dataset = {one.get("datasetId"): one for one in _bodies(document, name, context)}
    return [{**one, **_previous(by_dataset.get(one.get("datasetId"), {}), context)} for one in instances]


def _bodies(document: Mapping[str, Any], name: str, context: Context) -> Iterator[Mapping[str, Any]]:
    for term, body in document.items():
        if term not in _MEMBERS and context.expanded[term] == name:
            bodies = body if isinstance(body, list) else [body]
            yield from (one for one in bodies if isinstance(one, dict) and _stone(one, context) is None)
