"""AMeDAS: the whole country at one instant."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from machinami.kernel.errors import Refusal
from machinami.linkage.feeds.weather import QUANTITIES, weather_id, weather_of
from machinami.standards.alerts import LABEL, term
from machinami.standards.amedas import MEASURED_FLAGS, Reading, parse_snapshot, parse_stations, snapshot_instant

FOLDER = Path(__file__).parents[4] / "cities" / "takamatsu" / "amedas"
SNAPSHOT = "20210224150000.json"


@pytest.fixture(scope="module")
def entities():
    snapshot = parse_snapshot((FOLDER / SNAPSHOT).read_bytes())
    stations = parse_stations((FOLDER / "amedastable.json").read_bytes())
    found, unknown = weather_of(snapshot, stations, snapshot_instant(SNAPSHOT))
    assert unknown == []
    return {entity.id: entity for entity in found}


def test_snapshot_instant_is_japanese_time():
    assert snapshot_instant(SNAPSHOT) == datetime(2021, 2, 24, 6, 0, tzinfo=UTC)
    for name in ("map.json", "20211324150000.json"):
        with pytest.raises(Refusal):
            snapshot_instant(name)


def test_weather_of_gives_one_entity_per_station(entities):
    assert len(entities) == 1295


def test_weather_of_reads_takamatsu(entities):
    takamatsu = entities[weather_id("72086")].attributes
    one = {name: takamatsu[term(name)][0] for name in ("temperature", "relativeHumidity", "windSpeed", "windDirection")}
    assert (one["temperature"]["value"], one["temperature"]["unitCode"]) == (10.7, "CEL")
    assert one["relativeHumidity"]["value"] == 0.37
    assert one["relativeHumidity"]["attributes"][term("published")][0]["value"] == 37
    assert one["windSpeed"]["value"] == 1.7
    assert one["windDirection"]["value"] == 22.5
    assert one["windDirection"]["attributes"][term("published")][0]["value"] == 1
    assert all(instance["observedAt"] == "2021-02-24T06:00:00Z" for instance in one.values())
    assert takamatsu[term("location")][0]["value"]["coordinates"] == [134.053333, 34.318333]
    assert takamatsu[term("name")][0]["value"] == "高松"
    assert takamatsu[LABEL][0]["value"] == "snapshot"


def test_weather_of_never_turns_a_gap_into_a_number(entities):
    raw = json.loads((FOLDER / SNAPSHOT).read_bytes())
    measured = gaps = 0
    for station, row in raw.items():
        attributes = entities[weather_id(station)].attributes
        assert attributes[term("amedas")][0]["json"] == row
        for quantity in QUANTITIES:
            value, flag = row.get(quantity.element, [None, None])
            instance = attributes.get(term(quantity.attribute), [None])[0]
            if value is None or flag not in MEASURED_FLAGS:
                assert instance is None, (station, quantity.element)
                gaps += 1
            elif instance is not None:
                assert instance["attributes"][term("qualityFlag")][0]["value"] == flag
                assert instance["attributes"].get(term("published"), [instance])[0]["value"] == value
                measured += 1
            else:
                assert (quantity.element, value) == ("windDirection", 0), "only calm has no direction"
    assert gaps > 3_900
    assert measured > 10_400


def test_weather_of_names_stations_that_the_table_lacks():
    found, unknown = weather_of({"99999": {"temp": Reading(1.0, 0)}}, {}, datetime(2021, 2, 24, tzinfo=UTC))
    assert (found, unknown) == ([], ["99999"])


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b'{"1": 3}',
        b'{"1": {"temp": 3}}',
        b'{"1": {"temp": ["x", 0]}}',
        b'{"1": {"temp": [1, "0"]}}',
        b"[" * 100_000,
    ],
)
def test_parse_snapshot_refuses_what_is_no_snapshot(text):
    with pytest.raises(Refusal) as refused:
        parse_snapshot(text)
    assert refused.value.code == "standards.amedas.value_wrong"


@pytest.mark.parametrize("change", [{"lat": [34]}, {"lat": [99, 0]}, {"lon": [134, 60]}, {"alt": "9"}, {"kjName": None}])
def test_parse_stations_refuses_when_a_row_is_wrong(change):
    row = {
        "type": "A",
        "elems": "1",
        "lat": [34, 19.1],
        "lon": [134, 3.2],
        "alt": 9,
        "kjName": "高松",
        "knName": "",
        "enName": "T",
    }
    assert parse_stations(json.dumps({"1": row}).encode())["1"].name == "高松"
    with pytest.raises(Refusal):
        parse_stations(json.dumps({"1": row | change}).encode())
