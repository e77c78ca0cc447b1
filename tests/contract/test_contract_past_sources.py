"""What happened is told the same by two brokers that share out the past as by one that has all of it (CIM 009 5.7.3, 5.7.4).

Instances of attributes lie here, there or in both places; aggregates and filters are exact however small the pages of a source
are. The ids of instances are each broker's own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from machinami.entrypoints.http.messages import Answer
from machinami.federation.distribution.model import Limits

from .brokers_kit import Broker, Net
from .test_contract_sources import BOTH, HERE, THERE, differences, generated, places, told

IDS = [f"urn:ngsi-ld:Room:{n}" for n in range(3)]
TIMES = [f"2026-05-{day:02}T{hour:02}:00:00Z" for day in (1, 2, 3, 28) for hour in (0, 6, 7)]
SOME, MANY = 3, 1_000
METHODS = ["totalCount", "distinctCount", "sum", "avg", "min", "max", "stddev", "sumsq"]
values = st.one_of(
    st.sampled_from([0, 1, 2.5, -3, 0.1, 1e9]), st.sampled_from(["a", "b"]), st.booleans(), st.just([1, 2]), st.just({"a": 1})
)


contents = (
    values.map(lambda value: {"type": "Property", "value": value}),
    values.map(lambda value: {"type": "Property", "value": value}),
    st.sampled_from(IDS).map(lambda one: {"type": "Relationship", "object": one}),
    st.sampled_from([{"ja": "x"}, {"en": "y", "ja": ["a", "b"]}]).map(
        lambda text: {"type": "LanguageProperty", "languageMap": text}
    ),
    st.sampled_from(["good", "bad"]).map(lambda word: {"type": "VocabProperty", "vocab": word}),
    values.map(lambda value: {"type": "JsonProperty", "json": value}),
    st.sampled_from([0.0, 0.01]).map(
        lambda x: {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [134.0 + x, 34.0]}}
    ),
)


@st.composite
def instances(draw: st.DrawFn, content: st.SearchStrategy[dict[str, Any]]) -> dict[str, Any]:
    """One instance at one of a few instants, seldom of a dataset."""
    one = {**draw(content), "observedAt": draw(st.sampled_from(TIMES))}
    if draw(st.integers(0, 3)) == 0:
        one["datasetId"] = "urn:dataset:0"
    return one


pasts = st.sampled_from(contents).flatmap(
    lambda content: st.lists(instances(content), min_size=1, max_size=9, unique_by=lambda one: one["observedAt"])
)
"""Of one kind, and no two at one instant: which of them `lastN` would leave out is anybody's choice."""
towns = st.dictionaries(
    st.sampled_from(IDS), st.dictionaries(st.sampled_from(["temp", "noise"]), pasts, min_size=1), min_size=1
)
windows = st.one_of(
    st.just({"timerel": "after", "timeAt": "2026-01-01T00:00:00Z"}),
    st.sampled_from(TIMES).map(lambda at: {"timerel": "after", "timeAt": at}),
    st.sampled_from(TIMES).map(lambda at: {"timerel": "before", "timeAt": at}),
    st.lists(st.sampled_from(TIMES), min_size=2, max_size=2, unique=True).map(
        lambda two: {"timerel": "between", "timeAt": min(two), "endTimeAt": max(two)}
    ),
)


@st.composite
def shapes(draw: st.DrawFn) -> dict[str, str]:
    """How a past is to be shown."""
    found: dict[str, str] = dict(draw(windows))
    chosen = draw(st.sampled_from(["normalized", "temporalValues", "aggregatedValues", "aggregatedValues"]))
    found["format"] = chosen
    if chosen == "aggregatedValues":
        found["aggrMethods"] = ",".join(draw(st.lists(st.sampled_from(METHODS), min_size=1, unique=True)))
        if draw(st.booleans()):
            found["aggrPeriodDuration"] = draw(st.sampled_from(["PT0S", "P1D", "PT6H", "P1M", "P1W"]))
    if draw(st.integers(0, 4)) == 0:
        found["lastN"] = draw(st.sampled_from(["1", "2", "4"]))
    if draw(st.integers(0, 4)) == 0:
        found["datasetId"] = draw(st.sampled_from(["@none", "urn:dataset:0"]))
    if draw(st.integers(0, 4)) == 0:
        found["options"] = "sysAttrs"
    if draw(st.integers(0, 4)) == 0:
        found["lang"] = "ja"
    if draw(st.integers(0, 3)) == 0:
        found["timeproperty"] = draw(st.sampled_from(["modifiedAt", "createdAt", "deletedAt"]))
        found |= {"timerel": "after", "timeAt": draw(st.sampled_from([TIMES[0], "2026-05-14T03:00:02Z"]))}
        found.pop("endTimeAt", None)
    if draw(st.integers(0, 4)) == 0:
        found[draw(st.sampled_from(["pick", "omit"]))] = draw(st.sampled_from(["temp", "noise,id", "temp,type"]))
    return found


filters = st.one_of(
    st.just({}),
    st.sampled_from(["temp>1", "temp==2.5", "noise<=0", 'temp=="a"', "temp;noise", "noise==0|temp==true"]).map(
        lambda text: {"q": text}
    ),
    st.sampled_from(["temp", "noise"]).map(lambda name: {"attrs": name}),
    st.just({"georel": "near;maxDistance==10", "geometry": "Point", "coordinates": "[134.0,34.0]", "geoproperty": "temp"}),
    st.sampled_from(["/town", "/town/#", "/village"]).map(lambda scope: {"scopeQ": scope}),
)


class SharedPast:
    """A past in one broker, and the same in two of which one is registered with the other."""

    def __init__(self, draw: st.DataObject, page: int) -> None:
        self._draw = draw
        self._net = net = Net()
        self.whole, self.hub = (net.broker(name, history_page_instances=MANY) for name in ("whole", "hub"))
        self.other = net.broker("other", history_page_instances=page)

    async def fill(self, town: dict[str, dict[str, list[dict[str, Any]]]]) -> None:
        """Write instance by instance, each a second later, in all places at the same time."""
        for entity_id, attributes in town.items():
            bare: dict[str, Any] = {"id": entity_id, "type": "Room"}
            alone = self._draw.draw(st.sampled_from([None, None, HERE, THERE]))
            if alone:
                bare["scope"] = "/town"
            for name, past in attributes.items():
                known = set()
                for one in past:
                    where = alone or self._draw.draw(places)
                    known.add(where)
                    await self._at(where, lambda broker, one=one, name=name: broker.evolve({**bare, name: [one]}))
                if self._draw.draw(st.integers(0, 3)) == 0:
                    where = known.pop() if len(known) == 1 else BOTH
                    address = f"/entities/{entity_id}/attrs/{name}"
                    await self._at(where, lambda broker, address=address: broker.delete(address, deleteAll="true"))
        await self.hub.register("other", [{"entities": [{"type": "Room"}]}])

    async def _at(self, where: str, write: Callable[[Broker], Awaitable[None]]) -> None:
        self._net.clock.advance(1)
        await write(self.whole)
        for broker, elsewhere in ((self.hub, THERE), (self.other, HERE)):
            if where != elsewhere:
                await write(broker)


def without_ids(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_ids(each) for name, each in value.items() if name != "instanceId"}
    return [without_ids(one) for one in value] if isinstance(value, list) else value


def told_past(answer: Answer) -> Any:
    """What is told, but for the times of whole entities: a place that has nothing to tell of one doesn't tell these either."""
    document = without_ids(orjson.loads(answer.body))
    for one in document if isinstance(document, list) else [document]:
        for name in ("createdAt", "modifiedAt"):
            one.pop(name, None)
    return told(Answer(answer.status, orjson.dumps(document), answer.headers))


async def same(brokers: SharedPast, path: str, asked: dict[str, str]) -> None:
    expected, answer = await brokers.whole.get(path, **asked), await brokers.hub.get(path, **asked)
    assert "ngsild-warning" not in answer.headers, answer.headers
    assert list(differences(told_past(expected), told_past(answer))) == []


@generated
@given(town=towns, shape=shapes(), filtered=filters, draw=st.data())
async def test_a_temporal_query_over_two_brokers_is_answered_as_by_one(
    town: dict[str, Any], shape: dict[str, str], filtered: dict[str, str], draw: st.DataObject
) -> None:
    whole = not {"q", "georel", "scopeQ"}.isdisjoint(filtered) or shape["format"] == "aggregatedValues"
    brokers = SharedPast(draw, SOME if whole else MANY)
    await brokers.fill(town)
    if "scopeQ" in filtered:
        shape = {name: text for name, text in shape.items() if name not in ("datasetId", "timeproperty", "endTimeAt")}
        shape |= {"timerel": "after", "timeAt": TIMES[0]}
    if "attrs" in filtered:
        shape = {name: text for name, text in shape.items() if name not in ("pick", "omit")}
    counted = {} if "pick" in shape else {"count": "true"}
    await same(brokers, "/temporal/entities", {"type": "Room", **counted, **shape, **filtered})


@generated
@given(town=towns, entity_id=st.sampled_from(IDS), shape=shapes(), draw=st.data())
async def test_a_past_over_two_brokers_is_retrieved_as_from_one(
    town: dict[str, Any], entity_id: str, shape: dict[str, str], draw: st.DataObject
) -> None:
    brokers = SharedPast(draw, SOME if shape["format"] == "aggregatedValues" else MANY)
    await brokers.fill(town)
    await same(brokers, f"/temporal/entities/{entity_id}", shape)


async def mapped(broker: Broker, window: dict[str, str]) -> list[str]:
    """The ids of all pages of an entity map."""
    first = await broker.get("/temporal/entities", type="Room", limit="1", entityMap="true", **window)
    assert first.status == 201, first.body
    named = {"NGSILD-EntityMap": first.headers["ngsild-entitymap"]}
    found = [one["id"] for one in orjson.loads(first.body)]
    while found and (
        page := await broker.get("/temporal/entities", named, type="Room", limit="1", offset=len(found), **window)
    ):
        assert (page.status, page.headers["ngsild-entitymap"]) == (200, named["NGSILD-EntityMap"])
        ids = [one["id"] for one in orjson.loads(page.body)]
        found += ids
        if not ids:
            break
    return found


@generated
@given(town=towns, draw=st.data(), window=windows)
async def test_an_entity_map_of_the_past_over_two_brokers_has_each_entity_once(
    town: dict[str, Any], draw: st.DataObject, window: dict[str, str]
) -> None:
    brokers = SharedPast(draw, MANY)
    await brokers.fill(town)
    assert sorted(await mapped(brokers.hub, window)) == sorted(await mapped(brokers.whole, window))


def hours(*numbers: int) -> list[dict[str, Any]]:
    return [{"type": "Property", "value": n, "observedAt": f"2026-05-01T{n:02}:00:00Z"} for n in numbers]


AGGREGATED = {
    "timerel": "after",
    "timeAt": "2026-05-01T00:00:00Z",
    "format": "aggregatedValues",
    "aggrMethods": "totalCount",
}


async def test_an_aggregation_is_refused_when_a_source_has_more_instances_than_may_be_put_together() -> None:
    net = Net()
    hub, other = net.broker("hub", Limits(instances_max=10)), net.broker("other", history_page_instances=4)
    await other.evolve({"id": IDS[0], "type": "Room", "temp": hours(*range(10))})
    await hub.register("other", [{"entities": [{"type": "Room"}]}])
    told = await hub.get("/temporal/entities", type="Room", **AGGREGATED)
    assert orjson.loads(told.body)[0]["temp"]["totalCount"][0][0] == 10
    await other.evolve({"id": IDS[0], "type": "Room", "temp": hours(*range(10, 24))})
    refused = await hub.get("/temporal/entities", type="Room", **AGGREGATED)
    assert (refused.status, orjson.loads(refused.body)["type"].rpartition("/")[2]) == (403, "TooComplexQuery")


async def test_an_aggregation_without_a_source_that_keeps_silent_names_it() -> None:
    net = Net()
    hub = net.broker("hub")
    net.broker("other")
    await hub.evolve({"id": IDS[0], "type": "Room", "temp": hours(1, 2)})
    await hub.register("other", [{"entities": [{"type": "Room"}]}])
    net.dead.add("other")
    told = await hub.get(f"/temporal/entities/{IDS[0]}", **AGGREGATED)
    assert orjson.loads(told.body)["temp"]["totalCount"][0][0] == 2
    assert "ContextSourceRegistration:other" in told.headers["ngsild-warning"]
