"""Properties that hold for any entity and any fragment."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from machinami.data.entities import rules
from machinami.data.entities.decisions import Decision, Put
from machinami.kernel.entity import Attributes, Entity, Instance
from machinami.kernel.errors import Refusal
from machinami.standards.ngsi_ld.fragment import Fragment, deletion

T0, T1, T2 = "2026-11-26T01:00:00Z", "2026-11-26T01:00:01Z", "2026-11-26T01:00:02Z"
ID = "urn:ngsi-ld:Thing:1"
NAMES = st.sampled_from(["a", "b", "c"])
DATASETS = st.sampled_from([None, "urn:d:1", "urn:d:2"])
MANY, SOME, FEW = (
    settings(max_examples=count, deadline=None, suppress_health_check=[HealthCheck.too_slow]) for count in (80, 40, 20)
)
KEYS = st.sampled_from(["x", "y", "z"])

scalars = st.one_of(st.integers(-9, 9), st.booleans(), st.text("ab", max_size=2))
json_values = st.recursive(
    scalars, lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(KEYS, inner, max_size=2)), max_leaves=5
)
patch_values = st.recursive(
    st.one_of(scalars, st.just("urn:ngsi-ld:null")), lambda inner: st.dictionaries(KEYS, inner, max_size=3), max_leaves=5
).filter(lambda value: value != "urn:ngsi-ld:null")


@st.composite
def instances(draw: Any, values: Any, dataset_id: str | None, depth: int = 1) -> Instance:
    kind = draw(st.sampled_from(["Property", "Relationship", "LanguageProperty"]))
    instance: Instance = {"type": kind}
    if kind == "Property":
        instance["value"] = draw(values)
    elif kind == "Relationship":
        instance["object"] = draw(st.sampled_from(["urn:o:1", "urn:o:2"]))
    else:
        instance["languageMap"] = draw(st.dictionaries(st.sampled_from(["ja", "en"]), st.text("ab", max_size=2), min_size=1))
    if dataset_id is not None:
        instance["datasetId"] = dataset_id
    if draw(st.booleans()):
        instance["observedAt"] = draw(st.sampled_from([T0, T1]))
    if depth and draw(st.booleans()):
        instance["attributes"] = draw(attribute_maps(values, depth - 1))
    return instance


@st.composite
def attribute_maps(draw: Any, values: Any, depth: int = 1) -> Attributes:
    found: Attributes = {}
    for name in draw(st.lists(NAMES, unique=True, max_size=3)):
        datasets = draw(st.lists(DATASETS, unique=True, min_size=1, max_size=3))
        found[name] = [draw(instances(values, dataset, depth)) for dataset in datasets]
    return found


@st.composite
def entities(draw: Any) -> Entity:
    types = draw(st.lists(st.sampled_from(["S", "T"]), unique=True, min_size=1))
    return Entity(ID, tuple(types), draw(attribute_maps(json_values)), tuple(draw(st.lists(st.just("/A"), max_size=1))))


@st.composite
def fragments(draw: Any) -> Fragment:
    attributes = draw(attribute_maps(patch_values))
    for name in draw(st.lists(NAMES, unique=True, max_size=2)):
        if name not in attributes:
            attributes[name] = [deletion(draw(DATASETS))]
    return Fragment(("U",) if draw(st.booleans()) else (), ("/B",) if draw(st.booleans()) else None, None, attributes)


def created(entity: Entity, now: str = T0) -> Entity:
    decision = rules.create(entity)(None, now)
    assert isinstance(decision, Put)
    return decision.entity


def after(decision: Decision, before: Entity) -> Entity:
    return decision.entity if isinstance(decision, Put) else before


def without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_times(one) for key, one in value.items() if key not in ("createdAt", "modifiedAt")}
    return [without_times(one) for one in value] if isinstance(value, list) else value


def by_dataset(attributes: Attributes) -> dict[tuple[str, str | None], Instance]:
    return {(name, one.get("datasetId")): one for name, many in attributes.items() for one in many}


@given(entities(), fragments())
@MANY
def test_merge_twice_equals_merge_once(entity: Entity, fragment: Fragment) -> None:
    before = created(entity)
    once = after(rules.merge(ID, fragment)(before, T1), before)
    twice = after(rules.merge(ID, fragment)(once, T2), once)
    assert without_times(twice.attributes) == without_times(once.attributes)
    assert (twice.types, twice.scopes) == (once.types, once.scopes)


@given(entities(), entities())
@SOME
def test_replace_gives_exactly_the_new_content(entity: Entity, new: Entity) -> None:
    result = after(rules.replace_entity(new)(created(entity), T1), entity)
    assert by_dataset(result.attributes).keys() == by_dataset(new.attributes).keys()
    for place, one in by_dataset(new.attributes).items():
        assert _same(without_times(by_dataset(result.attributes)[place]), one)
    assert (result.types, result.scopes) == (new.types, new.scopes)


def _same(left: Any, right: Any) -> bool:
    """Equal, whatever the order of instances and however empty sub-attributes are written."""
    if isinstance(left, dict) and isinstance(right, dict):
        left, right = ({k: v for k, v in one.items() if not (k == "attributes" and v == {})} for one in (left, right))
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(any(_same(one, other) for other in right) for one in left)
    return type(left) is type(right) and left == right


@pytest.mark.parametrize("operation", ["merge", "update", "append", "replace", "partial"])
@given(entity=entities(), fragment=fragments())
@FEW
def test_created_at_never_changes_for_what_stays(entity: Entity, fragment: Fragment, operation: str) -> None:
    before = created(entity)
    decide = {
        "merge": rules.merge(ID, fragment),
        "update": rules.update_attributes(ID, fragment),
        "append": rules.append_attributes(ID, fragment),
        "replace": rules.replace_entity(entity),
        "partial": rules.partial_update(ID, "a", [{"observedAt": T2}]),
    }[operation]
    if operation == "partial" and ("a", None) not in by_dataset(before.attributes):
        with pytest.raises(Refusal, match="does_not_exist"):
            decide(before, T1)
        return
    result = after(decide(before, T1), before)
    assert result.created_at == T0
    changed = {(one.attribute, one.dataset_id) for one in _changes(decide(before, T1))}
    for place, one in by_dataset(result.attributes).items():
        known = by_dataset(before.attributes).get(place)
        assert one["createdAt"] == (T1 if known is None else T0)
        assert (one["modifiedAt"] == T1) == (place in changed)


def _changes(decision: Decision) -> tuple[Any, ...]:
    return decision.changed.instances if isinstance(decision, Put) else ()


@given(entities(), instances(json_values, "urn:d:new"), NAMES)
@SOME
def test_delete_undoes_append(entity: Entity, instance: Instance, name: str) -> None:
    before = created(entity)
    added = after(rules.append_attributes(ID, Fragment(attributes={name: [instance]}))(before, T1), before)
    removed = after(rules.delete_attribute(ID, name, "urn:d:new")(added, T2), added)
    assert removed.attributes == before.attributes
    assert list(removed.attributes.values()) == [before.attributes[name] for name in removed.attributes]


@given(entities(), fragments())
@SOME
def test_changes_lead_from_before_to_after(entity: Entity, fragment: Fragment) -> None:
    """Replaying the change set on the old instances gives the new ones: history and log lose nothing."""
    before = created(entity)
    decision = rules.merge(ID, fragment)(before, T1)
    state = by_dataset(before.attributes)
    for change in _changes(decision):
        place = (change.attribute, change.dataset_id)
        assert state.get(place) == change.before
        if change.after is None:
            del state[place]
        else:
            state[place] = change.after
    assert state == by_dataset(after(decision, before).attributes)


@given(entities(), fragments())
@SOME
def test_default_instances_stand_first(entity: Entity, fragment: Fragment) -> None:
    before = created(entity)
    for instances_ in after(rules.merge(ID, fragment)(before, T1), before).attributes.values():
        assert instances_
        assert all("datasetId" in one for one in instances_[1:])
