import csv
import io
import re
from pathlib import Path

import machinami.linkage.importing as package
from machinami.kernel.finding import Place, Severity
from machinami.linkage.importing.errors import ROWS
from machinami.linkage.importing.findings import (
    RULES,
    collapse,
    describe,
    finding,
    in_order,
    row_ranges,
    to_csv,
    weightiest,
)

SOURCES = [path.read_text("utf-8") for path in Path(package.__file__).parent.glob("*.py")]
SHEETS = [path.read_text("utf-8") for path in (Path(package.__file__).parents[2] / "adapters/sheets").glob("*.py")]


def placeholders(text):
    return {re.sub("_(ja|en)$", "", name) for name in re.findall(r"\{(\w+)\}", text)}


def test_rules_use_the_same_parameters_when_in_both_languages():
    for code, rule in RULES.items():
        allowed = {"heading", "value", "proposal"}
        assert placeholders(rule.en) - allowed == placeholders(rule.ja) - allowed, code


def test_every_rule_is_listed_when_a_source_names_it():
    named = {
        code
        for text in SOURCES
        for code in re.findall(
            r'"(import\.(?:sheet|column|row|value|date|text|position|list|withdrawal)\.\w+|import\.file\.unreadable)"', text
        )
    }
    assert named == set(RULES)


def test_every_error_is_registered_when_a_source_raises_it():
    raised = {code for text in SOURCES + SHEETS for code in re.findall(r'Refusal\(\s*"([\w.]+)"', text)}
    assert {code for code in raised if code.startswith("import.")} >= set(ROWS)
    for code, row in ROWS.items():
        assert placeholders(row.en) == placeholders(row.ja), code
        assert placeholders(row.remedy_en) == placeholders(row.remedy_ja), code


def test_to_csv_disarms_cells_when_they_would_run_as_formulas():
    place = Place("=cmd.xlsx", "@一覧", 3, "C")
    data = to_csv([finding("import.value.not_a_number", place, "=HYPERLINK(1)", "-5", heading="+人数")], "ja")
    header, row = csv.reader(io.StringIO(data.decode("utf-8-sig")))
    assert header[0] == "重要度"
    assert (row[2], row[3], row[6], row[7]) == ("'=cmd.xlsx", "'@一覧", "'=HYPERLINK(1)", "'-5")
    assert row[0] == "要確認"


def test_collapse_tells_once_when_a_column_repeats_itself():
    many = [finding("import.position.zero", Place("f", "s", row, "B"), "0, 0") for row in range(2, 14)]
    other = [finding("import.value.not_a_number", Place("f", "s", row, "C"), "x") for row in range(2, 14)]
    told = collapse([*many, *other])
    assert len(told) == 13
    assert told[0].parameters["rows"] == "2-13"
    assert "12行" in describe(told[0], "ja")
    assert len(collapse(many[:9])) == 9


def test_every_rule_has_a_short_name_of_its_own_when_in_either_language():
    for names in ([rule.name_ja for rule in RULES.values()], [rule.name_en for rule in RULES.values()]):
        assert all(0 < len(name) <= 30 for name in names)
        assert len(set(names)) == len(names)
    assert all(rule.name_en.isascii() for rule in RULES.values())


def test_describe_begins_a_long_list_of_items_when_it_is_not_wanted_whole():
    told = finding("import.sheet.items_missing", Place("f", "s"), items="\n".join(["甲、乙、丙", *"丁戊己庚辛壬"]))
    assert "甲、乙、丙、丁、戊、己、庚 ほか2項目" in describe(told, "ja")
    assert "庚 and 2 more" in describe(told, "en")
    assert "庚、辛、壬" in to_csv([told], "ja").decode()
    assert "ほか" not in describe(finding("import.sheet.items_missing", Place("f"), items="\n".join("甲乙丙丁戊")), "ja")
    assert "(1行目)" in describe(finding("import.sheet.title", Place("f", "s", 1)), "ja")


def test_in_order_sorts_by_row_and_column_when_sheets_keep_their_order():
    places = [
        ("b", "", 9, "A"),
        ("b", "", 7, "AA"),
        ("b", "", 7, "H"),
        ("a", "", 1, "A"),
        ("b", "", 7, "D"),
        ("b", "", None, ""),
    ]
    found = in_order(finding("import.value.not_a_number", Place(*place)) for place in places)
    told = [(one.place.file, one.place.row, one.place.column) for one in found]
    assert told == [("b", None, ""), ("b", 7, "D"), ("b", 7, "H"), ("b", 7, "AA"), ("b", 9, "A"), ("a", 1, "A")]


def test_weightiest_leaves_out_the_lightest_when_there_are_too_many():
    severities = ["import.value.formula", "import.row.no_name", "import.value.formula", "import.position.half"]
    found = [finding(code, Place("f", "s", row)) for row, code in enumerate(severities, start=1)]
    assert [one.place.row for one in weightiest(found, 3)] == [1, 2, 4]
    assert [one.place.row for one in weightiest(found, 1)] == [2]
    assert weightiest(found, 4) == found


def test_row_ranges_joins_neighbours_when_rows_follow():
    assert row_ranges([9, 2, 3, 4, 11, 12]) == "2-4, 9, 11-12"


def test_describe_shortens_values_when_they_are_long():
    told = finding("import.value.not_a_date", Place("f"), "あ" * 500, heading="開催日")
    assert told.severity is Severity.WARNING
    assert len(describe(told, "ja")) < 150
