"""Writing time series (CIM 009): normalized temporal representation (4.5.6-4.5.8), simplified, `temporalValues` (4.5.9), and
aggregated (4.5.19)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from machinami.kernel.clock import iso
from machinami.kernel.entity import NGSI_LD_NULL, VALUE_MEMBER, Instance
from machinami.standards.ngsi_ld.aggregation import Method, Sums, aggregated, applies
from machinami.standards.ngsi_ld.contexts import Context
from machinami.standards.ngsi_ld.render import NORMALIZED, Representation, render_instance

SCOPE: Final = "https://uri.etsi.org/ngsi-ld/scope"
SERIES_MEMBER: Final = {
    "Property": "values",
    "GeoProperty": "values",
    "Relationship": "objects",
    "LanguageProperty": "languageMaps",
    "VocabProperty": "vocabs",
    "ListProperty": "valueLists",
    "ListRelationship": "objectLists",
    "JsonProperty": "jsons",
}
_WRAPPED: Final = frozenset({"LanguageProperty", "VocabProperty", "JsonProperty"})
"""Kinds whose values keep their member's name around them in the simplified form (4.5.9)."""
_NULLS: Final[dict[str, Any]] = {
    "LanguageProperty": {"@none": NGSI_LD_NULL},
    "ListProperty": [NGSI_LD_NULL],
    "ListRelationship": [{"object": NGSI_LD_NULL}],
}
"""How a deleted value is written where it is no plain NGSI-LD Null."""


def temporal_attribute(
    instances: Sequence[Instance],
    context: Context,
    representation: Representation = NORMALIZED,
    time_property: str = "observedAt",
) -> list[dict[str, Any]]:
    """One attribute's series in the order given: always an array. Instances carry `instanceId`; system times only with
    `representation.sys_attrs`, except that `time_property` itself is always shown."""
    written = []
    for instance in instances:
        one = _written(instance, context, representation)
        for member in ("instanceId", time_property, "deletedAt"):
            if member in instance:
                one[member] = instance[member]
        written.append(one)
    return written


def temporal_values(
    instances: Iterable[Instance],
    context: Context,
    representation: Representation = NORMALIZED,
    time_property: str = "observedAt",
    kind: str = "Property",
) -> Any:
    """The series as `{"type", "values": [[value, time], …]}`, one per datasetId (an array of them if there are several).

    The time of a value is its `time_property`, else its `modifiedAt`. `kind` is written if there are no instances.
    """
    by_dataset: dict[tuple[str | None, str], dict[str, Any]] = {}
    for instance in instances:
        shown = _written(instance, context, representation)
        kind = shown["type"]
        series = by_dataset.setdefault((instance.get("datasetId"), kind), {"type": kind, SERIES_MEMBER[kind]: []})
        if "datasetId" in instance:
            series["datasetId"] = instance["datasetId"]
        value = _simple(kind, shown[VALUE_MEMBER[kind]])
        time = next((instance[one] for one in (time_property, "modifiedAt") if instance.get(one)), None)
        series[SERIES_MEMBER[kind]].append([value, time])
    return one_or_many(list(by_dataset.values()) or [{"type": kind, SERIES_MEMBER[kind]: []}])


def _simple(kind: str, value: Any) -> Any:
    if kind == "ListRelationship":
        return [one["object"] for one in value]
    return {VALUE_MEMBER[kind]: value} if kind in _WRAPPED else value


def aggregated_values(
    kind: str, dataset_id: str | None, periods: Iterable[tuple[datetime, datetime, Sums]], methods: Sequence[Method]
) -> dict[str, Any] | None:
    """One dataset of an attribute as `{"type", method: [[value, start, end], …], …}` (4.5.19); None if no method applies."""
    told = [(iso(start), iso(end), sums) for start, end, sums in periods]
    written: dict[str, Any] = {"type": kind}
    if dataset_id is not None:
        written["datasetId"] = dataset_id
    for method in methods:
        values = [[value, start, end] for start, end, sums in told if (value := aggregated(method, sums)) is not None]
        if values or any(applies(method, sums) for _, _, sums in told):
            written[method.value] = values
    return written if any(method.value in written for method in methods) else None


def temporal_entity(
    entity_id: str, types: Sequence[str], attributes: Mapping[str, Any], context: Context, times: Mapping[str, str]
) -> dict[str, Any]:
    """The temporal representation of an entity: id, type, then its attributes (written already, by expanded names), then
    its system times if there are any to be shown."""
    document: dict[str, Any] = {"id": entity_id, "type": one_or_many([context.compacted[one] for one in types])}
    for iri, written in attributes.items():
        document["scope" if iri == SCOPE else context.compacted[iri]] = written
    return document | dict(times)


def one_or_many(items: list[Any]) -> Any:
    """One thing bare, several as an array."""
    return items[0] if len(items) == 1 else items


def _written(instance: Instance, context: Context, representation: Representation) -> dict[str, Any]:
    member = VALUE_MEMBER[instance["type"]]
    if member in instance:
        return render_instance(instance, context, representation)
    return {"type": instance["type"], member: _NULLS.get(instance["type"], NGSI_LD_NULL)} | (
        {"datasetId": instance["datasetId"]} if "datasetId" in instance else {}
    )


def scope_tombstones(instances: Sequence[Instance]) -> list[Instance]:
    """The scope's instances, deleted ones with the empty list of scopes as their value."""
    return [one if "value" in one else {**one, "value": []} for one in instances]
