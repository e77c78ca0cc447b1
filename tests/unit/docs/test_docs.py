"""The documents say what the code does: settings, commands, paths, tests, links, layers, dependencies."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import typer.main

from machinami.entrypoints.cli.main import app

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "src/machinami"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
ADRS = sorted((ROOT / "docs/adr").glob("[0-9]*.md"))
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
TEXTS = [*PAGES, ROOT / "NOTICE"]
MANUALS = [ROOT / "docs/manual.md", ROOT / "docs/manual.ja.md"]
READMES = [ROOT / "README.md", ROOT / "README.ja.md"]

HOSTS = {"127.0.0.1", "github.com", "www.apache.org", "www.w3.org"}
"""Hosts that a document may name, beside those of the reserved domain `.example`."""

MACHINE_PATH = re.compile(r"(?<![\w.~)/-])/(work|root|home|Users|mnt)\b")
FENCE = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
QUOTED = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
A_FILE = re.compile(r"[\w.-]+(/[\w.-]+)*\.(py|md|toml|json|sql|js|lock|css)|([\w.-]+/)+[\w.-]+")
TOP_FOLDERS = ("src/", "tests/", "tools/", "docs/", "cities/", "bench/", "requirements/", ".ci/")
NOT_OF_THE_REPOSITORY = {"settings.toml"}


def leaves(group, prefix: str = "") -> dict[str, set[str]]:
    """Each command (`key create`) with its long options."""
    found = {}
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            found |= leaves(command, f"{prefix}{name} ")
        else:
            names = {option for one in command.params for option in one.opts if option.startswith("--")}
            found[prefix + name] = names - {"--help"}
    return found


COMMANDS = leaves(typer.main.get_command(app))


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def each(paths: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("page", paths, ids=name_of)


def load(path: Path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_settings_page_equals_the_table():
    assert (ROOT / "docs/settings.md").read_text("utf-8") == load(ROOT / "tools/settings_page.py").render()


@each(MANUALS)
def test_manual_names_every_command_and_option(page):
    text = page.read_text("utf-8")
    missing = []
    for name, options in COMMANDS.items():
        row = next((line for line in text.splitlines() if line.startswith(f"| `machinami {name}` |")), "")
        missing += [f"{name} {option}" for option in options if f"`{option}`" not in row] if row else [name]
    assert missing == []


@each(PAGES)
def test_page_shows_only_commands_that_exist(page):
    text = page.read_text("utf-8")
    pieces = [line.strip() for block in FENCE.findall(text) for line in block.splitlines()] + QUOTED.findall(text)
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    made = {piece.split()[1] for piece in pieces if re.match(r"make [a-z-]+\b", piece)}
    assert made - targets == set()
    for piece in pieces:
        if re.match(r"(\.venv/bin/)?machinami [a-z]", piece):
            words = piece.split()[1:]
            command = next((one for one in (" ".join(words[:2]), words[0]) if one in COMMANDS), None)
            assert command is not None, piece
            assert set(re.findall(r"(?<=\s)--[a-z-]+", piece)) <= COMMANDS[command], piece


@each(PAGES)
def test_page_names_only_files_and_tests_that_exist(page):
    for quoted in QUOTED.findall(FENCE.sub("", page.read_text("utf-8"))):
        path, _, test = quoted.partition("::")
        if not A_FILE.fullmatch(path) or path in NOT_OF_THE_REPOSITORY or ("/" not in path and "." not in path):
            continue
        found = next((base / path for base in (ROOT, PACKAGE, PACKAGE / "entrypoints/web") if (base / path).exists()), None)
        named_as_file = path.startswith(TOP_FOLDERS) or path.split("/")[0] in layers() or Path(path).suffix
        if "/" in path and named_as_file:
            assert found is not None, quoted
        if test:
            assert re.search(rf"def {test}\b", found.read_text("utf-8")), quoted


@each(PAGES)
def test_links_of_the_page_resolve(page):
    for target in LINK.findall(page.read_text("utf-8")):
        if urlsplit(target).scheme:
            continue
        file = (page.parent / target.partition("#")[0]).resolve()
        pictures_wait = file.parent == ROOT / "docs/images" and not any(file.parent.glob("*.png"))
        assert file.exists() or pictures_wait, target


@each(TEXTS)
def test_page_names_no_registry_and_no_path_of_a_machine(page):
    text = page.read_text("utf-8")
    hosts = {str(urlsplit(url).hostname) for url in re.findall(r"https?://[\w.:-]+", text)}
    assert {host for host in hosts - HOSTS if not host.endswith(".example")} == set()
    assert MACHINE_PATH.search(text) is None


def layers() -> list[str]:
    """The folders that exist, from the import contract."""
    contract = next(one for one in PROJECT["tool"]["importlinter"]["contracts"] if one["name"] == "layers")
    names = [name.strip() for row in contract["layers"] for name in row.split("|")]
    return [name for name in names if not name.startswith("(")]


def test_architecture_lists_exactly_the_layers_of_the_contract():
    table = (ROOT / "ARCHITECTURE.md").read_text("utf-8").partition("## Layers")[2].partition("##")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert [name for row in rows for name in QUOTED.findall(row)] == layers()
    assert all((PACKAGE / name).is_dir() for name in layers())


def test_architecture_names_every_table():
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    sql = "".join(one.read_text("utf-8") for one in (PACKAGE / "adapters/postgres/migrations").glob("*.sql"))
    assert [name for name in re.findall(r"^create table (\w+) \(", sql, re.MULTILINE) if f"`{name}`" not in text] == []


def test_adr_list_names_every_record_in_order():
    listed = re.findall(r"\((\d{4}-[\w-]+\.md)\)", (ROOT / "docs/adr/README.md").read_text("utf-8"))
    assert listed == [adr.name for adr in ADRS]
    assert [adr.name[:4] for adr in ADRS] == [f"{number:04d}" for number in range(1, len(ADRS) + 1)]


@each(ADRS)
def test_adr_has_its_parts_and_is_short(page):
    lines = page.read_text("utf-8").splitlines()
    assert lines[0].startswith(f"# {page.name[:4]}: ")
    assert len(lines) <= 60
    assert {"## Context", "## Decision", "## Consequences"} <= set(lines)


def test_records_named_in_the_source_exist():
    numbers = {adr.name[:4] for adr in ADRS}
    sources = [path for pattern in ("*.py", "*.sql") for path in PACKAGE.rglob(pattern)]
    named = {number for path in sources for number in re.findall(r"\bADR (\d{4})", path.read_text("utf-8"))}
    assert named
    assert named <= numbers


def test_dependency_record_lists_what_the_project_needs():
    rows = re.findall(r"^\| ([a-z0-9-]+) \|", (ROOT / "docs/adr/0009-dependencies.md").read_text("utf-8"), re.MULTILINE)
    assert rows == [re.split("[<>=]", one)[0] for one in PROJECT["project"]["dependencies"]]


def test_readmes_prove_by_the_same_tests():
    cited = [re.findall(r"`(tests/[^`]+)`", page.read_text("utf-8")) for page in READMES]
    assert cited[0] == cited[1]
