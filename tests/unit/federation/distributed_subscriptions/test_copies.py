"""Whatever happens in whatever order: in the end each source has exactly the copies that it should have."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from federation_kit import CALLER, Anything, MemoryStore, Town
from hypothesis import given, settings
from hypothesis import strategies as st

from machinami.data.matching import matches
from machinami.federation.distributed_subscriptions.arrivals import Arrivals
from machinami.federation.distributed_subscriptions.model import CopyLimits
from machinami.federation.distributed_subscriptions.service import DistributedSubscriptions
from machinami.federation.distribution.model import Limits
from machinami.federation.distribution.service import Sources
from machinami.kernel.caller import Caller
from machinami.kernel.clock import VirtualClock, iso
from machinami.kernel.entity import Entity
from machinami.kernel.errors import Refusal, Unavailable
from machinami.kernel.source import SourceIdentity
from machinami.standards.ngsi_ld.contexts import core_context
from machinami.standards.ngsi_ld.notifications import Told
from machinami.standards.ngsi_ld.subscription_model import Subscription
from machinami.standards.ngsi_ld.subscriptions import parse_subscription

KINDS = ("Bus", "Tram")
HOSTS = ("a.example", "b.example")
HOUR = 3600


@dataclass
class Far:
    """The subscriptions endpoint of another broker: it may be down, lose its answers, refuse."""

    held: dict[str, dict[str, Any]] = field(default_factory=dict)
    down: bool = False
    mute: bool = False
    refuses: int = 0
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def answer(self, method: str, name: str, body: bytes, headers: Mapping[str, str]) -> int:
        self.asked.append((method, dict(headers)))
        if self.down:
            raise Unavailable("outbound.fetch.failed", url="", reason="down")
        status = self.refuses or self._carried_out(method, name, body)
        if self.mute:
            raise Unavailable("outbound.fetch.failed", url="", reason="the answer got lost")
        return status

    def _carried_out(self, method: str, name: str, body: bytes) -> int:
        document = json.loads(body) if body else {}
        if method == "POST":
            taken = document["id"] in self.held
            self.held.setdefault(document["id"], document)
            return 409 if taken else 201
        if name not in self.held:
            return 404
        if method == "DELETE":
            del self.held[name]
        else:
            merged = {**self.held[name], **document}
            self.held[name] = {each: value for each, value in merged.items() if value != "urn:ngsi-ld:null"}
        return 204


@dataclass(frozen=True)
class Standing:
    """A subscription that was made here."""

    tenant: str
    subscription: Subscription
    context_source: Any
    created_at: str
    via: str = ""
    base_url: str = "http://us.example"


class World:
    """Our broker with its subscribers, and the others."""

    def __init__(self, **limits: Any) -> None:
        self.store, self.clock = MemoryStore(), VirtualClock(Town().clock.now())
        self.far = {host: Far() for host in HOSTS}
        self.standing: dict[tuple[str, str], Standing] = {}
        self.passed_on: list[tuple[str, Sequence[Told], str]] = []
        self.own: dict[str, Entity] = {}
        self.limits = CopyLimits(removal_s_max=10 * HOUR, **limits)
        self.begin()

    def begin(self) -> None:
        self.town = Town(self.store, self.clock)
        identity = SourceIdentity("us", self.clock.now())
        sources = Sources(self.town.registrations, self, Anything(), self.clock, identity, Limits())
        self.work = DistributedSubscriptions(
            self.store, self.town.registrations, sources, self, Anything(), matches, self.clock, self.limits, random.Random(1)
        )
        self.arrivals = Arrivals(self.work, sources, self, self, Anything(), self, self.clock, self.limits)
        self.town.registrations.on_change(self.work.registrations_changed)

    async def restart(self) -> None:
        self.begin()
        await self.town.registrations.load()
        await self.work.load()

    # what the service asks of others

    def live(self, tenant: str, subscription_id: str) -> Standing | None:
        return self.standing.get((tenant, subscription_id))

    def keys(self) -> Iterable[tuple[str, str]]:
        return list(self.standing)

    async def one(self, caller: Caller, entity_id: str) -> Entity | None:
        return self.own.get(entity_id)

    async def pass_on(self, tenant: str, subscription_id: str, told: Sequence[Told], place: str) -> None:
        self.passed_on.append((subscription_id, told, place))

    async def exchange(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str], bytes_max: int, timeout_s: float
    ) -> tuple[int, dict[str, str], bytes]:
        await asyncio.sleep(0)
        parts = urlsplit(url)
        return self.far[str(parts.hostname)].answer(method, parts.path.rpartition("/")[2], body, headers), {}, b""

    # what people do

    def subscribe(self, name: str, kind: str = "Bus", via: str = "", **members: Any) -> None:
        document = {
            "id": f"urn:s:{name}", "type": "Subscription", "entities": [{"type": kind}],
            "notification": {"endpoint": {"uri": "http://c.example"}}, **members,
        }  # fmt: skip
        key = ("default", f"urn:s:{name}")
        made_at = self.standing[key].created_at if key in self.standing else iso(self.clock.now())
        self.standing[key] = Standing("default", parse_subscription(document, core_context()), None, made_at, via)
        self.work.subscription_changed(*key)

    def unsubscribe(self, name: str) -> None:
        self.standing.pop(("default", f"urn:s:{name}"), None)
        self.work.subscription_changed("default", f"urn:s:{name}")

    async def register(self, host: str, kind: str = "Bus", **members: Any) -> None:
        try:
            await self.town.register(f"{host}.{kind}", kind, **{"endpoint": f"http://{host}", **members})
        except Refusal:
            return

    async def unregister(self, host: str, kind: str = "Bus") -> None:
        try:
            await self.town.registrations.delete(CALLER, f"urn:csr:{host}.{kind}")
        except Refusal:
            return

    async def steps(self, number: int = 1, seconds: float = 1.0) -> None:
        for _ in range(number):
            await self.work.step()
            await self.work.settled()
            self.clock.advance(seconds)

    def copies(self) -> dict[str, list[tuple[str, Any]]]:
        """(type, subscriptionName) of what each of the others holds."""
        return {
            host: sorted((one["entities"][0]["type"], one.get("subscriptionName", "")) for one in far.held.values())
            for host, far in self.far.items()
        }


ACTS = st.one_of(
    st.tuples(st.just("subscribe"), st.sampled_from("12"), st.sampled_from(KINDS), st.sampled_from("xy")),
    st.tuples(st.just("unsubscribe"), st.sampled_from("12")),
    st.tuples(st.just("register"), st.sampled_from(HOSTS), st.sampled_from(KINDS)),
    st.tuples(st.just("unregister"), st.sampled_from(HOSTS), st.sampled_from(KINDS)),
    st.tuples(st.sampled_from(("down", "mute", "up")), st.sampled_from(HOSTS)),
    st.tuples(st.just("restart")),
)
BEGUN = (("subscribe", "1", "Bus", "x"), ("register", "a.example", "Bus"))


async def play(turns: Sequence[Sequence[tuple[Any, ...]]]) -> World:
    world = World()
    for turn in (BEGUN, *turns):
        for act in turn:
            await do(world, *act)
        await world.steps(1, 400)
    for far in world.far.values():
        far.down = far.mute = False
    await world.steps(12, 400)
    return world


async def do(world: World, act: str, *words: str) -> None:
    match act:
        case "subscribe":
            world.subscribe(words[0], words[1], subscriptionName=words[2])
        case "unsubscribe":
            world.unsubscribe(words[0])
        case "register":
            await world.register(*words)
        case "unregister":
            await world.unregister(*words)
        case "restart":
            await world.restart()
        case _:
            far = world.far[words[0]]
            far.down, far.mute = act == "down", act == "mute"


@given(st.lists(st.lists(ACTS, min_size=1, max_size=3), max_size=7))
@settings(deadline=None, max_examples=300)
def test_each_source_has_exactly_its_copies_whatever_happened(turns: list[list[tuple[Any, ...]]]) -> None:
    world = asyncio.run(play(turns))
    standing = [one.subscription for one in world.standing.values()]
    registered = {one.registration.id for one in world.town.registrations.for_operation("default", None)}
    wanted = {
        host: sorted(
            (kind, one.document["subscriptionName"])
            for one in standing
            for kind in KINDS
            if one.document["entities"][0]["type"] == kind and f"urn:csr:{host}.{kind}" in registered
        )
        for host in HOSTS
    }
    assert world.copies() == wanted
    assert len(world.work) == sum(map(len, wanted.values()))


async def test_a_dead_source_is_probed_with_one_request_and_holds_up_nobody() -> None:
    world = World()
    for host in HOSTS:
        await world.register(host)
    for number in range(20):
        world.subscribe(str(number))
    world.far["a.example"].down = True
    await world.steps(8)
    assert len(world.copies()["b.example"]) == 20
    await world.steps(192)
    assert len(world.far["a.example"].asked) <= 10, "at first a few, then one at a time, ever more seldom"
    world.far["a.example"].down = False
    await world.steps(12, 60)
    assert len(world.copies()["a.example"]) == 20


async def test_a_refusal_is_final_until_something_changes() -> None:
    world = World()
    await world.register("a.example")
    far = world.far["a.example"]
    far.refuses = 403
    world.subscribe("1", subscriptionName="x")
    await world.steps(10, 600)
    assert len(far.asked) == 1
    world.subscribe("1", subscriptionName="y")
    await world.steps(2)
    assert len(far.asked) == 2
    far.refuses = 0
    await world.town.registrations.update(
        CALLER, "urn:csr:a.example.Bus", {"contextSourceInfo": [{"key": "X-Key", "value": "new"}]}, core_context()
    )
    await world.steps(2)
    assert world.copies()["a.example"] == [("Bus", "y")]
    assert far.asked[-1][1]["X-Key"] == "new"


async def test_a_copy_at_a_source_that_never_comes_back_is_forgotten_in_the_end() -> None:
    world = World()
    await world.register("a.example")
    world.subscribe("1")
    await world.steps()
    world.far["a.example"].down = True
    world.unsubscribe("1")
    await world.steps(5, HOUR)
    assert len(world.work) == 1
    await world.steps(8, HOUR)
    assert len(world.work) == 0
    assert not any(key[1] == "subscription_copy" for key in world.store.records)


async def test_a_copy_that_the_source_lost_is_made_anew_with_the_next_change() -> None:
    world = World()
    await world.register("a.example")
    world.subscribe("1", subscriptionName="x")
    await world.steps()
    world.far["a.example"].held.clear()
    world.subscribe("1", subscriptionName="y")
    await world.steps(2)
    assert world.copies()["a.example"] == [("Bus", "y")]


async def test_a_member_that_goes_here_goes_at_the_source() -> None:
    world = World()
    await world.register("a.example")
    world.subscribe("1", subscriptionName="x", q="speed>5", expiresAt="2099-01-01T00:00:00Z")
    await world.steps()
    world.subscribe("1")
    await world.steps()
    (copy,) = world.far["a.example"].held.values()
    assert not copy.keys() & {"subscriptionName", "q", "expiresAt"}


async def test_only_what_the_source_offers_is_asked() -> None:
    world = World()
    await world.register("a.example", operations=["createSubscription"])
    world.subscribe("1", subscriptionName="x")
    await world.steps()
    world.subscribe("1", subscriptionName="y")
    await world.steps()
    world.unsubscribe("1")
    await world.steps()
    assert [method for method, _ in world.far["a.example"].asked] == ["POST"]
    assert len(world.work) == 0


async def test_the_way_of_a_request_is_told_and_not_gone_again() -> None:
    world = World()
    await world.register("a.example", contextSourceAlias="first")
    await world.register("b.example")
    world.subscribe("1", via="1.1 first, 1.1 second")
    world.subscribe("2", via="1.1 us")
    await world.steps(2)
    assert world.copies() == {"a.example": [], "b.example": [("Bus", "")]}
    assert world.far["b.example"].asked[0][1]["Via"] == "1.1 first, 1.1 second, 1.1 us"


def notification(*entities: dict[str, Any]) -> dict[str, Any]:
    return {"id": "urn:n:1", "type": "Notification", "subscriptionId": "urn:x:1", "data": list(entities)}


def bus(number: int, **members: Any) -> dict[str, Any]:
    return {"id": f"urn:bus:{number}", "type": "Bus", **members}


async def token_of(world: World) -> str:
    await world.steps()
    (copy,) = world.far["a.example"].held.values()
    return str(copy["notification"]["endpoint"]["uri"]).rpartition("/")[2]


async def test_what_arrives_is_passed_on_as_far_as_it_can_be_read_and_is_registered() -> None:
    world = World()
    information = [{"entities": [{"type": "Bus"}], "propertyNames": ["speed"]}]
    await world.register("a.example", information=information)
    world.subscribe("1")
    token = await token_of(world)
    good = bus(1, speed={"type": "Property", "value": 3}, driver={"type": "Property", "value": "x"})
    broken, other = bus(2, speed={"type": "Nonsense"}), {**bus(3), "type": "Tram"}
    await world.arrivals.arrived(token, notification(good, broken, other), None)
    ((subscription, told, place),) = world.passed_on
    assert (subscription, place) == ("urn:s:1", f"{token}/urn:n:1")
    assert [(one.entity.id, [name.rpartition("/")[2] for name in one.entity.attributes]) for one in told] == [
        ("urn:bus:1", ["speed"])
    ]


async def test_what_arrives_late_is_dropped() -> None:
    world = World()
    await world.register("a.example")
    world.subscribe("1")
    token = await token_of(world)
    await world.restart()
    await world.arrivals.arrived(token, notification(bus(1)), None)
    assert len(world.passed_on) == 1
    world.far["a.example"].down = True
    await world.unregister("a.example")
    await world.steps()
    await world.arrivals.arrived(token, notification(bus(1)), None)
    assert len(world.passed_on) == 1
    world.far["a.example"].down = False
    await world.steps(3, HOUR)
    with pytest.raises(Refusal, match="unknown"):
        await world.arrivals.arrived(token, notification(bus(1)), None)


async def test_a_subscription_made_anew_under_the_same_id_has_copies_of_its_own() -> None:
    world = World()
    await world.register("a.example")
    world.subscribe("1")
    first = await token_of(world)
    world.standing.clear()
    world.clock.advance(1)
    world.subscribe("1")
    await world.steps(2)
    assert first != await token_of(world)
    assert replace(world.standing["default", "urn:s:1"]).created_at != iso(Town().clock.now())
