"""Produce the console's vendor folder from pinned npm packages (maintainers only; see README.md here)."""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SHIPPED = ROOT / "src/machinami/entrypoints/web/static/vendor"
TESTS = ROOT / "tests/browser/vendor"


@dataclass(frozen=True)
class Package:
    """One npm package: which of its files go where. `files` maps a path in the package to a path in the target.

    `licence_file` is a path in the package, or one of ours for a package that comes without its licence's text.
    """

    name: str
    folder: str
    files: dict[str, str]
    licence_file: str
    target: Path = SHIPPED


# uPlot publishes its minified form only as a classic script: one line makes a module of it.
SUFFIXES = {"uplot.mjs": b"\nexport default uPlot;\n"}

# The one file here that is our own: it stands beside the fonts because style sheets can only point to their own group.
FONT_CSS = """/* Used only on computers without a Japanese font: it stands last in --font. */
@font-face {
  font-family: "Machinami Noto";
  src: url("noto-sans-jp-latin-400.woff2") format("woff2");
  unicode-range: U+0000-024F;
  font-display: swap;
}
@font-face {
  font-family: "Machinami Noto";
  src: url("noto-sans-jp-japanese-400.woff2") format("woff2");
  unicode-range: U+2000-FFEF;
  font-display: swap;
}
"""


def _same(*paths: str) -> dict[str, str]:
    return {path: path for path in paths}


PACKAGES = (
    Package(
        "maplibre-gl",
        "maplibre-gl",
        {
            f"dist/{name}": name
            for name in ("maplibre-gl.mjs", "maplibre-gl-worker.mjs", "maplibre-gl-shared.mjs", "maplibre-gl.css")
        },
        "LICENSE.txt",
    ),
    Package("lit", "lit", _same("index.js"), "LICENSE"),
    Package("@lit/reactive-element", "reactive-element", _same("reactive-element.js", "css-tag.js"), "LICENSE"),
    Package("lit-element", "lit-element", _same("lit-element.js"), "LICENSE"),
    Package(
        "lit-html",
        "lit-html",
        _same(
            "lit-html.js",
            "is-server.js",
            "directive.js",
            "directive-helpers.js",
            "directives/live.js",
            "directives/repeat.js",
            "directives/class-map.js",
            "directives/style-map.js",
            "directives/unsafe-svg.js",
            "directives/unsafe-html.js",
        ),
        "LICENSE",
    ),
    Package("uplot", "uplot", {"dist/uPlot.iife.min.js": "uplot.mjs", "dist/uPlot.min.css": "uplot.css"}, "LICENSE"),
    Package("pmtiles", "pmtiles", {"dist/esm/index.js": "pmtiles.js"}, str(HERE / "licences/pmtiles.txt")),
    Package("fflate", "fflate", {"esm/browser.js": "fflate.js"}, "LICENSE"),
    Package("@digital-go-jp/design-tokens", "design-tokens", {"dist/tokens.css": "tokens.css"}, "LICENSE"),
    Package(
        "@fontsource/noto-sans-jp",
        "noto-sans-jp",
        {
            "files/noto-sans-jp-japanese-400-normal.woff2": "noto-sans-jp-japanese-400.woff2",
            "files/noto-sans-jp-latin-400-normal.woff2": "noto-sans-jp-latin-400.woff2",
        },
        "LICENSE",
    ),
    Package("axe-core", "axe-core", {"axe.min.js": "axe.min.js"}, "LICENSE", TESTS),
)


def _npm(folder: Path, *arguments: str) -> None:
    command = ["npm", *arguments, "--ignore-scripts", "--no-audit", "--no-fund", "--omit=dev"]
    subprocess.run(command, cwd=folder, check=True)


def _without_addresses(lock: dict[str, Any]) -> dict[str, Any]:
    """The lock with `resolved` removed: integrity hashes stay, hosts do not belong in the repository."""
    for row in lock["packages"].values():
        row.pop("resolved", None)
        row.pop("funding", None)
    return lock


def refresh_lock() -> None:
    """Write `package-lock.json` anew from `package.json`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(HERE / "package.json", folder)
        _npm(folder, "install", "--package-lock-only")
        lock = _without_addresses(json.loads((folder / "package-lock.json").read_text()))
    (HERE / "package-lock.json").write_text(json.dumps(lock, indent=2) + "\n")


def _copy(package: Package, modules: Path) -> dict[str, Any]:
    source = modules / package.name
    about = json.loads((source / "package.json").read_text())
    target = package.target / package.folder
    target.mkdir(parents=True)
    rows = {}
    for origin, place in [*package.files.items(), (package.licence_file, "LICENSE.txt")]:
        destination = target / place
        destination.parent.mkdir(parents=True, exist_ok=True)
        destination.write_bytes((source / origin).read_bytes() + SUFFIXES.get(place, b""))
        rows[f"{package.folder}/{place}"] = hashlib.sha256(destination.read_bytes()).hexdigest()
    if package.folder == "noto-sans-jp":
        (target / "font.css").write_text(FONT_CSS)
        rows["noto-sans-jp/font.css"] = hashlib.sha256(FONT_CSS.encode()).hexdigest()
    return {"name": package.name, "version": about["version"], "licence": about["license"], "files": rows}


def build() -> None:
    """Install by the lock and write both vendor folders with their manifests."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(HERE / "package.json", folder)
        shutil.copy(HERE / "package-lock.json", folder)
        _npm(folder, "ci")
        for target in (SHIPPED, TESTS):
            shutil.rmtree(target, ignore_errors=True)
            rows = [_copy(package, folder / "node_modules") for package in PACKAGES if package.target == target]
            (target / "manifest.json").write_text(json.dumps({"packages": rows}, indent=2, ensure_ascii=False) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lock", action="store_true", help="refresh package-lock.json first")
    if parser.parse_args().lock:
        refresh_lock()
    build()


if __name__ == "__main__":
    main()
