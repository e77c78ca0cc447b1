"""Pages, static files, vendor folder, texts and base map of the console."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import json
import re
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from machinami.entrypoints.web import pages
from machinami.entrypoints.web.static_files import StaticFiles

WEB = Path(pages.__file__).parent
STATIC = WEB / "static"
VENDOR = STATIC / "vendor"
ADDRESSES = {
    "map": "/",
    "operations": "/operations",
    "data": "/data",
    "entity": "/entities/urn:ngsi-ld:Park:1",
    "import": "/import",
    "findings": "/imports/r1",
    "openapi": "/openapi",
    "login": "/login",
    "setup": "/setup",
}
OWN_LINES_MAX = 400
BASE_BYTES_MAX = 500_000


@dataclass
class Answer:
    """What came back over ASGI, as sent."""

    status_code: int
    headers: Headers
    raw: bytes

    @property
    def content(self) -> bytes:
        return gzip.decompress(self.raw) if self.headers.get("content-encoding") == "gzip" else self.raw

    @property
    def text(self) -> str:
        return self.content.decode()


@dataclass
class Client:
    """Asks the application in this process, without a socket."""

    app: Starlette
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, headers: dict[str, str] | None = None) -> Answer:
        given = {"host": "test", "accept-encoding": "gzip", "cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())}
        pairs = [(k.lower().encode(), v.encode()) for k, v in {**given, **(headers or {})}.items() if v]
        scope = {
            "type": "http",
            "method": "GET",
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": pairs,
        }
        sent: list[MutableMapping[str, Any]] = []

        asked: list[bool] = []

        async def receive() -> MutableMapping[str, Any]:
            if asked:
                await asyncio.Event().wait()
            asked.append(True)
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        asyncio.run(self.app({**scope, "http_version": "1.1", "scheme": "http", "server": ("test", 80)}, receive, send))
        return Answer(sent[0]["status"], Headers(raw=sent[0]["headers"]), b"".join(row.get("body", b"") for row in sent[1:]))


@pytest.fixture
def client() -> Client:
    return Client(Starlette(routes=pages.routes()))


def start_data(html: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(html.split('id="mn-start">')[1].split("</script>")[0])
    return found


def test_addresses_cover_all_pages() -> None:
    assert set(ADDRESSES) == {page.name for page in pages.PAGES}


@pytest.mark.parametrize(("name", "path"), ADDRESSES.items())
def test_page_carries_policy_and_allowed_import_map_when_asked(client: Client, name: str, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    inline = re.search(r'<script type="importmap">(.*?)</script>', answer.text)
    assert inline is not None
    digest = base64.b64encode(hashlib.sha256(inline[1].encode()).digest()).decode()
    assert policy["script-src"] == f"'self' 'sha256-{digest}'"
    assert policy["default-src"] == policy["worker-src"] == policy["connect-src"] == "'self'"
    assert policy["style-src"] == "'self' 'unsafe-inline'"
    assert policy["img-src"] == "'self' data: blob:"
    assert "unsafe-eval" not in answer.headers["content-security-policy"]
    assert start_data(answer.text)["page"] == name
    executable = re.findall(r"<script(?![^>]*(?:importmap|application/json))[^>]*>(.*?)</script>", answer.text)
    assert executable == [""]
    assert "http://" not in answer.text
    assert "https://" not in answer.text


def test_policy_names_online_hosts_when_an_administrator_enabled_them() -> None:
    policy = pages.content_security_policy(("https://tiles.example.jp",))
    assert "connect-src 'self' https://tiles.example.jp;" in policy
    assert "img-src 'self' data: blob: https://tiles.example.jp;" in policy
    assert "script-src 'self' 'sha256-" in policy


def test_page_passes_its_path_on_as_data_when_it_looks_like_markup(client: Client) -> None:
    answer = client.get("/entities/urn:x:</script><script>alert(1)</script>")
    assert start_data(answer.text)["id"] == "urn:x:</script><script>alert(1)</script>"
    assert "<script>alert" not in answer.text


@pytest.mark.parametrize(
    ("cookie", "accept", "expected"),
    [("", "", "ja"), ("", "en-US,en;q=0.9", "en"), ("", "fr,ja;q=0.5,en;q=0.4", "ja"), ("en", "ja", "en"), ("xx", "en", "en")],
)
def test_page_language_is_chosen_before_guessed(client: Client, cookie: str, accept: str, expected: str) -> None:
    client.cookies[pages.LANGUAGE_COOKIE] = cookie
    html = client.get("/operations", headers={"Accept-Language": accept}).text
    assert f'<html lang="{expected}"' in html
    assert pages.catalogue(expected)["page.operations"] in html


def test_page_ignores_a_theme_that_does_not_exist(client: Client) -> None:
    client.cookies[pages.THEME_COOKIE] = '"><script>'
    assert "data-theme" not in client.get("/").text
    client.cookies[pages.THEME_COOKIE] = "night"
    assert '<html lang="ja" data-theme="night">' in client.get("/").text


def test_page_guard_refuses_all_but_the_open_pages() -> None:
    async def guard(request: Request) -> Response | None:
        return RedirectResponse("/login")

    client = Client(Starlette(routes=pages.routes(page_guard=guard)))
    refused = {name for name, path in ADDRESSES.items() if client.get(path).status_code == 307}
    assert refused == set(ADDRESSES) - {"login", "setup"}


def test_setup_guard_closes_the_setup_alone() -> None:
    async def guard(request: Request) -> Response | None:
        return RedirectResponse("/login")

    client = Client(Starlette(routes=pages.routes(setup_guard=guard)))
    assert {name for name, path in ADDRESSES.items() if client.get(path).status_code == 307} == {"setup"}


def test_static_file_is_kept_for_a_year_when_its_address_is_current(client: Client) -> None:
    url = pages.static_files().url("js/core/start.js")
    answer = client.get(url)
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.content == (STATIC / "js/core/start.js").read_bytes()
    stale = client.get(re.sub(r"/static/\w+/", "/static/0123456789abcdef/", url))
    assert stale.headers["cache-control"] == "no-cache"


def test_static_file_types_and_ranges(client: Client) -> None:
    files = pages.static_files()
    assert client.get(files.url("vendor/maplibre-gl/maplibre-gl.mjs")).headers["content-type"].startswith("text/javascript")
    part = client.get(files.url("base/land.json"), headers={"Range": "bytes=0-9"})
    assert part.status_code == 206
    assert part.content == (STATIC / "base/land.json").read_bytes()[:10]


@pytest.mark.parametrize(
    "path", ["/static/x/js/nothing.js", "/static/x/../pages.py", "/static/x/templates/page.html", "/static/x/%2e%2e/pages.py"]
)
def test_static_refuses_what_is_not_listed(client: Client, path: str) -> None:
    assert client.get(path).status_code == 404


def test_digest_changes_when_a_file_changes(tmp_path: Path) -> None:
    file = tmp_path / "a.js"
    file.write_text("1")
    before = StaticFiles({"js/a.js": file}, {}).url("js/a.js")
    file.write_text("2")
    assert StaticFiles({"js/a.js": file}, {}).url("js/a.js") != before


def test_modules_of_names_near_and_far_imports() -> None:
    found = pages.modules_of("js/pages/map.js")
    assert {"js/map/draw.js", "js/core/api.js", "vendor/maplibre-gl/maplibre-gl.mjs", "vendor/lit-html/lit-html.js"} <= set(
        found
    )
    assert "vendor/maplibre-gl/maplibre-gl.mjs" not in pages.modules_of("js/pages/operations.js")


def test_modules_of_leaves_out_what_is_loaded_late() -> None:
    assert set(pages.static_files().own) >= pages.LATE
    late = {"js/map/imported-base.js", "vendor/pmtiles/pmtiles.js", "vendor/fflate/fflate.js"}
    assert late.isdisjoint(pages.modules_of("js/pages/map.js"))
    assert late <= set(pages.modules_of("js/map/imported-base.js"))


@pytest.mark.parametrize("folder", [VENDOR, Path(__file__).parents[3] / "browser/vendor"])
def test_vendor_files_are_those_of_the_manifest(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    listed = {name: digest for package in manifest["packages"] for name, digest in package["files"].items()}
    present = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - {"manifest.json"}
    assert present == set(listed)
    for name, digest in listed.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest, name
    for package in manifest["packages"]:
        assert package["version"]
        assert package["licence"]
        assert any(name.endswith("LICENSE.txt") for name in package["files"]), package["name"]


def test_vendor_versions_are_the_pinned_ones() -> None:
    manifest = {row["name"]: row for row in json.loads((VENDOR / "manifest.json").read_text())["packages"]}
    assert {name: manifest[name]["version"] for name in ("maplibre-gl", "lit", "uplot", "pmtiles", "fflate")} == {
        "maplibre-gl": "6.17.0",
        "lit": "3.3.3",
        "uplot": "1.6.32",
        "pmtiles": "4.5.0",
        "fflate": "0.8.2",
    }
    assert (VENDOR / "maplibre-gl/maplibre-gl-shared.mjs").read_bytes() == b""
    lock = (Path(__file__).parents[4] / "tools/vendor/package-lock.json").read_text()
    assert "resolved" not in lock
    assert "://" not in re.sub(r'"(?:url|homepage)": "[^"]*"', "", lock)


def test_texts_have_the_same_keys_and_places_in_both_languages() -> None:
    ja, en = pages.catalogue("ja"), pages.catalogue("en")
    assert set(ja) == set(en)
    for key in ja:
        assert set(re.findall(r"\{(\w+)\}", ja[key])) == set(re.findall(r"\{(\w+)\}", en[key])), key
        assert ja[key].strip(), key
        assert en[key].strip(), key
    japanese = {key for key, text in en.items() if re.search(r"[\u3040-\u30ff\u4e00-\u9fff]", text)}
    assert japanese == {"language.switch"}


def scripts() -> dict[str, str]:
    return {str(path.relative_to(STATIC)): path.read_text(encoding="utf-8") for path in sorted((STATIC / "js").rglob("*.js"))}


def test_texts_exist_for_every_key_that_a_script_names() -> None:
    keys = {key for text in scripts().values() for key in re.findall(r"\bt\(\s*\"([\w.]+)\"", text)}
    assert len(keys) > 100
    assert keys - set(pages.catalogue("ja")) == set()


def test_scripts_are_small_and_hold_no_text_of_their_own() -> None:
    for name, text in scripts().items():
        assert text.count("\n") < OWN_LINES_MAX, name
        code = re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.DOTALL)
        allowed = code.replace("日本語", "").replace("[,、\\s]", "").replace('"、"', "")
        assert not re.search(r"[\u3040-\u30ff\u4e00-\u9fff]", allowed), name
        assert "eval(" not in code, name
        assert "innerHTML" not in code, name


def features(name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((STATIC / f"base/{name}.json").read_text())["features"]
    return rows


def test_base_map_has_land_without_country_borders_or_names() -> None:
    assert [row["properties"] for row in features("land")] == [{"kind": "world"}, {"kind": "japan"}, {"kind": "japan"}]
    assert {row["properties"]["kind"] for row in features("lines")} == {"prefecture", "municipality"}
    kinds = {row["properties"]["kind"] for row in features("labels")}
    assert kinds == {"prefecture", "municipality", "district"}
    for row in features("labels"):
        lon, lat = row["geometry"]["coordinates"]
        assert 122 < lon < 154, row["properties"]
        assert 20 < lat < 46.5, row["properties"]
    assert sum((STATIC / f"base/{name}.json").stat().st_size for name in ("land", "lines", "labels")) < BASE_BYTES_MAX


def test_base_map_labels_are_in_both_languages() -> None:
    towns = {
        row["properties"]["ja"]: row["properties"]["en"]
        for row in features("labels")
        if row["properties"]["kind"] == "municipality"
    }
    assert len(towns) == 17
    assert towns["高松市"] == "Takamatsu"


def test_packed_copy_is_the_file(client: Client) -> None:
    answer = client.get(pages.static_files().url("css/base.css"))
    assert answer.raw != answer.content == (STATIC / "css/base.css").read_bytes()
    plain = client.get(pages.static_files().url("css/base.css"), headers={"accept-encoding": "identity"})
    assert plain.raw == answer.content
