"""Every profile that ships: it loads, what it names exists, and its data say where they come from."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from machinami.bootstrap import profile as module
from machinami.bootstrap.profile import Profile, load_profile, plain_profile, profiles
from machinami.command.alarms.conditions import LevelRule, ThresholdRule
from machinami.kernel.errors import Refusal
from machinami.kernel.geometry import box_of
from machinami.linkage.feeds.alerts import alerts_of
from machinami.linkage.feeds.replay import Recorded, schedule
from machinami.linkage.feeds.simulation import bus, gauge, water_level_m
from machinami.linkage.importing.catalogue import find_town, load_models
from machinami.standards.alerts import term
from machinami.standards.amedas import parse_snapshot, parse_stations, snapshot_instant
from machinami.standards.jma.telegram import parse_telegram

NOW = datetime(2026, 11, 26, tzinfo=UTC)
STATIC = Path(module.__file__).parents[1] / "entrypoints" / "web" / "static" / "js" / "core" / "icons.js"
SHIPPED = sorted(profiles())


@pytest.fixture(params=SHIPPED)
def profile(request: pytest.FixtureRequest) -> Profile:
    return load_profile(request.param)


def drawn_icons() -> set[str]:
    """The names under which the map's icons are drawn, aliases included."""
    text = STATIC.read_text("utf-8")
    drawn, _, rest = text.partition("const ALIASES")
    names = set(re.findall(r"^  ([a-z_]+): [\"`]|^  ([a-z_]+): ring", drawn, re.MULTILINE))
    aliases = re.findall(r"\"?([a-z-]+)\"?: \"[a-z]+\"", rest.partition("});")[0])
    return {name for pair in names for name in pair if name} | set(aliases)


def test_takamatsu_ships() -> None:
    assert "takamatsu" in SHIPPED


def test_city_is_a_known_town_and_its_centre_lies_in_its_areas(profile: Profile) -> None:
    town = find_town(profile.view.code)
    assert town.name == profile.view.ja
    lon, lat = profile.view.center
    boxes = [box_of(shape["coordinates"]) for shape in profile.areas.values()]
    assert any(box.west <= lon <= box.east and box.south <= lat <= box.north for box in boxes)
    assert 3 <= profile.view.zoom <= 18


def test_layers_are_told_apart_and_belong_to_a_domain(profile: Profile) -> None:
    layers = profile.view.layers
    for values in (
        [one.id for one in layers], [one.ja for one in layers], [one.en for one in layers], [one.order for one in layers],
        [one.type for one in layers], [(one.icon, one.color) for one in layers],
    ):  # fmt: skip
        assert len(set(values)) == len(layers)
    domains = {one.id for one in profile.view.domains}
    assert {one.domain for one in layers} == domains
    assert all(re.fullmatch(r"#[0-9a-f]{6}", one.color) for one in layers)


def test_layers_show_types_that_a_model_or_a_feed_of_the_profile_gives(profile: Profile) -> None:
    known = {model.type_iri for model in load_models()} | {term("WeatherObserved")}
    known |= {kind for plan in profile.gauges for kind in gauge(plan, NOW).types}
    known |= {kind for plan in profile.buses for kind in bus(plan, NOW).types}
    assert {one.type for one in profile.view.layers} <= known


def test_layers_have_icons_that_are_drawn(profile: Profile) -> None:
    assert len(drawn_icons()) > 40
    assert {one.icon for one in profile.view.layers} <= drawn_icons()


def test_layers_of_simulated_things_are_labelled_and_show_a_value_that_they_have(profile: Profile) -> None:
    by_type = {one.type: one for one in profile.view.layers}
    for entity in [gauge(plan, NOW) for plan in profile.gauges] + [bus(plan, NOW) for plan in profile.buses]:
        layer = by_type[entity.types[0]]
        assert layer.label == "simulation"
        assert layer.live
        assert layer.value in entity.attributes


def test_layers_give_credit(profile: Profile) -> None:
    for one in profile.view.layers:
        assert one.credit is not None
        assert one.credit.ja
        assert one.credit.en
        assert one.credit.url or one.label == "simulation"


def test_areas_cover_the_area_codes_of_the_rules(profile: Profile) -> None:
    """Codes of areas are numbers; what concerns the whole country has a word and no shape."""
    codes = {code for rule in profile.rules if isinstance(rule, LevelRule) for code in rule.areas}
    assert {code for code in codes if code.isdigit()} <= profile.areas.keys()
    assert all(shape["type"] in ("Polygon", "MultiPolygon") for shape in profile.areas.values())


def test_thresholds_watch_something_that_the_profile_has(profile: Profile) -> None:
    shown = {one.type: one.value for one in profile.view.layers}
    watched = [rule for rule in profile.rules if isinstance(rule, ThresholdRule)]
    for rule in watched:
        assert shown[rule.entity_type] == rule.attribute
    assert len({rule.id for rule in profile.rules}) == len(profile.rules)


def test_weather_is_a_snapshot_of_known_stations(profile: Profile) -> None:
    if profile.weather is not None:
        snapshot, stations = profile.weather
        assert snapshot_instant(snapshot.name) < NOW
        readings, known = parse_snapshot(snapshot.read_bytes()), parse_stations(stations.read_bytes())
        assert len(readings) > 1_000
        assert len(set(readings) - set(known)) < len(readings) * 0.05


def test_replays_are_telegrams_that_come_within_minutes(profile: Profile) -> None:
    for replay in profile.replays:
        recorded = []
        for path in replay.files:
            telegram = parse_telegram(path.read_bytes())
            assert alerts_of(telegram, "replay")
            recorded.append(Recorded(telegram.head.reported_at, path.name, path.read_bytes()))
        plan = schedule(recorded, replay.speed, replay.start_after_s, replay.gap_s_max)
        assert plan[0].after_s == replay.start_after_s
        assert plan[-1].after_s < 600


def test_simulated_things_are_of_the_city_and_stay_in_it(profile: Profile) -> None:
    box = box_of(profile.areas[next(iter(profile.areas))]["coordinates"])
    for plan in profile.gauges:
        assert profile.view.code in plan.id
        levels = [water_level_m(plan, datetime.fromtimestamp(second, UTC)) for second in range(0, int(plan.period_s), 10)]
        assert min(levels) >= 0
        assert box.west <= plan.location[0] <= box.east
    for route in profile.buses:
        assert profile.view.code in route.id
        assert len(route.route) >= 2
        assert all(box.west <= lon <= box.east and box.south <= lat <= box.north for lon, lat in route.route)
    assert profile.simulation_every_s > 0


def test_open_data_holds_spreadsheets(profile: Profile) -> None:
    if profile.opendata is not None:
        assert any(path.suffix in (".xlsx", ".csv") for path in profile.opendata.rglob("*"))


def test_data_say_where_they_come_from_and_under_which_licence(profile: Profile) -> None:
    assert (profile.folder / "README.md").is_file()
    for folder in sorted(one for one in profile.folder.iterdir() if one.is_dir()):
        text = (folder / "README.md").read_text("utf-8")
        assert re.search(r"https://|on GitHub|出典", text), folder
        assert re.search(r"licen[cs]e|terms|利用規約|CC BY", text, re.IGNORECASE), folder


def written(folder: Path, **parts: str) -> None:
    city = 'code = "372013"\nname_ja = "高松市"\nname_en = "Takamatsu"\ncenter = [134.0, 34.3]\nzoom = 11'
    text = parts.get("city", f"[city]\n{city}\n") + parts.get("more", "")
    (folder / "mine").mkdir(parents=True)
    (folder / "mine" / "city.toml").write_text(text, "utf-8")
    if "rules" in parts:
        (folder / "mine" / "rules.json").write_text(parts["rules"], "utf-8")


LAYER = '[[layers]]\nid = "x"\ndomain = "d"\nja = "x"\nen = "x"\ntype = "X"\ncolor = "#000000"\nicon = "place"\norder = 1\n'


def test_load_profile_is_content_with_a_city_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, more=LAYER)
    monkeypatch.setattr(module, "FOLDERS", (tmp_path, tmp_path / "missing"))
    loaded = load_profile("mine")
    assert (loaded.view.profile, loaded.view.ja, loaded.rules, loaded.replays, loaded.areas) == ("mine", "高松市", (), (), {})
    assert loaded.view.layers[0].type == term("X")


@pytest.mark.parametrize(
    "parts",
    [
        {"city": "city = "}, {"city": '[city]\ncode = "1"\n'},
        {"city": '[city]\ncode = "372013"\nname_ja = "高松市"\nname_en = "T"\ncenter = [134.0]\nzoom = 11\n'},
        {"more": LAYER + 'credit = "nobody"\n'}, {"more": LAYER + 'colour = "#fff"\n'}, {"more": '[[layers]]\nid = "x"\n'},
        {"more": '[[replays]]\nfiles = "jma/*.xml"\nstart_after_s = 1\ngap_s_max = 1\nspeed = 1\n'},
        {"more": "[weather]\nsnapshot = 5\n"}, {"more": '[[simulation.buses]]\nroute = [[1]]\n'},
    ],
)  # fmt: skip
def test_load_profile_refuses_one_that_is_not_right(parts: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, **parts)
    monkeypatch.setattr(module, "FOLDERS", (tmp_path,))
    with pytest.raises(Refusal) as refused:
        load_profile("mine")
    assert refused.value.code == "bootstrap.profile.not_valid"
    assert refused.value.parameters["profile"] == "mine"


def test_load_profile_passes_on_what_is_wrong_with_the_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, rules='{"rules": [{"id": "x"}]}')
    monkeypatch.setattr(module, "FOLDERS", (tmp_path,))
    with pytest.raises(Refusal):
        load_profile("mine")


@pytest.mark.parametrize("name", ["nowhere", "", "../takamatsu", "takamatsu/opendata"])
def test_load_profile_refuses_a_name_that_is_none(name: str) -> None:
    with pytest.raises(Refusal) as refused:
        load_profile(name)
    assert refused.value.code == "bootstrap.profile.not_found"
    assert "takamatsu" in refused.value.parameters["known"]


@pytest.mark.parametrize("town", ["372013", "高松市"])
def test_plain_profile_has_the_map_of_the_town_and_nothing_on_it(town: str) -> None:
    view = plain_profile(town).view
    assert (view.layers, view.domains, view.code, view.ja) == ((), (), "372013", "高松市")
    assert view.center == (pytest.approx(134.05, abs=0.1), pytest.approx(34.34, abs=0.1))
    assert view.zoom > plain_profile().view.zoom


def test_plain_profile_shows_the_country_when_no_town_is_told() -> None:
    view = plain_profile().view
    assert (view.layers, view.code) == ((), "")
    assert 120 < view.center[0] < 150


def test_plain_profile_refuses_a_town_that_is_not_known() -> None:
    with pytest.raises(Refusal) as refused:
        plain_profile("どこか")
    assert refused.value.code == "import.town.unknown"
