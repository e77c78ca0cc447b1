"""Entities as sources answer them, with their system times, which the merge needs (CIM 009 4.5.5.3, 4.8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from machinami.kernel.entity import Attributes, Entity, Instance
from machinami.standards.ngsi_ld.attributes import is_date_time
from machinami.standards.ngsi_ld.contexts import Context
from machinami.standards.ngsi_ld.entities import parse_entity

_TIMES: Final = ("createdAt", "modifiedAt")


def read_entity(document: Any, context: Context) -> Entity:
    """The entity of a normalized answer; Refusal `ngsi_ld.*` if it is none (it is rejected then: 4.3.6.8)."""
    entity = parse_entity(document, context)
    times = {name: value for name in _TIMES if is_date_time(value := document.get(name))}
    given: dict[str, Any] = {
        context.expanded[name]: body for name, body in document.items() if name not in ("id", "type", "@context", *_TIMES)
    }
    return replace(
        entity,
        created_at=times.get("createdAt", ""),
        modified_at=times.get("modifiedAt", ""),
        attributes={name: _timed(instances, given.get(name), context) for name, instances in entity.attributes.items()},
    )


def _timed(instances: list[Instance], body: Any, context: Context) -> list[Instance]:
    bodies = [one for one in (body if isinstance(body, list) else [body]) if isinstance(one, dict)]
    by_dataset = {_dataset(one): one for one in bodies}
    return [with_times(one, by_dataset.get(_dataset(one), {}), context) for one in instances]


def with_times(instance: Instance, body: Mapping[str, Any], context: Context) -> Instance:
    """An instance with the system times that its document tells of it and of its own attributes."""
    found = {**instance, **{name: body[name] for name in _TIMES if is_date_time(body.get(name))}}
    inner: Attributes = instance.get("attributes", {})
    if inner:
        given = {context.expanded[name]: each for name, each in body.items() if isinstance(each, dict | list)}
        found["attributes"] = {name: _timed(each, given.get(name), context) for name, each in inner.items()}
    return found


def _dataset(body: Mapping[str, Any]) -> str:
    name = body.get("datasetId", "@none")
    return name if isinstance(name, str) else "@none"
