"""Merge patch (CIM 009 5.5.12, 5.6.17) on normalized documents, member by member.

What the clause leaves open is read so: an attribute of which nothing is left, such as a languageMap without languages, is gone;
what is null in a part that is added is not added (RFC 7396).
"""

from __future__ import annotations

from typing import Any, Final

NULL: Final = "urn:ngsi-ld:null"
OWN: Final = ("id", "type", "scope", "createdAt", "modifiedAt", "expiresAt", "@context")
VALUES: Final = ("value", "object", "languageMap", "vocab", "json", "valueList", "objectList")
DEFAULT: Final = "@none"
Attribute = dict[str, dict[str, Any]]
"""Instances of an attribute by datasetId."""


def merged_entity(target: dict[str, Any], fragment: dict[str, Any]) -> dict[str, Any]:
    """The document after the merge; attributes as instances by datasetId (`by_dataset`)."""
    result = by_dataset(target)
    result["type"] = list(dict.fromkeys([*_many(target["type"]), *_many(fragment.get("type", []))]))
    for name, value in fragment.items():
        if name in OWN:
            continue
        instances: Attribute = dict(result.get(name, {}))
        for one in _many(value):
            dataset = DEFAULT if one == NULL else one.get("datasetId", DEFAULT)
            _merge_into(instances, dataset, one)
        result.pop(name, None)
        if instances:
            result[name] = instances
    return result


def by_dataset(document: dict[str, Any]) -> dict[str, Any]:
    """A document with the instances of each attribute by datasetId, at any depth, and types in a list; no system times."""
    found: dict[str, Any] = {"id": document["id"], "type": list(_many(document["type"]))}
    return found | {name: _instances(value) for name, value in document.items() if name not in OWN}


def _instances(value: Any) -> Attribute:
    return {one.get("datasetId", DEFAULT): _nested(one) for one in _many(value)}


def _nested(instance: dict[str, Any]) -> dict[str, Any]:
    kept = {name: each for name, each in instance.items() if name not in ("createdAt", "modifiedAt")}
    return {name: _instances(each) if _is_attribute(name, each) else each for name, each in kept.items()}


def _merge_into(instances: Attribute, dataset: str, patch: Any) -> None:
    before = instances.get(dataset)
    if _is_null(patch):
        instances.pop(dataset, None)
        return
    after = dict(before or {})
    for name, value in patch.items():
        if _is_attribute(name, value):
            subs: Attribute = dict(after.get(name, {}))
            for one in _many(value):
                _merge_into(subs, one.get("datasetId", DEFAULT), one)
            after.pop(name, None)
            if subs:
                after[name] = subs
        elif value == NULL:
            after.pop(name, None)
        elif name in ("value", "json", "languageMap"):
            after[name] = _merged_json(after.get(name), value)
        else:
            after[name] = value
    if after.get("languageMap") == {}:
        instances.pop(dataset, None)
    else:
        instances[dataset] = after


def _is_null(instance: Any) -> bool:
    """4.5.0: the Null of a languageMap is written `{"@none": "urn:ngsi-ld:null"}`."""
    if instance == NULL or instance.get("languageMap") == {DEFAULT: NULL}:
        return True
    return any(instance.get(name) == NULL for name in VALUES)


def _is_attribute(name: str, value: Any) -> bool:
    if name in VALUES:
        return False
    return all(isinstance(one, dict) and "type" in one for one in _many(value)) and bool(_many(value))


def _merged_json(target: Any, patch: Any) -> Any:
    """RFC 7396, with the NGSI-LD Null for null."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value == NULL:
            result.pop(name, None)
        else:
            result[name] = _merged_json(result.get(name), value)
    return result


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
