"""An answer does not tell where data lie: two brokers that share out a city answer as one that has all of it (CIM 009 4.3.6.7).

Entities, attributes and instances of attributes lie here, there or in both places. What the standard leaves open is not
compared: the order of entities, of types, and of the instances of an attribute.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from machinami.entrypoints.http.messages import GEO_JSON, JSON, Answer
from machinami.entrypoints.http.ngsi_ld.addresses import PREFIX
from machinami.kernel.entity import Entity
from machinami.sdk.reference import Question
from machinami.standards.ngsi_ld.contexts import core_context
from machinami.standards.ngsi_ld.render import render_entity

from .brokers_kit import Broker, Net
from .generated_cities import IDS, TYPES, D
from .generated_questions import linked_cities, questions

PROVE = os.environ.get("MACHINAMI_PROVE") == "1"
EXAMPLES = int(os.environ.get("MACHINAMI_TEST_CITIES", "200" if PROVE else "25"))
generated = settings(
    max_examples=EXAMPLES, deadline=None, database=None, derandomize=True,
    phases=[Phase.explicit, Phase.generate, *([Phase.shrink] if PROVE else [])],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
CONTEXT = core_context()
KINDS = [one.removeprefix(D) for one in TYPES]
HERE, THERE, BOTH = "here", "there", "both"
places = st.sampled_from([HERE, THERE, BOTH])
members = st.lists(
    st.sampled_from(["id", "type", "scope", "level", "name", "refs", "location", "level", "refs"]), min_size=1, unique=True
)


@st.composite
def projections(draw: st.DrawFn) -> dict[str, str]:
    """attrs, pick or omit, or nothing of it."""
    chosen = draw(st.sampled_from(["", "", "pick", "omit"]))
    return {chosen: ",".join(draw(members))} if chosen else {}


@st.composite
def representations(draw: st.DrawFn) -> tuple[dict[str, str], dict[str, str]]:
    """(parameters, headers) of how an answer is to be written."""
    values = draw(projections())
    if draw(st.booleans()):
        values["format"] = draw(st.sampled_from(["concise", "simplified", "normalized"]))
    if draw(st.booleans()):
        values["options"] = "sysAttrs"
    for name, texts in (("lang", ["ja", "en;q=0.5,ja", "*"]), ("datasetId", ["@none", "urn:dataset:0", "@none,urn:dataset:0"])):
        if draw(st.integers(0, 3)) == 0:
            values[name] = draw(st.sampled_from(texts))
    if draw(st.integers(0, 2)) == 0:
        values["join"] = draw(st.sampled_from(["flat", "inline"]))
        values["joinLevel"] = draw(st.sampled_from(["1", "2", "3"]))
    if draw(st.integers(0, 3)) == 0:
        return values, {"Accept": GEO_JSON}
    if draw(st.integers(0, 4)) == 0:
        return values, {"Prefer": draw(st.sampled_from(["ngsi-ld=1.3", "ngsi-ld=1.7", "ngsi-ld=1.8"]))}
    return values, {}


def in_words(question: Question, draw: st.DataObject) -> dict[str, str]:
    """A question in the words of a URL.

    Types are never asked for together: a registration of one of them doesn't match that (5.12).
    """
    names = {"scope_q": "scopeQ", "id_pattern": "idPattern"}
    fields = ("q", "type", "scope_q", "id", "id_pattern", "attrs", "georel", "geometry", "coordinates")
    values = {names.get(one, one): text for one in fields if (text := getattr(question, one))}
    values["type"] = values.get("type", ",".join(KINDS)).replace(";", ",")
    if "q" in values and draw.draw(st.booleans()):
        values["expandValues"] = "name,refs"
    if "{" in values.get("q", ""):
        values["join"], values["joinLevel"] = "flat", "3"
    return values


@dataclass(frozen=True)
class Way:
    """How a city is shared out. `named` attributes, or all, may lie at the source; `moved`: they all do, with what they were
    once left behind; `spread`: in both places, instance by instance; `old`: the source has outdated ones besides."""

    members: Mapping[str, Any] = field(default_factory=dict)
    named: frozenset[str] | None = None
    spread: bool = False
    moved: bool = False
    old: bool = False
    each: bool = False
    typed: bool = True

    def information(self, ids: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
        names = {} if self.named is None else {"propertyNames": sorted(self.named)}
        if self.each:
            return [{"entities": [{"id": one, "type": kind}], **names} for one, kind in ids]
        return [{"entities": [{"type": kind}], **names} for kind in KINDS] if self.typed else [names]


LEVEL = frozenset({"level"})
WAYS = {
    "inclusive": Way(spread=True),
    "inclusive by attribute": Way(named=frozenset({"level", "refs"}), spread=True),
    "attribute of anything": Way(named=LEVEL, spread=True, typed=False),
    "redirect": Way({"mode": "redirect", "operations": ["redirectionOps"]}, moved=True),
    "redirect by attribute": Way({"mode": "redirect", "operations": ["redirectionOps"]}, LEVEL, moved=True),
    "exclusive": Way({"mode": "exclusive", "operations": ["redirectionOps"]}, LEVEL, moved=True, each=True),
    "auxiliary": Way({"mode": "auxiliary", "operations": ["retrieveOps"]}, old=True),
    "asked by POST": Way({"operations": ["queryBatch"]}, spread=True),
}
OUTDATED = {"type": "Property", "value": "outdated", "observedAt": "2026-05-14T02:59:00Z"}


class SharedOut:
    """A city in one broker, and the same city in two of which one is registered with the other."""

    def __init__(self, draw: st.DataObject, way: Way) -> None:
        self._draw = draw
        self._way = way
        net = Net()
        self.whole, self.hub, self.other = (net.broker(name) for name in ("whole", "hub", "other"))

    async def fill(self, city: tuple[Entity, ...]) -> None:
        ids = []
        for entity in city:
            document = render_entity(entity, CONTEXT)
            if "scope" in document:
                listed = document["scope"] if isinstance(document["scope"], list) else [document["scope"]]
                document["scope"] = [one for one in listed if one.startswith("/")] or ["/town"]
            if entity.expires_at:
                document["expiresAt"] = entity.expires_at
            await self.whole.create(document)
            ids += [(entity.id, CONTEXT.compacted[kind]) for kind in entity.types]
            for broker, part in zip((self.hub, self.other), self._parts(document), strict=True):
                if part is not None:
                    await broker.create(part)
        await self.hub.register("other", self._way.information(ids), **self._way.members)

    def _parts(self, document: Mapping[str, Any]) -> tuple[Any, Any]:
        way = self._way
        if way.named is None and not way.moved and (place := self._draw.draw(st.sampled_from([HERE, THERE, BOTH]))) != BOTH:
            return (document, None) if place == HERE else (None, document)
        here: dict[str, Any] = {}
        there: dict[str, Any] = {}
        for name, value in document.items():
            if name in ("id", "type", "scope", "expiresAt"):
                here[name] = there[name] = value
            elif way.named is not None and name not in way.named:
                here[name] = value
            elif way.moved:
                here[name], there[name] = OUTDATED, value
            elif way.spread:
                self._spread(name, value if isinstance(value, list) else [value], here, there)
            else:
                here[name], there[name] = (value, OUTDATED) if self._draw.draw(st.booleans()) else (None, value)
        return {name: value for name, value in here.items() if value is not None}, there

    def _spread(self, name: str, instances: list[Any], here: dict[str, Any], there: dict[str, Any]) -> None:
        for one in instances:
            where = self._draw.draw(places)
            for side in [here] * (where != THERE) + [there] * (where != HERE):
                side.setdefault(name, []).append(one)


def told(answer: Answer) -> tuple[int, Any, str | None]:
    """What an answer says, without the order of things that have none."""
    document = orjson.loads(answer.body)
    if answer.status >= 400:
        return answer.status, document["type"], None
    if isinstance(document, list):
        document = sorted((_plain(one) for one in document), key=_key)
    elif document.get("type") == "FeatureCollection":
        document["features"] = sorted((_plain(one) for one in document["features"]), key=_key)
    else:
        document = _plain(document)
    return answer.status, document, answer.headers.get("ngsild-results-count")


def _key(document: Any) -> str:
    return str(orjson.dumps(document, option=orjson.OPT_SORT_KEYS))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _sorted(each) if name not in ("value", "json") else each for name, each in value.items()}
    return value


def _sorted(value: Any) -> Any:
    if isinstance(value, list) and all(isinstance(one, dict) for one in value):
        return sorted((_plain(one) for one in value), key=_key)
    return _plain(value)


URL_ONLY = frozenset({"format", "options", "limit", "count"})
LISTS = frozenset({"attrs", "pick", "omit", "datasetId"})
GEO = ("georel", "geometry", "coordinates")


def in_body(asked: Mapping[str, str]) -> dict[str, Any]:
    """The same question as a Query document (5.2.23)."""
    selector = {name: asked[name] for name in ("type", "idPattern") if name in asked}
    ids = asked.get("id")
    members = {
        name: text.split(",") if name in LISTS else int(text) if name == "joinLevel" else text
        for name, text in asked.items()
        if name not in {*URL_ONLY, *GEO, "type", "id", "idPattern"}
    }
    geo = {"geoQ": {name: asked[name] for name in GEO}} if "georel" in asked else {}
    return {"type": "Query", "entities": [{**selector, **({"id": ids.split(",")} if ids else {})}], **members, **geo}


async def asked_by_post(broker: Broker, headers: Mapping[str, str], asked: Mapping[str, str]) -> Answer:
    shown = {name: text for name, text in asked.items() if name in URL_ONLY}
    named = {"content-type": JSON, **headers}
    path = f"{PREFIX}/entityOperations/query"
    return await broker.call("POST", path, shown, named, orjson.dumps(in_body(asked)))


async def same(brokers: SharedOut, path: str, headers: dict[str, str], values: dict[str, str]) -> None:
    expected = await brokers.whole.get(path, headers, **values)
    answer = await brokers.hub.get(path, headers, **values)
    assert "ngsild-warning" not in answer.headers, answer.headers
    assert list(differences(told(expected), told(answer))) == []


def differences(one: Any, other: Any, where: str = "") -> Iterator[str]:
    """The places where two documents differ, which say more than both of them."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in sorted({*one, *other}):
            yield from differences(one.get(name, "-"), other.get(name, "-"), f"{where}.{name}")
    elif isinstance(one, list | tuple) and isinstance(other, list | tuple) and len(one) == len(other):
        for place, pair in enumerate(zip(one, other, strict=True)):
            yield from differences(*pair, f"{where}[{place}]")
    elif _key(one) != _key(other):
        yield f"{where}: {one!r} != {other!r}"


@pytest.mark.parametrize("way", WAYS)
@generated
@given(city=linked_cities(), question=questions(), shown=representations(), draw=st.data())
async def test_a_query_over_two_brokers_is_answered_as_by_one(
    way: str, city: tuple[Entity, ...], question: Question, shown: tuple[dict[str, str], dict[str, str]], draw: st.DataObject
) -> None:
    brokers = SharedOut(draw, WAYS[way])
    await brokers.fill(city)
    values, headers = shown
    asked = {"count": "true", **values, **in_words(question, draw), "limit": "100"}
    if "attrs" in asked:
        asked = {name: text for name, text in asked.items() if name not in ("pick", "omit")}
    await same(brokers, "/entities", headers, asked)
    by_url = await brokers.hub.get("/entities", headers, **asked)
    if "idPattern" not in asked or "id" not in asked:
        by_body = await asked_by_post(brokers.hub, headers, asked)
        assert list(differences(told(by_url), told(by_body))) == []


@pytest.mark.parametrize("way", WAYS)
@generated
@given(city=linked_cities(), entity_id=st.sampled_from(IDS), shown=representations(), draw=st.data())
async def test_an_entity_over_two_brokers_is_retrieved_as_from_one(
    way: str, city: tuple[Entity, ...], entity_id: str, shown: tuple[dict[str, str], dict[str, str]], draw: st.DataObject
) -> None:
    brokers = SharedOut(draw, WAYS[way])
    await brokers.fill(city)
    values, headers = shown
    await same(brokers, f"/entities/{entity_id}", headers, values)


async def pages(broker: Broker, values: dict[str, str]) -> list[str]:
    """The ids of all pages of a query."""
    found: list[str] = []
    while True:
        answer = await broker.get("/entities", None, **values, limit="2", offset=str(len(found)), pick="id", count="true")
        assert answer.status == 200, answer.body
        ids = [one["id"] for one in orjson.loads(answer.body)]
        found += ids
        more = 'rel="next"' in answer.headers.get("link", "")
        assert len(ids) == 2 or not more
        if not more:
            assert answer.headers["ngsild-results-count"] == str(len(found))
            return found


@pytest.mark.parametrize("way", WAYS)
@generated
@given(city=linked_cities(), draw=st.data())
async def test_pages_over_two_brokers_have_each_entity_once(way: str, city: tuple[Entity, ...], draw: st.DataObject) -> None:
    brokers = SharedOut(draw, WAYS[way])
    await brokers.fill(city)
    values = draw.draw(
        st.sampled_from([{"type": ",".join(KINDS)}, {"type": KINDS[0]}, {"q": "level", "type": ",".join(KINDS)}])
    )
    found = await pages(brokers.hub, values)
    assert sorted(found) == sorted(await pages(brokers.whole, values))


async def test_what_is_left_here_of_what_has_moved_is_neither_shown_nor_counted() -> None:
    net = Net()
    hub, other = net.broker("hub"), net.broker("other")
    for number in range(3):
        await hub.create({"id": IDS[number], "type": KINDS[0]})
        await hub.create({"id": f"urn:ngsi-ld:Other:{number}", "type": KINDS[1]})
        await other.create({"id": IDS[number + 3], "type": KINDS[0]})
    await hub.register("other", [{"entities": [{"type": KINDS[0]}]}], mode="redirect", operations=["redirectionOps"])
    expected = [*(f"urn:ngsi-ld:Other:{number}" for number in range(3)), *IDS[3:6]]
    assert await pages(hub, {"type": ",".join(KINDS)}) == expected
