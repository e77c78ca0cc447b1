"""Entities as sources answer them, with their system times, which the merge needs (CIM 009 4.5.5.3, 4.8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from machinami.kernel.entity import Entity, Instance
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
        attributes={name: _timed(instances, given.get(name)) for name, instances in entity.attributes.items()},
    )


def _timed(instances: list[Instance], body: Any) -> list[Instance]:
    bodies = [one for one in (body if isinstance(body, list) else [body]) if isinstance(one, dict)]
    by_dataset = {_dataset(one): one for one in bodies}
    return [{**one, **_times_of(by_dataset.get(_dataset(one), {}))} for one in instances]


def _dataset(body: Mapping[str, Any]) -> str:
    name = body.get("datasetId", "@none")
    return name if isinstance(name, str) else "@none"


def _times_of(body: Mapping[str, Any]) -> dict[str, str]:
    return {name: body[name] for name in _TIMES if is_date_time(body.get(name))}
