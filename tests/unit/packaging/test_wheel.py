"""What `pip install machinami` brings: the commonest break of Python packages with a web page is a file left out."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    target = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [wheel] = target.glob("*.whl")
    return zipfile.ZipFile(wheel).namelist()


def inside(folder: Path) -> Counter[str]:
    return Counter(path.suffix for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)


@pytest.mark.parametrize(
    ("folder", "prefix"),
    [
        ("src/machinami", "machinami/"),
        ("cities", "machinami/cities/"),
    ],
)
def test_wheel_holds_every_file_of_the_package_and_the_profiles(names: list[str], folder: str, prefix: str) -> None:
    expected = inside(ROOT / folder)
    packed = Counter(
        Path(name).suffix
        for name in names
        if name.startswith(prefix) and (prefix != "machinami/" or not name.startswith("machinami/cities/"))
    )
    assert packed == expected
    assert sum(expected.values()) > 20


def test_wheel_holds_the_parts_that_are_found_by_path(names: list[str]) -> None:
    for needed in (
        "machinami/adapters/postgres/migrations/0001_store.sql",
        "machinami/entrypoints/web/static/vendor/manifest.json",
        "machinami/entrypoints/web/locale/ja.json",
        "machinami/entrypoints/web/templates/page.html",
        "machinami/cities/takamatsu/city.toml",
        "machinami/standards/ngsi_ld/core_contexts/ngsi-ld-core-context-v1.9.jsonld",
    ):
        assert needed in names


def test_wheel_holds_nothing_of_the_repository_around_it(names: list[str]) -> None:
    strangers = [name for name in names if not name.startswith(("machinami/", "machinami-"))]
    assert strangers == []
