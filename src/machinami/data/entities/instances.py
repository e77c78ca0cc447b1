"""Rules for one attribute instance: stamping, replacing, partial update and merge patch (CIM 009 4.5.5, 5.5.8, 5.5.12).

A `patch` is a partial instance as `standards.ngsi_ld.fragment` defines it: it may ask for deletion, and its type and
value may be missing. Nothing here changes its arguments; values are shared with the input, never copied deeply,
because entities are treated as immutable throughout.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from machinami.kernel.entity import NGSI_LD_NULL, VALUE_MEMBER, Attributes, Instance
from machinami.kernel.errors import Refusal
from machinami.standards.ngsi_ld.attributes import complete
from machinami.standards.ngsi_ld.fragment import is_deletion

SYSTEM_TIMES: Final = ("createdAt", "modifiedAt")
_MERGED_INTO: Final = frozenset({"Property", "JsonProperty", "LanguageProperty"})


@dataclass(frozen=True, slots=True)
class MergeOptions:
    """Parameters of a merge (5.6.17.3).

    `observed_at`: common timestamp for merged attributes that had an `observedAt` and bring none. `lang`: language tag
    under which a bare text goes into an existing LanguageProperty.
    """

    observed_at: str | None = None
    lang: str | None = None


def find(instances: Iterable[Instance], dataset_id: str | None) -> Instance | None:
    """The instance with this `datasetId`; None asks for the default instance (4.5.5)."""
    for one in instances:
        if one.get("datasetId") == dataset_id:
            return one
    return None


def with_instance(instances: list[Instance], instance: Instance) -> list[Instance]:
    """A new list in which `instance` takes the place of the one of its dataset; the default instance stands first."""
    dataset_id = instance.get("datasetId")
    if not instances or (len(instances) == 1 and instances[0].get("datasetId") == dataset_id):
        return [instance]
    if find(instances, dataset_id) is not None:
        return [instance if one.get("datasetId") == dataset_id else one for one in instances]
    return [instance, *instances] if dataset_id is None else [*instances, instance]


def without_instance(instances: list[Instance], dataset_id: str | None) -> list[Instance]:
    """A new list without the instance of this dataset."""
    return [one for one in instances if one.get("datasetId") != dataset_id]


def stamped(instance: Instance, before: Instance | None, now: str) -> Instance:
    """`instance` as a whole new content in place of `before`: `createdAt` is kept, `modifiedAt` is now (4.8).

    The same holds for its sub-attributes by name and `datasetId`; members and sub-attributes that are null are left out.
    """
    created = now if before is None else before.get("createdAt", now)
    if NGSI_LD_NULL in instance.values():
        instance = {key: one for key, one in instance.items() if one != NGSI_LD_NULL}
    result = {**instance, "createdAt": created, "modifiedAt": now}
    if "attributes" in instance:
        former = before.get("attributes", {}) if before else {}
        subs = stamped_attributes(instance["attributes"], former, now)
        if subs:
            result["attributes"] = subs
        else:
            del result["attributes"]
    return result


def stamped_attributes(attributes: Attributes, former: Attributes, now: str) -> Attributes:
    """`stamped` for each instance of each attribute, default instances first."""
    result: Attributes = {}
    for name, instances in attributes.items():
        known = former.get(name, ())
        if len(instances) == 1:
            only = instances[0]
            if not is_deletion(only):
                result[name] = [_stamped_sub(name, only, known, now)]
            continue
        kept = [_stamped_sub(name, one, known, now) for one in instances if not is_deletion(one)]
        if kept:
            kept.sort(key=lambda one: "datasetId" in one)
            result[name] = kept
    return result


def _stamped_sub(name: str, instance: Instance, known: Iterable[Instance], now: str) -> Instance:
    before = find(known, instance.get("datasetId"))
    return stamped(instance if "type" in instance else complete(name, instance, before), before, now)


def partially_updated(name: str, before: Instance, patch: Instance, now: str) -> Instance:
    """5.6.4, 5.5.8: each member and each sub-attribute of `patch` replaces its counterpart; the rest stays.

    A member whose value is the NGSI-LD Null is removed. Refuses a change of the attribute's type.
    """
    patch = complete(name, patch, before)
    given = patch["type"]
    if given != before["type"]:
        raise Refusal("data.attribute.type_change", attribute=name, stored=before["type"], given=given)
    result = _with_members(before, patch)
    if "attributes" in patch:
        subs = dict(before.get("attributes", {}))
        for sub_name, sub_instances in patch["attributes"].items():
            _replace_subs(subs, sub_name, sub_instances, now)
        _set_subs(result, subs)
    result["modifiedAt"] = now
    return result


def merged(name: str, before: Instance, patch: Instance, now: str, options: MergeOptions) -> Instance | None:
    """5.5.12: `patch` merged into `before` at any depth; None when nothing of a LanguageProperty is left."""
    patch = _completed(name, before, patch, options)
    kind: str = patch["type"]
    member = VALUE_MEMBER[kind]
    result = _with_members(before, patch)
    if kind != before["type"]:
        result.pop(VALUE_MEMBER[before["type"]], None)
        if member not in patch:
            raise Refusal("ngsi_ld.attribute.value_missing", attribute=name, member=member)
        result[member] = merged_json(None, patch[member])
    elif member in patch and kind in _MERGED_INTO:
        result[member] = merged_json(before.get(member), patch[member])
        if kind == "LanguageProperty" and not result[member]:
            return None
    if isinstance(patch.get("ngsildproof"), dict):
        result["ngsildproof"] = merged_json(before.get("ngsildproof"), patch["ngsildproof"])
    if "attributes" in patch:
        subs = dict(before.get("attributes", {}))
        for sub_name, sub_instances in patch["attributes"].items():
            for one in sub_instances:
                _merge_sub(subs, sub_name, one, now, options)
        _set_subs(result, subs)
    if options.observed_at is not None and "observedAt" in before and "observedAt" not in patch:
        result["observedAt"] = options.observed_at
    result["modifiedAt"] = now
    return result


def merged_json(target: Any, patch: Any) -> Any:
    """RFC 7396 with the NGSI-LD Null in place of JSON null: objects merge member by member, all else is replaced."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if isinstance(value, str) and value == NGSI_LD_NULL:
            result.pop(key, None)
        else:
            result[key] = merged_json(result.get(key), value)
    return result


def appended(name: str, patch: Instance, now: str) -> Instance | None:
    """A patch that has no counterpart yet: what is null in it at any depth is left out (RFC 7396); None if nothing is left."""
    cleaned = _cleaned(name, patch)
    return None if cleaned is None else stamped(cleaned, None, now)


def _cleaned(name: str, patch: Instance) -> Instance | None:
    if is_deletion(patch):
        return None
    result = dict(complete(name, patch, None))
    member = VALUE_MEMBER[result["type"]]
    if member not in result:
        raise Refusal("ngsi_ld.attribute.value_missing", attribute=name, member=member)
    if isinstance(result.get(member), dict):
        result[member] = merged_json(None, result[member])
        if result["type"] == "LanguageProperty" and not result[member]:
            return None
    if "attributes" in patch:
        subs: Attributes = {}
        for sub_name, many in patch["attributes"].items():
            kept = [one for one in (_cleaned(sub_name, each) for each in many) if one is not None]
            _put_list(subs, sub_name, kept)
        result["attributes"] = subs
    return result


def same_content(left: Instance, right: Instance) -> bool:
    """Whether two instances say the same, system times aside."""
    return _content(left) == _content(right)


def _content(instance: Instance) -> dict[str, Any]:
    content = {key: value for key, value in instance.items() if key not in SYSTEM_TIMES}
    if "attributes" in content:
        content["attributes"] = {name: [_content(one) for one in many] for name, many in content["attributes"].items()}
    return content


def _with_members(before: Instance, patch: Instance) -> Instance:
    """`before` overwritten by the plain members of `patch`; members that are the NGSI-LD Null are removed."""
    result = dict(before)
    for key, value in patch.items():
        if key == "attributes" or key in SYSTEM_TIMES:
            continue
        if isinstance(value, str) and value == NGSI_LD_NULL:
            result.pop(key, None)
        else:
            result[key] = value
    return result


def _completed(name: str, before: Instance, patch: Instance, options: MergeOptions) -> Instance:
    """The patch with its type; a bare text for a LanguageProperty goes under the request's language (5.6.17.4)."""
    if options.lang is not None and before["type"] == "LanguageProperty" and "type" not in patch:
        member = "simplified" if "simplified" in patch else "value"
        if isinstance(patch.get(member), str | list):
            rest = {key: one for key, one in patch.items() if key not in (member, "expanded")}
            return {"type": "LanguageProperty", "languageMap": {options.lang: patch[member]}, **rest}
    return complete(name, patch, before)


def _replace_subs(subs: Attributes, name: str, instances: list[Instance], now: str) -> None:
    for one in instances:
        known = subs.get(name, [])
        dataset_id = one.get("datasetId")
        if is_deletion(one):
            _put_list(subs, name, without_instance(known, dataset_id))
        else:
            subs[name] = with_instance(known, _stamped_sub(name, one, known, now))


def _merge_sub(subs: Attributes, name: str, patch: Instance, now: str, options: MergeOptions) -> None:
    known = subs.get(name, [])
    dataset_id = patch.get("datasetId")
    before = find(known, dataset_id)
    if is_deletion(patch):
        _put_list(subs, name, without_instance(known, dataset_id))
    elif before is None:
        new = appended(name, patch, now)
        if new is not None:
            subs[name] = with_instance(known, new)
    else:
        after = merged(name, before, patch, now, options)
        _put_list(subs, name, without_instance(known, dataset_id) if after is None else with_instance(known, after))


def _put_list(attributes: Attributes, name: str, instances: list[Instance]) -> None:
    if instances:
        attributes[name] = instances
    else:
        attributes.pop(name, None)


def _set_subs(instance: Instance, subs: Attributes) -> None:
    if subs:
        instance["attributes"] = subs
    else:
        instance.pop("attributes", None)
