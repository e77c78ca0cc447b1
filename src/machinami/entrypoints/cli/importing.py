"""`machinami import`: through the running server of the data folder, else on its own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from machinami.bootstrap.core import Core, Options
from machinami.entrypoints.cli.listening import SOCKET_NAME, local_authenticator
from machinami.kernel.errors import MachinamiError, Refusal
from machinami.linkage.importing.runs import ImportRequest, UploadedFile

ENDINGS: Final = (".xlsx", ".xlsm", ".xls", ".ods", ".csv", ".tsv")
POLL_S: Final = 0.2
SHOWN_FINDINGS: Final = 12
PHASES: Final = {
    "ja": {"reading": "読み取り", "planning": "点検", "storing": "保存"},
    "en": {"reading": "Reading", "planning": "Checking", "storing": "Storing"},
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asks for."""

    paths: tuple[Path, ...]
    model: str
    city: str
    dry_run: bool
    findings: Path | None
    language: str


async def run_import(options: Options, wanted: Wanted) -> int:
    """Import and print the outcome. Exit code 1 if a file or row was not taken over."""
    files = read_files(wanted.paths)
    with _Bar(wanted.language) as (progress, task):

        def tell(phase: str, done: int, total: int) -> None:
            progress.update(task, description=PHASES[wanted.language].get(phase, phase), completed=done, total=total)

        if (options.data / SOCKET_NAME).exists():
            try:
                run, csv = await _through_server(options.data, files, wanted)
            except aiohttp.ClientConnectorError:
                run, csv = await _alone(options, files, wanted, tell)
        else:
            run, csv = await _alone(options, files, wanted, tell)
    if wanted.findings is not None:
        wanted.findings.write_bytes(csv)
    return report(run, wanted)


def read_files(paths: tuple[Path, ...]) -> tuple[UploadedFile, ...]:
    """The files, folders searched for spreadsheets; names carry the folder they lie in."""
    found: list[UploadedFile] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(one for one in path.rglob("*") if one.suffix.lower() in ENDINGS)
            found += [UploadedFile(str(one.relative_to(path.parent)), one.read_bytes()) for one in inside]
        elif path.is_file():
            found.append(UploadedFile(f"{path.absolute().parent.name}/{path.name}", path.read_bytes()))
        else:
            raise Refusal("cli.file.not_found", path=str(path))
    if not found:
        raise Refusal("cli.file.not_found", path=", ".join(str(path) for path in paths))
    return tuple(found)


async def _alone(options: Options, files: tuple[UploadedFile, ...], wanted: Wanted, tell: Any) -> tuple[dict[str, Any], bytes]:
    core = Core(options)
    await core.open()
    try:
        caller = await local_authenticator()({}, "POST")
        town = wanted.city or core.profile.view.code
        if not town:
            raise Refusal("cli.import.no_town")
        request = ImportRequest(files, town, wanted.model or None, wanted.dry_run)
        run = await core.imports.carry_out(caller, request, tell)
        kept = await core.imports.get(caller, run["run"])
        return kept, await core.imports.findings_csv(caller, run["run"], wanted.language)
    finally:
        await core.close()


async def _through_server(data: Path, files: tuple[UploadedFile, ...], wanted: Wanted) -> tuple[dict[str, Any], bytes]:
    form = aiohttp.FormData()
    for one in files:
        form.add_field("file", one.data, filename=one.name)
    for name, value in (("model", wanted.model), ("city", wanted.city), ("dry_run", str(wanted.dry_run).lower())):
        if value:
            form.add_field(name, value)
    async with _client(data) as client:
        run = (await _answer(client, "POST", "/api/imports", form))["run"]
        while True:
            record = await _answer(client, "GET", f"/api/imports/{run}")
            if record["state"] != "running":
                break
            await asyncio.sleep(POLL_S)
        async with client.get(f"http://machinami/api/imports/{run}/findings.csv?lang={wanted.language}") as answer:
            return record, await answer.read()


@asynccontextmanager
async def _client(data: Path) -> AsyncIterator[aiohttp.ClientSession]:
    descriptor = os.open(data, os.O_PATH | os.O_DIRECTORY)  # a socket's path may have 107 characters only
    try:
        connector = aiohttp.UnixConnector(f"/proc/self/fd/{descriptor}/{SOCKET_NAME}")
        async with aiohttp.ClientSession(connector=connector) as session:
            yield session
    finally:
        os.close(descriptor)


async def _answer(client: aiohttp.ClientSession, method: str, path: str, form: Any = None) -> dict[str, Any]:
    async with client.request(method, f"http://machinami{path}", data=form) as answer:
        document: dict[str, Any] = await answer.json(content_type=None)
        if answer.status >= 400:
            raise ServerRefusal(document)
        return document


class ServerRefusal(MachinamiError):
    """What the running server refused, as it said it."""

    def __init__(self, problem: dict[str, Any]) -> None:
        super().__init__("cli.server.refused", detail=problem.get("title", ""), detail_ja=problem.get("detail_ja", ""),
                         remedy=problem.get("remedy", ""), remedy_ja=problem.get("remedy_ja", ""))  # fmt: skip


class _Bar:
    def __init__(self, language: str) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._language = language

    def __enter__(self) -> tuple[Progress, TaskID]:
        self._progress.start()
        return self._progress, self._progress.add_task(PHASES[self._language]["reading"], total=None)

    def __exit__(self, *_: object) -> None:
        self._progress.stop()


def report(run: dict[str, Any], wanted: Wanted) -> int:
    """Print counts per sheet and the first findings."""
    ja = wanted.language == "ja"
    console = Console(highlight=False)
    if run["problem"]:
        problem = run["problem"]
        console.print(problem["detail_ja" if ja else "detail"], problem["remedy_ja" if ja else "remedy"], style="red")
        return 1
    headings = ("ファイル", "モデル", "行", "新規", "更新", "変更なし", "取下げ", "統合", "不採用") if ja else (
        "file", "model", "rows", "new", "changed", "same", "withdrawn", "merged", "rejected")  # fmt: skip
    dry = "点検のみ(保存していません)" if ja else "dry run: nothing was stored"
    table = Table(*headings, title=dry if wanted.dry_run else None)
    for one in run["files"]:
        model = one["model_ja" if ja else "model_en"] or "-"
        counts = [one[name] for name in ("rows", "created", "updated", "unchanged", "withdrawn", "merged", "rejected")]
        table.add_row(one["name"], model, *(str(count) for count in counts))
    console.print(table)
    for one in run["findings"][:SHOWN_FINDINGS]:
        where = " ".join(str(part) for part in (one["sheet"], one["row"], one["column"]) if part)
        console.print(f"[{one['severity']}] {one['file']} {where}: {one['text_ja' if ja else 'text_en']}", markup=False)
    told = sum(run["findings_count"].values())
    if told > SHOWN_FINDINGS:
        rest = told - SHOWN_FINDINGS
        hint = f"ほか {rest} 件(--findings FILE.csv で保存)" if ja else f"{rest} more (--findings FILE.csv writes them all)"
        console.print(hint)
    return 1 if any(one["rejected"] or one.get("problem") for one in run["files"]) else 0
