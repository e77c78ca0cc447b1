"""Base maps besides the bundled one, on a real server (console.md M11): online, imported, lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from browser_kit import Served, Visitor
from fake_city import FakeCity
from scenario_kit import City, Client, command, running
from tile_kit import GZIP, MVT, POINT, STREET, archive, png, square, vector_tile

ORANGE = (236, 120, 20)
VECTOR = vector_tile(
    ("water", 3, square(2048), {}),
    ("roads", 2, STREET, {}),
    ("boundaries", 2, STREET, {}),
    ("places", 1, POINT, {"name": "架空町", "kind": "locality"}),
    ("countries_label", 1, POINT, {"name": "架空国", "kind": "country"}),
)
NAMES = ("water", "roads", "boundaries", "places", "countries_label")
LAYERS = {"vector_layers": [{"id": name, "fields": {"name": "String"} if "l" in name else {}} for name in NAMES]}
PIXEL = """() => new Promise(done => { const {map} = window.__machinami; map.once('render', () => {
  const to = document.createElement('canvas'); to.width = to.height = 1;
  const from = map.getCanvas(), context = to.getContext('2d', {willReadFrequently: true});
  context.drawImage(from, from.width / 2, from.height / 2, 1, 1, 0, 0, 1, 1);
  done([...context.getImageData(0, 0, 1, 1).data].slice(0, 3)); }); map.triggerRepaint(); })"""
SHOWN = "() => window.__machinami.map.getSource('base-other') && window.__machinami.map.loaded()"
QUIET = "/?layers=&at=34.2,134.2,11"


@dataclass
class Town:
    city: City
    data: Path
    url: str

    def run(self, *arguments: str, **environment: str) -> Any:
        return command("basemap", *arguments, "--data", str(self.data), **environment)

    def client(self) -> Client:
        return Client(self.url)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A served city with one online base map, an image archive and a vector archive."""
    folder = tmp_path_factory.mktemp("town")
    (folder / "photo.pmtiles").write_bytes(archive(png(*ORANGE), zooms=(0, 16), missing=1))
    (folder / "plan.pmtiles").write_bytes(archive(VECTOR, LAYERS, kind=MVT, packing=GZIP))
    arguments = ("serve", "--dev", "--data", str(folder / "data"), "--port", "0", "--profile", "takamatsu", "--log", "error")
    with running(*arguments, MACHINAMI_ONLINE_BASEMAPS="gsi-std, gsi-photo") as city:
        found = Town(city, folder / "data", city.ready())
        for name, credit in (("photo", "架空町 航空写真 2026"), ("plan", "架空町 都市計画図")):
            link = ("--link", "https://maps.example/terms") if name == "plan" else ()
            done = found.run("import", str(folder / f"{name}.pmtiles"), "--name", name, "--credit", credit, *link)
            assert done.returncode == 0, done.stderr
        yield found


@pytest.fixture
def see(visit: Callable[..., Visitor], town: Town) -> Callable[..., Visitor]:
    """A visitor of the real server for whom no other host answers."""

    def begin(**options: Any) -> Visitor:
        visitor = visit(at=Served(FakeCity(), town.url), **options)
        visitor.context.route(lambda url: not url.startswith(town.url), lambda route: route.abort())
        return visitor

    return begin


def pixel(visitor: Visitor) -> tuple[int, int, int]:
    """The colour in the middle of the map."""
    red, green, blue = visitor.page.evaluate(PIXEL)
    return red, green, blue


def near(one: tuple[int, int, int], other: tuple[int, int, int], most: int = 70) -> bool:
    return all(abs(a - b) <= most for a, b in zip(one, other, strict=True))


def choose(visitor: Visitor, name: str) -> None:
    visitor.page.locator(".base-choice select").select_option(label=name)


def credits(visitor: Visitor) -> str:
    return visitor.page.locator(".map-credits").inner_text()


def test_map_falls_back_to_the_bundled_base_when_nothing_else_can_be_reached(see: Callable[..., Visitor]) -> None:
    visitor = see()
    visitor.allowed = ("ERR_FAILED",)
    page = visitor.open(f"{QUIET}&base=gsi-std", "yes")
    page.locator(".toast", has_text="内蔵の地図に切り替えました").wait_for()
    assert page.locator(".base-choice select").input_value() == "bundled"
    assert "国土数値情報" in credits(visitor)
    assert "地理院タイル" not in credits(visitor)
    assert visitor.errors == []
    assert visitor.foreign
    assert all(url.startswith("https://cyberjapandata.gsi.go.jp/xyz/std/") for url in visitor.foreign)
    assert "base=" not in page.url


def test_map_credits_the_online_base_with_a_link_when_its_tiles_come(see: Callable[..., Visitor]) -> None:
    visitor = see()
    tile = png(*ORANGE)
    visitor.context.route("https://cyberjapandata.gsi.go.jp/**", lambda route: route.fulfill(body=tile, content_type="image/png", headers={"access-control-allow-origin": "*"}))  # fmt: skip
    page = visitor.open(QUIET, "yes")
    assert visitor.foreign == []
    before = pixel(visitor)
    choose(visitor, "地理院 標準地図")
    visitor.until(SHOWN)
    assert near(pixel(visitor), ORANGE)
    assert not near(before, ORANGE)
    link = page.locator(".map-credits a", has_text="国土地理院(地理院タイル)")
    assert link.get_attribute("href") == "https://maps.gsi.go.jp/development/ichiran.html"
    assert "国土数値情報" not in credits(visitor)
    assert visitor.errors == []


def test_imported_photograph_shows_its_pixels_and_credit(see: Callable[..., Visitor]) -> None:
    visitor = see()
    page = visitor.open(QUIET, "yes")
    assert not page.evaluate("performance.getEntriesByType('resource').some(row => row.name.includes('pmtiles'))")
    before = pixel(visitor)
    choose(visitor, "photo")
    visitor.until(SHOWN)
    assert near(pixel(visitor), ORANGE)
    assert not near(before, ORANGE)
    assert "架空町 航空写真 2026" in credits(visitor)
    assert "国土数値情報" not in credits(visitor)
    page.evaluate("window.__machinami.map.jumpTo({zoom: 14})")
    visitor.until(SHOWN)
    assert near(pixel(visitor), ORANGE)
    page.evaluate("window.__machinami.map.jumpTo({zoom: 17, center: [134.21, 34.21]})")
    visitor.until(SHOWN)
    assert page.locator(".base-choice select").input_value() != "bundled"
    choose(visitor, "内蔵地図")
    visitor.until("() => !window.__machinami.map.getSource('base-other')")
    assert "国土数値情報" in credits(visitor)
    visitor.clean()


@pytest.mark.parametrize("theme", ["day", "night"])
def test_imported_plan_is_drawn_without_borders_and_countries(see: Callable[..., Visitor], theme: str) -> None:
    visitor = see(theme=theme)
    page = visitor.open(QUIET, "yes")
    choose(visitor, "plan")
    visitor.until(SHOWN)
    page.locator(".map-credits a[href='https://maps.example/terms']", has_text="架空町 都市計画図").wait_for()
    drawn = page.evaluate(
        "[...new Set(window.__machinami.map.queryRenderedFeatures().filter(row => row.source === 'base-other').map(row => row.sourceLayer))].sort()"
    )
    assert drawn == ["places", "roads", "water"]
    page.evaluate("document.querySelector('mn-map').repaint()")
    visitor.until(SHOWN)
    assert page.evaluate("window.__machinami.map.queryRenderedFeatures().some(row => row.sourceLayer === 'water')")
    assert visitor.axe() == []
    visitor.clean()


def test_map_falls_back_when_an_imported_file_is_gone(see: Callable[..., Visitor], town: Town) -> None:
    visitor = see()
    visitor.allowed = ("404",)
    page = visitor.open(QUIET, "yes")
    visitor.context.route("**/basemaps/*.pmtiles", lambda route: route.fulfill(status=404, body=""))
    choose(visitor, "plan")
    page.locator(".toast", has_text="取り込んだ背景地図を読めない").wait_for()
    assert "国土数値情報" in credits(visitor)
    assert visitor.errors == []


def test_map_shows_the_bundled_base_when_the_address_names_an_unknown_one(see: Callable[..., Visitor]) -> None:
    visitor = see()
    visitor.open(f"{QUIET}&base=nowhere", "yes")
    assert "国土数値情報" in credits(visitor)
    visitor.clean()
