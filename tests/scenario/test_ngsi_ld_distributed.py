"""Five towns on one machine ask each other: one answers well and leads back in a circle, one is slow, one is dead, one talks
nonsense. What is there is answered in time, and what is missing is named."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest

from .scenario_kit import DEFAULT, ENTITIES, V1, Client, Reply, address_of, running, until

REGISTRATIONS = f"{V1}/csourceRegistrations"
READS = ("retrieveEntity", "queryEntity")
EVERYTHING = ("redirectionOps", "createBatch", "upsertBatch", "updateBatch", "mergeBatch", "deleteBatch", "queryBatch")
SLOW_S = 6.0
TIMEOUT_MS = 400
SURELY_S = 3.0


class Gate:
    """Stands before a broker and spoils what it says: waits `delay_s`, or puts `nonsense` in the place of its answers."""

    def __init__(self, upstream: str) -> None:
        self.delay_s = 0.0
        self.nonsense = b""
        self.passed = ["Content-Range"]
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        gate, parts = self, urlsplit(upstream)

        class Handler(BaseHTTPRequestHandler):
            def _pass(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                gate.asked.append((self.command, self.path, {name.lower(): value for name, value in self.headers.items()}))
                time.sleep(gate.delay_s)
                connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
                connection.request(self.command, self.path, body, dict(self.headers.items()))
                answer = connection.getresponse()
                content = gate.nonsense or answer.read()
                self.send_response(answer.status)
                for name in ("Content-Type", "NGSILD-Warning", *gate.passed):
                    if name in answer.headers:
                        self.send_header(name, answer.headers[name])
                if answer.status != 204:
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if answer.status != 204:
                    self.wfile.write(content)
                connection.close()

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _pass

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None:
                """Whoever asked did not wait for the answer."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@dataclass
class Towns:
    """The town that is asked, the one that leads back to it, and those that fail; `gates` stand before the others."""

    hub: Client
    ring: Client
    slow: Client
    garbled: Client
    gates: dict[str, Gate]
    dead_address: str


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Towns]:
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp("towns")
        names = ("hub", "ring", "slow", "dead", "garbled")
        arguments = {
            name: ("serve", "--dev", "--data", str(folder / name), "--port", "0", "--log", "warning") for name in names
        }
        cities = {name: stack.enter_context(running(*arguments[name])) for name in names}
        clients = {name: Client(city.ready()) for name, city in cities.items()}
        gates = {name: Gate(clients[name].address) for name in ("ring", "slow", "garbled")}
        for gate in gates.values():
            stack.callback(gate.close)
        cities["dead"].stop()
        yield Towns(clients["hub"], clients["ring"], clients["slow"], clients["garbled"], gates, clients["dead"].address)


@pytest.fixture
def towns(started: Towns) -> Towns:
    """Empty towns that answer at once."""
    for town in (started.hub, started.ring, started.slow, started.garbled):
        assert town.delete("/dev/state").status == 204
    for gate in started.gates.values():
        gate.delay_s, gate.nonsense, gate.passed = 0.0, b"", ["Content-Range"]
        gate.asked.clear()
    return started


def register(town: Client, name: str, address: str, kind: str = "Room", **members: Any) -> str:
    """Register a source of all entities of a type, or of what `information` says; its id."""
    given = {
        "id": f"urn:ngsi-ld:ContextSourceRegistration:{name}",
        "type": "ContextSourceRegistration",
        "information": [{"entities": [{"type": kind}]}],
        "operations": list(READS),
        "endpoint": address,
        **members,
    }
    reply = town.post(REGISTRATIONS, given)
    assert reply.status == 201, reply.body
    return str(given["id"])


def room(number: int) -> str:
    return f"urn:ngsi-ld:Room:{number}"


def timed(town: Client, path: str, **query: Any) -> Reply:
    """A GET that must not take long."""
    began = time.monotonic()
    reply = town.get(path, **query)
    assert time.monotonic() - began < SURELY_S
    return reply


def warnings(reply: Reply) -> list[str]:
    """The warnings of an answer: code and the name of the registration, or the text."""
    header = reply.headers.get("ngsild-warning", "")
    return [f"{one.split()[0]} {one.split(chr(34))[1].split(': ')[0].rpartition(':')[2]}" for one in header.split(", ") if one]


def test_an_answer_has_what_is_there_and_names_what_is_missing(towns: Towns) -> None:
    towns.gates["slow"].delay_s = SLOW_S
    towns.gates["garbled"].nonsense = b'<html>"it works"'
    for number, town in ((1, towns.hub), (2, towns.ring), (3, towns.slow), (5, towns.garbled)):
        town.create(room(number), "Room", number=number)
    management = {"timeout": TIMEOUT_MS}
    register(towns.hub, "ring", towns.gates["ring"].address)
    register(towns.ring, "back", towns.hub.address)
    register(towns.hub, "slow", towns.gates["slow"].address, management=management)
    register(towns.hub, "dead", towns.dead_address)
    register(towns.hub, "garbled", towns.gates["garbled"].address)

    reply = timed(towns.hub, ENTITIES, type="Room")
    assert reply.status == 200
    assert [one["id"] for one in reply.json] == [room(1), room(2)]
    missing = sorted(warnings(reply))
    assert missing == ["111 garbled", "199 a registration loop has been detected", "199 dead", "199 slow"]

    found = timed(towns.hub, address_of(room(2)))
    assert found.status == 200
    assert found.json["number"]["value"] == 2
    assert {"199 dead", "199 slow"} <= set(warnings(found))
    lost = timed(towns.hub, address_of(room(3)))
    assert lost.problem == (404, "ResourceNotFound")
    assert "199 slow" in warnings(lost)
    assert timed(towns.hub, ENTITIES, type="Room", local="true").json[0]["id"] == room(1)
    everything = {"type": "Query", "entities": [{"type": "*"}]}  # says local scope by itself (5.2.33)
    alone = towns.hub.post(f"{V1}/entityOperations/query", everything)
    assert ([one["id"] for one in alone.json], warnings(alone)) == ([room(1)], [])
    mapped = towns.hub.post(f"{V1}/entityMaps", everything)
    assert (mapped.status, list(mapped.json["entityMap"]), warnings(mapped)) == (201, [room(1)], [])

    towns.gates["slow"].delay_s = 0.0
    towns.gates["garbled"].nonsense = b""
    assert [one["id"] for one in timed(towns.hub, ENTITIES, type="Room").json] == [room(n) for n in (1, 2, 3, 5)]


def test_figures_of_a_registration_tell_what_came_of_its_requests(towns: Towns) -> None:
    well = register(towns.hub, "ring", towns.gates["ring"].address)
    badly = register(towns.hub, "dead", towns.dead_address)
    towns.hub.get(ENTITIES, type="Room")
    shown = until(lambda: _with_figures(towns.hub, well))
    assert (shown["status"], shown["timesSent"], shown["timesFailed"]) == ("ok", 1, 0)
    assert "lastSuccess" in shown
    failed = until(lambda: _with_figures(towns.hub, badly))
    assert (failed["status"], failed["timesSent"], failed["timesFailed"]) == ("failed", 1, 1)
    assert "lastFailure" in failed


def _with_figures(town: Client, registration: str) -> Any:
    shown = town.get(f"{REGISTRATIONS}/{registration}").json
    return shown if "timesSent" in shown else None


def test_what_several_know_of_one_entity_is_one_entity_and_the_newest_instance_wins(towns: Towns) -> None:
    earlier, later = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
    towns.hub.create(room(1), "Room", temp={"value": 10, "observedAt": earlier}, noise={"value": 1, "observedAt": later})
    towns.ring.create(room(1), "Room", temp={"value": 20, "observedAt": later}, noise={"value": 2, "observedAt": earlier})
    towns.slow.create(room(1), "Room", temp={"value": 99, "observedAt": later}, light=7)
    register(towns.hub, "ring", towns.gates["ring"].address)
    register(towns.hub, "slow", towns.gates["slow"].address, mode="auxiliary", operations=["retrieveOps"])
    values = {"id": room(1), "type": "Room", "temp": 20, "noise": 1, "light": 7}
    assert towns.hub.get(address_of(room(1)), format="simplified").json == values
    assert towns.hub.get(ENTITIES, type="Room", format="simplified").json == [values]
    assert towns.hub.ids(type="Room", q="temp==20;noise==1") == [room(1)]
    assert towns.hub.ids(type="Room", q="temp==10") == []


def test_pages_over_sources_show_each_entity_once(towns: Towns) -> None:
    for number in range(1, 8):
        towns.hub.create(room(number), "Room", number=number)
    for number in range(5, 12):
        towns.ring.create(room(number), "Room", place="ring")
    register(towns.hub, "ring", towns.gates["ring"].address)
    everything, offset = [], 0
    while True:
        reply = towns.hub.get(ENTITIES, type="Room", limit=3, offset=offset, count="true")
        assert reply.headers["ngsild-results-count"] == "11"
        everything += [one["id"] for one in reply.json]
        if 'rel="next"' not in reply.headers["link"]:
            break
        offset += 3
    assert len(everything) == 11
    assert set(everything) == {room(number) for number in range(1, 12)}


def test_a_circle_of_registrations_ends_and_each_town_writes_once(towns: Towns) -> None:
    register(towns.hub, "ring", towns.gates["ring"].address, operations=EVERYTHING)
    register(towns.ring, "back", towns.hub.address, operations=EVERYTHING)
    assert towns.hub.create(room(1), "Room", number=1) == address_of(room(1))
    for town in (towns.hub, towns.ring):
        assert [one["id"] for one in town.find(type="Room", local="true")] == [room(1)]
    assert towns.hub.patch(f"{address_of(room(1))}/attrs", {"number": 2}).status == 204
    assert [town.read(room(1), local="true")["number"]["value"] for town in (towns.hub, towns.ring)] == [2, 2]
    assert towns.ring.delete(address_of(room(1))).status == 204
    assert [town.ids(type="Room", local="true") for town in (towns.hub, towns.ring)] == [[], []]


def test_a_write_is_shared_by_attributes_and_failures_are_told_by_source(towns: Towns) -> None:
    mine = [{"entities": [{"id": room(1), "type": "Room"}], "propertyNames": ["temp"]}]
    exclusive = register(
        towns.hub, "ring", towns.gates["ring"].address, mode="exclusive", information=mine, operations=EVERYTHING
    )
    towns.hub.create(room(1), "Room", temp=20, number=1)
    assert set(towns.hub.read(room(1), local="true")) == {"id", "type", "number"}
    assert set(towns.ring.read(room(1))) == {"id", "type", "temp"}
    assert towns.hub.read(room(1), format="simplified") == {"id": room(1), "type": "Room", "number": 1, "temp": 20}
    assert towns.ring.delete(address_of(room(1))).status == 204
    partly = towns.hub.patch(f"{address_of(room(1))}/attrs", {"temp": 21, "number": 2})
    assert partly.status == 207
    assert partly.json["updated"] == [f"{DEFAULT}number"]
    told = [(one["attributeName"], one["registrationId"]) for one in partly.json["notUpdated"]]
    assert told == [(f"{DEFAULT}temp", exclusive)]
    again = towns.hub.post(f"{address_of(room(1))}/attrs", {"number": 3, "light": 1, "temp": 22}, options="noOverwrite")
    assert (again.status, again.json["updated"]) == (207, [f"{DEFAULT}light"])
    alone = towns.hub.patch(f"{address_of(room(1))}/attrs", {"temp": 21})
    assert alone.status == 404


def test_a_batch_is_shared_and_each_failure_names_its_entity_and_source(towns: Towns) -> None:
    register(towns.hub, "ring", towns.gates["ring"].address, operations=EVERYTHING)
    dead = register(towns.hub, "dead", towns.dead_address, "Hall", operations=["createEntity"])
    items = [{"id": room(1), "type": "Room"}, {"id": "urn:ngsi-ld:Hall:1", "type": "Hall"}]
    untyped = towns.hub.post(f"{V1}/entityOperations/upsert", [{"id": room(2)}, {"id": room(3), "type": "Room"}])
    assert (untyped.json["success"], [one["entityId"] for one in untyped.json["errors"]]) == ([room(3)], [room(2)])
    assert towns.hub.post(f"{V1}/entityOperations/delete", [room(3)]).status == 204
    reply = towns.hub.post(f"{V1}/entityOperations/create", items)
    assert reply.status == 207
    assert reply.json["success"] == [room(1)]
    [error] = reply.json["errors"]
    assert (error["entityId"], error["registrationId"], error["error"]["status"]) == ("urn:ngsi-ld:Hall:1", dead, 504)
    assert towns.ring.ids(type="Room") == [room(1)]


def test_a_source_is_asked_for_no_more_than_it_registered_and_hears_who_asks(towns: Towns) -> None:
    information = [{"entities": [{"idPattern": "^urn:ngsi-ld:Room:1", "type": "Room"}], "propertyNames": ["temp"]}]
    towns.ring.create(room(1), "Room", temp=1, secret=2)
    towns.ring.create(room(2), "Room", temp=1)
    register(
        towns.hub, "ring", towns.gates["ring"].address, information=information, management={"localOnly": True},
        contextSourceInfo=[{"key": "X-Ward", "value": "urn:ngsi-ld:request"}, {"key": "X-Key", "value": "k"}],
        operations=["queryEntity"],
    )  # fmt: skip
    reply = towns.hub.get(ENTITIES, {"X-Ward": "east"}, type="Room", format="simplified")
    assert reply.json == [{"id": room(1), "type": "Room", "temp": 1}]
    [(method, path, headers)] = towns.gates["ring"].asked
    assert method == "GET"
    assert path.startswith(f"{ENTITIES}?type=Room&idPattern=")
    assert "pick=id,type,scope,temp" in path
    assert "local=true" in path
    assert (headers["x-ward"], headers["x-key"]) == ("east", "k")
    assert headers["via"].startswith("1.1 machinami-")
    assert "ngsild-tenant" not in headers


def test_after_a_failure_a_source_rests_and_a_cached_answer_is_used_again(towns: Towns) -> None:
    towns.slow.create(room(1), "Room")
    gate = towns.gates["slow"]
    register(towns.hub, "slow", gate.address, management={"timeout": TIMEOUT_MS, "cooldown": 60_000})
    gate.delay_s = SLOW_S
    assert warnings(timed(towns.hub, ENTITIES, type="Room")) == ["199 slow"]
    gate.delay_s = 0.0
    assert warnings(timed(towns.hub, ENTITIES, type="Room")) == ["199 slow"]
    assert len(gate.asked) == 1

    towns.ring.create(room(2), "Hall")
    register(towns.hub, "ring", towns.gates["ring"].address, "Hall", management={"cacheDuration": "PT1H"})
    assert [towns.hub.ids(type="Hall") for _ in range(3)] == [[room(2)]] * 3
    assert len(towns.gates["ring"].asked) == 1


def test_linked_entities_are_found_at_sources(towns: Towns) -> None:
    towns.hub.create(room(1), "Room", part={"object": "urn:ngsi-ld:House:1"})
    towns.ring.create("urn:ngsi-ld:House:1", "House", floors=2)
    register(towns.hub, "ring", towns.gates["ring"].address, "House")
    joined = towns.hub.read(room(1), join="inline")
    assert joined["part"]["entity"]["floors"]["value"] == 2
    assert "entity" not in towns.hub.read(room(1), join="inline", local="true")["part"]


def test_links_are_followed_from_town_to_town_by_answers_and_by_conditions(towns: Towns) -> None:
    towns.hub.create(room(1), "Room", part={"object": "urn:ngsi-ld:House:1"})
    towns.hub.create(room(2), "Room", part={"object": "urn:ngsi-ld:House:2"})
    for number in (1, 2):
        towns.ring.create(f"urn:ngsi-ld:House:{number}", "House", floors=number, ward={"object": f"urn:ngsi-ld:Ward:{number}"})
        towns.slow.create(f"urn:ngsi-ld:Ward:{number}", "Ward", people=number * 1000)
    register(towns.hub, "ring", towns.gates["ring"].address, "House")
    register(towns.hub, "slow", towns.gates["slow"].address, "Ward")
    joined = towns.hub.read(room(1), join="inline", joinLevel=2)
    assert joined["part"]["entity"]["ward"]["entity"]["people"]["value"] == 1000
    flat = towns.hub.find(type="Room", join="flat", joinLevel=2, pick="id,part{id,ward{people}}")
    assert [one["people"]["value"] for one in flat if "people" in one] == [1000, 2000]
    behind: dict[str, Any] = {"type": "Room", "join": "flat", "joinLevel": 2, "count": "true"}
    found = towns.hub.get(ENTITIES, q="part{House:ward{Ward:people}}>1500", **behind)
    assert [one["id"] for one in found.json] == [room(2), "urn:ngsi-ld:House:2", "urn:ngsi-ld:Ward:2"]
    assert found.headers["ngsild-results-count"] == "1"
    assert towns.hub.ids(q="part{floors}==1", type="Room", join="flat", limit=1)[0] == room(1)
    assert towns.hub.ids(q="part{floors}==1", type="Room", join="flat", local="true") == []


def test_an_order_is_refused_where_others_are_asked(towns: Towns) -> None:
    """4.23.1: ordering is never applied to distributed operations; 5.7.2.4 and 5.7.4.4 make it BadRequestData."""
    towns.hub.create(room(1), "Room", number=1)
    register(towns.hub, "ring", towns.gates["ring"].address, operations=[*READS, "queryTemporal"])
    since = {"timerel": "after", "timeAt": "2025-01-01T00:00:00Z"}
    assert towns.hub.get(ENTITIES, type="Room", orderBy="number").problem == (400, "BadRequestData")
    assert towns.hub.get(f"{V1}/temporal/entities", type="Room", orderBy="id", **since).problem == (400, "BadRequestData")
    assert towns.hub.ids(type="Room", orderBy="number", local="true") == [room(1)]
    assert towns.hub.ids(type="Hall", orderBy="number") == []


def test_a_purge_reaches_no_further_than_a_source_is_registered(towns: Towns) -> None:
    for number in (1, 2):
        towns.hub.create(room(number), "Room", temp=1, number=1)
        towns.ring.create(room(number), "Room", temp=1, number=1)
    mine = [{"entities": [{"id": room(1), "type": "Room"}], "propertyNames": ["temp"]}]
    register(towns.hub, "ring", towns.gates["ring"].address, information=mine, operations=["purgeEntity"])
    assert towns.hub.delete(ENTITIES, type="Room").status == 204
    assert towns.hub.ids(type="Room", local="true") == []
    assert [set(one) for one in towns.ring.find(type="Room")] == [{"id", "type", "number"}, {"id", "type", "temp", "number"}]


def test_histories_are_written_at_sources_as_well(towns: Towns) -> None:
    offered = ["upsertTemporal", "appendAttrsTemporal", "deleteAttrsTemporal", "deleteTemporal"]
    register(towns.hub, "ring", towns.gates["ring"].address, operations=offered)
    temporal, at = f"{V1}/temporal/entities", "2026-01-01T00:00:00Z"
    document = {"id": room(1), "type": "Room", "temp": [{"type": "Property", "value": 1, "observedAt": at}]}
    assert towns.hub.post(temporal, document).status == 201
    later = {"temp": [{"type": "Property", "value": 2, "observedAt": "2026-01-02T00:00:00Z"}]}
    assert towns.hub.post(f"{temporal}/{room(1)}/attrs", later).status == 204
    for town in (towns.hub, towns.ring):
        shown = town.get(f"{temporal}/{room(1)}", local="true", timerel="after", timeAt="2025-01-01T00:00:00Z").json
        assert [one["value"] for one in shown["temp"]] == [1, 2]
    assert towns.hub.delete(f"{temporal}/{room(1)}/attrs/temp", deleteAll="true").status == 204
    assert towns.hub.delete(f"{temporal}/{room(1)}").status == 204
    assert towns.ring.get(f"{temporal}/{room(1)}").status == 404


def test_a_history_is_put_together_from_sources_and_cut_where_knowledge_ends(towns: Towns) -> None:
    temporal, since = f"{V1}/temporal/entities", {"timerel": "after", "timeAt": "2025-01-01T00:00:00Z"}

    def series(*days: int) -> list[dict[str, Any]]:
        return [{"type": "Property", "value": day, "observedAt": f"2026-01-{day:02}T00:00:00Z"} for day in days]

    for town, days in ((towns.hub, (1, 3, 4)), (towns.ring, (2, 3))):
        assert town.post(temporal, {"id": room(1), "type": "Room", "temp": series(*days)}).status == 201
    assert towns.ring.post(temporal, {"id": room(2), "type": "Room", "temp": series(5)}).status == 201
    register(towns.hub, "ring", towns.gates["ring"].address, operations=["retrieveTemporal", "queryTemporal"])
    register(towns.hub, "dead", towns.dead_address, operations=["queryTemporal"])

    one = towns.hub.get(f"{temporal}/{room(1)}", **since)
    assert [point["value"] for point in one.json["temp"]] == [1, 2, 3, 4]
    last = towns.hub.get(f"{temporal}/{room(1)}", lastN=2, **since).json
    assert sorted(point["value"] for point in last["temp"]) == [3, 4]
    both = towns.hub.get(temporal, type="Room", **since)
    assert [entity["id"] for entity in both.json] == [room(1), room(2)]
    assert warnings(both) == ["199 dead"]
    values = towns.hub.get(temporal, type="Room", q="temp==5", options="temporalValues", **since).json
    assert [(entity["id"], entity["temp"]["values"]) for entity in values] == [(room(2), [[5, "2026-01-05T00:00:00Z"]])]
    assert towns.hub.get(f"{temporal}/{room(2)}", local="true", **since).status == 404

    many = [{"type": "Property", "value": n, "observedAt": f"2026-02-01T00:{n:02}:00Z"} for n in range(59)]
    assert towns.ring.post(f"{temporal}/{room(1)}/attrs", {"temp": many}).status == 204
    page = towns.hub.get(f"{temporal}/{room(1)}", **since)
    assert page.status == 206
    shown = [point["observedAt"] for point in page.json["temp"]]
    assert page.headers["content-range"].startswith(f"date-time {since['timeAt']}-{shown[-1]}/")
    rest = towns.hub.get(f"{temporal}/{room(1)}", timerel="after", timeAt=shown[-1])
    assert rest.json["temp"][0]["observedAt"] <= "2026-02-01T00:59:00Z"


def test_histories_of_several_towns_are_aggregated_as_one(towns: Towns) -> None:
    temporal = f"{V1}/temporal/entities"

    def series(*minutes: int) -> list[dict[str, Any]]:
        return [{"type": "Property", "value": n, "observedAt": f"2026-02-01T{n // 60:02}:{n % 60:02}:00Z"} for n in minutes]

    for town, minutes in ((towns.hub, range(0, 120, 2)), (towns.ring, range(0, 180, 3))):
        assert town.post(temporal, {"id": room(1), "type": "Room", "temp": series(*minutes)}).status == 201
    assert towns.ring.post(temporal, {"id": room(2), "type": "Room", "temp": series(1)}).status == 201
    register(towns.hub, "ring", towns.gates["ring"].address, operations=["retrieveTemporal", "queryTemporal"])
    asked = {"options": "aggregatedValues", "aggrMethods": "totalCount,sum,avg", "aggrPeriodDuration": "PT1H"}
    since = {"timerel": "after", "timeAt": "2026-02-01T00:00:00Z"}
    known = {*range(0, 120, 2), *range(0, 180, 3)}
    hours = [[n for n in known if n // 60 == hour] for hour in range(3)]

    one = towns.hub.get(f"{temporal}/{room(1)}", **asked, **since)
    assert one.status == 200, one.body
    assert [value for value, _, _ in one.json["temp"]["totalCount"]] == [len(hour) for hour in hours]
    assert [value for value, _, _ in one.json["temp"]["sum"]] == [sum(hour) for hour in hours]
    assert [value for value, _, _ in one.json["temp"]["avg"]] == [sum(hour) / len(hour) for hour in hours]
    both = towns.hub.get(temporal, type="Room", count="true", **asked, **since)
    assert [(each["id"], len(each["temp"]["sum"])) for each in both.json] == [(room(1), 3), (room(2), 1)]
    late = towns.hub.get(temporal, type="Room", q="temp==177", **since)
    assert [each["id"] for each in late.json] == [room(1)]
    towns.gates["ring"].passed.clear()
    assert warnings(towns.hub.get(f"{temporal}/{room(1)}", **asked, **since)) == ["111 ring"]
    towns.gates["ring"].passed.append("Content-Range")
    without_begin = towns.hub.get(f"{temporal}/{room(1)}", **asked)
    assert without_begin.problem == (403, "TooComplexQuery")


def test_an_entity_map_freezes_the_pages_of_a_temporal_query_over_towns(towns: Towns) -> None:
    temporal, since = f"{V1}/temporal/entities", {"timerel": "after", "timeAt": "2025-01-01T00:00:00Z"}
    for town, numbers in ((towns.hub, (1, 2)), (towns.ring, (2, 3, 4))):
        for number in numbers:
            town.create(room(number), "Room", temp={"value": number, "observedAt": "2026-01-01T00:00:00Z"})
    ring = register(towns.hub, "ring", towns.gates["ring"].address, operations=["retrieveTemporal", "queryTemporal"])
    first = towns.hub.get(temporal, type="Room", limit=2, entityMap="true", **since)
    assert first.status == 201
    address = first.headers["ngsild-entitymap"]
    places = towns.hub.get(address).json["entityMap"]
    assert {name: sorted(where) for name, where in places.items()} == {
        room(1): ["@none"],
        room(2): ["@none", ring],
        room(3): [ring],
        room(4): [ring],
    }
    towns.hub.create("urn:ngsi-ld:Room:0", "Room", temp={"value": 0, "observedAt": "2026-01-01T00:00:00Z"})
    second = towns.hub.get(temporal, {"NGSILD-EntityMap": address}, type="Room", limit=2, offset=2, **since)
    assert (second.status, second.headers["ngsild-entitymap"]) == (200, address)
    assert [one["id"] for one in [*first.json, *second.json]] == list(places)
    assert [one["temp"][0]["value"] for one in second.json] == [int(one["id"][-1]) for one in second.json]
    alone = towns.hub.get(f"{temporal}/{room(2)}", entityMap="true", **since)
    assert alone.status in (200, 201), alone.body
    assert sorted(towns.hub.get(alone.headers["ngsild-entitymap"]).json["entityMap"][room(2)]) == ["@none", ring]
    made = towns.hub.get(f"{V1}/temporal/entityMaps", type="Room", **since)
    assert made.status == 201
    assert len(made.json["entityMap"]) == 5


def test_a_context_source_filter_chooses_who_is_asked(towns: Towns) -> None:
    towns.ring.create(room(1), "Room")
    register(towns.hub, "ring", towns.gates["ring"].address, fleet="bus")
    assert towns.hub.ids(type="Room", csf='fleet=="bus"') == [room(1)]
    assert towns.hub.ids(type="Room", csf='fleet=="tram"') == []
    assert len(towns.gates["ring"].asked) == 1


def test_types_and_attributes_of_sources_are_discovered_as_far_as_they_are_registered(towns: Towns) -> None:
    towns.hub.create(room(1), "Room", temp=1)
    towns.ring.create(room(2), "Room", temp=2, noise=3)
    towns.ring.create("urn:ngsi-ld:Hall:1", "Hall", secret=1)
    register(towns.hub, "ring", towns.gates["ring"].address, operations=["federationOps"])
    dead = register(towns.hub, "dead", towns.dead_address, operations=["federationOps"])
    types = towns.hub.get(f"{V1}/types")
    assert types.json["typeList"] == ["Room"]
    assert warnings(types) == ["199 dead"]
    assert towns.hub.delete(f"{REGISTRATIONS}/{dead}").status == 204
    [detail] = towns.hub.get(f"{V1}/types", details="true").json
    assert detail["attributeNames"] == ["noise", "temp"]
    info = towns.hub.get(f"{V1}/types/Room").json
    assert info["entityCount"] == 2
    assert {one["attributeName"]: one["attributeTypes"] for one in info["attributeDetails"]} == {
        "noise": ["Property"],
        "temp": ["Property"],
    }
    assert set(towns.hub.get(f"{V1}/attributes").json["attributeList"]) >= {"noise", "temp"}
    noise = towns.hub.get(f"{V1}/attributes/noise").json
    assert (noise["attributeCount"], noise["typeNames"]) == (1, ["Room"])
    assert towns.hub.get(f"{V1}/attributes/noise", local="true").status == 404
