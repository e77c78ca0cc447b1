"""The whole of Takamatsu's own lists, uncleaned: exact counts, twins, archives (every rule is tried on all real data)."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from machinami.adapters.sheets import read_tables
from machinami.linkage.importing.difference import diff
from machinami.linkage.importing.findings import RULES, describe, to_csv
from machinami.linkage.importing.merging import is_withdrawn
from machinami.linkage.importing.rows import AS_PUBLISHED

ROOT = Path(__file__).parents[4]
CURRENT = ROOT / "cities/takamatsu/opendata"
OLDER = ROOT / "tests/data/takamatsu"

COUNTS = {
    "EvacuationSpace": 195,
    "AED": 450,
    "MedicalInstitution": 617,
    "TsunamiEvacuationBuilding": 112,
    "PublicToilet": 169,
    "Park": 310,
    "Reservoir": 841,
    "Event": 51,
    "CulturalProperty": 183,
    "ChildcareFacility": 118,
    "School": 53,
    "CommunityCenter": 52,
    "TouristFacility": 52,
    "RecyclingBox": 23,
    "MunicipalOffice": 19,
    "PedestrianCountPoint": 15,
    "FireStation": 13,
    "Parking": 11,
    "SandbagStation": 9,
    "BicycleRentalPort": 7,
    "Library": 5,
    "BicycleParking": 4,
    "PublicWirelessLan": 3,
    "PublicFacility": 1,
}
NAMED_BY_THE_ISSUE = list(COUNTS)[:8]


def read(folder, pattern):
    return [table for path in sorted(folder.glob(pattern)) for table in read_tables(path, str(path.relative_to(folder)))]


@pytest.fixture(scope="module")
def current():
    return read(CURRENT, "*/data.xlsx")


@pytest.fixture(scope="module")
def twins():
    return read(CURRENT, "*/data.csv")


@pytest.fixture(scope="module")
def archive():
    return read(OLDER, "old_data/*.csv")


def counted(entities):
    return Counter(entity.types[0].rpartition("/")[2] for entity in entities if not is_withdrawn(entity))


def stored(*changes):
    """What the store holds after applying differences in turn."""
    state = {}
    for change in changes:
        state.update({entity.id: entity for entity in (*change.created, *change.updated, *change.withdrawn)})
    return list(state.values())


def test_plan_import_gives_exact_counts_when_all_current_lists_go_in(current, plan):
    planned = plan(*current)
    assert counted(planned.entities) == COUNTS
    assert all(sheet.rows == sheet.planned for sheet in planned.sheets)
    assert not [one for one in planned.findings if one.severity == "error"]


def test_plan_import_recognises_lists_when_files_come_without_their_folder(current, plan):
    planned = plan(*[replace(table, file="data.xlsx") for table in current])
    assert {name: counted(planned.entities)[name] for name in NAMED_BY_THE_ISSUE} == {
        name: COUNTS[name] for name in NAMED_BY_THE_ISSUE
    }


def test_plan_import_gives_same_ids_when_rows_and_files_are_shuffled(current, plan):
    shuffled = [
        replace(table, rows=(table.rows[0], *reversed(table.rows[1:]))) for table in reversed(current) if len(table.rows) < 400
    ]
    whole = {entity.id for entity in plan(*current).entities}
    assert {entity.id for entity in plan(*shuffled).entities} <= whole


def test_plan_import_never_uses_row_numbers_when_the_first_column_counts(current, plan):
    renumbered = [
        replace(table, rows=(table.rows[0], *((str(index + 900_000), *row[1:]) for index, row in enumerate(table.rows[1:]))))
        for table in current
    ]
    assert {entity.id for entity in plan(*renumbered).entities} == {entity.id for entity in plan(*current).entities}


def test_diff_is_empty_when_the_same_files_come_again(current, plan):
    first = plan(*current)
    again = diff(plan(*current, existing=first.entities), first.entities)
    assert (len(again.created), len(again.updated), len(again.withdrawn)) == (0, 0, 0)
    assert len(again.unchanged) == len(first.entities)


def test_plan_import_places_all_rows_with_coordinates_when_they_are_plain(current, plan):
    planned = plan(*current)
    placed = sum(1 for entity in planned.entities if "https://uri.etsi.org/ngsi-ld/location" in entity.attributes)
    assert placed == sum(COUNTS.values()) - 130 - 1  # cultural properties at 0, 0; one clinic without coordinates


def test_plan_import_keeps_every_cell_when_read_as_text(current, plan):
    park = next(table for table in current if table.file.startswith("evacuation_space/"))
    planned = plan(park)
    taken = Counter(
        one["attributes"][AS_PUBLISHED][0]["value"] if one.get("attributes") else str(one["value"])
        for entity in planned.entities
        for name, (one,) in entity.attributes.items()
        if one["type"] == "Property" and name.rpartition("/")[2] not in ("source", "dataProvider", "publication")
    )
    cells = Counter(str(cell) for row in park.rows[1:] for cell in row[3:] if cell not in (None, ""))
    assert cells - taken == Counter()


def test_plan_import_joins_twins_when_csv_stands_beside_xlsx(current, twins, plan):
    planned = plan(*twins, *current)
    assert counted(planned.entities) == COUNTS
    by_file = {sheet.file: sheet for sheet in planned.sheets}
    assert (by_file["public_toilet/data.csv"].merged, by_file["sandbag_creation_location/data.csv"].merged) == (169, 9)
    hospital = by_file["hospital/data.csv"]
    assert (hospital.rows, hospital.planned) == (628, 0)
    told = [one for one in planned.findings if one.place.file == "hospital/data.csv" and one.code.startswith("import.row.")]
    left_out = [one for one in told if one.code in ("import.row.only_in_edition", "import.row.possible_duplicate")]
    assert len(left_out) == hospital.rejected == 35


def test_plan_import_adds_no_duplicates_when_twins_come_later(current, twins, plan):
    first = diff(plan(*current), ())
    state = stored(first)
    second = diff(plan(*twins, existing=state), state)
    assert (len(second.created), len(second.withdrawn)) == (0, 0)
    assert counted(stored(first, second)) == COUNTS


@pytest.mark.parametrize("archive_first", [False, True])
def test_plan_import_keeps_counts_when_archived_editions_come(current, archive, plan, archive_first):
    rounds = (archive, current) if archive_first else (current, archive)
    first = diff(plan(*rounds[0]), ())
    state = stored(first)
    second = diff(plan(*rounds[1], existing=state), state)
    found = counted(stored(first, second))
    assert {name: found[name] for name in NAMED_BY_THE_ISSUE} == {name: COUNTS[name] for name in NAMED_BY_THE_ISSUE}
    assert found["CommunityCenter"] == 52
    assert found["School"] > 53  # the archive alone has the junior high schools: a list of its own
    state = stored(first, second)
    third = diff(plan(*current, existing=state), state)
    assert (len(third.created), len(third.updated), len(third.withdrawn)) == (0, 0, 0)


def test_plan_import_accounts_for_every_archived_row_when_it_is_not_taken(current, archive, plan):
    planned = plan(*current, *archive)
    for sheet in planned.sheets:
        assert sheet.rows == sheet.planned + sheet.merged + sheet.rejected
        told = [
            one
            for one in planned.findings
            if (one.place.file, one.place.sheet) == (sheet.file, sheet.sheet)
            and RULES[one.code].severity != "info"
            and one.code.startswith("import.row.")
            and one.code not in ("import.row.same_key", "import.row.duplicate_code", "import.row.duplicate")
        ]
        assert len(told) >= sheet.rejected


def test_plan_import_leaves_statistics_alone_when_they_are_neither_places_nor_events(plan):
    tables = read(OLDER, "statistics/*/*.xlsx") + read(OLDER, "old_data/0066*.csv") + read(OLDER, "old_data/0074.csv")
    planned = plan(*tables)
    assert planned.entities == ()
    told = Counter(one.code for one in planned.findings)
    assert told == {"import.sheet.statistics": 2, "import.sheet.no_places": 4, "import.sheet.no_heading": 1}


def test_findings_speak_both_languages_when_described(current, archive, plan):
    planned = plan(*current, *archive)
    for one in planned.findings:
        assert describe(one, "ja")
        assert describe(one, "en")
        assert "{" not in describe(one, "en").replace(one.value, "")
    assert to_csv(planned.findings, "ja").startswith(b"\xef\xbb\xbf")


def test_plan_import_notes_missing_years_when_events_have_only_months(current, plan):
    events = [table for table in current if table.file.startswith("events/")]
    told = [one for one in plan(*events).findings if one.code == "import.date.year_missing"]
    assert len(told) == 45
    assert (told[0].place.row, told[0].place.column, told[0].proposal) == (2, "C", "2026-08-05")
