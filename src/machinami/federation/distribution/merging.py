"""One entity of what several places know of it (CIM 009 4.5.5.2, 4.5.5.3; auxiliary sources: 4.3.6.2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from machinami.kernel.clock import parse_instant
from machinami.kernel.entity import Attributes, Entity, Instance


@dataclass(frozen=True, slots=True)
class Version:
    """What one place knows of an entity; `supplementary` only fills what nobody else has (auxiliary sources).

    `source` is the registration under which a source is known, empty for what is known here.
    """

    entity: Entity
    supplementary: bool = False
    source: str = ""


def merged(versions: Sequence[Version], now: str) -> Entity | None:
    """The entity that the versions make together at `now`, None if none of them is alive.

    Of two instances with one datasetId the one observed last wins, else the one modified last, else the earlier
    version in the sequence: the standard leaves that case open, and a fixed choice keeps pages stable.
    """
    living = [one for one in versions if not _past(one.entity.expires_at, now)]
    if not living:
        return None
    expiring = {one.entity.expires_at for one in living}
    settled = (lambda entity: entity) if len(expiring) == 1 else _pushed_expiry
    equals = [settled(one.entity) for one in living if not one.supplementary]
    fillers = [settled(one.entity) for one in living if one.supplementary]
    attributes = _newest(equals, now)
    for name, instances in _newest(fillers, now).items():
        attributes.setdefault(name, instances)
    everyone = [one.entity for one in living]
    base = everyone[0]
    return replace(
        base,
        types=_together(one.types for one in everyone),
        scopes=_together(one.scopes for one in everyone),
        attributes=attributes,
        expires_at=_common_expiry(everyone),
        created_at=min((one.created_at for one in everyone if one.created_at), default=""),
        modified_at=max((one.modified_at for one in everyone if one.modified_at), default=""),
    )


def _newest(entities: Iterable[Entity], now: str) -> Attributes:
    found: dict[str, dict[str, Instance]] = {}
    for entity in entities:
        for name, instances in entity.attributes.items():
            known = found.setdefault(name, {})
            for instance in instances:
                dataset = instance.get("datasetId", "")
                if not _past(instance.get("expiresAt"), now) and (
                    dataset not in known or _age(instance) > _age(known[dataset])
                ):
                    known[dataset] = instance
    return {name: [known[dataset] for dataset in sorted(known)] for name, known in found.items() if known}


def _age(instance: Instance) -> tuple[float, float]:
    return _seconds(instance.get("observedAt")), _seconds(instance.get("modifiedAt"))


def _seconds(text: str | None) -> float:
    if not text:
        return float("-inf")
    try:
        return parse_instant(text).timestamp()
    except ValueError:
        return float("-inf")


def _past(text: str | None, now: str) -> bool:
    return bool(text) and _seconds(text) <= _seconds(now)


def _pushed_expiry(entity: Entity) -> Entity:
    """The entity with its own expiry on each attribute that would live longer (4.5.5.2)."""
    expiry = entity.expires_at
    if not expiry:
        return entity
    attributes = {
        name: [
            one if one.get("expiresAt") and _seconds(one["expiresAt"]) <= _seconds(expiry) else {**one, "expiresAt": expiry}
            for one in instances
        ]
        for name, instances in entity.attributes.items()
    }
    return entity.with_attributes(attributes)


def _common_expiry(entities: Sequence[Entity]) -> str | None:
    """The latest expiry if every version has one (4.5.5.3)."""
    times = [one.expires_at for one in entities]
    return max((one for one in times if one), key=_seconds) if all(times) else None


def _together(lists: Iterable[Sequence[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one for each in lists for one in each))
