"""The matcher: batches in, deliveries and a cursor out, once each whatever fails in between."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from machinami.adapters.postgres.delivery import SubscriptionState
from machinami.data.contexts.documents import ContextBounds
from machinami.data.contexts.model import Download
from machinami.data.contexts.service import Contexts
from machinami.data.entities.rules import create
from machinami.data.entities.service import Entities
from machinami.data.subscriptions.composing import Composer
from machinami.data.subscriptions.matcher import CONSUMER, Matcher
from machinami.data.subscriptions.service import Subscriptions
from machinami.kernel.caller import development_caller
from machinami.kernel.change import Cursor
from machinami.kernel.clock import VirtualClock
from machinami.kernel.entity import DEFAULT_VOCABULARY, Entity
from machinami.kernel.errors import Refusal, Unavailable
from machinami.sdk.memory_store import MemoryDocumentStore, MemoryEntityStore
from machinami.standards.ngsi_ld.contexts import CORE_CONTEXT_URL, build_context, core_context
from machinami.standards.ngsi_ld.subscription_model import SubscriptionLimits

CALLER = development_caller()
URL = "https://city.example/context.jsonld"
VALUES = [{"type": "Property", "value": number} for number in range(9)]


class Web:
    """Serves one @context while `up`."""

    up = True

    async def fetch(self, url: str) -> Download:
        if not self.up:
            raise Unavailable("outbound.fetch.failed", url=url)
        return Download({"@context": {"water": "https://uri.etsi.org/ngsi-ld/default-context/level"}}, None)


class Town:
    """A matcher with its neighbours."""

    def __init__(self, records: Any, matches: Any, guard: Any, clock: VirtualClock) -> None:
        self.web, self.matches, self.clock = Web(), matches, clock
        self.documents = MemoryDocumentStore()
        self.subscriptions = Subscriptions(records, matches, guard, clock, SubscriptionLimits())
        self.contexts = Contexts(self.documents, self.web, clock, ContextBounds(cache_max=10, depth_max=5))
        self.entities = Entities(MemoryEntityStore(clock), clock)
        composer = Composer(self.contexts, self.entities, clock, linked_max=2)
        self.matcher = Matcher(self.subscriptions, composer, matches, clock)

    async def subscribe(self, document: Any, tenant: str = "default") -> str:
        return (await self.subscriptions.create(development_caller(tenant), document, core_context())).id

    async def level(self, change: Any, *numbers: int, tenant: str = "default") -> None:
        """One batch: the level takes these values in turn (change n leads to value n)."""
        batch = [change({"level": VALUES[n - 1]}, {"level": VALUES[n]}, number=n, tenant=tenant) for n in numbers]
        await self.matcher.handle(Cursor(numbers[0] - 1, 0), batch)

    @property
    def values(self) -> list[Any]:
        """The levels that notifications told of."""
        return [json.loads(one.body)["data"][0]["level"]["value"] for one in self.matches.sent]


@pytest.fixture
def town(records: Any, matches: Any, guard: Any, clock: VirtualClock) -> Town:
    return Town(records, matches, guard, clock)


async def test_handle_commits_deliveries_and_cursor_together(town: Town, document: Any, change: Any) -> None:
    subscription_id = await town.subscribe(document())
    await town.level(change, 1, 2)
    [(consumer, old, new, rows)] = town.matches.committed
    assert (consumer, old, new) == (CONSUMER, Cursor(0, 0), Cursor(2, 2))
    assert town.values == [1, 2]
    assert {(row.subscription_id, row.order_key, row.url, row.endpoint) for row in rows} == {
        (subscription_id, "urn:ngsi-ld:Gauge:1", "http://receiver.example/hook", "http://receiver.example:80")
    }
    assert town.matcher.matched == 2


async def test_handle_stores_the_cursor_within_a_second_when_nothing_matches(town: Town, change: Any) -> None:
    await town.level(change, 1)
    town.clock.advance(0.5)
    await town.matcher.handle(Cursor(1, 1), [change({"level": VALUES[1]}, {"level": VALUES[2]}, number=2)])
    await town.matcher.idle()
    assert town.matches.committed == []
    town.clock.advance(0.5)
    await town.matcher.idle()
    await town.matcher.idle()
    assert town.matches.committed == [(CONSUMER, Cursor(0, 0), Cursor(2, 2), [])]


async def test_handle_stores_the_cursor_with_what_matches_from_where_it_was_stored(
    town: Town, document: Any, change: Any
) -> None:
    await town.subscribe(document(q="level>1"))
    for number in (1, 2):
        batch = [change({"level": VALUES[number - 1]}, {"level": VALUES[number]}, number=number)]
        await town.matcher.handle(Cursor(number - 1, number - 1), batch)
    [(_, old, new, rows)] = town.matches.committed
    assert (old, new, len(rows)) == (Cursor(0, 0), Cursor(2, 2), 1)
    await town.matcher.skip(Cursor(2, 2), Cursor(9, 9))
    assert town.matches.committed[-1][1:3] == (Cursor(2, 2), Cursor(9, 9))


async def test_handle_begins_where_the_reader_does_when_it_starts_again(town: Town, change: Any) -> None:
    await town.level(change, 1)
    await town.level(change, 1)
    town.clock.advance(1)
    await town.matcher.idle()
    assert town.matches.committed == [(CONSUMER, Cursor(0, 0), Cursor(1, 1), [])]


async def test_handle_gives_a_notification_the_same_id_when_a_batch_is_matched_again(
    town: Town, document: Any, change: Any, unavailable: Unavailable
) -> None:
    await town.subscribe(document())
    await town.subscribe(document(id="urn:ngsi-ld:Subscription:other"))
    await town.level(change, 1, 2)
    await town.level(change, 1, 2)
    first, again = ([row.notification_id for row in rows] for _, _, _, rows in town.matches.committed)
    assert first == again
    assert len(set(first)) == 4
    assert json.loads(town.matches.sent[0].body)["id"] == first[0]


@pytest.mark.parametrize(("wait_s", "values"), [(9.9, [1]), (10.0, [1, 2])])
async def test_handle_pauses_for_the_throttling_time_on_the_monotonic_clock(
    town: Town, document: Any, change: Any, wait_s: float, values: list[int]
) -> None:
    await town.subscribe(document(throttling=10))
    await town.level(change, 1)
    town.clock.advance(wait_s)
    await town.level(change, 2)
    assert town.values == values


@pytest.mark.parametrize(("before_s", "values"), [(9.9, []), (10.0, [1]), (-3_600.0, [])])
async def test_handle_remembers_the_pause_from_before_a_restart(
    town: Town, document: Any, change: Any, before_s: float, values: list[int]
) -> None:
    name = await town.subscribe(document(throttling=10))
    last = town.clock.now() - timedelta(seconds=before_s)
    town.matches.figures[name] = SubscriptionState(1, 0, last, last)
    await town.level(change, 1)
    assert town.values == values
    town.clock.advance(10)
    await town.level(change, 2)
    assert town.values[-1] == 2


async def test_handle_lets_one_of_a_batch_through_when_it_is_throttled(town: Town, document: Any, change: Any) -> None:
    await town.subscribe(document(throttling=10))
    await town.level(change, 1, 2, 3)
    assert town.values == [1]


async def test_handle_loses_no_throttled_notification_when_the_commit_failed(
    town: Town, document: Any, change: Any, unavailable: Unavailable
) -> None:
    await town.subscribe(document(throttling=10))
    town.matches.failures = [unavailable]
    with pytest.raises(Unavailable):
        await town.level(change, 1)
    await town.level(change, 1)
    assert town.values == [1]


async def test_handle_does_not_throttle_a_new_subscription_by_an_old_one_of_its_id(
    town: Town, document: Any, change: Any
) -> None:
    asked = document(throttling=10, id="urn:ngsi-ld:Subscription:a")
    await town.subscribe(asked)
    await town.level(change, 1)
    await town.subscriptions.delete(CALLER, "urn:ngsi-ld:Subscription:a")
    town.clock.advance(1)
    await town.subscribe(asked)
    await town.level(change, 2)
    assert town.values == [1, 2]


async def test_handle_keeps_tenants_apart_and_names_the_tenant(town: Town, document: Any, change: Any) -> None:
    await town.subscribe(document(), tenant="other")
    await town.level(change, 1)
    assert town.matches.sent == []
    await town.level(change, 2, tenant="other")
    [row] = town.matches.sent
    assert (row.tenant, row.headers["NGSILD-Tenant"]) == ("other", "other")


async def test_handle_names_attributes_by_the_context_of_the_subscription(town: Town, document: Any, change: Any) -> None:
    await town.subscribe(document(jsonldContext=URL))
    await town.level(change, 1)
    body = json.loads(town.matches.sent[0].body)
    assert body["data"][0]["water"]["value"] == 1
    assert body["@context"] == URL


async def test_handle_goes_on_in_full_names_when_a_context_cannot_be_had_any_more(
    town: Town, document: Any, change: Any
) -> None:
    """One subscription's @context that is gone must not hold up everybody's notifications."""
    town.web.up = False
    await town.subscribe(document(jsonldContext=URL))
    await town.subscribe(document())
    await town.level(change, 1)
    assert town.values == [1, 1]
    assert {json.loads(one.body)["@context"] for one in town.matches.sent} == {CORE_CONTEXT_URL}


async def test_handle_waits_when_the_store_cannot_say_what_a_context_is(
    town: Town, document: Any, change: Any, monkeypatch: pytest.MonkeyPatch, unavailable: Unavailable
) -> None:
    async def down(*_: Any) -> None:
        raise unavailable

    await town.subscribe(document(jsonldContext=URL))
    monkeypatch.setattr(town.documents, "fetch", down)
    with pytest.raises(Unavailable):
        await town.level(change, 1)
    assert town.matches.committed == []


async def test_delivery_carries_the_endpoints_own_times(town: Town, document: Any, change: Any) -> None:
    endpoint = {"uri": "https://receiver.example:8443/", "timeout": 1500, "cooldown": 250}
    await town.subscribe(document(notify={"endpoint": endpoint}))
    await town.level(change, 1)
    [row] = town.matches.sent
    assert (row.timeout_s, row.cooldown_s, row.endpoint) == (1.5, 0.25, "https://receiver.example:8443")


def message(subscription: Any, change: Any, source: Any, **endpoint: Any) -> tuple[dict[str, Any], dict[str, str]]:
    from machinami.standards.ngsi_ld.notifications import Told, notification_message

    asked = subscription(notify={"endpoint": {"uri": "http://receiver.example/", **endpoint}, "showChanges": True})
    entity = change({"level": VALUES[1]}, {"level": VALUES[2]}).entity
    context = build_context(source, lambda _: {"@context": {"water": "https://uri.etsi.org/ngsi-ld/default-context/level"}})
    body, headers = notification_message(asked, "urn:n", [Told(entity)], "2026-11-26T00:00:00Z", context, source)
    return json.loads(body), headers


LINK = '<{}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'


@pytest.mark.parametrize(
    ("source", "link", "name"),
    [
        (CORE_CONTEXT_URL, CORE_CONTEXT_URL, "level"),
        (URL, URL, "water"),
        ([URL, CORE_CONTEXT_URL], URL, "water"),
        ([CORE_CONTEXT_URL, URL], URL, "water"),
        ([URL, URL + "2"], CORE_CONTEXT_URL, "level"),
        ({"water": "https://uri.etsi.org/ngsi-ld/default-context/level"}, CORE_CONTEXT_URL, "level"),
        ([URL, {"x": "https://city.example/x"}], CORE_CONTEXT_URL, "level"),
    ],
)
def test_notification_message_in_json_links_the_context_that_its_names_are_from(
    source: Any, link: str, name: str, subscription: Any, change: Any
) -> None:
    body, headers = message(subscription, change, source)
    assert headers == {"Content-Type": "application/json", "Link": LINK.format(link)}
    assert body["data"][0].keys() == {"id", "type", name}
    assert "@context" not in body


@pytest.mark.parametrize("accept", ["application/ld+json", "application/geo+json"])
def test_notification_message_carries_the_context_in_the_body_when_it_is_linked_data(
    accept: str, subscription: Any, change: Any
) -> None:
    source = [URL, {"x": "https://city.example/x"}]
    body, headers = message(subscription, change, source, accept=accept)
    assert headers == {"Content-Type": accept}
    shown = body["data"] if "geo" in accept else body["data"][0]
    assert shown["@context"] == source
    assert (shown["type"] == "FeatureCollection") if "geo" in accept else shown["water"]


def test_notification_message_lets_no_header_of_the_receiver_replace_ours(subscription: Any, change: Any) -> None:
    theirs = [{"key": "X-Token", "value": "s3cret"}, {"key": "link", "value": "<http://else.example>"}]
    _, headers = message(subscription, change, URL, receiverInfo=theirs)
    assert headers == {"X-Token": "s3cret", "Content-Type": "application/json", "Link": LINK.format(URL)}


async def test_show_changes_reaches_the_receiver(town: Town, document: Any, change: Any) -> None:
    await town.subscribe(document(notify={"showChanges": True}))
    await town.level(change, 3)
    assert json.loads(town.matches.sent[0].body)["data"][0]["level"] == {"type": "Property", "value": 3, "previousValue": 2}


async def test_create_refuses_a_target_that_the_guard_refuses(town: Town, document: Any) -> None:
    with pytest.raises(Refusal) as refused:
        await town.subscribe(document(notify={"endpoint": {"uri": "http://forbidden.example/"}}))
    assert refused.value.code == "egress.address.forbidden"
    assert len(town.subscriptions) == 0


def linking(value: str) -> dict[str, Any]:
    """Attributes of a gauge in a town."""
    return {"level": VALUES[1], "in": {"type": "Relationship", "object": value}}


async def town_of_records(town: Town, *ids: str) -> None:
    for one in ids:
        population = {DEFAULT_VOCABULARY + "population": [{"type": "Property", "value": 420_000}]}
        await town.entities.apply(CALLER, one, create(Entity(one, (DEFAULT_VOCABULARY + "Town",), population)))


@pytest.mark.parametrize("accept", ["application/json", "application/geo+json"])
async def test_handle_appends_the_entities_behind_relationships_when_they_are_joined_flat(
    town: Town, document: Any, change: Any, accept: str
) -> None:
    await town_of_records(town, "urn:ngsi-ld:Town:1")
    endpoint = {"uri": "http://receiver.example/hook", "accept": accept}
    await town.subscribe(document(notify={"join": "flat", "attributes": ["in"], "endpoint": endpoint}))
    await town.matcher.handle(Cursor(), [change({}, linking("urn:ngsi-ld:Town:1"))])
    data = json.loads(town.matches.sent[0].body)["data"]
    gauge, joined = data if "geo" not in accept else [one["properties"] for one in data["features"]]
    assert "level" not in gauge
    assert joined["population"]["value"] == 420_000


async def test_handle_writes_the_entities_behind_relationships_inside_when_they_are_joined_inline(
    town: Town, document: Any, change: Any
) -> None:
    await town_of_records(town, "urn:ngsi-ld:Town:1")
    await town.subscribe(document(notify={"join": "inline", "pick": ["id", "in{population}"]}))
    await town.matcher.handle(Cursor(), [change({}, linking("urn:ngsi-ld:Town:1"))])
    [gauge] = json.loads(town.matches.sent[0].body)["data"]
    assert gauge["in"]["entity"] == {"population": {"type": "Property", "value": 420_000}}
    assert gauge.keys() == {"id", "in", "@context"}


async def test_handle_tells_without_joined_entities_when_they_are_too_many(town: Town, document: Any, change: Any) -> None:
    await town.subscribe(document(notify={"join": "flat"}))
    several = {"type": "Relationship", "object": [f"urn:ngsi-ld:Town:{number}" for number in range(3)]}
    await town.matcher.handle(Cursor(), [change({}, {"level": VALUES[1], "in": several})])
    assert town.values == [1]


async def test_handle_follows_the_links_of_a_query(town: Town, document: Any, change: Any) -> None:
    await town_of_records(town, "urn:ngsi-ld:Town:1")
    await town.subscribe(document(notify={"join": "flat"}, q="in{population}>400000"))
    await town.matcher.handle(Cursor(), [change({}, linking("urn:ngsi-ld:Town:2"))])
    assert town.matches.sent == []
    await town.matcher.handle(Cursor(), [change({}, linking("urn:ngsi-ld:Town:1"), number=2)])
    assert len(town.matches.sent) == 1
