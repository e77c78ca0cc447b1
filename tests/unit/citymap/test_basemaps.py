"""Known online base maps and what is kept of imported ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tile_kit import MVT, archive, png

from machinami.adapters.tile_files import TileFolder
from machinami.citymap.basemaps import ONLINE, online_basemaps, origins
from machinami.citymap.imported import BASEMAPS_MAX, Basemaps, Words, completed
from machinami.kernel.caller import Caller, Role
from machinami.kernel.errors import MachinamiError, Refusal, Unavailable
from machinami.kernel.settings import BY_NAME

LOCAL = Caller("default", "local:sato", "administration", frozenset(Role))
GIVEN = Words("写真", "架空町")


class MemoryRecords:
    """`BasemapRecords` in memory."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str, str], dict[str, Any]] = {}

    async def put(self, tenant: str, kind: str, key: str, document: dict[str, Any]) -> None:
        self.rows[tenant, kind, key] = document

    async def fetch(self, tenant: str, kind: str, key: str) -> dict[str, Any] | None:
        return self.rows.get((tenant, kind, key))

    async def remove(self, tenant: str, kind: str, key: str) -> bool:
        return self.rows.pop((tenant, kind, key), None) is not None

    async def listing(self, tenant: str, kind: str, limit: int, offset: int = 0) -> list[dict[str, Any]]:
        return [row for (one, other, _), row in self.rows.items() if (one, other) == (tenant, kind)][offset:][:limit]


@pytest.fixture
def folder(tmp_path: Path) -> TileFolder:
    return TileFolder(tmp_path / "data/basemaps", 1_000_000)


@pytest.fixture
def basemaps(folder: TileFolder) -> Basemaps:
    return Basemaps(MemoryRecords(), folder, online_basemaps("gsi-pale"))


@pytest.fixture
def photo(tmp_path: Path) -> str:
    path = tmp_path / "photo.pmtiles"
    path.write_bytes(archive(png(9, 9, 9, 8), {"attribution": '<a href="https://a.example/t">© A &amp; B</a>', "license": "L"}))
    return str(path)


def kept(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "data/basemaps").glob("*"))


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(MachinamiError) as error:
        call()
    return error.value.code


async def refusal(work: Any) -> str:
    with pytest.raises(MachinamiError) as error:
        await work
    return error.value.code


def test_online_basemaps_are_none_by_default() -> None:
    assert online_basemaps(str(BY_NAME["online_basemaps"].default)) == ()


def test_online_basemaps_come_in_the_order_of_the_setting_once() -> None:
    found = online_basemaps(" gsi-photo,gsi-std ,, gsi-photo")
    assert [one.id for one in found] == ["gsi-photo", "gsi-std"]
    assert origins(found) == ("https://cyberjapandata.gsi.go.jp",)


def test_online_basemaps_credit_gsi_with_a_link_in_both_languages() -> None:
    assert set(ONLINE) == {"gsi-std", "gsi-pale", "gsi-photo"}
    for one in ONLINE.values():
        row = one.document()
        assert "国土地理院" in row["credit_ja"]
        assert "Geospatial Information Authority of Japan" in row["credit_en"]
        assert row["link"].startswith("https://maps.gsi.go.jp/")
        assert row["url"].startswith("https://cyberjapandata.gsi.go.jp/xyz/")
        assert row["max_zoom"] == 18


@pytest.mark.parametrize("setting", ["osm", "gsi-std,GSI-PALE", "https://tiles.example/"])
def test_online_basemaps_refuses_an_unknown_id(setting: str) -> None:
    assert code_of(lambda: online_basemaps(setting)) == "citymap.basemap.unknown"


def test_completed_takes_what_is_missing_from_the_file_as_plain_text() -> None:
    told = {"attribution": ' <a href="https://a.example/t?x=1&amp;y=2">© A</a>\n &amp; B <b></b>', "license": "L"}
    assert completed(Words("n"), told) == Words("n", "© A & B", "L", "https://a.example/t?x=1&y=2")
    assert completed(Words(" n ", " C  D "), told) == Words("n", "C D", "L", "")


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (Words("n"), "no_credit"),
        (Words("n", " \n "), "no_credit"),
        (Words("", "c"), "text"),
        (Words("a/b", "c"), "text"),
        (Words("a\nb", "c"), "text"),
        (Words("n" * 61, "c"), "text"),
        (Words("n", "c" * 301), "text"),
        (Words("n", "c\x1b[0m"), "text"),
        (Words("n", "c\ud800"), "text"),
        (Words("n", "c", "l" * 2_001), "text"),
        (Words("n", "c", "", "javascript:alert(1)"), "link"),
        (Words("n", "c", "", 'https://a.example/"x'), "link"),
    ],
)
def test_completed_refuses_what_can_not_be_shown(given: Words, code: str) -> None:
    assert code_of(lambda: completed(given, {})) == f"citymap.basemap.{code}"


@pytest.mark.parametrize("metadata", [{"attribution": 3}, {"attribution": "<b></b>"}, {}])
def test_completed_refuses_a_file_whose_own_credit_is_empty(metadata: dict[str, Any]) -> None:
    assert code_of(lambda: completed(Words("n"), metadata)) == "citymap.basemap.no_credit"


async def test_add_copies_the_file_and_offers_it(basemaps: Basemaps, photo: str, tmp_path: Path) -> None:
    made = await basemaps.add(LOCAL, photo, Words("写真"))
    assert (made["credit"], made["licence"], made["link"]) == ("© A & B", "L", "https://a.example/t")
    assert kept(tmp_path) == [f"{made['id']}.pmtiles"]
    assert (await basemaps.file(LOCAL, made["id"])).read_bytes() == Path(photo).read_bytes()
    online, imported = await basemaps.choices(LOCAL)
    assert online["id"] == "gsi-pale"
    assert (imported["kind"], imported["tiles"], imported["name_ja"]) == ("pmtiles", "raster", "写真")
    assert imported["url"] == f"/basemaps/{made['id']}.pmtiles"
    blind = replace(LOCAL, roles=frozenset({Role.OPERATOR}))
    assert [one["id"] for one in await basemaps.choices(blind)] == ["gsi-pale"]


async def test_add_replaces_one_of_the_same_name(basemaps: Basemaps, photo: str, tmp_path: Path) -> None:
    first = await basemaps.add(LOCAL, photo, GIVEN)
    again = await basemaps.add(LOCAL, photo, replace(GIVEN, credit="別の出典"))
    assert again["id"] == first["id"]
    Path(photo).write_bytes(archive(png(1, 1, 1, 8)))
    other = await basemaps.add(LOCAL, photo, GIVEN)
    assert other["id"] != first["id"]
    assert [one["id"] for one in await basemaps.listing(LOCAL)] == [other["id"]]
    assert kept(tmp_path) == [f"{other['id']}.pmtiles"]
    await basemaps.remove(LOCAL, "写真")
    assert kept(tmp_path) == []
    assert await refusal(basemaps.remove(LOCAL, "写真")) == "citymap.basemap.does_not_exist"
    assert await refusal(basemaps.file(LOCAL, other["id"])) == "citymap.basemap.does_not_exist"


async def test_tenants_do_not_share_base_maps(basemaps: Basemaps, photo: str) -> None:
    other = replace(LOCAL, tenant="other")
    mine, theirs = await basemaps.add(LOCAL, photo, GIVEN), await basemaps.add(other, photo, GIVEN)
    assert mine["id"] != theirs["id"]
    assert await refusal(basemaps.file(LOCAL, theirs["id"])) == "citymap.basemap.does_not_exist"
    await basemaps.remove(other, "写真")
    assert (await basemaps.file(LOCAL, mine["id"])).is_file()


async def test_add_is_for_administrators_on_this_computer(basemaps: Basemaps, photo: str) -> None:
    for principal in ("user:sato", "dev:trial", "key:x"):
        assert await refusal(basemaps.add(replace(LOCAL, principal=principal), photo, GIVEN)) == "citymap.basemap.local_only"
    writer = replace(LOCAL, roles=frozenset({Role.READER, Role.WRITER}))
    assert await refusal(basemaps.add(writer, photo, GIVEN)) == "security.access.forbidden"
    assert await refusal(basemaps.remove(writer, "写真")) == "security.access.forbidden"


async def test_add_refuses_vector_tiles_that_name_no_layers(basemaps: Basemaps, photo: str, tmp_path: Path) -> None:
    for metadata in ({}, {"vector_layers": "water"}, {"vector_layers": [{"id": 1}]}):
        Path(photo).write_bytes(archive(b"x", metadata, kind=MVT))
        assert await refusal(basemaps.add(LOCAL, photo, GIVEN)) == "citymap.basemap.no_layers"
    Path(photo).write_bytes(archive(b"x", {"vector_layers": [{"id": "water"}]}, kind=MVT))
    assert (await basemaps.add(LOCAL, photo, GIVEN))["kind"] == "vector"


async def test_add_refuses_one_too_many(basemaps: Basemaps, photo: str) -> None:
    for number in range(BASEMAPS_MAX):
        await basemaps.add(LOCAL, photo, replace(GIVEN, name=str(number)))
    assert await refusal(basemaps.add(LOCAL, photo, GIVEN)) == "citymap.basemap.too_many"
    assert (await basemaps.add(LOCAL, photo, replace(GIVEN, name="7")))["name"] == "7"


def test_keep_leaves_nothing_when_it_fails(folder: TileFolder, photo: str, tmp_path: Path) -> None:
    def fail(_: str) -> str:
        raise OSError(28, "No space left on device")

    with pytest.raises(Unavailable) as error:
        folder.keep(Path(photo), fail)
    assert error.value.code == "citymap.basemap.not_kept"
    assert kept(tmp_path) == []


def test_keep_removes_what_an_interrupted_copy_left(folder: TileFolder, photo: str, tmp_path: Path) -> None:
    (tmp_path / "data/basemaps").mkdir(parents=True)
    (tmp_path / "data/basemaps/.part-x").write_bytes(b"half")
    folder.keep(Path(photo), lambda digest: "a")
    assert kept(tmp_path) == ["a.pmtiles"]


def test_inspect_refuses_what_is_no_file_or_too_large(folder: TileFolder, photo: str, tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path, Path("/dev/zero"), Path("a\0b")):
        with pytest.raises(Refusal, match="not_readable"):
            folder.inspect(path)
    with pytest.raises(Refusal, match="too_large"):
        TileFolder(tmp_path, 100).inspect(Path(photo))
