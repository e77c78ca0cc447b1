"""Use cases of the import: a run reads files, plans, commits in chunks and keeps its findings (issue part D).

A run is a durable record. One that was cut off by a crash is shown as interrupted; importing the same files again
completes it, because ids are stable and unchanged entities are not written twice.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Protocol

from machinami.kernel.access import require
from machinami.kernel.caller import Caller, Role
from machinami.kernel.clock import Clock, iso
from machinami.kernel.entity import Entity
from machinami.kernel.error_texts import describe as describe_error
from machinami.kernel.errors import MachinamiError, Refusal
from machinami.kernel.finding import Finding, Place, Severity
from machinami.linkage.importing.catalogue import find_town, load_models
from machinami.linkage.importing.difference import Difference, diff
from machinami.linkage.importing.findings import RULES, collapse, describe, finding, in_order, to_csv, weightiest
from machinami.linkage.importing.mapping import SheetMapping
from machinami.linkage.importing.merging import PUBLICATION
from machinami.linkage.importing.model import Table
from machinami.linkage.importing.plan import ImportOptions, ImportPlan
from machinami.linkage.importing.planning import plan_import
from machinami.linkage.ports import Announcer, CityEntities, Records

logger = logging.getLogger(__name__)
RUN: Final = "import-run"
FINDINGS: Final = "import-findings"
MAPPING: Final = "import-mapping"
SHOWN_FINDINGS_MAX: Final = 500
KEPT_FINDINGS_MAX: Final = 20_000
LISTED_RUNS_MAX: Final = 100
MAPPINGS_MAX: Final = 1_000
ANNOUNCE_EVERY_S: Final = 0.2


class TableReader(Protocol):
    """Reads the sheets of one file within bounds."""

    def __call__(self, data: bytes, name: str, progress: Callable[[str, int, int], None]) -> list[Table]:
        """Blocking; raises Refusal `import.file.*`."""


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file to import; `name` may carry its folder (`hospital/data.xlsx`)."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """What to import and how; `town` is a local-government code or a name.

    `new_edition` says that the files replace what is there although they look like an older or lesser list."""

    files: tuple[UploadedFile, ...]
    town: str
    model: str | None = None
    dry_run: bool = False
    new_edition: bool = False


class Imports:
    """Import runs of all tenants; one runs at a time."""

    def __init__(
        self, read: TableReader, city: CityEntities, records: Records, announcer: Announcer, clock: Clock, commit_rows: int
    ) -> None:
        self._read = read
        self._city = city
        self._records = records
        self._announcer = announcer
        self._clock = clock
        self._commit_rows = commit_rows
        self._turn = asyncio.Lock()
        self._running: dict[str, dict[str, Any]] = {}
        self._tasks: set[asyncio.Task[dict[str, Any]]] = set()
        self._models = load_models()

    async def start(self, caller: Caller, request: ImportRequest) -> str:
        """Begin a run in the background; returns its id. Its options are checked first."""
        run = await self._begin(caller, request)
        task = asyncio.create_task(self._work(caller, request, run, None), name=f"import-{run['run']}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return str(run["run"])

    async def carry_out(
        self, caller: Caller, request: ImportRequest, progress: Callable[[str, int, int], None] | None = None
    ) -> dict[str, Any]:
        """A run from start to end; returns its record."""
        return await self._work(caller, request, await self._begin(caller, request), progress)

    async def close(self) -> None:
        """End what is under way; the runs are shown as interrupted, and importing the files again completes them."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def get(self, caller: Caller, run_id: str) -> dict[str, Any]:
        """A run's record with its findings in their order; where they are many, only the weightiest."""
        require(caller, Role.READER)
        record = await self._records.fetch(caller.tenant, RUN, run_id)
        if record is None:
            raise Refusal("import.run.does_not_exist", run=run_id)
        shown = await self._as_it_stands(caller, record)
        found = [_finding_of(one) for one in await self._findings(caller, run_id)]
        findings = weightiest(found, SHOWN_FINDINGS_MAX)
        return {**shown, "progress": self._running.get(run_id), "findings": [finding_row(one) for one in findings]}

    async def listing(self, caller: Caller) -> list[dict[str, Any]]:
        """The newest runs, newest first, without findings."""
        require(caller, Role.READER)
        runs = await self._records.listing(caller.tenant, RUN, 10_000)
        return [await self._as_it_stands(caller, one) for one in runs[::-1][:LISTED_RUNS_MAX]]

    async def _as_it_stands(self, caller: Caller, record: dict[str, Any]) -> dict[str, Any]:
        """A run's record; one that nobody works on any more was interrupted.

        A run is among `_running` from before its first record is stored until after its last one is. So when it is there
        no more, a second reading is final: it tells a run that ended since the first reading from an interrupted one.
        """
        if record["state"] != "running" or record["run"] in self._running:
            return record
        last = await self._records.fetch(caller.tenant, RUN, record["run"])
        if last is not None and last["state"] != "running":
            return last
        return {**record, "state": "failed", "problem": _problem(Refusal("import.run.interrupted"))}

    async def findings_csv(self, caller: Caller, run_id: str, language: str) -> bytes:
        """All findings of a run as CSV for a spreadsheet program."""
        require(caller, Role.READER)
        if await self._records.fetch(caller.tenant, RUN, run_id) is None:
            raise Refusal("import.run.does_not_exist", run=run_id)
        return to_csv([_finding_of(one) for one in await self._findings(caller, run_id)], language)

    async def mappings(self, caller: Caller) -> list[dict[str, Any]]:
        """Mappings that people saved."""
        require(caller, Role.READER)
        return await self._records.listing(caller.tenant, MAPPING, MAPPINGS_MAX)

    async def save_mapping(self, caller: Caller, document: dict[str, Any]) -> SheetMapping:
        """Keep a mapping for sheets with the same headings of the same publication."""
        require(caller, Role.WRITER)
        mapping = SheetMapping.from_json(document)
        if mapping.model not in {model.id for model in self._models}:
            raise Refusal("import.model.unknown", model=mapping.model, known=", ".join(one.id for one in self._models))
        await self._records.put(caller.tenant, MAPPING, f"{mapping.fingerprint}:{mapping.publication}", mapping.to_document())
        return mapping

    def models(self) -> list[dict[str, Any]]:
        """The data models an import can be told to use."""
        return [
            {"id": one.id, "type": one.type, "name_ja": one.ja, "name_en": one.en, "subject": one.subject.value}
            for one in self._models
        ]

    async def _begin(self, caller: Caller, request: ImportRequest) -> dict[str, Any]:
        require(caller, Role.WRITER)
        find_town(request.town)
        if request.model is not None and request.model not in {model.id for model in self._models}:
            raise Refusal("import.model.unknown", model=request.model, known=", ".join(one.id for one in self._models))
        run: dict[str, Any] = {
            "run": f"{self._clock.now():%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:6]}",
            "state": "running",
            "dry_run": request.dry_run,
            "by": caller.display_name or caller.principal,
            "started_at": iso(self._clock.now()),
            "names": [one.name for one in request.files],
            "files": [],
            "findings_count": {},
            "problem": None,
        }
        self._running[str(run["run"])] = {"phase": "waiting", "done": 0, "total": 0}
        try:
            await self._records.put(caller.tenant, RUN, run["run"], run)
        except BaseException:
            del self._running[str(run["run"])]
            raise
        return run

    async def _work(
        self, caller: Caller, request: ImportRequest, run: dict[str, Any], progress: Callable[[str, int, int], None] | None
    ) -> dict[str, Any]:
        run_id = str(run["run"])

        def told(phase: str, done: int, total: int) -> None:
            if run_id not in self._running:
                return
            self._running[run_id] = {"phase": phase, "done": done, "total": total}
            self._announcer.announce(caller.tenant, "import", {"run": run_id, "phase": phase, "done": done, "total": total})
            if progress is not None:
                progress(phase, done, total)

        tell = _Teller(told, asyncio.get_running_loop())
        try:
            async with self._turn:
                await self._attempt(caller, request, run, tell)
                run["finished_at"] = iso(self._clock.now())
                await self._records.put(caller.tenant, RUN, run_id, run)
        finally:
            told("finished", 1, 1)
            del self._running[run_id]
        return run

    async def _attempt(self, caller: Caller, request: ImportRequest, run: dict[str, Any], tell: _Teller) -> None:
        try:
            await self._import(caller, request, run, tell)
        except MachinamiError as error:
            run["state"], run["problem"] = "failed", _problem(error)
        except Exception:
            logger.exception("import %s failed", run["run"])
            run["state"], run["problem"] = "failed", _problem(Refusal("import.run.failed", run=run["run"]))

    async def _import(self, caller: Caller, request: ImportRequest, run: dict[str, Any], tell: _Teller) -> None:
        tables, problems = await asyncio.to_thread(self._tables, request.files, tell)
        if not tables and problems:
            raise problems[0][1]
        mappings = tuple(SheetMapping.from_json(one) for one in await self.mappings(caller))
        options = ImportOptions(
            find_town(request.town),
            request.model,
            supersedes=request.new_edition,
            mappings=mappings,
            today=self._clock.now().astimezone().date(),
        )
        existing = await self._city.having(caller, PUBLICATION)
        plan, change = await asyncio.to_thread(self._plan, tables, options, existing, tell)
        findings = [*(_unreadable(name, error) for name, error in problems), *collapse([*plan.findings, *change.findings])]
        run["files"] = _sheets(plan, change) + [_unread(name, error) for name, error in problems]
        if not request.dry_run:
            refused = await self._commit(caller, [*change.created, *change.updated, *change.withdrawn], tell)
            run["not_stored"] = len(refused)
            findings += [_not_stored(plan, entity, error) for entity, error in refused]
        findings = in_order(findings)
        run["findings_count"] = dict(Counter(one.severity.value for one in findings))
        await self._records.put(
            caller.tenant, FINDINGS, run["run"], {"findings": [_kept(one) for one in weightiest(findings, KEPT_FINDINGS_MAX)]}
        )
        run["state"] = "dry_run" if request.dry_run else "done"

    def _tables(self, files: Sequence[UploadedFile], tell: _Teller) -> tuple[list[Table], list[tuple[str, Refusal]]]:
        tables: list[Table] = []
        problems: list[tuple[str, Refusal]] = []
        for place, one in enumerate(files):
            tell("reading", place, len(files))
            try:
                tables += self._read(one.data, one.name, lambda *_: None)
            except Refusal as error:
                problems.append((one.name, error))
        return tables, problems

    def _plan(
        self, tables: list[Table], options: ImportOptions, existing: list[Entity], tell: _Teller
    ) -> tuple[ImportPlan, Difference]:
        plan = plan_import(tables, self._models, options, existing, lambda _, done, total: tell("planning", done, total))
        return plan, diff(plan, existing)

    async def _commit(self, caller: Caller, entities: Sequence[Entity], tell: _Teller) -> list[tuple[Entity, MachinamiError]]:
        """Store the entities in chunks; returns those that were refused, and why."""
        refused = []
        for start in range(0, len(entities), self._commit_rows):
            tell("storing", start, len(entities))
            chunk = entities[start : start + self._commit_rows]
            errors = await self._city.save(caller, chunk)
            refused += [(entity, error) for entity, error in zip(chunk, errors, strict=True) if error is not None]
        tell("storing", len(entities), len(entities))
        return refused

    async def _findings(self, caller: Caller, run_id: str) -> list[dict[str, Any]]:
        record = await self._records.fetch(caller.tenant, FINDINGS, run_id)
        return list(record["findings"]) if record else []


class _Teller:
    """Passes progress on to the event loop, from any thread, not too often."""

    def __init__(self, told: Callable[[str, int, int], None], loop: asyncio.AbstractEventLoop) -> None:
        self._told = told
        self._loop = loop
        self._last = (0.0, "")

    def __call__(self, phase: str, done: int, total: int) -> None:
        now = time.monotonic()
        if phase == self._last[1] and done < total and now - self._last[0] < ANNOUNCE_EVERY_S:
            return
        self._last = (now, phase)
        self._loop.call_soon_threadsafe(self._told, phase, done, total)


def finding_row(one: Finding) -> dict[str, Any]:
    """A finding as the console shows it: `name_…` is its rule's short name, `rejects` that something was not taken over."""
    rule = RULES[one.code]
    return {
        "code": one.code,
        "name_ja": rule.name_ja,
        "name_en": rule.name_en,
        "severity": one.severity.value,
        "rejects": rule.rejects,
        "file": one.place.file,
        "sheet": one.place.sheet,
        "row": one.place.row,
        "column": one.place.column,
        "value": one.value,
        "proposal": one.proposal,
        "text_ja": describe(one, "ja"),
        "text_en": describe(one, "en"),
    }


def _sheets(plan: ImportPlan, change: Difference) -> list[dict[str, Any]]:
    models = {model.id: model for model in load_models()}
    rows = []
    for index, sheet in enumerate(plan.sheets):
        model = models.get(sheet.model)
        rows.append(
            {
                "name": sheet.file, "sheet": sheet.sheet, "model": sheet.model, "model_ja": model.ja if model else "",
                "model_en": model.en if model else "", "rows": sheet.rows, "merged": sheet.merged,
                "rejected": sheet.rejected, **change.sheets[index],
                "mapping": sheet.mapping.to_document() if sheet.mapping else None,
            }
        )  # fmt: skip
    return rows


def _unread(name: str, error: Refusal) -> dict[str, Any]:
    counts = dict.fromkeys(("rows", "merged", "rejected", "created", "updated", "unchanged", "withdrawn"), 0)
    empty = dict.fromkeys(("sheet", "model", "model_ja", "model_en"), "")
    return {"name": name, **empty, **counts, "mapping": None, "problem": _problem(error)}


def _unreadable(name: str, error: Refusal) -> Finding:
    return finding("import.file.unreadable", Place(name), **_reason(error))


def _not_stored(plan: ImportPlan, entity: Entity, error: MachinamiError) -> Finding:
    sheet = plan.sheets[plan.origins[entity.id]] if entity.id in plan.origins else None
    place = Place(sheet.file, sheet.sheet) if sheet else Place("")
    return finding("import.row.not_stored", place, entity.id, **_reason(error))


def _reason(error: MachinamiError) -> dict[str, str]:
    return {"reason_ja": describe_error(error, "ja")[0], "reason_en": describe_error(error, "en")[0]}


def _problem(error: MachinamiError) -> dict[str, str]:
    detail, remedy = describe_error(error, "en")
    detail_ja, remedy_ja = describe_error(error, "ja")
    return {"code": error.code, "detail": detail, "remedy": remedy, "detail_ja": detail_ja, "remedy_ja": remedy_ja}


def _kept(one: Finding) -> dict[str, Any]:
    return asdict(one)


def _finding_of(document: dict[str, Any]) -> Finding:
    return Finding(**{**document, "place": Place(**document["place"]), "severity": Severity(document["severity"])})
