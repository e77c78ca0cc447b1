from hypothesis import given
from hypothesis import strategies as st

from machinami.linkage.importing.catalogue import load_models
from machinami.linkage.importing.headings import (
    column_letter,
    find_heading,
    is_row_number,
    known_headings,
    normalise,
    without_parentheses,
)

KNOWN = known_headings(load_models())


@given(st.text(max_size=40))
def test_normalise_is_stable_when_applied_twice(text):
    assert normalise(normalise(text)) == normalise(text)


@given(st.text(alphabet="名称住所緯度経度ABCabc123", min_size=1, max_size=12))
def test_normalise_agrees_when_width_and_blanks_differ(text):
    wide = "".join(chr(ord(one) + 0xFEE0) if "!" <= one <= "~" else one for one in text)
    assert normalise(f" {wide[:1]}　{wide[1:]}\n") == normalise(text)


def test_without_parentheses_drops_units_when_bracketed():
    assert without_parentheses("標高（ｍ）") == "標高"
    assert KNOWN.find("想定収容人数（人）") is KNOWN.find("想定収容人数")


def test_is_row_number_recognises_running_numbers_when_named_so():
    assert all(map(is_row_number, ["#property", "№", "NO", "No.", "Ｎｏ．", "番号", "連番"]))
    assert not any(map(is_row_number, ["ID", "電話番号", "管理番号", "code"]))


def test_find_heading_returns_property_row_when_directives_stand_above(table):
    found = find_heading(
        table(
            ["#LINK"],
            ["#lang", "ja"],
            ["#license", "http://example.org/by"],
            ["#property", "name", "address"],
            ["1", "甲", "乙町1"],
        ),
        KNOWN,
    )
    assert (found.first, found.texts) == (3, ("#property", "name", "address"))
    assert found.directive("license") == "http://example.org/by"


def test_find_heading_skips_title_rows_when_there_are_some(table):
    found = find_heading(table(["公園一覧", None], [None, None], ["名称", "住所"], ["甲公園", "乙町1"]), KNOWN)
    assert (found.first, found.last, found.titles) == (2, 2, ("公園一覧",))


def test_find_heading_joins_rows_when_groups_are_merged(table):
    found = find_heading(
        table(
            ["施設名", "所在地", None, "位置", None],
            [None, "町名", "番地", "緯度", "経度"],
            ["甲", "乙町", "1", "34.3", "134.0"],
            merged=((0, 0, 1, 0), (0, 1, 0, 2), (0, 3, 0, 4)),
        ),
        KNOWN,
    )
    assert found.last == 1
    assert found.texts == ("施設名", "所在地 / 町名", "所在地 / 番地", "位置 / 緯度", "位置 / 経度")


def test_find_heading_joins_rows_when_csv_lost_the_merges(table):
    found = find_heading(table(["施設名", "位置", ""], ["", "緯度", "経度"], ["甲", "34.3", "134.0"], spreadsheet=False), KNOWN)
    assert [KNOWN.find(text).name for text in found.texts] == ["name", "latitude", "longitude"]


def test_find_heading_keeps_first_data_row_when_all_cells_are_text(table):
    found = find_heading(table(["名称", "住所", "災害種別"], ["洪水", "津波", "地震"], ["甲", "乙", "丙"]), KNOWN)
    assert (found.first, found.last) == (0, 0)


def test_find_heading_returns_none_when_nothing_is_known(table):
    assert find_heading(table(["この表は参考です"], ["1", "2"]), KNOWN) is None


def test_fingerprint_ignores_width_and_hint_columns_when_headings_are_the_same(table):
    first = find_heading(table(["名称", "住所", "電話番号"], ["甲", "乙", "丙"]), KNOWN)
    second = find_heading(table(["名　称", "", "住所", "電話番号 ", "←項目名"], ["甲", "", "乙", "丙", ""]), KNOWN)
    assert first.fingerprint == second.fingerprint


def test_column_letter_counts_like_a_spreadsheet_when_beyond_z():
    assert [column_letter(index) for index in (0, 25, 26, 701, 702)] == ["A", "Z", "AA", "ZZ", "AAA"]
