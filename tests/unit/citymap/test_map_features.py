"""How an entity looks on the map."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from machinami.citymap.features import feature, is_withdrawn, label_of, name_of, observed_at, point_of
from machinami.kernel.entity import LOCATION, Entity
from machinami.linkage.feeds.shape import prop
from machinami.standards.alerts import term

AT = datetime(2026, 11, 26, 1, tzinfo=UTC)
BOTH = {"type": "LanguageProperty", "languageMap": {"ja": "香東川", "en": "Koto River"}}


@pytest.mark.parametrize(
    ("named", "ja", "en"),
    [
        ({"name": "高松市役所"}, "高松市役所", "高松市役所"),
        ({"name": "市役所", "alternateName": "City hall"}, "市役所", "City hall"),
        ({"name": "市役所", "alternateName": "シヤクショ"}, "市役所", "市役所"),
        ({"name": BOTH}, "香東川", "Koto River"),
        ({"name": {"type": "LanguageProperty", "languageMap": {"@none": "駅"}}}, "駅", "駅"),
        ({"title": "津波警報"}, "津波警報", "津波警報"),
        ({"name": "", "title": "題"}, "題", "題"),
        ({"name": 5}, "urn:ngsi-ld:Shelter:1", "urn:ngsi-ld:Shelter:1"),
        ({}, "urn:ngsi-ld:Shelter:1", "urn:ngsi-ld:Shelter:1"),
    ],
)
def test_name_of_is_the_name_in_the_language_else_the_title_else_the_id(named: Any, ja: str, en: str, make: Any) -> None:
    entity = make("1", **named)
    assert (name_of(entity), name_of(entity, "en")) == (ja, en)


def test_feature_says_what_the_layer_shows(make: Any, gauge_layer: Any) -> None:
    entity = make("1", "Gauge", name="水位計", level=prop(1.6, AT, "MTR"), address="高松市", label="replay", temperature=7)
    drawn = feature(entity, gauge_layer, 2, "major")
    assert drawn is not None
    assert drawn["geometry"] == {"type": "Point", "coordinates": [134.0, 34.3]}
    assert drawn["properties"] == {
        "id": "urn:ngsi-ld:Gauge:1",
        "layer": "gauge",
        "type": "gauge",
        "name": "水位計",
        "name_en": "水位計",
        "detail_ja": "高松市",
        "detail_en": "高松市",
        "value": 1.6,
        "unit": "m",
        "severity": "major",
        "alarms": 2,
        "observed_at": "2026-11-26T01:00:00Z",
        "label": "replay",
    }


@pytest.mark.parametrize(("value", "shown"), [(0, 0), (True, None), ("1.6", None), ([1], None), (None, None)])
def test_feature_shows_numbers_only_as_the_figure(value: Any, shown: Any, make: Any, gauge_layer: Any) -> None:
    drawn = feature(make("1", "Gauge", level={"type": "Property", "value": value}), gauge_layer)
    assert drawn is not None
    assert drawn["properties"]["value"] == shown
    assert drawn["properties"]["unit"] == ""


def test_feature_takes_the_label_of_the_layer_when_the_entity_has_none(make: Any, gauge_layer: Any) -> None:
    drawn = feature(make("1", "Gauge"), gauge_layer)
    assert drawn is not None
    assert drawn["properties"]["label"] == "simulation"
    assert label_of(make("1", "Gauge")) is None


def test_feature_keeps_a_unit_that_it_does_not_know(make: Any, gauge_layer: Any) -> None:
    drawn = feature(make("1", "Gauge", level=prop(1, AT, "XYZ")), gauge_layer)
    assert drawn is not None
    assert drawn["properties"]["unit"] == "XYZ"


def test_feature_is_none_when_there_is_no_place_or_the_list_withdrew_it(make: Any, gauge_layer: Any) -> None:
    assert feature(make("1", "Gauge", lon=None), gauge_layer) is None
    assert feature(make("1", "Gauge", withdrawn=True), gauge_layer) is None
    assert feature(make("1", "Gauge", withdrawn=False), gauge_layer) is not None
    wrong = make("1", "Gauge")
    wrong.attributes[LOCATION] = [prop("Takamatsu")]
    assert feature(wrong, gauge_layer) is None


@pytest.mark.parametrize(("value", "withdrawn"), [(True, True), ("true", False), (1, False)])
def test_is_withdrawn_only_when_the_mark_is_true(value: Any, withdrawn: bool, make: Any) -> None:
    assert is_withdrawn(make("1", withdrawn=value)) is withdrawn
    assert not is_withdrawn(make("1"))


def test_observed_at_is_the_newest_instant_whatever_the_offset() -> None:
    early = {"type": "Property", "value": 1, "observedAt": "2026-11-26T09:00:00+09:00"}
    late = {"type": "Property", "value": 1, "observedAt": "2026-11-26T01:00:00Z"}
    assert observed_at(early, None, late) == observed_at(late, early) == "2026-11-26T01:00:00Z"
    assert observed_at(None, {"type": "Property", "value": 1}) is None


@pytest.mark.parametrize(
    ("geometry", "middle"),
    [
        ({"type": "Point", "coordinates": [134.1, 34.2, 5]}, (134.1, 34.2)),
        ({"type": "LineString", "coordinates": [[134, 34], [135, 36]]}, (134.5, 35.0)),
        ({"type": "GeometryCollection", "geometries": []}, None),
    ],
)
def test_point_of_is_the_point_or_the_middle(geometry: Any, middle: Any, make: Any) -> None:
    entity = make("1")
    entity.attributes[LOCATION] = [{"type": "GeoProperty", "value": geometry}]
    assert point_of(entity) == middle


def test_point_of_is_none_when_there_is_no_place(make: Any) -> None:
    assert point_of(make("1", lon=None)) is None
    assert point_of(replace(Entity("urn:1", (term("Shelter"),)))) is None
