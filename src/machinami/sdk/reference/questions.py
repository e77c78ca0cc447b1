"""A whole query as a client writes it, decided on one entity (CIM 009 5.7.2)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from machinami.kernel.entity import Entity
from machinami.sdk.reference.conditions import condition
from machinami.sdk.reference.geometry import related
from machinami.sdk.reference.selection import alive, in_scopes, of_types


@dataclass(frozen=True)
class Question:
    """The URL parameters of a query; an empty text is a parameter that is not given."""

    type: str = ""
    id: str = ""
    id_pattern: str = ""
    attrs: str = ""
    q: str = ""
    scope_q: str = ""
    georel: str = ""
    geometry: str = ""
    coordinates: str = ""
    geoproperty: str = "location"
    order_by: str = ""
    order_from: str = ""
    order_geometry: str = "Point"


def answers(
    entity: Entity, question: Question, now: datetime, expand: Callable[[str], str], city: Iterable[Entity] = ()
) -> bool | None:
    """Whether the entity is found at `now` in a city of which it may name others; None if it lies too close to a distance to
    say."""
    there = {one.id: living for one in city if (living := alive(one, now)) is not None}
    shown = alive(entity, now)
    if shown is None:
        return False
    parts = [
        not question.type or of_types(question.type, set(shown.types), expand),
        not question.id or shown.id in question.id.split(","),
        not question.id_pattern or re.search(question.id_pattern, shown.id) is not None,
        not question.attrs or any(expand(name) in shown.attributes for name in question.attrs.split(",")),
        not question.scope_q or in_scopes(question.scope_q, shown.scopes),
        not question.q or condition(question.q, expand, there)(shown),
    ]
    if not all(parts):
        return False
    return _geo(shown, question, expand) if question.georel else True


def _geo(entity: Entity, question: Question, expand: Callable[[str], str]) -> bool | None:
    coordinates = json.loads(question.coordinates)
    verdicts = [
        related(question.georel, question.geometry, coordinates, one["value"])
        for one in entity.attributes.get(expand(question.geoproperty), [])
        if one["type"] == "GeoProperty"
    ]
    if True in verdicts:
        return True
    return None if None in verdicts else False
