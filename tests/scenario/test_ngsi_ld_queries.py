"""An app asks for what it needs: by type, id, value, place and scope, page by page, while others write."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from .scenario_kit import ENTITIES, V1, Client

TAKAMATSU = [134.05, 34.35]


@pytest.fixture(scope="module", autouse=True)
def gauges(emptied: None, server: Client) -> None:
    """Twelve gauges along a line to the east, one kilometre apart, and two things of other types."""
    items: list[dict[str, Any]] = [
        {
            "id": f"urn:ngsi-ld:Gauge:{number:02}",
            "type": "Gauge",
            "scope": [f"/Kagawa/{'Takamatsu' if number < 6 else 'Sanuki'}/{number}"],
            "level": {"value": number / 10, "observedAt": f"2026-05-14T{number:02}:00:00Z"},
            "owner": {"object": f"urn:ngsi-ld:Owner:{number % 2}"},
            "name": {"languageMap": {"ja": f"水位計{number}", "en": f"Gauge {number}"}},
            "state": {"value": "on" if number % 3 else "off"},
            "location": {"type": "Point", "coordinates": [TAKAMATSU[0] + number * 0.0109, TAKAMATSU[1]]},
            "details": {"json": {"maker": {"name": "A" if number % 2 else "B"}}},
        }
        for number in range(12)
    ]
    items += [
        {"id": "urn:ngsi-ld:Bus:1", "type": ["Bus", "Vehicle"], "level": 0.5},
        {"id": "urn:ngsi-ld:Car:1", "type": "Vehicle"},
    ]
    assert server.post(f"{V1}/entityOperations/create", items).status == 201


def numbers(found: list[str]) -> list[int]:
    return [int(one.rpartition(":")[2]) for one in found]


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ({"type": "Gauge", "q": "level>0.85"}, [9, 10, 11]),
        ({"type": "Gauge", "q": "level>=0.9;level<1.1"}, [9, 10]),
        ({"type": "Gauge", "q": "level==0.2..0.4"}, [2, 3, 4]),
        ({"type": "Gauge", "q": "level==0.2,0.7"}, [2, 7]),
        ({"type": "Gauge", "q": '(level<0.2|level>1);state=="on"'}, [1, 11]),
        ({"type": "Gauge", "q": 'state!="on"'}, [0, 3, 6, 9]),
        ({"type": "Gauge", "q": "level.observedAt>=2026-05-14T10:00:00Z"}, [10, 11]),
        ({"type": "Gauge", "q": 'name[ja]=="水位計7"'}, [7]),
        ({"type": "Gauge", "q": 'details[maker.name]=="A";level<0.4'}, [1, 3]),
        ({"type": "Gauge", "q": "owner==urn:ngsi-ld:Owner:1;level>0.8"}, [9, 11]),
        ({"type": "Gauge", "q": "state~=of+;level>0.5"}, [6, 9]),
        ({"type": "Gauge", "q": "nothing"}, []),
        ({"type": "Gauge", "idPattern": ":0[0-2]$"}, [0, 1, 2]),
        ({"id": "urn:ngsi-ld:Gauge:03,urn:ngsi-ld:Gauge:04", "local": "true"}, [3, 4]),
        ({"type": "Gauge", "id": "urn:ngsi-ld:Gauge:05,urn:ngsi-ld:Bus:1"}, [5]),
        ({"type": "Gauge", "georel": "near;maxDistance==2500", "geometry": "Point", "coordinates": "[134.05,34.35]"},
         [0, 1, 2]),
        ({"type": "Gauge", "georel": "near;minDistance==9500", "geometry": "Point", "coordinates": "[134.05,34.35]"}, [10, 11]),
        ({"type": "Gauge", "georel": "within", "geometry": "Polygon",
          "coordinates": "[[[134.07,34.3],[134.1,34.3],[134.1,34.4],[134.07,34.4],[134.07,34.3]]]"}, [2, 3, 4]),
        ({"type": "Gauge", "georel": "near;maxDistance==2500", "geometry": "Point", "coordinates": "[134.05,34.35]",
          "q": "level>0.05"}, [1, 2]),
        ({"type": "Gauge", "scopeQ": "/Kagawa/Takamatsu/+", "q": "level>0.3"}, [4, 5]),
        ({"type": "Gauge", "scopeQ": "/Kagawa/Sanuki/#"}, [6, 7, 8, 9, 10, 11]),
        ({"type": "Gauge", "scopeQ": "/Kagawa/Sanuki/7"}, [7]),
    ],
)  # fmt: skip
def test_queries_find_exactly_what_matches(server: Client, asked: dict[str, str], wanted: list[int]) -> None:
    assert numbers(server.ids(**asked)) == wanted


def test_type_selection_combines_types(server: Client) -> None:
    assert server.ids(type="Bus|Vehicle") == ["urn:ngsi-ld:Bus:1", "urn:ngsi-ld:Car:1"]
    assert server.ids(type="Bus;Vehicle") == ["urn:ngsi-ld:Bus:1"]
    assert server.ids(type="(Bus;Vehicle)|Car,Bus") == ["urn:ngsi-ld:Bus:1"]


def test_attrs_select_entities_that_have_one_of_them_and_show_only_these(server: Client) -> None:
    found = server.find(attrs="level", type="Vehicle", format="simplified")
    assert found == [{"id": "urn:ngsi-ld:Bus:1", "type": ["Bus", "Vehicle"], "level": 0.5}]


def test_a_query_for_nothing_in_particular_is_refused(server: Client) -> None:
    assert server.get(ENTITIES).problem == (400, "BadRequestData")


def test_limit_zero_with_count_tells_the_number_only(server: Client) -> None:
    reply = server.get(ENTITIES, type="Gauge", limit=0, count="true")
    assert (reply.json, reply.headers["ngsild-results-count"]) == ([], "12")
    assert server.get(ENTITIES, type="Gauge", limit=0).problem == (400, "BadRequestData")


def pages(server: Client, path: str) -> Iterator[list[str]]:
    """All pages, by following the Link headers."""
    while path:
        reply = server.get(path)
        yield [one["id"] for one in reply.json]
        found = re.search(r'<([^>]*)>; rel="next"', reply.headers.get("link", ""))
        path = found[1] if found else ""


def test_links_lead_through_all_pages_and_back(server: Client) -> None:
    found = list(pages(server, f"{ENTITIES}?type=Gauge&limit=5&q=level%3E0.05"))
    assert [len(one) for one in found] == [5, 5, 1]
    assert numbers([one for page in found for one in page]) == list(range(1, 12))
    middle = server.get(ENTITIES, type="Gauge", limit=5, offset=5)
    assert 'rel="prev"' in middle.headers["link"]
    assert "offset=0" in middle.headers["link"]


def test_pages_miss_and_repeat_nothing_while_others_change_and_add_entities(server: Client) -> None:
    items = [{"id": f"urn:ngsi-ld:Page:{number}", "type": "Page", "n": number} for number in range(300)]
    assert server.post(f"{V1}/entityOperations/create", items).status == 201
    stop = threading.Event()
    wrong: list[bytes] = []

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            changed = [{"id": f"urn:ngsi-ld:Page:{number * 7 % 300}", "type": "Page", "n": -1}]
            added = [{"id": f"urn:ngsi-ld:Page:new{number}", "type": "Page", "n": -1}]
            reply = server.post(f"{V1}/entityOperations/upsert", changed + added)
            if reply.status != 201:
                wrong.append(reply.body)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        found = [one for page in pages(server, f"{ENTITIES}?type=Page&limit=17&pick=id") for one in page]
    finally:
        stop.set()
        writer.join()
    assert not wrong
    assert len(found) == len(set(found))
    assert [one for one in found if "new" not in one] == [one["id"] for one in items]


def test_types_tell_what_is_there(server: Client) -> None:
    listed = server.get(f"{V1}/types").json
    assert {"Bus", "Gauge", "Vehicle"} <= set(listed["typeList"])
    assert listed["type"] == "EntityTypeList"
    one = server.get(f"{V1}/types/Gauge").json
    assert (one["typeName"], one["entityCount"]) == ("Gauge", 12)
    assert server.get(f"{V1}/types/Unheard").problem == (404, "ResourceNotFound")
