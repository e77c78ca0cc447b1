"""`machinami import`: through the running server of the data folder, else on its own."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
from rich.box import SIMPLE
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from machinami.bootstrap.options import Options
from machinami.entrypoints.cli.joining import joined
from machinami.entrypoints.cli.terminal import terminal
from machinami.kernel.errors import Refusal
from machinami.kernel.finding import Severity
from machinami.linkage.importing.findings import SEVERITY_WORDS
from machinami.linkage.importing.runs import UploadedFile

ENDINGS: Final = (".xlsx", ".xlsm", ".xls", ".ods", ".csv", ".tsv")
POLL_S: Final = 0.2
SHOWN_FINDINGS: Final = 12
PHASES: Final = {
    "ja": {"waiting": "順番待ち", "reading": "読み取り", "planning": "点検", "storing": "保存", "finished": "完了"},
    "en": {"waiting": "Waiting", "reading": "Reading", "planning": "Checking", "storing": "Storing", "finished": "Finished"},
}

COUNTS: Final = {
    "rows": ("行", "rows"),
    "created": ("新規", "new"),
    "updated": ("更新", "changed"),
    "unchanged": ("変更なし", "same"),
    "withdrawn": ("取下げ", "withdrawn"),
    "merged": ("統合", "merged"),
    "rejected": ("不採用", "rejected"),
}
ALWAYS: Final = frozenset({"rows", "created", "updated", "unchanged"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asks for."""

    paths: tuple[Path, ...]
    model: str
    city: str
    new_edition: bool
    dry_run: bool
    findings: Path | None
    language: str


async def run_import(options: Options, wanted: Wanted) -> int:
    """Import and print the outcome. Exit code 1 if a file or row was not taken over."""
    files = read_files(wanted.paths)
    town = wanted.city or options.profile.view.code
    async with joined(options, begin=bool(town)) as city:
        with _Bar(wanted.language) as tell:
            run_id = (await city.json("POST", "/api/imports", form=_form(files, wanted, town)))["run"]
            while (run := await city.json("GET", f"/api/imports/{run_id}"))["state"] == "running":
                tell(run["progress"])
                await asyncio.sleep(POLL_S)
        if wanted.findings is not None:
            wanted.findings.write_bytes(await city.content(f"/api/imports/{run_id}/findings.csv?lang={wanted.language}"))
    return report(run, wanted)


def _form(files: tuple[UploadedFile, ...], wanted: Wanted, town: str) -> aiohttp.FormData:
    form = aiohttp.FormData(quote_fields=False)
    for one in files:
        form.add_field("file", one.data, filename=one.name)
    fields = {"model": wanted.model, "city": town}
    fields |= {"dry_run": str(wanted.dry_run).lower(), "new_edition": str(wanted.new_edition).lower()}
    for name, value in fields.items():
        if value:
            form.add_field(name, value)
    return form


def read_files(paths: tuple[Path, ...]) -> tuple[UploadedFile, ...]:
    """The files, folders searched for spreadsheets (but not Excel's locks, `~$…`); names carry the folder they lie in."""
    found: list[UploadedFile] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(one for one in path.rglob("*") if one.suffix.lower() in ENDINGS and not one.name.startswith("~$"))
            found += [UploadedFile(str(one.relative_to(path.parent)), one.read_bytes()) for one in inside]
        elif path.is_file():
            found.append(UploadedFile(f"{path.absolute().parent.name}/{path.name}", path.read_bytes()))
        else:
            raise Refusal("cli.file.not_found", path=str(path))
    if not found:
        raise Refusal("cli.file.not_found", path=", ".join(str(path) for path in paths))
    return tuple(found)


class _Bar:
    """A progress bar on standard error; calling it shows a run's progress."""

    def __init__(self, language: str) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=terminal(stderr=True), transient=True)
        self._phases = PHASES[language]
        self._task = self._progress.add_task(self._phases["reading"], total=None)

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __call__(self, progress: dict[str, Any] | None) -> None:
        if progress:
            phase = self._phases.get(progress["phase"], progress["phase"])
            self._progress.update(self._task, description=phase, completed=progress["done"], total=progress["total"] or None)

    def __exit__(self, *_: object) -> None:
        self._progress.stop()


def report(run: dict[str, Any], wanted: Wanted) -> int:
    """Print counts per sheet, then the findings that ask for something; the others are only counted."""
    ja = wanted.language == "ja"
    console = terminal(highlight=False)
    if run["problem"]:
        problem = run["problem"]
        console.print(problem["detail_ja" if ja else "detail"], problem["remedy_ja" if ja else "remedy"], style="red")
        return 1
    title = ("点検のみ(保存していません)" if ja else "dry run: nothing was stored") if wanted.dry_run else None
    counted = [name for name in COUNTS if name in ALWAYS or any(one[name] for one in run["files"])]
    table = Table(title=title, box=SIMPLE)
    table.add_column("ファイル" if ja else "file", overflow="fold", ratio=1)
    table.add_column("モデル" if ja else "model", overflow="fold", ratio=1)
    for name in counted:
        table.add_column(COUNTS[name][0 if ja else 1], justify="right", no_wrap=True)
    for one in run["files"]:
        table.add_row(one["name"], one["model_ja" if ja else "model_en"] or "-", *(str(one[name]) for name in counted))
    console.print(table)
    _print_findings(console, run, wanted.language)
    incomplete = run.get("not_stored") or any(one["rejected"] or one.get("problem") for one in run["files"])
    return 1 if incomplete else 0


def _print_findings(console: Console, run: dict[str, Any], language: str) -> None:
    """Errors first, then what was not taken over, then warnings, then passed-over notes; how many more there are of each."""
    words = SEVERITY_WORDS[language]
    asking = [one for one in run["findings"] if one["severity"] != Severity.INFO or one["rejects"]]
    shown = sorted(asking, key=_weight)[:SHOWN_FINDINGS]
    for one in shown:
        where = " ".join(str(part) for part in (one["file"], one["sheet"], _cell(one, language)) if part)
        word = words[Severity(one["severity"])]
        console.print(f"[{word}] {where}: {one[f'text_{language}']}", markup=False, soft_wrap=True)
    rest = Counter(run["findings_count"])
    rest.subtract(one["severity"] for one in shown)
    counted = [f"{words[one]} {rest[one]}" for one in Severity if rest[one] > 0]
    if not counted:
        return
    if language == "ja":
        console.print(f"{'ほか ' if shown else ''}{'、'.join(f'{one} 件' for one in counted)}(--findings FILE.csv で保存)")
    else:
        more = "more findings" if shown else "findings"
        console.print(f"{more}: {', '.join(counted)} (--findings FILE.csv writes them all)")


def _weight(one: dict[str, Any]) -> tuple[int, bool]:
    """Where a finding comes in the terminal's list: errors, rejections, warnings, rejected notes."""
    rank = list(Severity).index(Severity(one["severity"]))
    return (rank, not one["rejects"])


def _cell(one: dict[str, Any], language: str) -> str:
    """The row and column of a finding in words, as far as it has them."""
    if language == "ja":
        return (f"{one['row']}行目" if one["row"] else "") + (f"{one['column']}列" if one["column"] else "")
    parts = (f"row {one['row']}" if one["row"] else "", f"column {one['column']}" if one["column"] else "")
    return " ".join(part for part in parts if part)
