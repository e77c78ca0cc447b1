"""The write operations, clause by clause (CIM 009 5.6)."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from machinami.data.entities import rules
from machinami.data.entities.decisions import Decision, Effect, Keep, NotUpdated, Put, Remove
from machinami.kernel.change import ChangeKind
from machinami.kernel.entity import Entity, Instance
from machinami.kernel.errors import Refusal
from machinami.kernel.query import TypeSelection
from machinami.standards.ngsi_ld.fragment import Fragment, deletion

T0, T1, T2 = "2026-11-26T01:00:00Z", "2026-11-26T01:00:01Z", "2026-11-26T01:00:02Z"
ID = "urn:ngsi-ld:Vehicle:1"
DS = "urn:ngsi-ld:Dataset:gps"


def prop(value: Any, **members: Any) -> Instance:
    return {"type": "Property", "value": value, **members}


def vehicle() -> Entity:
    attributes = {
        "speed": [prop(50, unitCode="KMH", observedAt=T0), prop(51, datasetId=DS)],
        "owner": [{"type": "Relationship", "object": "urn:ngsi-ld:Person:1"}],
        "brand": [prop("Isuzu", attributes={"checked": [prop(True)]})],
    }
    return Entity(ID, ("Vehicle",), attributes, ("/Takamatsu",))


def stored() -> Entity:
    decision = rules.create(vehicle())(None, T0)
    assert isinstance(decision, Put)
    return decision.entity


def put(decision: Decision) -> Put:
    assert isinstance(decision, Put)
    return decision


def content(instance: Instance) -> Instance:
    """An instance without system times, at any depth."""
    plain = {key: one for key, one in instance.items() if key not in ("createdAt", "modifiedAt", "attributes")}
    if "attributes" in instance:
        plain["attributes"] = {name: [content(one) for one in many] for name, many in instance["attributes"].items()}
    return plain


def code(decide: Any, entity: Entity | None, now: str = T1) -> str:
    with pytest.raises(Refusal) as refused:
        decide(entity, now)
    return refused.value.code


class TestCreate:
    def test_create_stamps_everything_when_the_id_is_new(self) -> None:
        decision = put(rules.create(vehicle())(None, T0))
        entity = decision.entity
        assert (entity.created_at, entity.modified_at, entity.version, entity.sequence) == (T0, T0, 1, 0)
        assert entity.attributes["speed"][0] == prop(50, unitCode="KMH", observedAt=T0, createdAt=T0, modifiedAt=T0)
        assert entity.attributes["brand"][0]["attributes"]["checked"][0]["createdAt"] == T0
        assert decision.outcome.effect is Effect.CREATED
        assert decision.changed.kind is ChangeKind.CREATED
        assert [(one.attribute, one.dataset_id, one.before) for one in decision.changed.instances] == [
            ("speed", None, None), ("speed", DS, None), ("owner", None, None), ("brand", None, None),
        ]  # fmt: skip

    def test_create_puts_the_default_instance_first_when_it_came_last(self) -> None:
        entity = Entity(ID, ("Vehicle",), {"speed": [prop(51, datasetId=DS), prop(50)]})
        assert [one["value"] for one in put(rules.create(entity)(None, T0)).entity.attributes["speed"]] == [50, 51]

    def test_create_refuses_when_the_entity_exists(self) -> None:
        assert code(rules.create(vehicle()), stored()) == "data.entity.already_exists"

    def test_create_starts_anew_when_the_stored_one_has_expired(self) -> None:
        old = put(rules.create(Entity(ID, ("Vehicle",), {}, expires_at=T1))(None, T0)).entity
        decision = put(rules.create(vehicle())(old, T1))
        assert decision.supplants is old
        assert decision.changed.before is None
        assert (decision.entity.created_at, decision.entity.version, decision.entity.sequence) == (T1, 2, 0)

    @pytest.mark.parametrize(
        "entity",
        [
            Entity(ID, ("Vehicle",), {}, expires_at=T0),
            Entity(ID, ("Vehicle",), {}, expires_at="2026-11-26T10:00:00.5+09:00"),
            Entity(ID, ("Vehicle",), {"speed": [prop(1, expiresAt=T0)]}),
        ],
    )
    def test_create_refuses_when_it_would_expire_at_once(self, entity: Entity) -> None:
        assert code(rules.create(entity), None) == "data.entity.expires_in_past"


class TestReplaceEntity:
    """5.6.18."""

    def test_replace_keeps_created_at_and_removes_what_is_not_given(self) -> None:
        before = stored()
        new = Entity(ID, ("Bus",), {"speed": [prop(60)], "route": [prop("7")]})
        decision = put(rules.replace_entity(new)(before, T1))
        after = decision.entity
        assert (after.types, after.scopes, after.created_at, after.modified_at) == (("Bus",), (), T0, T1)
        assert after.attributes["speed"] == [prop(60, createdAt=T0, modifiedAt=T1)]
        assert after.attributes["route"][0]["createdAt"] == T1
        assert set(after.attributes) == {"speed", "route"}
        gone = {(one.attribute, one.dataset_id) for one in decision.changed.instances if one.after is None}
        assert gone == {("speed", DS), ("owner", None), ("brand", None)}

    def test_replace_refuses_when_nothing_is_there(self) -> None:
        assert code(rules.replace_entity(vehicle()), None) == "data.entity.does_not_exist"

    def test_replace_refuses_when_the_type_parameter_selects_another(self) -> None:
        where = TypeSelection((frozenset({"Bus"}),))
        assert code(rules.replace_entity(vehicle(), where), stored()) == "data.entity.does_not_exist"


class TestUpsert:
    """5.6.8."""

    def test_upsert_replace_creates_or_replaces(self) -> None:
        assert put(rules.upsert_replace(vehicle())(None, T0)).outcome.effect is Effect.CREATED
        assert put(rules.upsert_replace(Entity(ID, ("Bus",)))(stored(), T1)).entity.attributes == {}

    def test_upsert_update_keeps_the_rest_when_it_exists(self) -> None:
        decision = put(rules.upsert_update(Entity(ID, ("Bus",), {"route": [prop("7")]}))(stored(), T1))
        assert decision.outcome.effect is Effect.UPDATED
        assert decision.entity.types == ("Vehicle", "Bus")
        assert set(decision.entity.attributes) == {"speed", "owner", "brand", "route"}
        assert decision.entity.scopes == ("/Takamatsu",)

    def test_upsert_creates_when_the_stored_one_has_expired(self) -> None:
        old = put(rules.create(Entity(ID, ("Vehicle",), {"x": [prop(1)]}, expires_at=T1))(None, T0)).entity
        decision = put(rules.upsert_update(vehicle())(old, T1))
        assert decision.outcome.effect is Effect.CREATED
        assert "x" not in decision.entity.attributes


class TestAppend:
    """5.6.3, 5.6.9."""

    def test_append_replaces_and_adds_when_overwriting(self) -> None:
        fragment = Fragment(("Bus",), ("/Kagawa",), None, {"speed": [prop(60)], "route": [prop("7")]})
        decision = put(rules.append_attributes(ID, fragment)(stored(), T1))
        assert decision.entity.attributes["speed"][0] == prop(60, createdAt=T0, modifiedAt=T1)
        assert decision.entity.attributes["speed"][1]["datasetId"] == DS
        assert decision.entity.types == ("Vehicle", "Bus")
        assert decision.entity.scopes == ("/Kagawa",)
        assert decision.outcome.updated == ("speed", "route")
        assert decision.outcome.complete

    def test_append_leaves_existing_instances_when_not_overwriting(self) -> None:
        attributes = {"speed": [prop(60), prop(61, datasetId="urn:new")], "route": [prop("7")]}
        fragment = Fragment((), ("/Kagawa", "/Takamatsu"), None, attributes)
        decision = put(rules.append_attributes(ID, fragment, overwrite=False)(stored(), T1))
        assert [one["value"] for one in decision.entity.attributes["speed"]] == [50, 51, 61]
        assert decision.entity.scopes == ("/Takamatsu", "/Kagawa")
        assert decision.outcome.updated == ("speed", "route")
        assert decision.outcome.not_updated == (NotUpdated("speed", "data.attribute.already_exists"),)

    def test_append_keeps_a_known_expiry_when_not_overwriting(self) -> None:
        soon, later = "2026-11-27T00:00:00Z", "2026-11-28T00:00:00Z"
        entity = put(rules.append_attributes(ID, Fragment(expires_at=soon), overwrite=False)(stored(), T1)).entity
        assert entity.expires_at == soon
        assert isinstance(rules.append_attributes(ID, Fragment(expires_at=later), overwrite=False)(entity, T1), Keep)
        assert put(rules.append_attributes(ID, Fragment(expires_at=later))(entity, T1)).entity.expires_at == later

    def test_append_keeps_the_entity_when_nothing_could_be_written(self) -> None:
        before = stored()
        fragment = Fragment(attributes={"speed": [prop(60)]})
        decision = rules.append_attributes(ID, fragment, overwrite=False)(before, T1)
        assert isinstance(decision, Keep)
        assert decision.entity is before
        assert not decision.outcome.complete


class TestUpdateAttributes:
    """5.6.2, 5.5.8 examples 2 and 3."""

    def test_update_replaces_the_whole_attribute(self) -> None:
        fragment = Fragment(attributes={"speed": [prop(100, observedAt=T1)]})
        after = put(rules.update_attributes(ID, fragment)(stored(), T1)).entity
        assert content(after.attributes["speed"][0]) == prop(100, observedAt=T1)

    def test_update_may_change_the_type_of_an_attribute(self) -> None:
        fragment = Fragment(attributes={"speed": [{"type": "Relationship", "object": "urn:x"}]})
        after = put(rules.update_attributes(ID, fragment)(stored(), T1)).entity
        assert content(after.attributes["speed"][0]) == {"type": "Relationship", "object": "urn:x"}

    def test_update_deletes_when_the_value_is_null(self) -> None:
        decision = put(rules.update_attributes(ID, Fragment(attributes={"speed": [deletion()]}))(stored(), T1))
        assert content(decision.entity.attributes["speed"][0]) == prop(51, datasetId=DS)
        both = Fragment(attributes={"speed": [deletion(), deletion(DS)]})
        assert "speed" not in put(rules.update_attributes(ID, both)(stored(), T1)).entity.attributes

    def test_update_reports_when_there_is_nothing_to_delete(self) -> None:
        decision = rules.update_attributes(ID, Fragment(attributes={"nothing": [deletion(DS)]}))(stored(), T1)
        assert decision.outcome.not_updated == (NotUpdated("nothing", "data.attribute.does_not_exist", DS),)

    def test_update_ignores_the_scope_when_the_entity_has_none(self) -> None:
        bare = put(rules.create(Entity(ID, ("Vehicle",)))(None, T0)).entity
        assert isinstance(rules.update_attributes(ID, Fragment(scopes=("/A",)))(bare, T1), Keep)
        assert put(rules.update_attributes(ID, Fragment(scopes=("/A",)))(stored(), T1)).entity.scopes == ("/A",)


class TestPartialUpdate:
    """5.6.4, 5.5.8 example 1."""

    def test_partial_update_leaves_unit_code_when_only_value_and_time_are_given(self) -> None:
        decision = put(rules.partial_update(ID, "speed", [{"type": "Property", "value": 100, "observedAt": T1}])(stored(), T1))
        assert content(decision.entity.attributes["speed"][0]) == prop(100, unitCode="KMH", observedAt=T1)
        (change,) = decision.changed.instances
        assert (change.before or {})["value"] == 50
        assert change.after is not None
        assert (change.after["createdAt"], change.after["modifiedAt"]) == (T0, T1)

    def test_partial_update_works_when_type_and_value_are_left_out(self) -> None:
        after = put(rules.partial_update(ID, "speed", [{"observedAt": T1}])(stored(), T1)).entity
        assert content(after.attributes["speed"][0]) == prop(50, unitCode="KMH", observedAt=T1)

    def test_partial_update_removes_a_member_and_a_sub_attribute_when_they_are_null(self) -> None:
        after = put(rules.partial_update(ID, "speed", [{"unitCode": "urn:ngsi-ld:null"}])(stored(), T1)).entity
        assert content(after.attributes["speed"][0]) == prop(50, observedAt=T0)
        after = put(rules.partial_update(ID, "brand", [{"attributes": {"checked": [deletion()]}}])(stored(), T1)).entity
        assert content(after.attributes["brand"][0]) == prop("Isuzu")

    def test_partial_update_replaces_a_sub_attribute_as_a_whole(self) -> None:
        patch = {"attributes": {"checked": [prop(False)], "by": [prop("Sato")]}}
        after = put(rules.partial_update(ID, "brand", [patch])(stored(), T1)).entity
        subs = after.attributes["brand"][0]["attributes"]
        assert subs["checked"] == [prop(False, createdAt=T0, modifiedAt=T1)]
        assert subs["by"] == [prop("Sato", createdAt=T1, modifiedAt=T1)]

    def test_partial_update_targets_the_instance_of_its_dataset(self) -> None:
        after = put(rules.partial_update(ID, "speed", [{"value": 9, "datasetId": DS}])(stored(), T1)).entity
        assert [one["value"] for one in after.attributes["speed"]] == [50, 9]

    def test_partial_update_removes_the_instance_when_the_value_is_null(self) -> None:
        after = put(rules.partial_update(ID, "speed", [deletion()])(stored(), T1)).entity
        assert [one["value"] for one in after.attributes["speed"]] == [51]

    @pytest.mark.parametrize(
        ("name", "instance", "expected"),
        [
            ("speed", {"type": "Relationship", "object": "urn:x"}, "data.attribute.type_change"),
            ("speed", {"value": 1, "datasetId": "urn:other"}, "data.attribute.does_not_exist"),
            ("nothing", {"value": 1}, "data.attribute.does_not_exist"),
        ],
    )
    def test_partial_update_refuses_what_does_not_fit(self, name: str, instance: Instance, expected: str) -> None:
        assert code(rules.partial_update(ID, name, [instance]), stored()) == expected

    def test_partial_update_refuses_the_scope(self) -> None:
        with pytest.raises(Refusal, match="scope_not_allowed"):
            rules.partial_update(ID, rules.SCOPE, [{"value": 1}])


class TestReplaceAttribute:
    """5.6.19."""

    def test_replace_attribute_keeps_created_at_only(self) -> None:
        after = put(rules.replace_attribute(ID, "speed", [prop(1)])(stored(), T1)).entity
        assert after.attributes["speed"][0] == prop(1, createdAt=T0, modifiedAt=T1)

    def test_replace_attribute_refuses_when_the_instance_is_not_there(self) -> None:
        decide = rules.replace_attribute(ID, "speed", [prop(1, datasetId="urn:other")])
        assert code(decide, stored()) == "data.attribute.does_not_exist"


class TestDelete:
    """5.6.5, 5.6.6."""

    def test_delete_attribute_removes_the_default_instance_only(self) -> None:
        decision = put(rules.delete_attribute(ID, "speed")(stored(), T1))
        assert [one["value"] for one in decision.entity.attributes["speed"]] == [51]
        (change,) = decision.changed.instances
        assert (change.attribute, change.dataset_id, change.after) == ("speed", None, None)

    def test_delete_attribute_removes_one_dataset_or_all(self) -> None:
        after = put(rules.delete_attribute(ID, "speed", DS)(stored(), T1)).entity
        assert [one["value"] for one in after.attributes["speed"]] == [50]
        decision = put(rules.delete_attribute(ID, "speed", delete_all=True)(stored(), T1))
        assert "speed" not in decision.entity.attributes
        assert len(decision.changed.instances) == 2

    def test_delete_attribute_removes_the_scope(self) -> None:
        assert put(rules.delete_attribute(ID, rules.SCOPE)(stored(), T1)).entity.scopes == ()

    @pytest.mark.parametrize(
        "decide",
        [
            rules.delete_attribute(ID, "nothing"),
            rules.delete_attribute(ID, "nothing", delete_all=True),
            rules.delete_attribute(ID, "owner", DS),
        ],
    )
    def test_delete_attribute_refuses_when_it_is_not_there(self, decide: Any) -> None:
        assert code(decide, stored()) == "data.attribute.does_not_exist"

    def test_delete_entity_lists_all_instances(self) -> None:
        decision = rules.delete_entity(ID)(stored(), T1)
        assert isinstance(decision, Remove)
        assert decision.changed.kind is ChangeKind.DELETED
        assert len(decision.changed.instances) == 4
        assert all(one.after is None for one in decision.changed.instances)

    def test_delete_entity_refuses_when_it_has_expired(self) -> None:
        old = put(rules.create(Entity(ID, ("Vehicle",), {}, expires_at=T1))(None, T0)).entity
        assert code(rules.delete_entity(ID), old) == "data.entity.does_not_exist"


class TestExpiry:
    """4.22."""

    def test_update_counts_an_expired_instance_as_gone(self) -> None:
        entity = put(rules.create(Entity(ID, ("V",), {"a": [prop(1, expiresAt=T1)], "b": [prop(2)]}))(None, T0)).entity
        assert code(rules.partial_update(ID, "a", [{"value": 3}]), entity, T2) == "data.attribute.does_not_exist"
        decision = put(rules.partial_update(ID, "b", [{"value": 3}])(entity, T2))
        assert set(decision.entity.attributes) == {"b"}
        assert {(one.attribute, one.after is None) for one in decision.changed.instances} == {("a", True), ("b", False)}
        assert decision.outcome.updated == ("b",)

    def test_fragment_sets_and_removes_the_expiry(self) -> None:
        later = "2026-11-27T00:00:00Z"
        entity = put(rules.merge(ID, Fragment(expires_at=later))(stored(), T1)).entity
        assert entity.expires_at == later
        assert put(rules.merge(ID, Fragment(expires_at=""))(entity, T2)).entity.expires_at is None
        assert code(rules.merge(ID, Fragment(expires_at=T0)), entity) == "data.entity.expires_in_past"

    def test_remove_expired_takes_the_entity_or_its_instances_or_nothing(self) -> None:
        entity = put(rules.create(Entity(ID, ("V",), {"a": [prop(1, expiresAt=T1)]}, expires_at=T2))(None, T0)).entity
        assert isinstance(rules.remove_expired()(entity, T0), Keep)
        swept = put(rules.remove_expired()(entity, T1))
        assert swept.entity.attributes == {}
        assert len(swept.changed.instances) == 1
        assert isinstance(rules.remove_expired()(entity, T2), Remove)
        assert isinstance(rules.remove_expired()(None, T2), Keep)


class TestUnlessUnchanged:
    def test_unless_unchanged_keeps_when_content_is_the_same_in_another_order(self) -> None:
        before = stored()
        again = vehicle()
        attributes = dict(reversed(list(again.attributes.items())))
        attributes["speed"] = list(reversed(attributes["speed"]))
        decision = rules.unless_unchanged(rules.upsert_replace(again.with_attributes(attributes)))(before, T1)
        assert isinstance(decision, Keep)
        assert decision.entity is before

    @pytest.mark.parametrize(
        "decide",
        [
            rules.merge(ID, Fragment(attributes={"speed": [prop(51)]})),
            rules.merge(ID, Fragment(attributes={"brand": [{"attributes": {"checked": [prop(False)]}}]})),
            rules.merge(ID, Fragment(types=("Bus",))),
            rules.merge(ID, Fragment(scopes=())),
            rules.delete_attribute(ID, "owner"),
        ],
    )
    def test_unless_unchanged_writes_when_anything_differs(self, decide: Any) -> None:
        assert isinstance(rules.unless_unchanged(decide)(stored(), T1), Put)

    def test_unless_unchanged_creates_and_deletes_as_before(self) -> None:
        assert isinstance(rules.unless_unchanged(rules.create(vehicle()))(None, T0), Put)
        assert isinstance(rules.unless_unchanged(rules.delete_entity(ID))(stored(), T1), Remove)


def test_rules_never_change_their_inputs() -> None:
    before, incoming = stored(), vehicle()
    patch = {"value": 3, "attributes": {"checked": [{"value": False}]}}
    fragment = Fragment(("Bus",), ("/K",), None, {"brand": [prop("Hino", **{k: v for k, v in patch.items() if k != "value"})]})
    copies = copy.deepcopy((before, incoming, patch, fragment))
    for decide in (
        rules.replace_entity(incoming),
        rules.upsert_update(incoming),
        rules.append_attributes(ID, fragment),
        rules.update_attributes(ID, fragment),
        rules.merge(ID, fragment),
        rules.partial_update(ID, "brand", [patch]),
        rules.replace_attribute(ID, "brand", [prop(1)]),
        rules.delete_attribute(ID, "speed", delete_all=True),
    ):
        first, second = decide(before, T1), decide(before, T1)
        assert first == second
    assert (before, incoming, patch, fragment) == copies


def test_rules_raise_the_version_by_one_with_each_write() -> None:
    first = stored()
    second = put(rules.partial_update(ID, "speed", [{"value": 1}])(first, T1)).entity
    third = put(rules.replace_entity(vehicle())(second, T2)).entity
    assert (first.version, second.version, third.version) == (1, 2, 3)
