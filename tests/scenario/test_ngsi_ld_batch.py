"""A firm sends a hundred readings at once; each item stands for itself."""

from __future__ import annotations

from typing import Any

import pytest

from .scenario_kit import LD_JSON, V1, Client, Reply

OPERATIONS = f"{V1}/entityOperations"


def batch(server: Client, operation: str, items: Any, **query: Any) -> Reply:
    return server.post(f"{OPERATIONS}/{operation}", items, **query)


def things(kind: str, numbers: range, **attributes: Any) -> list[dict[str, Any]]:
    return [{"id": f"urn:ngsi-ld:{kind}:{number}", "type": kind, **attributes} for number in numbers]


def test_create_answers_201_with_all_ids(server: Client) -> None:
    reply = batch(server, "create", things("BatchA", range(120), value=1))
    assert reply.status == 201
    assert reply.json == [one["id"] for one in things("BatchA", range(120))]
    assert len(server.ids(type="BatchA", limit=1000)) == 120


def test_create_answers_207_and_keeps_the_good_items_when_some_are_bad(server: Client) -> None:
    batch(server, "create", things("BatchB", range(1), value=1))
    items = [*things("BatchB", range(2), value=2), {"id": "no uri", "type": "BatchB"}, {"id": "urn:ngsi-ld:BatchB:9"}, 7]
    reply = batch(server, "create", items)
    assert reply.status == 207
    assert reply.json["success"] == ["urn:ngsi-ld:BatchB:1"]
    kinds = [(one["entityId"], one["error"]["type"].rpartition("/")[2], one["error"]["status"]) for one in reply.json["errors"]]
    assert kinds == [
        ("urn:ngsi-ld:BatchB:0", "AlreadyExists", 409),
        ("no uri", "BadRequestData", 400),
        ("urn:ngsi-ld:BatchB:9", "BadRequestData", 400),
        ("7", "BadRequestData", 400),
    ]
    assert server.find(type="BatchB", format="simplified") == [
        {"id": "urn:ngsi-ld:BatchB:0", "type": "BatchB", "value": 1},
        {"id": "urn:ngsi-ld:BatchB:1", "type": "BatchB", "value": 2},
    ]


def test_upsert_answers_201_for_new_ones_and_204_when_none_is_new(server: Client) -> None:
    batch(server, "create", things("BatchC", range(1), a=1, b=1))
    reply = batch(server, "upsert", things("BatchC", range(2), a=2))
    assert (reply.status, reply.json) == (201, ["urn:ngsi-ld:BatchC:1"])
    assert batch(server, "upsert", things("BatchC", range(2), c=3), options="update").status == 204
    assert server.find(type="BatchC", format="simplified") == [
        {"id": f"urn:ngsi-ld:BatchC:{number}", "type": "BatchC", "a": 2, "c": 3} for number in range(2)
    ]


def test_update_answers_204_and_207_with_404_for_unknown_ids(server: Client) -> None:
    batch(server, "create", things("BatchD", range(2), a=1))
    assert batch(server, "update", things("BatchD", range(2), a=2)).status == 204
    reply = batch(server, "update", things("BatchD", range(1, 3), a=3))
    assert reply.status == 207
    assert reply.json["success"] == ["urn:ngsi-ld:BatchD:1"]
    assert [(one["entityId"], one["error"]["status"]) for one in reply.json["errors"]] == [("urn:ngsi-ld:BatchD:2", 404)]
    partly = batch(server, "update", things("BatchD", range(1), a=9, z=9), options="noOverwrite")
    assert partly.status == 207
    assert server.find(id="urn:ngsi-ld:BatchD:0", local="true", format="simplified")[0]["a"] == 2


def test_merge_and_delete(server: Client) -> None:
    batch(server, "create", things("BatchE", range(3), a={"value": 1, "unitCode": "CEL"}))
    assert batch(server, "merge", things("BatchE", range(3), a={"value": 2})).status == 204
    assert server.find(type="BatchE")[0]["a"] == {"type": "Property", "value": 2, "unitCode": "CEL"}
    assert batch(server, "delete", [f"urn:ngsi-ld:BatchE:{number}" for number in range(2)]).status == 204
    reply = batch(server, "delete", ["urn:ngsi-ld:BatchE:0", "urn:ngsi-ld:BatchE:2"])
    assert reply.status == 207
    assert reply.json["success"] == ["urn:ngsi-ld:BatchE:2"]
    assert server.ids(type="BatchE") == []


def test_items_on_the_same_entity_apply_in_order(server: Client) -> None:
    items = [{"id": "urn:ngsi-ld:BatchF:1", "type": "BatchF", "a": number} for number in range(50)]
    assert batch(server, "upsert", items).status == 201
    assert server.read("urn:ngsi-ld:BatchF:1", format="simplified")["a"] == 49


def test_each_ld_json_item_brings_its_own_context(server: Client) -> None:
    items = [
        {"id": "urn:ngsi-ld:BatchG:1", "type": "BatchG", "temp": 1, "@context": {"temp": "https://one.example/t"}},
        {"id": "urn:ngsi-ld:BatchG:2", "type": "BatchG", "temp": 2, "@context": {"temp": "https://two.example/t"}},
        {"id": "urn:ngsi-ld:BatchG:3", "type": "BatchG", "temp": 3},
    ]
    reply = server.post(f"{OPERATIONS}/create", items, {"Content-Type": LD_JSON})
    assert reply.status == 207
    assert [(one["entityId"], one["error"]["code"]) for one in reply.json["errors"]] == [
        ("urn:ngsi-ld:BatchG:3", "http.context.missing")
    ]
    assert server.read("urn:ngsi-ld:BatchG:1", format="simplified")["https://one.example/t"] == 1
    assert server.read("urn:ngsi-ld:BatchG:2", format="simplified")["https://two.example/t"] == 2


@pytest.mark.parametrize("operation", ["create", "upsert", "update", "merge", "delete"])
@pytest.mark.parametrize("body", [{}, [], "text", 5])
def test_a_batch_that_is_no_array_is_refused(server: Client, operation: str, body: Any) -> None:
    assert batch(server, operation, body).problem == (400, "BadRequestData")


def test_a_batch_with_too_many_items_is_refused_as_a_whole(server: Client) -> None:
    assert batch(server, "create", things("BatchH", range(5001))).problem == (413, "PayloadTooLarge")
    assert server.ids(type="BatchH") == []


def test_query_by_body_finds_the_same_as_by_address(server: Client) -> None:
    batch(server, "create", [{**one, "n": place} for place, one in enumerate(things("BatchI", range(10)))])
    asked = {"type": "Query", "entities": [{"type": "BatchI"}], "q": "n>=5", "pick": ["id", "n"]}
    reply = server.post(f"{OPERATIONS}/query", asked, limit=3, count="true", options="keyValues")
    assert [one["n"] for one in reply.json] == [5, 6, 7]
    assert list(reply.json[0]) == ["id", "n"]
    assert reply.headers["ngsild-results-count"] == "5"
    following = reply.headers["link"].split('rel="next"')[0].rpartition("<")[2].partition(">")[0]
    second = server.post(following, asked)
    assert [one["n"] for one in second.json] == [8, 9]
    several = {"type": "Query", "entities": [{"type": "Nothing"}, {"type": "BatchI", "idPattern": ":[12]$"}]}
    assert len(server.post(f"{OPERATIONS}/query", several).json) == 2
