"""Subscriptions: typed, stored, patched, shown again; nothing that isn't carried out is accepted."""

import json

import pytest

from machinami.kernel.entity import Entity
from machinami.kernel.errors import Refusal
from machinami.kernel.query import Exists, GeoRelation
from machinami.standards.ngsi_ld.contexts import build_context, core_context
from machinami.standards.ngsi_ld.notifications import Told, notification_message, render_notification
from machinami.standards.ngsi_ld.render import Format
from machinami.standards.ngsi_ld.subscription_model import DEFAULT_TRIGGERS, Trigger
from machinami.standards.ngsi_ld.subscriptions import (
    from_record,
    parse_subscription,
    patch_subscription,
    render_subscription,
    to_record,
)

CORE = core_context()
CITY = build_context({"Gauge": "https://city.example/Gauge", "level": "https://city.example/level"}, lambda url: None)
D = "https://uri.etsi.org/ngsi-ld/default-context/"
ENDPOINT = {"uri": "http://127.0.0.1:9/notify"}
MQTT = {"uri": "mqtt://user:secret@broker.example:1884/town/levels"}


def document(**members):
    return {
        "id": "urn:ngsi-ld:Subscription:1",
        "type": "Subscription",
        "entities": [{"type": "Gauge"}],
        "notification": {"endpoint": ENDPOINT},
        **members,
    }


FULL = document(
    subscriptionName="levels",
    description="水位",
    entities=[{"type": "(Gauge;Dam)|Pond", "idPattern": "^urn:.*"}, {"type": "*", "id": "urn:x:1"}],
    watchedAttributes=["level"],
    notificationTrigger=["attributeUpdated", "entityDeleted"],
    q="level>5;name",
    geoQ={"georel": "near;maxDistance==100", "geometry": "Point", "coordinates": [134, 34], "geoproperty": "place"},
    scopeQ="/港/#",
    isActive=False,
    expiresAt="2030-01-01T00:00:00Z",
    throttling=5,
    lang="ja",
    datasetId=["urn:d:1"],
    jsonldContext="https://city.example/c.jsonld",
    notification={
        "attributes": ["level"],
        "format": "concise",
        "sysAttrs": True,
        "showChanges": True,
        "endpoint": {
            **ENDPOINT,
            "accept": "application/ld+json",
            "timeout": 500,
            "cooldown": 1000,
            "receiverInfo": [{"key": "X-City", "value": "高松"}],
            "notifierInfo": [],
        },
    },
)


PERIODIC = document(
    timeInterval=60,
    q="kind==Pump",
    expandValues=["kind"],
    splitEntities=False,
    ngsildConformance="1.5",
    notification={"join": "@none", "joinLevel": 2, "endpoint": MQTT},
)


def test_parse_subscription_types_every_member():
    subscription = parse_subscription(FULL, CITY)
    assert subscription.query.selectors[0].types.any_of == (
        frozenset({"https://city.example/Gauge", D + "Dam"}),
        frozenset({D + "Pond"}),
    )
    assert subscription.query.selectors[1].types is None
    assert subscription.query.selectors[1].ids == {"urn:x:1"}
    assert subscription.query.condition.items[1] == Exists(subscription.query.condition.items[1].path)
    assert subscription.query.geo.relation is GeoRelation.NEAR
    assert subscription.query.scope.any_of == (("/港/#",),)
    assert subscription.watched == ("https://city.example/level",)
    assert subscription.triggers == {Trigger.ATTRIBUTE_UPDATED, Trigger.ENTITY_DELETED}
    assert (subscription.active, subscription.throttling_s) == (False, 5.0)
    shown = subscription.notification.representation
    assert (shown.format, shown.sys_attrs, shown.language) == (Format.CONCISE, True, "ja")
    assert shown.dataset_ids == {"urn:d:1"}
    assert subscription.notification.endpoint.receiver_info == (("X-City", "高松"),)


@pytest.mark.parametrize("given", [FULL, PERIODIC, document(), document(q='a=="x".."y"|b~=z')])
def test_to_record_reads_back_as_the_same_subscription(given):
    subscription = parse_subscription(given, CITY)
    assert from_record(json.loads(json.dumps(to_record(subscription)))) == subscription


def test_render_subscription_shows_what_was_sent_and_the_status():
    shown = render_subscription(parse_subscription(document(q="level>5"), CITY), CITY, status="active")
    assert shown == document(q="level>5", notificationTrigger=["attributeCreated", "attributeUpdated"], status="active")
    full = render_subscription(
        parse_subscription(FULL, CITY), CITY, status="paused", delivery={"timesSent": 3}, times={"createdAt": "x"}
    )
    expected = json.loads(json.dumps(FULL))
    expected["notification"]["timesSent"] = 3
    assert full | {"entities": 0} == expected | {"entities": 0, "status": "paused", "createdAt": "x"}
    reread = parse_subscription(document(entities=full["entities"]), CITY)
    assert reread.query.selectors == parse_subscription(FULL, CITY).query.selectors


def test_render_subscription_compacts_names_when_another_context_asks():
    shown = render_subscription(parse_subscription(FULL, CITY), CORE, status="active")
    assert shown["watchedAttributes"] == ["https://city.example/level"]
    assert shown["notification"]["attributes"] == ["https://city.example/level"]


def test_patch_subscription_changes_only_what_it_names():
    subscription = parse_subscription(FULL, CITY)
    patched = patch_subscription(subscription, {"q": "level<1", "throttling": None, "isActive": True}, CITY)
    assert patched.throttling_s is None
    assert patched.active
    assert patched.query.condition != subscription.query.condition
    assert patched.query.geo == subscription.query.geo
    assert patched.watched == subscription.watched
    assert "throttling" not in patched.document
    again = patch_subscription(patched, {"expiresAt": "urn:ngsi-ld:null", "notificationTrigger": None, "lang": None}, CITY)
    assert (again.expires_at, again.triggers) == (None, DEFAULT_TRIGGERS)
    assert again.notification.representation.language is None


@pytest.mark.parametrize(
    "fragment",
    [
        [],
        {"notification": None},
        {"notification": {"format": "keyValues"}},
        {"id": "urn:ngsi-ld:Subscription:2"},
        {"type": "Other"},
        {"entities": None, "watchedAttributes": None},
        {"colour": 1},
    ],
)
def test_patch_subscription_refuses_when_the_result_would_be_wrong(fragment):
    with pytest.raises(Refusal) as refusal:
        patch_subscription(parse_subscription(FULL, CITY), fragment, CITY)
    assert refusal.value.code == "ngsi_ld.subscription.not_valid"


@pytest.mark.parametrize(
    "members",
    [
        {"csf": "x>"},
        {"csf": "x", "localOnly": True},
        {"temporalQ": {"timerel": "before", "timeAt": "2026-01-01T00:00:00Z"}},
        {"splitEntities": "yes"},
        {"entities": [{"type": "*"}], "localOnly": False},
    ],
)
def test_parse_subscription_refuses_what_sources_are_not_chosen_by(members):
    with pytest.raises(Refusal) as refusal:
        parse_subscription(document(**members), CORE)
    assert refusal.value.code in ("ngsi_ld.subscription.not_valid", "ngsi_ld.q.not_valid", "ngsi_ld.query.not_valid")


def test_a_local_subscription_needs_nothing_to_watch():
    local = document(localOnly=True)
    del local["entities"]
    assert parse_subscription(local, CORE).local_only
    with pytest.raises(Refusal):
        patch_subscription(parse_subscription(local, CORE), {"localOnly": None}, CORE)


@pytest.mark.parametrize(
    "members",
    [
        {"type": "Gauge"},
        {"id": "x"},
        {"entities": []},
        {"entities": [{}]},
        {"entities": [{"type": 5}]},
        {"entities": [{"type": "Gauge", "id": "x"}]},
        {"entities": [{"type": "Gauge", "name": "x"}]},
        {"entities": {"type": "Gauge"}},
        {"entities": None},
        {"watchedAttributes": []},
        {"watchedAttributes": "level"},
        {"notificationTrigger": ["sometimes"]},
        {"notificationTrigger": []},
        {"q": ""},
        {"q": 5},
        {"geoQ": "x"},
        {"scopeQ": 5},
        {"isActive": "yes"},
        {"expiresAt": "soon"},
        {"throttling": 0},
        {"throttling": -1},
        {"throttling": True},
        {"timeInterval": 0},
        {"timeInterval": 5, "throttling": 5},
        {"timeInterval": 5, "watchedAttributes": ["level"]},
        {"expandValues": ["kind"]},
        {"expandValues": "kind", "q": "kind==Pump"},
        {"splitEntities": 1},
        {"ngsildConformance": "1"},
        {"ngsildConformance": 1.5},
        {"jsonldContext": "x"},
        {"lang": 5},
        {"datasetId": ["x"]},
        {"localOnly": "x"},
        {"unknown": 1},
        {"notification": 5},
        {"notification": {}},
        {"notification": {"endpoint": {}}},
        {"notification": {"endpoint": {"uri": "notify"}}},
        {"notification": {"endpoint": {"uri": "ftp://a.example/"}}},
        {"notification": {"endpoint": {"uri": "http://a.example:99999/"}}},
        {"notification": {"endpoint": {"uri": "mqtt://a.example"}}},
        {"notification": {"endpoint": {"uri": "mqtt://a.example/"}}},
        {"notification": {"endpoint": {"uri": "mqtt://a.example/town/#"}}},
        {"notification": {"endpoint": {"uri": "mqtt://a.example/town?x=1"}}},
        {"notification": {"endpoint": {"uri": "mqtt://a.example/$SYS/x"}}},
        {"notification": {"endpoint": {**MQTT, "notifierInfo": [{"key": "MQTT-QoS", "value": "3"}]}}},
        {"notification": {"endpoint": {**MQTT, "notifierInfo": [{"key": "MQTT-Version", "value": "mqtt4"}]}}},
        {"notification": {"endpoint": ENDPOINT, "join": "sideways"}},
        {"notification": {"endpoint": ENDPOINT, "join": "@none", "joinLevel": 0}},
        {"notification": {"endpoint": {**ENDPOINT, "accept": "text/html"}}},
        {"notification": {"endpoint": {**ENDPOINT, "timeout": 0}}},
        {"notification": {"endpoint": {**ENDPOINT, "receiverInfo": [{"key": "A\r\nB", "value": "x"}]}}},
        {"notification": {"endpoint": {**ENDPOINT, "receiverInfo": [{"key": "A", "value": "x\r\ny"}]}}},
        {"notification": {"endpoint": {**ENDPOINT, "receiverInfo": [{"key": "Host", "value": "x"}]}}},
        {"notification": {"endpoint": {**ENDPOINT, "receiverInfo": [5]}}},
        {"notification": {"endpoint": {**ENDPOINT, "receiverInfo": 5}}},
        {"notification": {"endpoint": ENDPOINT, "format": "xml"}},
        {"notification": {"endpoint": ENDPOINT, "attributes": []}},
        {"notification": {"endpoint": ENDPOINT, "attributes": ["a"], "pick": ["a"]}},
        {"notification": {"endpoint": ENDPOINT, "pick": ["a"], "omit": ["a"]}},
        {"notification": {"endpoint": ENDPOINT, "sysAttrs": "x"}},
        {"notification": {"endpoint": ENDPOINT, "showChanges": True, "format": "keyValues"}},
        {"notification": {"endpoint": ENDPOINT, "colour": 1}},
    ],
)
def test_parse_subscription_refuses_when_a_member_is_wrong(members):
    with pytest.raises(Refusal) as refusal:
        parse_subscription(document(**members), CORE)
    assert refusal.value.code == "ngsi_ld.subscription.not_valid"


def test_parse_subscription_takes_a_new_id_when_none_is_given():
    given = document()
    del given["id"]
    assert parse_subscription(given, CORE, new_id="urn:ngsi-ld:Subscription:9").id == "urn:ngsi-ld:Subscription:9"


NOW = "2026-01-01T00:00:00Z"
ENTITY = Entity("urn:x:1", (D + "Gauge",), {D + "level": [{"type": "Property", "value": 5, "previousValue": 4}]})
LEVEL = {"type": "Property", "value": 5, "previousValue": 4}
CONTEXT_URL = "https://city.example/c.jsonld"


def notified(endpoint, source=CONTEXT_URL, **notification):
    """(body, headers) of a notification about ENTITY."""
    given = document(notification={"endpoint": {**ENDPOINT, **endpoint}, **notification})
    body, headers = notification_message(parse_subscription(given, CORE), "urn:n:1", [Told(ENTITY)], NOW, CORE, source)
    return json.loads(body), headers


def test_render_notification_writes_the_entities_in_the_asked_form():
    subscription = parse_subscription(document(), CORE)
    assert render_notification(subscription, "urn:ngsi-ld:Notification:1", [Told(ENTITY)], NOW, CORE) == {
        "id": "urn:ngsi-ld:Notification:1",
        "type": "Notification",
        "subscriptionId": "urn:ngsi-ld:Subscription:1",
        "notifiedAt": NOW,
        "data": [{"id": "urn:x:1", "type": "Gauge", "level": LEVEL}],
    }


def test_render_notification_says_when_the_entity_was_deleted():
    shown = render_notification(parse_subscription(document(), CORE), "urn:n:1", [Told(ENTITY, NOW)], NOW, CORE)
    assert shown["data"][0]["deletedAt"] == NOW


def test_notification_message_names_the_context_in_a_link_header_when_json_is_asked():
    body, headers = notified({})
    assert "@context" not in body
    assert headers["Link"] == f'<{CONTEXT_URL}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'
    assert headers["Content-Type"] == "application/json"


def test_notification_message_holds_the_context_on_each_entity_when_json_ld_is_asked():
    body, headers = notified({"accept": "application/ld+json"}, [CONTEXT_URL])
    assert body["@context"] == body["data"][0]["@context"] == CONTEXT_URL
    assert "Link" not in headers


def test_notification_message_puts_the_context_into_the_collection_unless_the_receiver_prefers_json():
    body, headers = notified({"accept": "application/geo+json"}, format="keyValues")
    assert body["data"]["features"][0]["properties"] == {"type": "Gauge", "level": 5}
    assert body["data"]["@context"] == CONTEXT_URL
    prefers = [{"key": "Prefer", "value": "body=json"}]
    body, headers = notified({"accept": "application/geo+json", "receiverInfo": prefers})
    assert "@context" not in body["data"]
    assert CONTEXT_URL in headers["Link"]


def test_notification_message_tells_in_the_form_of_the_version_that_is_asked_for():
    name = Entity("urn:x:1", (D + "Gauge",), {D + "name": [{"type": "LanguageProperty", "languageMap": {"ja": "駅"}}]}, ("/a",))
    for version, kind, scoped in (
        ("1.3", "Property", False),
        ("1.4", "LanguageProperty", True),
        ("1.9", "LanguageProperty", True),
    ):
        asked = parse_subscription(document(ngsildConformance=version), CORE)
        [told] = render_notification(asked, "urn:n:1", [Told(name)], NOW, CORE)["data"]
        assert (told["name"]["type"], "scope" in told) == (kind, scoped)
        assert render_subscription(asked, CORE, status="active")["ngsildConformance"] == version


def test_notification_message_lets_the_receivers_headers_replace_none_of_ours():
    _, headers = notified({"receiverInfo": [{"key": "X-City", "value": "a"}, {"key": "link", "value": "<x>"}]})
    assert headers["X-City"] == "a"
    assert "link" not in headers


def test_notification_message_carries_headers_as_metadata_over_mqtt():
    info = [{"key": "X-City", "value": "a"}]
    body, transport = notified({**MQTT, "receiverInfo": info})
    assert body["metadata"]["Content-Type"] == "application/json"
    assert body["metadata"]["X-City"] == "a"
    assert CONTEXT_URL in body["metadata"]["Link"]
    assert body["body"]["data"][0]["level"] == LEVEL
    assert transport == {"MQTT-QoS": "0", "MQTT-Version": "mqtt5.0"}
    chosen = [{"key": "MQTT-QoS", "value": "2"}, {"key": "MQTT-Version", "value": "mqtt3.1.1"}]
    assert notified({**MQTT, "notifierInfo": chosen})[1] == {"MQTT-QoS": "2", "MQTT-Version": "mqtt3.1.1"}


def test_parse_subscription_reads_a_percent_encoded_query():
    encoded = parse_subscription(document(q='name=="Eiffel%20Tower"'), CORE)
    assert encoded.query == parse_subscription(document(q='name=="Eiffel Tower"'), CORE).query
    assert render_subscription(encoded, CORE, status="active")["q"] == 'name=="Eiffel%20Tower"'


def test_parse_subscription_expands_the_values_that_are_terms():
    asked = parse_subscription(document(q="kind==Gauge", expandValues=["kind"]), CITY)
    assert asked.query.condition.operands == ("https://city.example/Gauge",)
