"""Import runs with a reader, a city and records by hand: what is stored, what is told, what a crash leaves."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from machinami.kernel.caller import Caller, Role, development_caller
from machinami.kernel.clock import VirtualClock
from machinami.kernel.entity import Entity
from machinami.kernel.errors import MachinamiError, Refusal, Unavailable
from machinami.linkage.importing import runs
from machinami.linkage.importing.findings import RULES
from machinami.linkage.importing.model import Table
from machinami.linkage.importing.runs import ImportRequest, Imports, UploadedFile
from machinami.linkage.ports import Fold
from machinami.sdk.memory_store import MemoryDocumentStore

CALLER = development_caller()
READER = Caller("default", "user:a", "test", frozenset({Role.READER}))
HEADING = ("名称", "所在地_連結表記", "緯度", "経度")
PARKS = (("中央公園", "高松市番町一丁目", "34.34", "134.045"), ("玉藻公園", "高松市玉藻町2-1", "34.35", "134.05"))


class City:
    """`CityEntities` in memory: refuses the names in `refused`, fails after `chunks_left` saves."""

    def __init__(self) -> None:
        self.stored: dict[tuple[str, str], Entity] = {}
        self.chunks: list[int] = []
        self.refused: set[str] = set()
        self.failure: tuple[int, Exception] | None = None
        self.gate: asyncio.Event | None = None
        self.reached = asyncio.Event()

    async def save(
        self, caller: Caller, entities: Sequence[Entity], label: str = "", fold: Fold | None = None
    ) -> list[MachinamiError | None]:
        await asyncio.sleep(0)
        self.reached.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.failure is not None and len(self.chunks) >= self.failure[0]:
            raise self.failure[1]
        self.chunks.append(len(entities))
        results: list[MachinamiError | None] = []
        for one in entities:
            if any(str(instances[0].get("value")) in self.refused for instances in one.attributes.values()):
                results.append(Refusal("data.entity.not_storable", id=one.id))
            else:
                self.stored[caller.tenant, one.id] = one
                results.append(None)
        return results

    async def having(self, caller: Caller, attribute: str) -> list[Entity]:
        return [one for (tenant, _), one in self.stored.items() if tenant == caller.tenant and attribute in one.attributes]


class Records(MemoryDocumentStore):
    """Lets others run while it writes, as a real store does."""

    async def put(self, tenant: str, kind: str, key: str, document: dict[str, Any]) -> None:
        await asyncio.sleep(0)
        await super().put(tenant, kind, key, dict(document))


class Pages:
    """Keeps what open pages are told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, dict[str, Any]]] = []

    def announce(self, tenant: str, event: str, data: dict[str, Any]) -> None:
        self.told.append((tenant, event, data))


def read(data: bytes, name: str, progress: Callable[[str, int, int], None]) -> list[Table]:
    """A file's bytes say what it holds: lines of cells, or how it is broken."""
    if data == b"broken":
        raise Refusal("import.file.broken", file=name, reason="not a zip file")
    if data == b"bug":
        raise RuntimeError("a bug in the reader")
    return [Table(name, "Sheet1", tuple(tuple(line.split("\t")) for line in data.decode().splitlines()))]


def sheet(*rows: Sequence[str], name: str = "park/data.xlsx") -> UploadedFile:
    return UploadedFile(name, "\n".join("\t".join(row) for row in (HEADING, *rows)).encode())


def request(*files: UploadedFile, **options: Any) -> ImportRequest:
    return ImportRequest(files or (sheet(*PARKS),), **{"town": "372013", "model": "park", **options})


@pytest.fixture
def city() -> City:
    return City()


@pytest.fixture
def records() -> MemoryDocumentStore:
    return Records()


@pytest.fixture
def pages() -> Pages:
    return Pages()


@pytest.fixture
def imports(city: City, records: MemoryDocumentStore, pages: Pages) -> Imports:
    return Imports(read, city, records, pages, VirtualClock(datetime(2026, 11, 26, tzinfo=UTC)), commit_rows=1)


async def ended(*names: str) -> None:
    """Wait for background runs."""
    await asyncio.wait_for(asyncio.gather(*(one for one in asyncio.all_tasks() if one.get_name() in names)), 30)


def counts(run: dict[str, Any], *names: str) -> list[list[int]]:
    return [[one[name] for name in names] for one in run["files"]]


async def test_run_stores_rows_in_chunks_and_says_what_became_of_them(imports: Imports, city: City) -> None:
    run = await imports.carry_out(CALLER, request())
    assert (run["state"], run["problem"], run["by"]) == ("done", None, CALLER.display_name)
    assert counts(run, "rows", "created", "updated", "unchanged", "rejected") == [[2, 2, 0, 0, 0]]
    assert (len(city.stored), city.chunks, run["not_stored"]) == (2, [1, 1], 0)
    assert (await imports.get(READER, run["run"])).items() >= {"state": "done", "progress": None}.items()


async def test_run_changes_nothing_when_the_same_file_comes_again(imports: Imports, city: City) -> None:
    await imports.carry_out(CALLER, request())
    city.chunks.clear()
    run = await imports.carry_out(CALLER, request())
    assert counts(run, "created", "updated", "unchanged") == [[0, 0, 2]]
    assert city.chunks == []


async def test_run_keeps_what_is_stored_apart_by_tenant(imports: Imports) -> None:
    first = await imports.carry_out(CALLER, request())
    run = await imports.carry_out(development_caller("other"), request())
    assert counts(run, "created") == [[2]]
    with pytest.raises(Refusal):
        await imports.get(development_caller("other"), first["run"])


async def test_dry_run_stores_nothing_and_still_tells_all(imports: Imports, city: City) -> None:
    run = await imports.carry_out(CALLER, request(dry_run=True))
    assert (run["state"], run["dry_run"]) == ("dry_run", True)
    assert counts(run, "created") == [[2]]
    assert (city.stored, city.chunks) == ({}, [])
    assert (await imports.get(READER, run["run"]))["findings"]


async def test_run_goes_on_when_one_of_several_files_is_broken(imports: Imports, city: City) -> None:
    run = await imports.carry_out(CALLER, request(UploadedFile("bad.xlsx", b"broken"), sheet(*PARKS)))
    assert (run["state"], len(city.stored)) == ("done", 2)
    assert [one["name"] for one in run["files"] if one.get("problem")] == ["bad.xlsx"]
    [told] = [one for one in (await imports.get(READER, run["run"]))["findings"] if one["code"] == "import.file.unreadable"]
    assert (told["severity"], told["file"]) == ("error", "bad.xlsx")
    assert "壊れていて" in told["text_ja"]
    assert "damaged" in told["text_en"]
    assert run["findings_count"]["error"] == 1


async def test_run_fails_with_what_is_wrong_when_no_file_can_be_read(imports: Imports, city: City) -> None:
    run = await imports.carry_out(CALLER, request(UploadedFile("bad.xlsx", b"broken")))
    assert (run["state"], run["problem"]["code"]) == ("failed", "import.file.broken")
    assert "bad.xlsx" in run["problem"]["detail_ja"]
    assert city.stored == {}


async def test_run_tells_of_entities_that_the_store_refuses_and_stores_the_rest(imports: Imports, city: City) -> None:
    city.refused = {"玉藻公園"}
    run = await imports.carry_out(CALLER, request())
    assert (run["state"], run["not_stored"], len(city.stored)) == ("done", 1, 1)
    [told] = [one for one in (await imports.get(READER, run["run"]))["findings"] if one["code"] == "import.row.not_stored"]
    assert (told["severity"], told["file"], told["sheet"]) == ("error", "park/data.xlsx", "Sheet1")
    assert told["value"].startswith("urn:ngsi-ld:Park:372013:")
    assert told["text_ja"] != told["text_en"]
    assert "{" not in told["text_ja"] + told["text_en"]


async def test_run_fails_but_keeps_what_was_committed_when_the_store_goes_away(imports: Imports, city: City) -> None:
    city.failure = (1, Unavailable("data.store.unavailable", reason="test"))
    run = await imports.carry_out(CALLER, request())
    assert (run["state"], run["problem"]["code"], len(city.stored)) == ("failed", "data.store.unavailable", 1)
    city.failure = None
    again = await imports.carry_out(CALLER, request())
    assert counts(again, "created", "unchanged") == [[1, 1]]


async def test_run_fails_and_says_so_when_the_program_is_wrong(imports: Imports) -> None:
    run = await imports.carry_out(CALLER, request(UploadedFile("odd.xlsx", b"bug")))
    assert (run["state"], run["problem"]["code"]) == ("failed", "import.run.failed")


async def test_start_works_in_the_background_and_shows_how_far_it_is(imports: Imports, city: City) -> None:
    city.gate = asyncio.Event()
    run_id = await imports.start(CALLER, request())
    await asyncio.wait_for(city.reached.wait(), 30)
    record = await imports.get(READER, run_id)
    assert (record["state"], record["progress"]) == ("running", {"phase": "storing", "done": 0, "total": 2})
    assert [one["state"] for one in await imports.listing(READER)] == ["running"]
    city.gate.set()
    await ended(f"import-{run_id}")
    assert (await imports.get(READER, run_id))["state"] == "done"


async def test_runs_take_turns_and_the_waiting_one_is_not_called_interrupted(imports: Imports, city: City) -> None:
    city.gate = asyncio.Event()
    first = await imports.start(CALLER, request())
    second = await imports.start(CALLER, request())
    await asyncio.sleep(0)
    assert (await imports.get(READER, second))["progress"]["phase"] == "waiting"
    city.gate.set()
    await ended(f"import-{first}", f"import-{second}")
    records = [await imports.get(READER, one) for one in (first, second)]
    assert [counts(one, "created", "unchanged") for one in records] == [[[2, 0]], [[0, 2]]]


async def test_a_run_that_a_crash_cut_off_is_shown_as_interrupted(imports: Imports, records: MemoryDocumentStore) -> None:
    await records.put("default", runs.RUN, "20261125-1", {"run": "20261125-1", "state": "running", "problem": None})
    record = await imports.get(READER, "20261125-1")
    [listed] = await imports.listing(READER)
    for one in (record, listed):
        assert (one["state"], one["problem"]["code"]) == ("failed", "import.run.interrupted")
    kept = await records.fetch("default", runs.RUN, "20261125-1")
    assert kept == {"run": "20261125-1", "state": "running", "problem": None}


async def test_progress_goes_to_the_caller_and_to_open_pages_of_the_tenant(imports: Imports, pages: Pages) -> None:
    seen: list[tuple[str, int, int]] = []
    run = await imports.carry_out(CALLER, request(), lambda phase, done, total: seen.append((phase, done, total)))
    assert {phase for phase, _, _ in seen} == {"reading", "planning", "storing", "finished"}
    assert [one for one in seen if one[0] == "storing"][-1] == ("storing", 2, 2)
    assert seen[-1] == ("finished", 1, 1)
    assert all(tenant == "default" and event == "import" and data["run"] == run["run"] for tenant, event, data in pages.told)
    assert [(data["phase"], data["done"], data["total"]) for _, _, data in pages.told] == seen


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"town": "どこか"}, "import.town.unknown"),
        ({"town": "府中市"}, "import.town.ambiguous"),
        ({"model": "x"}, "import.model.unknown"),
    ],
)
async def test_start_refuses_wrong_options_before_anything_is_kept(options: Any, code: str, imports: Imports) -> None:
    with pytest.raises(Refusal) as refused:
        await imports.start(CALLER, request(**options))
    assert refused.value.code == code
    assert await imports.listing(READER) == []


async def test_imports_need_the_writers_role(imports: Imports) -> None:
    for call in (imports.start(READER, request()), imports.save_mapping(READER, {})):
        with pytest.raises(Refusal) as refused:
            await call
        assert refused.value.code == "security.access.forbidden"


async def test_listing_shows_the_newest_first_and_no_more_than_it_may(
    imports: Imports, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [(await imports.carry_out(CALLER, request(dry_run=True)))["run"] for _ in range(3)]
    monkeypatch.setattr(runs, "LISTED_RUNS_MAX", 2)
    assert [one["run"] for one in await imports.listing(READER)] == made[:0:-1]


@pytest.mark.parametrize(("language", "first"), [("ja", "重要度"), ("en", "severity")])
async def test_findings_csv_holds_all_findings_for_a_spreadsheet(language: str, first: str, imports: Imports) -> None:
    run = await imports.carry_out(CALLER, request(sheet(*PARKS, ("", "", "", ""), ("無名の丘", "高松市", "134.0", "34.3"))))
    text = (await imports.findings_csv(READER, run["run"], language)).decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[0][0] == first
    assert len(rows) - 1 == sum(run["findings_count"].values())
    assert any("import.position.swapped" in row for row in rows)


async def test_findings_come_by_row_and_column_with_the_names_of_their_rules(imports: Imports) -> None:
    rows = (("甲", "高松市1", "200", "95"), ("乙", "高松市2", "134.0", "34.3"), ("乙", "高松市2", "134.0", "34.3"))
    run = await imports.carry_out(CALLER, request(sheet(*rows, ("", "高松市3", "", ""))))
    found = (await imports.get(READER, run["run"]))["findings"]
    assert [one["row"] or 0 for one in found] == sorted(one["row"] or 0 for one in found)
    told = {one["code"]: (one["name_ja"], one["name_en"], one["rejects"]) for one in found}
    assert told["import.position.swapped"] == ("緯度と経度が逆", "Swapped coordinates", False)
    assert told["import.row.no_name"] == ("名称なし", "No name", True)


async def test_unknown_runs_are_refused(imports: Imports) -> None:
    for call in (imports.get(READER, "x"), imports.findings_csv(READER, "x", "ja")):
        with pytest.raises(Refusal) as refused:
            await call
        assert refused.value.code == "import.run.does_not_exist"


async def test_a_saved_mapping_is_used_for_the_next_file_with_the_same_headings(imports: Imports, city: City) -> None:
    dry = await imports.carry_out(CALLER, request(dry_run=True, model=None))
    document = dry["files"][0]["mapping"]
    assert document is not None
    await imports.save_mapping(CALLER, {**document, "model": "tourist-facility"})
    assert [one["model"] for one in await imports.mappings(READER)] == ["tourist-facility"]
    assert await imports.mappings(Caller("other", "user:b", "", frozenset(Role))) == []
    run = await imports.carry_out(CALLER, request(model=None))
    assert [one["model"] for one in run["files"]] == ["tourist-facility"]
    assert {one.types[0].rpartition("/")[2] for one in city.stored.values()} == {"TouristFacility"}


@pytest.mark.parametrize(("document", "code"), [({}, "import.mapping.invalid"), (None, "import.model.unknown")])
async def test_save_mapping_refuses_what_cannot_be_used(document: Any, code: str, imports: Imports) -> None:
    if document is None:
        dry = await imports.carry_out(CALLER, request(dry_run=True))
        document = {**dry["files"][0]["mapping"], "model": "no-such-model"}
    with pytest.raises(Refusal) as refused:
        await imports.save_mapping(CALLER, document)
    assert refused.value.code == code
    assert await imports.mappings(READER) == []


async def test_models_are_told_in_both_languages(imports: Imports) -> None:
    told = {one["id"]: one for one in imports.models()}
    assert (told["park"]["type"], told["park"]["subject"]) == ("Park", "place")
    assert all(one["name_ja"] and one["name_en"].isascii() for one in told.values())


@pytest.mark.parametrize("code", ["import.row.not_stored", "import.file.unreadable"])
def test_the_catalogue_has_the_rules_that_runs_add(code: str) -> None:
    assert RULES[code].severity.value == "error"


async def test_close_ends_a_run_under_way_which_is_then_shown_as_interrupted(imports: Imports, city: City) -> None:
    city.gate = asyncio.Event()
    run = await imports.start(CALLER, request())
    await asyncio.wait_for(city.reached.wait(), 30)
    await imports.close()
    shown = await imports.get(CALLER, run)
    assert (shown["state"], shown["problem"]["code"]) == ("failed", "import.run.interrupted")
    assert city.stored == {}
