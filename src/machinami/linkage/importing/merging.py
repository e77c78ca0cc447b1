"""Twins and older editions: what two lists say about the same thing becomes one entity, or a finding; never a duplicate."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Iterable, Set
from typing import Any, Final

from machinami.kernel.entity import LOCATION, Attributes, Entity, Instance, default_instance
from machinami.linkage.importing.identity import address_key, name_key
from machinami.linkage.importing.model import Town, attribute_iri
from machinami.linkage.importing.position import distance_m

SAME_POINT_WITHIN_M: Final = 10.0
SAME_NAME_WITHIN_M: Final = 300.0
SAME_SPOT_WITHIN_M: Final = 50.0
NAME_SIMILARITY_MIN: Final = 0.8
_CELL_DEGREES: Final = 0.001

NAME: Final = attribute_iri("name")
ADDRESS: Final = attribute_iri("address")
SOURCE: Final = attribute_iri("source")
PROVIDER: Final = attribute_iri("dataProvider")
PUBLICATION: Final = attribute_iri("publication")
WITHDRAWN: Final = attribute_iri("withdrawn")
LICENCE: Final = attribute_iri("licence")
PROVENANCE: Final = frozenset({SOURCE, PROVIDER, PUBLICATION, WITHDRAWN, LICENCE})
NOT_PLACED: Final = attribute_iri("publishedPosition")
ARCHIVE_PREFIX: Final = "linkdata:"


def text_value(entity: Entity, name: str) -> str:
    """A Property's value as text, or nothing."""
    instance = default_instance(entity, name)
    return str(instance.get("value", "")) if instance else ""


def point_of(entity: Entity) -> tuple[float, float] | None:
    """The (longitude, latitude) of an entity's location."""
    instance = default_instance(entity, LOCATION)
    if not instance or instance["value"].get("type") != "Point":
        return None
    longitude, latitude = instance["value"]["coordinates"][:2]
    return (longitude, latitude)


def publication_name(entity: Entity) -> str:
    """The list that an entity was imported from."""
    return text_value(entity, PUBLICATION)


def authority(entity: Entity) -> int:
    """Which edition of a list wins: a spreadsheet (2) before its csv twin (1) before an archived LinkData edition (0).

    The source of a spreadsheet row is `file#sheet`, that of a csv row `file`.
    """
    if publication_name(entity).startswith(ARCHIVE_PREFIX):
        return 0
    return 2 if "#" in text_value(entity, SOURCE).rpartition("/")[2] else 1


def is_withdrawn(entity: Entity) -> bool:
    """Whether an entity is marked as gone from its list."""
    instance = default_instance(entity, WITHDRAWN)
    return instance is not None and instance.get("value") is True


def withdrawn(entity: Entity) -> Entity:
    """The entity marked as gone from its list."""
    return entity.with_attributes({**entity.attributes, WITHDRAWN: [{"type": "Property", "value": True}]})


def plain(instances: list[Instance]) -> list[Instance]:
    """Attribute instances without system times and instance ids: what they say."""
    return [_plain(one) for one in instances]


def _plain(instance: Instance) -> Instance:
    kept: dict[str, Any] = {
        member: value
        for member, value in instance.items()
        if member not in ("createdAt", "modifiedAt", "instanceId", "attributes")
    }
    if instance.get("attributes"):
        kept["attributes"] = {name: plain(inner) for name, inner in instance["attributes"].items()}
    return kept


def content(entity: Entity) -> dict[str, Any]:
    """What an entity says, for comparison: no times, and no file name it came from."""
    return {name: plain(instances) for name, instances in entity.attributes.items() if name != SOURCE}


def replaced(known: Entity, new: Entity, spoken_of: frozenset[str]) -> Entity:
    """A later edition of the same list: its values win, what it leaves empty goes, what others added stays.

    `spoken_of` are the expanded names of all columns of the sheet.
    """
    kept = {
        name: instances
        for name, instances in known.attributes.items()
        if name not in spoken_of and name not in PROVENANCE and name != LOCATION
    }
    return Entity(new.id, known.types, {**kept, **new.attributes}, known.scopes)


def updated(known: Entity, new: Entity) -> tuple[Entity, list[str]]:
    """A later file of another list about the same thing: what it says wins, what it leaves empty stays.

    Also the names of the values that it changed. The entity stays in the list that it came from first.
    """
    said = {
        name: instances
        for name, instances in new.attributes.items()
        if name not in PROVENANCE and not (name == NOT_PLACED and LOCATION in known.attributes)
    }
    differing = [name for name in said if name in known.attributes and not _agree(name, known.attributes[name], said[name])]
    taken = {name: instances for name, instances in said.items() if name not in known.attributes or name in differing}
    kept = {name: instances for name, instances in known.attributes.items() if not (name == NOT_PLACED and LOCATION in taken)}
    return known.with_attributes({**kept, **taken}), differing


def supplemented(known: Entity, new: Entity) -> tuple[Entity, list[str]]:
    """Another list about the same thing: only what was missing is added; also the names of values that were not taken.

    A lesser edition of a better list adds nothing: what that list leaves empty is empty today.
    """
    lesser = authority(new) < authority(known)
    additions: Attributes = {}
    differing = []
    for name, instances in new.attributes.items():
        if name in PROVENANCE or (name == NOT_PLACED and LOCATION in known.attributes):
            continue
        if name not in known.attributes:
            if lesser:
                differing.append(name)
            else:
                additions[name] = instances
        elif not _agree(name, known.attributes[name], instances):
            differing.append(name)
    return known.with_attributes({**known.attributes, **additions}), differing


def _agree(name: str, first: list[Instance], second: list[Instance]) -> bool:
    left, right = first[0].get("value"), second[0].get("value")
    if name == LOCATION and isinstance(left, dict) and isinstance(right, dict):
        return distance_m(tuple(left["coordinates"]), tuple(right["coordinates"])) <= SAME_POINT_WITHIN_M
    if isinstance(left, str) and isinstance(right, str):
        return name_key(left) == name_key(right)
    return bool(left == right)


class Neighbours:
    """Known entities by name, address and place, to find the same thing under a slightly different name."""

    def __init__(self, town: Town, entities: Iterable[Entity] = ()) -> None:
        self._town = town
        self._by_name: dict[str, list[Entity]] = defaultdict(list)
        self._by_address: dict[str, list[Entity]] = defaultdict(list)
        self._by_cell: dict[tuple[int, int], list[Entity]] = defaultdict(list)
        for entity in entities:
            self.add(entity)

    def add(self, entity: Entity) -> None:
        """Make an entity known."""
        if name := name_key(text_value(entity, NAME)):
            self._by_name[name].append(entity)
        if address := address_key(text_value(entity, ADDRESS), self._town):
            self._by_address[address].append(entity)
        if point := point_of(entity):
            self._by_cell[_cell(point)].append(entity)

    def same_thing(self, entity: Entity, own: Set[str] = frozenset(), any_type: bool = False) -> Entity | None:
        """A known entity from another list that is most probably the same thing.

        The same name nearby, or a similar name at the same address or spot. `own` are the ids of the rows of its sheet:
        what another row of the sheet stands for is a different thing. `any_type`: also of another type, if name and
        address are both the same (a generic place that a specific list already has).
        """
        name = name_key(text_value(entity, NAME))
        address = address_key(text_value(entity, ADDRESS), self._town)
        point = point_of(entity)
        for other in self._by_name.get(name, ()):
            same_address = bool(address) and address == address_key(text_value(other, ADDRESS), self._town)
            if other.id in own or _same_edition(other, entity):
                continue
            if other.types == entity.types and (same_address or _close(point, point_of(other))):
                return other
            if any_type and same_address:
                return other
        nearby = list(self._by_address.get(address, ())) if address else []
        if point is not None:
            row, column = _cell(point)
            nearby += [one for r in (-1, 0, 1) for c in (-1, 0, 1) for one in self._by_cell.get((row + r, column + c), ())]
        for other in nearby:
            if other.types != entity.types or other.id in own or _same_edition(other, entity):
                continue
            at = point_of(other)
            spot = point is None or at is None or distance_m(point, at) <= SAME_SPOT_WITHIN_M
            if spot and _similar(name, name_key(text_value(other, NAME))):
                return other
        return None


def _same_edition(known: Entity, new: Entity) -> bool:
    """Within one list, rows with different keys are different things - unless the list is only a lesser twin."""
    return publication_name(known) == publication_name(new) and authority(known) <= authority(new)


def _cell(point: tuple[float, float]) -> tuple[int, int]:
    return (int(point[1] // _CELL_DEGREES), int(point[0] // _CELL_DEGREES))


def _close(first: tuple[float, float] | None, second: tuple[float, float] | None) -> bool:
    return first is None or second is None or distance_m(first, second) <= SAME_NAME_WITHIN_M


def _similar(first: str, second: str) -> bool:
    shorter, longer = sorted((first, second), key=len)
    if len(shorter) < 3:
        return first == second
    return shorter in longer or difflib.SequenceMatcher(None, first, second).ratio() >= NAME_SIMILARITY_MIN
