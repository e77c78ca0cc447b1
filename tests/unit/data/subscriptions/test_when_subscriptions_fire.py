"""When a subscription fires and what its notification says (CIM 009 5.8.6)."""

from __future__ import annotations

from typing import Any

import pytest

from machinami.data.subscriptions.rules import fires, status_of, told
from machinami.kernel.entity import DEFAULT_VOCABULARY as D
from machinami.standards.ngsi_ld.notifications import Told
from machinami.standards.ngsi_ld.subscription_model import Trigger

NOW = "2026-11-26T00:00:00Z"
ONE, TWO = {"type": "Property", "value": 1}, {"type": "Property", "value": 2}
CHANGES: dict[str, tuple[Any, Any]] = {
    "entity created with level": (None, {"level": ONE}),
    "entity created empty": (None, {}),
    "level added": ({"other": ONE}, {"other": ONE, "level": ONE}),
    "level changed": ({"level": ONE}, {"level": TWO}),
    "level removed": ({"level": ONE, "other": ONE}, {"other": ONE}),
    "other changed": ({"level": ONE, "other": ONE}, {"level": ONE, "other": TWO}),
    "nothing of the attributes": ({"level": ONE}, {"level": ONE}),
    "entity deleted": ({"level": ONE}, None),
    "entity deleted empty": ({}, None),
}
ALL = tuple(CHANGES)
FIRES = {
    Trigger.ENTITY_CREATED: {"entity created with level", "entity created empty"},
    Trigger.ENTITY_UPDATED: {"level added", "level changed", "level removed", "other changed", "nothing of the attributes"},
    Trigger.ENTITY_DELETED: {"entity deleted", "entity deleted empty"},
    Trigger.ATTRIBUTE_CREATED: {"entity created with level", "level added"},
    Trigger.ATTRIBUTE_UPDATED: {"level changed", "other changed"},
    Trigger.ATTRIBUTE_DELETED: {"level removed", "entity deleted"},
}
NOT_ABOUT_LEVEL = {"entity created empty", "other changed", "nothing of the attributes", "entity deleted empty"}


@pytest.mark.parametrize("what", ALL)
@pytest.mark.parametrize("trigger", list(Trigger))
def test_fires_on_the_changes_that_its_trigger_names(trigger: Trigger, what: str, subscription: Any, change: Any) -> None:
    asked = subscription(notificationTrigger=[trigger.value])
    assert fires(asked, change(*CHANGES[what]), NOW) == (what in FIRES[trigger])


@pytest.mark.parametrize("what", ALL)
@pytest.mark.parametrize("trigger", list(Trigger))
def test_fires_only_when_a_watched_attribute_changed(trigger: Trigger, what: str, subscription: Any, change: Any) -> None:
    asked = subscription(notificationTrigger=[trigger.value], watchedAttributes=["level"])
    assert fires(asked, change(*CHANGES[what]), NOW) == (what in FIRES[trigger] - NOT_ABOUT_LEVEL)


@pytest.mark.parametrize("what", ALL)
def test_fires_by_default_when_an_attribute_came_or_changed(what: str, subscription: Any, change: Any) -> None:
    wanted = FIRES[Trigger.ATTRIBUTE_CREATED] | FIRES[Trigger.ATTRIBUTE_UPDATED]
    assert fires(subscription(), change(*CHANGES[what]), NOW) == (what in wanted)


def test_fires_when_any_of_several_triggers_holds(subscription: Any, change: Any) -> None:
    asked = subscription(notificationTrigger=["entityDeleted", "attributeUpdated"])
    found = {what for what in ALL if fires(asked, change(*CHANGES[what]), NOW)}
    assert found == FIRES[Trigger.ENTITY_DELETED] | FIRES[Trigger.ATTRIBUTE_UPDATED]


@pytest.mark.parametrize(
    ("members", "holds"),
    [({"q": "level==2"}, True), ({"q": "level==1"}, False), ({"entities": [{"type": "Bus"}]}, False),
     ({"entities": [{"type": "Gauge", "id": "urn:ngsi-ld:Gauge:1"}]}, True), ({"scopeQ": "/town"}, False)],
)  # fmt: skip
def test_fires_only_when_the_entity_as_it_stands_answers_the_query(
    members: dict[str, Any], holds: bool, subscription: Any, change: Any
) -> None:
    assert fires(subscription(**members), change({"level": ONE}, {"level": TWO}), NOW) is holds


def test_fires_on_a_deletion_when_the_entity_as_it_was_answers_the_query(subscription: Any, change: Any) -> None:
    asked = subscription(notificationTrigger=["entityDeleted"], q="level==1")
    assert fires(asked, change({"level": ONE}, None), NOW)
    assert fires(asked, change({"level": ONE}, None, expires_at="2026-11-25T00:00:00Z"), NOW)
    assert not fires(asked, change({"level": TWO}, None), NOW)


@pytest.mark.parametrize(
    ("members", "status"),
    [({}, "active"), ({"isActive": False}, "paused"), ({"expiresAt": "2026-11-26T09:00:00+09:00"}, "expired"),
     ({"expiresAt": "2026-11-26T09:00:00.001+09:00"}, "active"), ({"isActive": False, "expiresAt": NOW}, "expired")],
)  # fmt: skip
def test_fires_only_while_the_subscription_is_active(members: Any, status: str, subscription: Any, change: Any) -> None:
    asked = subscription(**members)
    assert status_of(asked, NOW) == status
    assert fires(asked, change({"level": ONE}, {"level": TWO}), NOW) is (status == "active")


def test_told_is_the_entity_as_it_stands(subscription: Any, change: Any) -> None:
    one = change({"level": ONE}, {"level": TWO})
    assert told(subscription(), one) == Told(one.entity)


@pytest.mark.parametrize(
    ("before", "null", "previous"),
    [
        ({"type": "Property", "value": [1]}, {"value": "urn:ngsi-ld:null"}, {"previousValue": [1]}),
        ({"type": "Relationship", "object": "urn:a"}, {"object": "urn:ngsi-ld:null"}, {"previousObject": "urn:a"}),
        ({"type": "LanguageProperty", "languageMap": {"ja": "駅"}}, {"languageMap": {"@none": "urn:ngsi-ld:null"}},
         {"previousLanguageMap": {"ja": "駅"}}),
        ({"type": "VocabProperty", "vocab": "urn:v"}, {"vocab": "urn:ngsi-ld:null"}, {"previousVocab": "urn:v"}),
        ({"type": "JsonProperty", "json": {"a": 1}}, {"json": "urn:ngsi-ld:null"}, {"previousJson": {"a": 1}}),
        ({"type": "ListProperty", "valueList": [1]}, {"valueList": "urn:ngsi-ld:null"}, {"previousValueList": [1]}),
        ({"type": "ListRelationship", "objectList": ["urn:a"]}, {"objectList": "urn:ngsi-ld:null"},
         {"previousObjectList": ["urn:a"]}),
    ],
)  # fmt: skip
def test_told_shows_a_removed_attribute_as_null_of_its_own_kind(
    before: Any, null: Any, previous: Any, subscription: Any, change: Any
) -> None:
    gone = change({"level": before, "other": ONE}, {"other": ONE})
    [shown] = told(subscription(), gone).entity.attributes[D + "level"]
    assert shown == {"type": before["type"], **null, "deletedAt": NOW}
    [changed] = told(subscription(notify={"showChanges": True}), gone).entity.attributes[D + "level"]
    assert changed == {"type": before["type"], **null, **previous, "deletedAt": NOW}


def test_told_shows_previous_values_of_what_changed_only_when_asked(subscription: Any, change: Any) -> None:
    by_hand = {**ONE, "datasetId": "urn:hand"}
    one = change({"level": [ONE, by_hand], "other": ONE}, {"level": [TWO, by_hand], "other": ONE, "new": ONE})
    shown = told(subscription(notify={"showChanges": True}), one).entity.attributes
    assert shown[D + "level"] == [{**TWO, "previousValue": 1}, by_hand]
    assert shown[D + "other"] == shown[D + "new"] == [ONE]
    assert one.entity.attributes[D + "level"] == [TWO, by_hand]


def test_told_keeps_the_instances_that_stay_when_one_of_a_dataset_was_removed(subscription: Any, change: Any) -> None:
    by_hand = {**TWO, "datasetId": "urn:hand"}
    [kept, stone] = told(subscription(), change({"level": [ONE, by_hand]}, {"level": [ONE]})).entity.attributes[D + "level"]
    assert kept == ONE
    assert stone == {"type": "Property", "value": "urn:ngsi-ld:null", "datasetId": "urn:hand", "deletedAt": NOW}


def test_told_says_once_that_an_attribute_went_with_all_its_instances(subscription: Any, change: Any) -> None:
    by_hand = {**TWO, "datasetId": "urn:hand"}
    gone = change({"level": [by_hand, ONE]}, {})
    [stone] = told(subscription(), gone).entity.attributes[D + "level"]
    assert stone == {"type": "Property", "value": "urn:ngsi-ld:null", "deletedAt": NOW}
    each = told(subscription(notify={"showChanges": True}), gone).entity.attributes[D + "level"]
    assert [one["previousValue"] for one in each] == [2, 1]


def test_told_says_nothing_of_removed_attributes_that_are_not_watched(subscription: Any, change: Any) -> None:
    asked = subscription(watchedAttributes=["level"])
    assert D + "other" not in told(asked, change({"level": ONE, "other": ONE}, {"level": TWO})).entity.attributes


def test_told_is_bare_when_the_entity_was_deleted(subscription: Any, change: Any) -> None:
    gone = told(subscription(notificationTrigger=["entityDeleted"]), change({"level": ONE}, None, expires_at=NOW))
    assert (gone.entity.attributes, gone.entity.expires_at, gone.deleted_at) == ({}, None, NOW)


def test_told_shows_watched_attributes_of_a_deleted_entity_when_their_deletion_is_waited_for(
    subscription: Any, change: Any
) -> None:
    asked = subscription(notificationTrigger=["attributeDeleted"], watchedAttributes=["level"])
    gone = told(asked, change({"level": ONE, "other": ONE}, None)).entity.attributes
    assert gone == {D + "level": [{"type": "Property", "value": "urn:ngsi-ld:null", "deletedAt": NOW}]}


def test_told_shows_what_everything_was_when_the_entity_was_deleted_and_changes_are_asked_for(
    subscription: Any, change: Any
) -> None:
    name = {"type": "LanguageProperty", "languageMap": {"ja": "駅"}}
    asked = subscription(notificationTrigger=["entityDeleted"], notify={"showChanges": True})
    gone = told(asked, change({"level": ONE, "name": name}, None)).entity.attributes
    assert gone[D + "level"][0]["previousValue"] == 1
    assert gone[D + "name"][0]["languageMap"] == "urn:ngsi-ld:null"
    assert gone[D + "name"][0]["previousLanguageMap"] == {"ja": "駅"}
