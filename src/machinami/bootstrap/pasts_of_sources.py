"""What sources tell of the past: documents read as evolutions, and evolutions of several places made one (CIM 009 4.5.5)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from operator import attrgetter
from typing import Any, Final

from machinami.data.entities.past import SCOPE
from machinami.data.temporal.model import Evolution, Point, Series, Window
from machinami.federation.distribution.answers import with_times
from machinami.federation.distribution.reading import Told, range_end
from machinami.federation.distribution.rules import Names, kept_of_answer, offered
from machinami.federation.registrations.model import Mode
from machinami.kernel.clock import parse_instant
from machinami.kernel.entity import VALUE_MEMBER, Attributes, Entity, Instance
from machinami.standards.ngsi_ld.attributes import is_date_time
from machinami.standards.ngsi_ld.temporal_input import parse_evolution

_OWN_MEMBERS: Final = ("deletedAt", "instanceId")
_PAST: Final = "1970-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Past:
    """A source's version of an evolution; `end`: what it knows beyond is on a page of its own.

    `registered`: the attributes that it is a source of, None for all of them.
    """

    evolution: Evolution
    source: str
    supplementary: bool
    end: datetime | None
    registered: Names = None


def past_of(told: Told, window: Window) -> Past | None:
    """The evolution that a document holds, as far as the source is registered for it; raises if it is none."""
    document = {name: body for name, body in told.document.items() if name != "scope" and body != []}
    plain, stones = _without_stones(document)
    entity_id, given = parse_evolution(plain, told.context)
    names = {told.context.expanded[name]: name for name in document if name not in ("@context", "id", "type")}
    attributes: Attributes = {told.context.expanded[name]: [] for name in stones} | given.attributes
    whole = Entity(
        entity_id, given.types, attributes, created_at=_time(told, "createdAt"), modified_at=_time(told, "modifiedAt"),
        expires_at=given.expires_at,
    )  # fmt: skip
    kept = kept_of_answer(whole, told.match.information)
    if kept is None:
        return None
    scopes = _series(entity_id, SCOPE, _scope_bodies(told), window)
    series = [scopes]
    for name, instances in kept.attributes.items():
        listed = _listed(plain.get(names[name], []))
        complete = [{**with_times(one, body, told.context), **_own(body)} for one, body in zip(instances, listed, strict=True)]
        series.append(_series(entity_id, name, [*complete, *map(_stone, stones.get(names[name], ()))], window))
    end = range_end(told.content_range)
    auxiliary = told.match.registration.mode is Mode.AUXILIARY
    newest = max(scopes.points, key=attrgetter("time"), default=None)
    bare = replace(kept, attributes={}, scopes=tuple(_listed(newest.instance.get("value", [])) if newest else ()))
    evolution = Evolution(bare, tuple(one for one in series if one.points or one.attribute != SCOPE))
    registered = offered(told.match.information, None)
    return Past(evolution, told.match.registration.id, auxiliary, parse_instant(end) if end else None, registered)


def _series(entity_id: str, name: str, instances: Sequence[Instance], window: Window) -> Series:
    points = tuple(Point(at, one) for one in instances if (at := _at(one, window)) is not None)
    return Series(entity_id, name, str(instances[0].get("type", "Property")) if instances else "Property", points)


def _listed(body: Any) -> list[Any]:
    return body if isinstance(body, list) else [body]


def _scope_bodies(told: Told) -> list[Instance]:
    """The scope in its temporal form (4.5.6)."""
    bodies = [one for one in _listed(told.document.get("scope")) if isinstance(one, dict) and "value" in one]
    times = ("observedAt", "createdAt", "modifiedAt")
    return [
        {"type": "Property", "value": one["value"], **{name: one[name] for name in times if name in one}, **_own(one)}
        for one in bodies
    ]


def _without_stones(document: dict[str, Any]) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """The document without the marks of deletions, and those by name: their values are NGSI-LD Null (4.5.7)."""
    plain: dict[str, Any] = {}
    stones: dict[str, list[Any]] = {}
    for name, body in document.items():
        marks = [one for one in _listed(body) if isinstance(one, dict) and "deletedAt" in one]
        if not marks or name == "deletedAt":
            plain[name] = body
            continue
        stones[name] = marks
        living = [one for one in _listed(body) if one not in marks]
        if living:
            plain[name] = living
    return plain, stones


def _stone(body: dict[str, Any]) -> Instance:
    """The mark of a deletion, which has no value of its own."""
    return {name: value for name, value in body.items() if name not in VALUE_MEMBER.values()}


def _time(told: Told, name: str) -> str:
    value = told.document.get(name)
    return value if is_date_time(value) else ""


def _own(body: Any) -> dict[str, Any]:
    return {name: body[name] for name in _OWN_MEMBERS if isinstance(body, dict) and isinstance(body.get(name), str)}


def _at(instance: Instance, window: Window) -> datetime | None:
    """Where an instance stands in time; without the property that is asked for, where it was written."""
    text = instance.get(window.time_property)
    if text is None and not window.strict:
        text = instance.get("createdAt") or instance.get("modifiedAt") or _PAST
    at = parse_instant(str(text)) if is_date_time(text) else None
    if at is None or (window.after is not None and at < window.after) or (window.before is not None and at >= window.before):
        return None
    return at


def is_present(found: Evolution, pasts: Iterable[Past], attributes: Sequence[str]) -> bool:
    """Whether an entity has instances in the window, of the attributes if there are any (set S4 of 5.7.4.4).

    A source shows only entities that have some, though it may have been asked for other attributes than those.
    """
    told = [one for one in found.series if one.points]
    if attributes:
        return any(one.attribute in attributes for one in told)
    return bool(told) or any(one.registered is None for one in pasts)


def together(own: Evolution | None, pasts: Sequence[Past]) -> Evolution | None:
    """One evolution of what several places know.

    Of instances with one datasetId at one instant those of the place that modified them last are kept, else those of the
    first place. Auxiliary sources only fill instants that nobody else knows of (5.7.3.4).
    """
    known = {} if own is None else {"": [own]}
    fillers: dict[str, list[Evolution]] = {}
    for past in pasts:
        (fillers if past.supplementary else known).setdefault(past.source, []).append(past.evolution)
    everyone = [one for several in (*known.values(), *fillers.values()) for one in several]
    if not everyone:
        return None
    points = _of_equals(known.values())
    for name, more in _of_equals(fillers.values()).items():
        instants = {one.time for one in points.get(name, ())}
        points[name] = [*points.get(name, ()), *(one for one in more if one.time not in instants)]
    kinds = {series.attribute: series.kind for one in reversed(everyone) for series in one.series}
    base = everyone[0].entity
    entity = replace(
        base,
        types=tuple(dict.fromkeys(kind for one in everyone for kind in one.entity.types)),
        scopes=tuple(dict.fromkeys(scope for one in everyone for scope in one.entity.scopes)),
        created_at=min((one.entity.created_at for one in everyone if one.entity.created_at), default=""),
        modified_at=max((one.entity.modified_at for one in everyone if one.entity.modified_at), default=""),
    )
    return Evolution(
        entity,
        tuple(
            Series(entity.id, name, kinds[name], tuple(sorted(found, key=attrgetter("time")))) for name, found in points.items()
        ),
    )


def _of_equals(places: Iterable[Sequence[Evolution]]) -> dict[str, list[Point]]:
    """The points by attribute; each place is a list of pages, which may overlap."""
    found: dict[str, dict[tuple[datetime, str], list[Point]]] = {}
    for pages in places:
        for name, mine in _of_one(pages).items():
            taken = found.setdefault(name, {})
            for key, points in mine.items():
                if key not in taken or _modified(points) > _modified(taken[key]):
                    taken[key] = points
    return {name: [one for points in taken.values() for one in points] for name, taken in found.items()}


def _of_one(pages: Sequence[Evolution]) -> dict[str, dict[tuple[datetime, str], list[Point]]]:
    """One place's points by attribute, and by instant and dataset, each instance once."""
    found: dict[str, dict[tuple[datetime, str], list[Point]]] = {}
    seen: set[tuple[str, str]] = set()
    for page in pages:
        for series in page.series:
            taken = found.setdefault(series.attribute, {})
            for point in series.points:
                name = (series.attribute, str(point.instance.get("instanceId") or sorted(point.instance.items(), key=str)))
                if name not in seen:
                    seen.add(name)
                    taken.setdefault((point.time, point.instance.get("datasetId", "")), []).append(point)
    return found


def _modified(points: Sequence[Point]) -> datetime:
    times = (one.instance.get("modifiedAt") for one in points)
    return max(parse_instant(str(text)) if is_date_time(text) else parse_instant(_PAST) for text in times)
