"""A chart asks for an attribute's past: the last values, or those of a span of time, page by page."""

from __future__ import annotations

from typing import Any

import pytest

from .scenario_kit import V1, Client, address_of

TEMPORAL = f"{V1}/temporal/entities"

GAUGE = "urn:ngsi-ld:Past:1"
SERIES = f"{V1}/temporal/entities/{GAUGE}"
PAGE = 5
"""The server of these tests runs with `history_page_instances` = 5."""


@pytest.fixture(scope="module", autouse=True)
def measured(emptied: None, server: Client) -> None:
    """Nine hourly levels, and a name that never changed."""
    server.create(GAUGE, "Past", name="橋の下", level={"value": 0, "observedAt": "2026-05-14T00:00:00Z"})
    for hour in range(1, 9):
        changed = {"level": {"value": hour, "observedAt": f"2026-05-14T{hour:02}:00:00Z"}}
        assert server.patch(address_of(GAUGE), changed).status == 204


def hours(document: Any) -> list[int]:
    series = document["level"]
    return [one["value"] for one in (series if isinstance(series, list) else [series])]


def test_last_n_gives_the_newest_in_order_of_time(server: Client) -> None:
    reply = server.get(SERIES, attrs="level", lastN=3)
    assert reply.status == 200
    assert hours(reply.json) == [6, 7, 8]
    assert all(one["instanceId"].startswith("urn:ngsi-ld:Instance:") for one in reply.json["level"])


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ({"timerel": "after", "timeAt": "2026-05-14T05:00:00Z"}, [5, 6, 7, 8]),
        ({"timerel": "before", "timeAt": "2026-05-14T03:00:00Z"}, [0, 1, 2]),
        ({"timerel": "between", "timeAt": "2026-05-14T02:00:00Z", "endTimeAt": "2026-05-14T05:00:00Z"}, [2, 3, 4]),
        ({"timerel": "between", "timeAt": "2026-05-14T11:00:00+09:00", "endTimeAt": "2026-05-14T05:00:00Z"}, [2, 3, 4]),
    ],
)
def test_spans_of_time_hold_what_was_observed_in_them(server: Client, asked: dict[str, str], wanted: list[int]) -> None:
    assert hours(server.get(SERIES, attrs="level", **asked).json) == wanted


def test_temporal_values_are_pairs_of_value_and_time(server: Client) -> None:
    for asked in ({"format": "temporalValues"}, {"options": "temporalValues"}):
        series = server.get(SERIES, attrs="level", lastN=2, **asked).json["level"]
        assert series["values"] == [[7, "2026-05-14T07:00:00Z"], [8, "2026-05-14T08:00:00Z"]]


def test_more_than_a_page_is_answered_206_with_the_range_it_holds(server: Client) -> None:
    first = server.get(SERIES, attrs="level", timerel="after", timeAt="2026-05-13T00:00:00Z")
    assert first.status == 206
    assert hours(first.json) == [0, 1, 2, 3, 4]
    assert first.headers["content-range"] == "date-time 2026-05-13T00:00:00Z-2026-05-14T04:00:00Z/*"
    newest = server.get(SERIES, attrs="level", lastN=8)
    assert newest.status == 206
    assert hours(newest.json) == [4, 5, 6, 7, 8]
    assert newest.headers["content-range"] == "date-time 2026-05-14T08:00:00Z-2026-05-14T04:00:00Z/8"
    assert server.get(SERIES, attrs="level", lastN=PAGE).status == 200


def test_other_attributes_come_with_their_own_series(server: Client) -> None:
    document = server.get(SERIES, lastN=2).json
    assert hours(document) == [7, 8]
    assert [one["value"] for one in document["name"]] == ["橋の下"]


def test_a_deleted_attribute_keeps_its_past_until_the_entity_goes(server: Client) -> None:
    server.create("urn:ngsi-ld:Past:2", "Past", level=1)
    server.delete(address_of("urn:ngsi-ld:Past:2"))
    assert server.get(f"{V1}/temporal/entities/urn:ngsi-ld:Past:2").problem == (404, "ResourceNotFound")


@pytest.mark.parametrize(
    "asked",
    [
        {"timerel": "around", "timeAt": "2026-05-14T05:00:00Z"},
        {"timerel": "after"},
        {"timerel": "after", "timeAt": "yesterday"},
        {"timerel": "between", "timeAt": "2026-05-14T05:00:00Z"},
        {"lastN": "0"},
        {"lastN": "many"},
        {"timeproperty": "someday", "timerel": "after", "timeAt": "2026-05-14T05:00:00Z"},
    ],
)
def test_a_wrong_question_about_time_is_refused(server: Client, asked: dict[str, str]) -> None:
    assert server.get(SERIES, **asked).problem == (400, "BadRequestData")


@pytest.mark.parametrize("asked", [{"options": "sideways"}, {"format": "sideways"}, {"options": "temporalValues,sideways"}])
def test_a_form_that_is_not_offered_is_refused(server: Client, asked: dict[str, str]) -> None:
    assert server.get(SERIES, **asked).problem == (400, "InvalidRequest")


def test_a_history_is_told_as_an_earlier_version_of_the_standard_knows_it(server: Client) -> None:
    at = "2026-01-01T00:00:00Z"
    name = "urn:ngsi-ld:Versioned:1"
    words = {"type": "LanguageProperty", "languageMap": {"ja": "x"}, "observedAt": at}
    sort = [
        {"type": "VocabProperty", "vocab": "good", "observedAt": at},
        {"type": "VocabProperty", "vocab": "bad", "observedAt": at, "datasetId": "urn:d:1"},
    ]
    document = {"id": name, "type": ["A", "B"], "words": [words], "sort": sort}
    assert server.post(TEMPORAL, document).status == 201
    path, window = f"{TEMPORAL}/{name}", {"timerel": "after", "timeAt": "2025-01-01T00:00:00Z"}

    old = server.get(path, {"Prefer": "ngsi-ld=1.4"}, **window)
    assert (old.status, old.headers["preference-applied"]) == (203, "ngsi-ld=1.4")
    assert [(one["type"], one["value"]) for one in old.json["sort"]] == [("Property", "good"), ("Property", "bad")]
    assert old.json["words"][0]["languageMap"] == {"ja": "x"}

    oldest = server.get(path, {"Prefer": "ngsi-ld=1.0"}, **window)
    assert (oldest.status, oldest.json["type"]) == (203, "A")
    assert [(one["type"], one["value"]) for one in oldest.json["sort"]] == [("Property", "good")]
    values = server.get(TEMPORAL, {"Prefer": "ngsi-ld=1.0"}, type="A", format="temporalValues", **window)
    assert (values.status, values.json[0]["words"]) == (203, {"type": "Property", "values": [[{"ja": "x"}, at]]})

    new = server.get(path, {"Prefer": "ngsi-ld=1.9"}, **window)
    assert (new.status, new.headers["preference-applied"], len(new.json["sort"])) == (200, "ngsi-ld=1.9", 2)
    assert "preference-applied" not in server.get(path, **window).headers
