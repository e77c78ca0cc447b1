"""Entities behind the links of a query (CIM 009 4.9, `relationship{attribute}`), fetched in one batch per level."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence

from machinami.data.entities.expiry import living
from machinami.kernel.entity import Entity
from machinami.kernel.errors import Refusal
from machinami.kernel.query import Link
from machinami.kernel.relationships import is_relationship, objects_of

GetMany = Callable[[Collection[str]], Awaitable[dict[str, Entity]]]


def objects_behind(entity: Entity, relationship: str) -> list[str]:
    """The ids that an attribute of an entity names, [] if it is no Relationship."""
    instances = entity.attributes.get(relationship, ())
    return [one for instance in instances if is_relationship(instance) for one in objects_of(instance)]


async def linked_entities(
    get_many: GetMany, entities: Iterable[Entity], chains: Sequence[tuple[Link, ...]], now: str, most: int
) -> dict[str, Entity]:
    """Those of the entities behind `chains` that there are at `now`; more than `most` are refused."""
    found: dict[str, Entity] = {}
    asked: set[str] = set()
    frontier = [(entity, chain) for entity in entities for chain in chains]
    while frontier:
        steps = [(one, chain) for entity, chain in frontier for one in objects_behind(entity, chain[0].name)]
        wanted = {one for one, _ in steps} - asked
        asked |= wanted
        if len(asked) > most:
            raise Refusal("data.query.too_many_linked", most=str(most))
        for one, entity in (await get_many(wanted)).items() if wanted else ():
            alive = living(entity, now)
            if alive is not None:
                found[one] = alive
        frontier = [(found[one], chain[1:]) for one, chain in steps if one in found and len(chain) > 1]
    return found
