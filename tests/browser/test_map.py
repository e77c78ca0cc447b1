"""The city map (console.md M1 M2 M3 M8 M11 M14)."""

from __future__ import annotations

import math
from collections.abc import Callable

from browser_kit import CHROMIUM, LIVE_MS, Served, Visitor
from fake_city import FakeCity, now
from playwright.sync_api import Playwright

GAUGE = "urn:ngsi-ld:WaterLevel:372013:0001"
IDLE = "() => window.__machinami.map.loaded() && !window.__machinami.map.isMoving()"
CLUSTERS = "window.__machinami.map.queryRenderedFeatures({layers: ['cluster']}).map(row => row.properties)"


def count_of(visitor: Visitor, layer: str) -> int:
    visitor.until(IDLE)
    found = visitor.page.evaluate(
        f"window.__machinami.map.getLayer('point-{layer}') ? window.__machinami.map.queryRenderedFeatures({{layers: ['point-{layer}']}}).length : 0"
    )
    return int(found)


def test_map_shows_the_city_when_opened(visit: Callable[..., Visitor]) -> None:
    visitor = visit()
    page = visitor.open("/", "yes")
    box = page.locator("canvas.maplibregl-canvas").bounding_box()
    assert box is not None
    assert box["height"] > 200
    assert len(page.evaluate(CLUSTERS)) > 5
    assert colours(visitor) >= 50
    credits = page.locator(".map-credits").inner_text()
    assert "国土数値情報" in credits
    assert "高松市オープンデータ" in credits
    assert "気象庁" in credits
    assert page.locator(".drill-exercise").inner_text() == "訓練"
    visitor.clean()


def colours(visitor: Visitor) -> int:
    """Distinct colours in a sample of the map's pixels."""
    script = """() => new Promise(done => { const {map} = window.__machinami; map.once('render', () => {
      const from = map.getCanvas(), to = document.createElement('canvas'); to.width = 160; to.height = 100;
      const context = to.getContext('2d', {willReadFrequently: true}); context.drawImage(from, 0, 0, 160, 100);
      const found = new Set(new Uint32Array(context.getImageData(0, 0, 160, 100).data.buffer)); done(found.size); }); map.triggerRepaint(); })"""
    return int(visitor.page.evaluate(script))


def test_m1_layer_tree(visit: Callable[..., Visitor]) -> None:
    visitor = visit()
    page = visitor.open("/?at=34.28,134.05,14.2", "yes")
    parks = count_of(visitor, "park")
    assert parks > 0
    page.locator('[data-layer="park"] input[role=switch]').uncheck()
    visitor.until("() => !window.__machinami.map.getLayer('point-park')")
    assert count_of(visitor, "park") == 0
    page.locator('[data-layer="toilet"] input[role=switch]').check()
    visitor.until("() => 'toilet' in window.__machinami.counts")
    assert count_of(visitor, "toilet") > 0
    page.locator('[data-layer="bus"] button').click()
    page.locator("#more-bus input[type=range]").fill("0.5")
    page.locator("#more-bus button").first.click()
    before = visitor.probe("layers")
    address = page.url
    visitor.clean()

    stranger = visit()
    stranger.open(address.removeprefix(stranger.url), "yes")
    assert stranger.probe("layers") == before
    assert "park" not in before
    stranger.page.locator('[data-layer="bus"] button').click()
    assert stranger.page.locator("#more-bus input[type=range]").input_value() == "0.5"
    stranger.clean()


def test_m2_live_update(visit: Callable[..., Visitor], served: Served) -> None:
    visitor = visit()
    page = visitor.open(f"/?select={GAUGE}", "yes")
    page.locator(f'[data-entity="{GAUGE}"]').wait_for()
    served.post("/fake/value", {"id": GAUGE, "value": 7.77})
    visitor.until(
        "() => window.__machinami.map.querySourceFeatures('moving').some(row => row.properties.value.startsWith('7.77'))",
        LIVE_MS,
    )
    page.locator(".big-value b", has_text="7.77").wait_for(timeout=LIVE_MS)
    assert page.locator(".tag-stale").count() == 0
    served.post("/fake/value", {"id": GAUGE, "observed_at": now(30)})
    page.locator(".side .tag-stale").wait_for()
    assert "更新なし" in page.locator(".side .tag-stale").inner_text()
    visitor.clean()


def test_m3_clusters_carry_alarm_state(visit: Callable[..., Visitor], served: Served) -> None:
    visitor = visit()
    visitor.open("/?layers=park&at=34.28,134.05,10", "yes")
    assert all(row["worst"] == 0 for row in visitor.page.evaluate(CLUSTERS))
    served.post(
        "/fake/alarm",
        {"severity": "critical", "ja": "公園で火災", "en": "Fire in a park", "entity_id": "urn:ngsi-ld:Park:372013:0005"},
    )
    visitor.until(f"() => {CLUSTERS}.some(row => row.worst === 5 && row.alarms === 1)")
    label = visitor.page.evaluate("JSON.stringify(window.__machinami.map.getLayoutProperty('cluster-count', 'text-field'))")
    assert "point_count" in label
    assert "alarms" in label
    visitor.clean()


def test_m8_search_and_go(visit: Callable[..., Visitor], served: Served) -> None:
    visitor = visit()
    page = visitor.open("/", "yes")
    page.keyboard.press("Control+k")
    page.keyboard.type("屋島公園3")
    page.locator("#search-results [role=option]").first.wait_for()
    page.keyboard.press("Enter")
    lon, lat = next(
        row["geometry"]["coordinates"]
        for row in served.city.layers["park"].values()
        if row["properties"]["name"] == "屋島公園3"
    )
    centre = page.evaluate("(() => { const c = window.__machinami.map.getCenter(); return [c.lng, c.lat]; })()")
    metres = math.hypot((centre[0] - lon) * 92_000, (centre[1] - lat) * 111_000)
    assert metres < 50
    page.locator(".side-detail h2", has_text="屋島公園3").wait_for()
    page.keyboard.press("Control+k")
    page.keyboard.type("134.1, 34.3")
    page.keyboard.press("Enter")
    visitor.until("() => Math.abs(window.__machinami.map.getCenter().lat - 34.3) < 1e-4")
    visitor.clean()


def test_m8_search_offers_the_layer_when_it_is_off(visit: Callable[..., Visitor]) -> None:
    visitor = visit()
    page = visitor.open("/", "yes")
    page.keyboard.press("Control+k")
    page.keyboard.type("AED")
    page.locator("#search-results [role=option] small", has_text="AED設置場所").first.wait_for()
    page.keyboard.press("Enter")
    page.locator(".side-detail", has_text="オフのため").wait_for()
    page.locator(".side-detail button", has_text="このレイヤーを表示").click()
    page.locator(".side-detail [data-entity]").wait_for()
    assert "aed" in visitor.probe("layers")
    visitor.clean()


def test_list_begins_with_what_is_near_the_middle_of_the_map(visit: Callable[..., Visitor], served: Served) -> None:
    park = served.city.layers["park"]["urn:ngsi-ld:Park:372013:0200"]
    lon, lat = park["geometry"]["coordinates"]
    visitor = visit()
    page = visitor.open(f"/?layers=park&view=list&at={lat},{lon},14", "list")
    assert page.locator(".map-list tbody tr").first.inner_text().startswith(park["properties"]["name"])
    visitor.clean()


def test_m11_basemap_falls_back_when_its_tiles_are_lost(
    visit: Callable[..., Visitor], serve: Callable[[FakeCity], Served]
) -> None:
    online = {
        "id": "gsi-std",
        "kind": "raster",
        "name_ja": "地理院タイル",
        "name_en": "GSI",
        "url": "http://127.0.0.1:9/{z}/{x}/{y}.png",
        "credit_ja": "国土地理院",
        "credit_en": "GSI",
    }
    visitor = visit(at=serve(FakeCity(basemaps=[online])))
    visitor.allowed = ("ERR_UNSAFE_PORT", "ERR_CONNECTION_REFUSED")
    page = visitor.open("/", "yes")
    page.locator(".base-choice select").select_option("gsi-std")
    page.locator(".toast", has_text="内蔵の地図に切り替えました").wait_for()
    assert page.locator(".base-choice select").input_value() == "bundled"
    credits = page.locator(".map-credits").inner_text()
    assert "国土数値情報" in credits
    assert "国土地理院" not in credits
    assert visitor.errors == []


def test_m14_list_stands_in_when_there_is_no_webgl(playwright: Playwright, visit: Callable[..., Visitor]) -> None:
    blind = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-3d-apis"])
    try:
        visitor = visit(by=blind)
        visitor.allowed = ("WebGL", "webgl")
        page = visitor.open("/?layers=park,toilet", "list")
        visitor.until("() => window.__machinami.listed === 479")
        counts = visitor.probe("counts")
        assert counts["park"] + counts["toilet"] == 479
        assert "479" in page.locator(".list-count").inner_text()
        assert page.locator(".map-list tbody tr").count() >= 100
        page.locator(".map-list input[type=search]").fill("屋島公園3")
        visitor.until("() => window.__machinami.listed === 1")
        page.locator(".map-list tbody button").first.focus()
        page.keyboard.press("Enter")
        page.locator(".side-detail h2", has_text="屋島公園3").wait_for()
        assert visitor.axe() == []
        visitor.clean()
    finally:
        blind.close()


def test_m14_list_shows_the_same_features_when_chosen(visit: Callable[..., Visitor]) -> None:
    visitor = visit()
    page = visitor.open("/?layers=park&view=list", "list")
    visitor.until("() => window.__machinami.listed > 0 && window.__machinami.listed === window.__machinami.counts.park")
    page.locator(".map-tools button", has_text="地図で見る").click()
    assert page.locator("canvas.maplibregl-canvas").is_visible()
    visitor.clean()


def test_alarm_panel_flies_to_the_alarm_when_chosen(visit: Callable[..., Visitor]) -> None:
    visitor = visit()
    page = visitor.open("/", "yes")
    page.locator(".side .alarm-mini").first.click()
    page.locator(".side-detail h2", has_text="大津波警報").wait_for()
    visitor.until("() => Math.abs(window.__machinami.map.getCenter().lng - 134.05) < 0.02")
    assert page.evaluate("window.__machinami.map.queryRenderedFeatures({layers: ['area-fill']}).length") > 0
    visitor.clean()


def test_map_explains_when_there_is_no_data(visit: Callable[..., Visitor], serve: Callable[[FakeCity], Served]) -> None:
    visitor = visit(at=serve(FakeCity(empty=True)))
    page = visitor.open("/", "yes")
    assert "まだありません" in page.locator(".layers").inner_text()
    assert page.locator(".layers a[href='/import']").is_visible()
    visitor.clean()
