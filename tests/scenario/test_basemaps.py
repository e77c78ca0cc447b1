"""Base maps of a real city: commands with and without a server, what is refused, Range, and who may see them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess
from urllib.parse import quote

import pytest
from tile_kit import archive, png

from .scenario_kit import City, Client, command, running

CONTENT = archive(png(10, 20, 30, 16), {"attribution": "<b>架空町</b> 都市計画課", "license": "CC BY 4.0"}, zooms=(3, 12))
GSI = "https://cyberjapandata.gsi.go.jp"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("maps") / "data"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("files") / "plan.pmtiles"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture(scope="module")
def city(data: Path) -> Iterator[City]:
    """A served city without a login for anybody, one online base map switched on."""
    with running("serve", "--data", str(data), "--port", "0", "--log", "error", MACHINAMI_ONLINE_BASEMAPS="gsi-pale") as found:
        found.ready()
        yield found


@pytest.fixture(scope="module")
def reader(city: City, data: Path) -> Client:
    """A program with a key that may read."""
    made = command("key", "create", "reader", "--role", "reader", "--data", str(data))
    secret = re.search(r"mn_\S+", made.stdout)
    assert secret, made.stderr
    return Client(city.ready(), {"Authorization": f"Bearer {secret[0]}"})


def basemap(data: Path, *words: str) -> CompletedProcess[str]:
    return command("basemap", *words, "--data", str(data))


def test_a_stopped_city_takes_a_base_map_and_a_running_one_shows_it(data: Path, file: Path) -> None:
    done = basemap(data, "import", str(file), "--name", "計画図", "--licence", "架空町の利用規約")
    assert done.returncode == 0, done.stderr
    assert "架空町 都市計画課" in done.stdout
    [kept] = (data / "basemaps").iterdir()
    assert kept.read_bytes() == CONTENT


def test_the_city_lists_bundled_online_and_imported_base_maps(reader: Client) -> None:
    bundled, online, imported = reader.get("/api/city").json["basemaps"]
    assert bundled["kind"] == "bundled"
    assert (online["id"], online["kind"], online["url"]) == ("gsi-pale", "raster", f"{GSI}/xyz/pale/{{z}}/{{x}}/{{y}}.png")
    assert imported["name_ja"] == imported["name_en"] == "計画図"
    assert (imported["kind"], imported["tiles"], imported["credit_ja"]) == ("pmtiles", "raster", "架空町 都市計画課")
    assert (imported["min_zoom"], imported["max_zoom"], imported["licence"]) == (3, 12, "架空町の利用規約")


def test_pages_allow_exactly_the_hosts_that_are_switched_on(city: City) -> None:
    policy = Client(city.ready()).get("/login").headers["content-security-policy"]
    assert f"connect-src 'self' {GSI};" in policy
    assert f"img-src 'self' data: blob: {GSI};" in policy
    assert re.findall(r"https?://[^\s;]+", policy) == [GSI, GSI]


def test_a_base_map_is_read_in_ranges_by_whom_may_read(reader: Client, city: City) -> None:
    url = reader.get("/api/city").json["basemaps"][2]["url"]
    part = reader.get(url, {"Range": "bytes=0-6"})
    assert (part.status, part.body) == (206, b"PMTiles")
    assert part.headers["content-range"] == f"bytes 0-6/{len(CONTENT)}"
    beyond = reader.get(url, {"Range": f"bytes={len(CONTENT)}-"})
    assert (beyond.status, beyond.headers["content-range"]) == (416, f"bytes */{len(CONTENT)}")
    assert reader.get(url).body == CONTENT
    assert Client(city.ready()).get(url).problem == (401, "Unauthenticated")
    for path in ("/basemaps/town-0.pmtiles", "/basemaps/..%2F..%2Fprofile.pmtiles", "/basemaps/x"):
        assert reader.get(path).problem == (404, "ResourceNotFound"), path


def test_only_commands_of_this_computer_import(reader: Client, file: Path) -> None:
    body = {"path": str(file), "name": "x", "credit": "y"}
    assert reader.post("/api/basemaps", body).problem == (403, "Forbidden")
    assert reader.delete(f"/api/basemaps/{quote('計画図')}").problem == (403, "Forbidden")


def test_import_refuses_a_map_without_credit_and_files_that_are_none(reader: Client, data: Path, file: Path) -> None:
    bare = file.with_name("bare.pmtiles")
    bare.write_bytes(archive(png(1, 1, 1, 16)))
    torn = file.with_name("torn.pmtiles")
    torn.write_bytes(CONTENT[:-5])
    for path, code in (
        (bare, "citymap.basemap.no_credit"),
        (torn, "pmtiles.file.damaged"),
        (Path(__file__), "pmtiles.file.foreign"),
        (file.parent, "citymap.basemap.not_readable"),
    ):
        done = basemap(data, "import", str(path), "--name", "x")
        assert done.returncode == 2, path
        assert "cli.server.refused" in done.stderr or code in done.stderr
    assert "--credit" in basemap(data, "import", str(bare), "--name", "x").stderr
    assert [one["name"] for one in reader.get("/api/basemaps").json["basemaps"]] == ["計画図"]
    assert len(list((data / "basemaps").iterdir())) == 1


def test_check_tells_what_the_map_would_show_and_keeps_nothing(data: Path, file: Path) -> None:
    told = basemap(data, "check", str(file))
    assert told.returncode == 0, told.stderr
    lines = dict(re.findall(r"^(\w+): +(.+)$", told.stdout, re.MULTILINE))
    assert lines == {
        "tiles": "raster (png)", "zooms": "3-12", "bytes": f"{len(CONTENT):,}", "licence": "CC BY 4.0", "link": "-",
        "bounds": "133.00000, 33.00000, 135.00000, 35.00000 (west, south, east, north)", "credit": "架空町 都市計画課",
    }  # fmt: skip
    assert "架空町 2026" in basemap(data, "check", str(file), "--credit", "架空町 2026").stdout
    bare = file.with_name("bare.pmtiles")
    bare.write_bytes(archive(png(1, 1, 1, 16)))
    refused = basemap(data, "check", str(bare))
    assert refused.returncode == 2
    assert "citymap.basemap.no_credit" in refused.stderr


def test_a_running_city_replaces_and_removes_a_base_map(reader: Client, data: Path, file: Path) -> None:
    before = reader.get("/api/basemaps").json["basemaps"]
    other = file.with_name("other.pmtiles")
    other.write_bytes(archive(png(200, 20, 30, 16)))
    assert basemap(data, "import", str(other), "--name", "計画図", "--credit", "新しい出典").returncode == 0
    [row] = reader.get("/api/basemaps").json["basemaps"]
    assert (row["name"], row["credit"]) == ("計画図", "新しい出典")
    assert row["id"] != before[0]["id"]
    listed = basemap(data, "list").stdout
    assert "計画図" in listed
    assert "新しい出典" in listed
    assert basemap(data, "remove", "計画図").returncode == 0
    assert reader.get("/api/basemaps").json["basemaps"] == []
    assert list((data / "basemaps").iterdir()) == []
    again = basemap(data, "remove", "計画図")
    assert again.returncode == 2
    assert "計画図" in again.stderr


def test_an_unknown_online_base_map_is_refused_at_start(tmp_path: Path) -> None:
    done = command("serve", "--dev", "--data", str(tmp_path / "d"), "--port", "0", MACHINAMI_ONLINE_BASEMAPS="gsi-std,osm")
    assert done.returncode == 2
    assert "osm" in done.stderr
    assert "gsi-std, gsi-pale, gsi-photo" in done.stderr
    assert "citymap.basemap.unknown" in done.stderr
    assert not (tmp_path / "d").exists()
