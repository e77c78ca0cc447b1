"""Linked Entity retrieval (CIM 009 4.5.23): which entities an entity leads to, and how they are written inline."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from machinami.kernel.entity import Entity, Instance
from machinami.kernel.errors import Refusal
from machinami.kernel.relationships import is_relationship, objects_of
from machinami.standards.ngsi_ld.contexts import Context
from machinami.standards.ngsi_ld.render import Format, Representation, render_entity, shown_instances


def targets(entity: Entity, representation: Representation) -> Iterator[tuple[str, Representation]]:
    """(id, how it is written) of each entity behind the Relationships that the representation shows."""
    for iri, instances in shown_instances(entity, representation):
        if is_relationship(instances[0]):
            behind = representation.behind(iri)
            for instance in instances:
                for one in objects_of(instance):
                    yield one, behind


@dataclass(slots=True)
class Inliner:
    """Writes entities with the entities behind their Relationships inside (4.5.23.2), `levels` deep.

    `linked` holds the entities that there are. One that contains the Relationship, or is named in `contained_by`, is not
    written again. More than `copies_max` linked entities in one answer are refused (`data.query.too_many_linked`).
    """

    context: Context
    linked: Mapping[str, Entity]
    levels: int
    contained_by: Collection[str]
    copies_max: int
    copies: int = field(default=0)

    def written(self, entity: Entity, representation: Representation, above: tuple[str, ...] = ()) -> dict[str, Any]:
        """The document of an entity; `above` are the ids of those it stands in."""
        document = render_entity(entity, self.context, representation)
        path = (*above, entity.id)
        if len(path) > self.levels:
            return document
        for iri, instances in shown_instances(entity, representation):
            if is_relationship(instances[0]):
                behind = representation.behind(iri)
                self._fill(document, self.context.compacted[iri], instances, representation.format, self._reader(behind, path))
        return document

    def _reader(self, behind: Representation, path: tuple[str, ...]) -> Callable[[str], dict[str, Any] | None]:
        def read(entity_id: str) -> dict[str, Any] | None:
            entity = self.linked.get(entity_id)
            if entity is None or entity_id in path or entity_id in self.contained_by:
                return None
            self.copies += 1
            if self.copies > self.copies_max:
                raise Refusal("data.query.too_many_linked", most=str(self.copies_max))
            return self.written(entity, behind, path)

        return read

    def _fill(
        self, document: dict[str, Any], name: str, instances: list[Instance], shape: Format,
        read: Callable[[str], dict[str, Any] | None],
    ) -> None:  # fmt: skip
        if shape is not Format.SIMPLIFIED:
            written = document[name]
            for instance, one in zip(instances, written if isinstance(written, list) else [written], strict=True):
                _add(one, instance, read)
            return
        value = document[name]
        if isinstance(value, dict):
            for instance in instances:
                key = instance.get("datasetId", "@none")
                value["dataset"][key] = _replaced(value["dataset"][key], read)
        else:
            document[name] = _replaced(value, read)


def _add(written: dict[str, Any], instance: Instance, read: Callable[[str], dict[str, Any] | None]) -> None:
    """`entity` beside `object`, `entityList` beside `objectList` (5.2.6, 4.5.22.2)."""
    found = [document for one in objects_of(instance) if (document := read(one)) is not None]
    if not found:
        return
    if instance["type"] == "ListRelationship":
        written["entityList"] = found
    else:
        written["entity"] = found if isinstance(instance["object"], list) else found[0]


def _replaced(value: Any, read: Callable[[str], dict[str, Any] | None]) -> Any:
    """URIs of the simplified form as the entities they stand for (4.5.4); those that are not there stay URIs."""
    if isinstance(value, list):
        return [_replaced(one, read) for one in value]
    found = read(value)
    return value if found is None else found
