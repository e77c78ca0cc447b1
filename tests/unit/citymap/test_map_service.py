"""Layers, search and lists of the map."""

from __future__ import annotations

from typing import Any

import pytest

from machinami.citymap import service
from machinami.citymap.service import CityMap, coordinates, folded
from machinami.kernel.caller import development_caller
from machinami.kernel.errors import Refusal
from machinami.standards.alerts import ALERT, term

CALLER = development_caller()


async def names(city: CityMap, text: str) -> list[str]:
    return [one["name"] for one in await city.search(CALLER, text)]


async def test_layers_come_in_order_with_their_counts(city: CityMap, put: Any, make: Any) -> None:
    await put(make("1", "Gauge"), make("2", "Gauge", lon=None), make("1"))
    assert [(one.id, count) for one, count in await city.layers(CALLER)] == [("gauge", 2), ("shelter", 1), ("gauge-heat", 2)]


async def test_layers_make_one_for_a_type_that_has_places_and_none_of_its_own(city: CityMap, put: Any, make: Any) -> None:
    await put(make("1", "Park"), make("1", "Statistics", lon=None), make("1", "Kiosk"), make("1", "Alert"))
    automatic = [(one.id, one.ja, one.en, count) for one, count in await city.layers(CALLER) if one.domain == "other"]
    assert automatic == [
        (f"type:{term('Kiosk')}", "Kiosk", "Kiosk", 1),
        (f"type:{term('Park')}", "公園", "Parks", 1),
    ]
    assert city.domains()[-1].id == "other"
    found = await city.features(CALLER, f"type:{term('Park')}")
    assert [one["properties"]["id"] for one in found["features"]] == ["urn:ngsi-ld:Park:1"]


async def test_features_are_those_of_the_layer_that_have_a_place(city: CityMap, put: Any, make: Any, alarms: Any) -> None:
    await put(make("1", level=3), make("2", lon=None), make("3", withdrawn=True), make("4"), make("1", "Gauge"))
    alarms.by = {"urn:ngsi-ld:Shelter:4": (2, "critical")}
    found = await city.features(CALLER, "shelter")
    assert [
        (one["properties"]["id"], one["properties"]["alarms"], one["properties"]["severity"]) for one in found["features"]
    ] == [
        ("urn:ngsi-ld:Shelter:1", 0, None),
        ("urn:ngsi-ld:Shelter:4", 2, "critical"),
    ]
    assert found["truncated"] is False


async def test_features_say_that_there_is_more_than_the_map_takes(
    city: CityMap, put: Any, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "FEATURES_MAX", 4)
    monkeypatch.setattr(service, "PAGE", 2)
    await put(*(make(str(number)) for number in range(5)))
    found = await city.features(CALLER, "shelter")
    assert (len(found["features"]), found["truncated"]) == (4, True)


async def test_features_of_a_tenant_are_its_own(city: CityMap, put: Any, make: Any) -> None:
    await put(make("1"), tenant="other")
    assert (await city.features(CALLER, "shelter"))["features"] == []
    assert len((await city.features(development_caller("other"), "shelter"))["features"]) == 1


async def test_features_refuse_a_layer_that_is_not_there(city: CityMap) -> None:
    with pytest.raises(Refusal) as refused:
        await city.features(CALLER, "nothing")
    assert refused.value.code == "citymap.layer.does_not_exist"


async def test_area_alarms_have_the_shape_of_their_area_if_it_is_known(city: CityMap, alarms: Any) -> None:
    alarms.rows = [{"area_code": "590", "severity": "major"}, {"area_code": "1"}]
    found = await city.area_alarms(CALLER)
    assert [(one["geometry"] is None, one["properties"]["area_code"]) for one in found["features"]] == [
        (False, "590"),
        (True, "1"),
    ]


async def test_search_puts_the_whole_name_first_then_beginnings_then_the_shorter(city: CityMap, put: Any, make: Any) -> None:
    words = ["旧中央公園南", "中央公園南口", "中央公園北", "中央公園", "玉藻公園"]
    await put(*(make(str(number), name=name) for number, name in enumerate(words)))
    assert await names(city, "中央公園") == ["中央公園", "中央公園北", "中央公園南口", "旧中央公園南"]


@pytest.mark.parametrize("text", ["ＡＥＤ 1", "aed1", "Aed１", " AED\u30001 "])
async def test_search_does_not_mind_width_case_and_blanks(text: str, city: CityMap, put: Any, make: Any) -> None:
    await put(make("1", name="ＡＥＤ　１号"))
    assert await names(city, text) == ["ＡＥＤ　１号"]


async def test_search_does_not_mind_half_width_katakana_and_finds_english_names(city: CityMap, put: Any, make: Any) -> None:
    await put(make("1", name="サンポート", alternateName="Sunport"))
    assert await names(city, "ｻﾝﾎﾟｰﾄ") == await names(city, "sunp") == ["サンポート"]


async def test_search_finds_an_entity_by_its_id(city: CityMap, put: Any, make: Any) -> None:
    await put(make("1", name="a"), make("2", name="b"))
    [found] = await city.search(CALLER, " urn:ngsi-ld:Shelter:2 ")
    assert found == {"kind": "entity", "id": "urn:ngsi-ld:Shelter:2", "name": "b", "type": "Shelter", "lat": 34.3, "lon": 134.0}
    assert await city.search(CALLER, "urn:ngsi-ld:Shelter:3") == []


@pytest.mark.parametrize("text", ["", "  ", "\u3000"])
async def test_search_finds_nothing_when_nothing_is_asked(text: str, city: CityMap, put: Any, make: Any) -> None:
    await put(make("1", name="a"))
    assert await city.search(CALLER, text) == []


async def test_search_gives_a_bounded_number_of_results(
    city: CityMap, put: Any, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "RESULTS_MAX", 3)
    await put(*(make(str(number), name=f"公園{number}") for number in range(5)))
    assert await names(city, "公園") == ["公園0", "公園1", "公園2"]


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("34.34, 134.05", (134.05, 34.34)),
        ("34.34 134.05", (134.05, 34.34)),
        ("134.05,34.34", (134.05, 34.34)),
        ("３４．３４，１３４．０５", (134.05, 34.34)),
        ("34.34、134.05", (134.05, 34.34)),
        ("-33.9 18.4", (18.4, -33.9)),
        ("34", None),
        ("34 134 1", None),
        ("200 300", None),
        ("nan nan", None),
        ("inf 3", None),
        ("高松 公園", None),
        ("", None),
    ],
)
def test_coordinates_reads_a_pair_of_numbers(text: str, position: Any) -> None:
    assert coordinates(text) == position


async def test_search_gives_the_place_when_the_text_is_a_pair_of_numbers(city: CityMap) -> None:
    assert await city.search(CALLER, "34.34, 134.05") == [
        {"kind": "coordinate", "id": "", "name": "34.340000, 134.050000", "type": "", "lat": 34.34, "lon": 134.05}
    ]


async def test_types_have_the_names_of_their_layer_or_model(city: CityMap, put: Any, make: Any) -> None:
    await put(make("1"), make("1", "Park"), make("1", "Kiosk"))
    rows = {one["type"]: (one["name_ja"], one["name_en"], one["count"]) for one in await city.types(CALLER)}
    assert rows == {"Shelter": ("shelter ja", "shelter en", 1), "Park": ("公園", "Parks", 1), "Kiosk": ("Kiosk", "Kiosk", 1)}


async def pages(city: CityMap, kind: str | None, text: str, limit: int) -> list[list[str]]:
    found, after = [], 0
    while True:
        page = await city.listing(CALLER, kind, text, limit, after)
        found.append([row["id"].rpartition(":")[2] for row in page["rows"]])
        if page["next"] is None:
            return found
        after = page["next"]


async def test_listing_pages_through_everything_once(city: CityMap, put: Any, make: Any) -> None:
    await put(*(make(str(number), name=f"n{number}") for number in range(5)), make("9", "Gauge"))
    assert await pages(city, "Shelter", "", 2) == [["0", "1"], ["2", "3"], ["4"]]
    assert await pages(city, term("Shelter"), "", 5) == [["0", "1", "2", "3", "4"]]
    assert await pages(city, None, "", 10) == [["0", "1", "2", "3", "4"]]


async def test_listing_filters_by_name_or_id_and_still_pages(
    city: CityMap, put: Any, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "PAGE", 3)
    await put(*(make(str(number), name="公園" if number % 2 else "駅") for number in range(8)))
    assert await pages(city, "Shelter", "公園", 2) == [["1", "3"], ["5", "7"]]
    monkeypatch.setattr(service, "PAGE", 100)
    assert await pages(city, "Shelter", "公園", 2) == [["1", "3"], ["5", "7"]]
    assert await pages(city, "Shelter", "shelter:3", 2) == [["3"]]
    assert await pages(city, "Shelter", "城", 2) == [[]]


async def test_listing_looks_at_a_bounded_number_of_entities_for_one_page(
    city: CityMap, put: Any, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "PAGE", 2)
    monkeypatch.setattr(service, "SEARCH_ENTITIES_MAX", 4)
    await put(*(make(str(number), name="駅") for number in range(5)), make("5", name="城"))
    assert await pages(city, "Shelter", "城", 1) == [[], ["5"]]


async def test_listing_rows_say_when_and_how_the_data_came(city: CityMap, put: Any, make: Any) -> None:
    await put(make("1", name="a", label="replay", lon=None))
    [row] = (await city.listing(CALLER, "Shelter", "", 10, 0))["rows"]
    assert row == {
        "kind": "entity",
        "id": "urn:ngsi-ld:Shelter:1",
        "name": "a",
        "type": "Shelter",
        "lat": None,
        "lon": None,
        "modified_at": "2026-11-26T00:00:00Z",
        "label": "replay",
    }


async def test_listing_refuses_a_type_that_nothing_has(city: CityMap, put: Any, make: Any) -> None:
    await put(make("1"), tenant="other")
    with pytest.raises(Refusal) as refused:
        await city.listing(CALLER, "Shelter", "", 10, 0)
    assert refused.value.code == "data.type.does_not_exist"


def test_folded_keeps_what_matters() -> None:
    assert folded("Ａ b　Ｃ") == "abc"
    assert folded("ハ") != folded("バ")


def test_layers_of_shows_an_entity_in_all_layers_of_its_types(city: CityMap, make: Any) -> None:
    from dataclasses import replace

    both = replace(make("1"), types=(term("Shelter"), term("Gauge"), term("Park"), ALERT))
    assert [one.id for one in city.layers_of(both)] == ["shelter", "gauge-heat", "gauge", f"type:{term('Park')}"]
    placeless = make("1", "Park", lon=None)
    assert city.layers_of(placeless) == []
    assert [one.id for one in city.layers_of(placeless, had_place=True)] == [f"type:{term('Park')}"]
