"""Writing time series: normalized temporal representation (CIM 009 4.5.6) and simplified, `temporalValues` (4.5.8)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from machinami.kernel.entity import VALUE_MEMBER, Instance
from machinami.standards.ngsi_ld.contexts import Context
from machinami.standards.ngsi_ld.render import NORMALIZED, Representation, render_instance

_SERIES_MEMBER: Final = {
    "Property": "values",
    "GeoProperty": "values",
    "Relationship": "objects",
    "LanguageProperty": "languageMaps",
    "VocabProperty": "vocabs",
    "ListProperty": "valueLists",
    "ListRelationship": "objectLists",
    "JsonProperty": "jsons",
}
_WRAPPED: Final = frozenset({"LanguageProperty", "VocabProperty", "ListProperty", "ListRelationship", "JsonProperty"})


def render_attribute_temporal(
    instances: Sequence[Instance],
    context: Context,
    representation: Representation = NORMALIZED,
    *,
    values: bool = False,
    time_property: str = "observedAt",
) -> Any:
    """One attribute's series in the order given: an array of instances, always an array, or with `values` the series
    object `{"type", "values": [[value, time], …]}`, one per datasetId (an array of them if there are several).

    The time of a value is its `time_property`, else its `modifiedAt` or `createdAt`. Instances carry `instanceId` where
    they have one; system times only with `representation.sys_attrs`, except that `time_property` itself is always shown.
    """
    if values:
        return _series(instances, context, representation, time_property)
    written = []
    for instance in instances:
        one = render_instance(instance, context, representation)
        for member in ("instanceId", time_property):
            if member in instance:
                one[member] = instance[member]
        written.append(one)
    return written


def render_temporal_entity(
    entity_id: str,
    types: Sequence[str],
    attributes: Mapping[str, Sequence[Instance]],
    context: Context,
    representation: Representation = NORMALIZED,
    *,
    values: bool = False,
    time_property: str = "observedAt",
    scopes: Sequence[str] = (),
) -> dict[str, Any]:
    """The temporal representation of an entity: id, type, scope, then one series per attribute (expanded names in)."""
    document: dict[str, Any] = {"id": entity_id, "type": _bare([context.compacted[one] for one in types])}
    if scopes:
        document["scope"] = _bare(list(scopes))
    for iri, instances in attributes.items():
        document[context.compacted[iri]] = render_attribute_temporal(
            instances, context, representation, values=values, time_property=time_property
        )
    return document


def _bare(items: list[Any]) -> Any:
    return items[0] if len(items) == 1 else items


def _series(instances: Iterable[Instance], context: Context, representation: Representation, time_property: str) -> Any:
    by_dataset: dict[tuple[str | None, str], dict[str, Any]] = {}
    for instance in instances:
        shown = render_instance(instance, context, representation)
        kind = shown["type"]
        series = by_dataset.setdefault((instance.get("datasetId"), kind), {"type": kind, _SERIES_MEMBER[kind]: []})
        if "datasetId" in instance:
            series["datasetId"] = instance["datasetId"]
        member = VALUE_MEMBER[kind]
        value = {member: shown[member]} if kind in _WRAPPED else shown[member]
        time = next((instance[one] for one in (time_property, "modifiedAt", "createdAt") if instance.get(one)), None)
        series[_SERIES_MEMBER[kind]].append([value, time])
    return _bare(list(by_dataset.values()))
