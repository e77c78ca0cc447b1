from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from machinami.linkage.importing.model import Item, ItemKind, Width
from machinami.linkage.importing.values import read_value

NUMBER = Item("capacity", "収容人数", kind=ItemKind.NUMBER, unit="人")
DATE = Item("openingDate", "開設日", kind=ItemKind.DATE)
TIME = Item("startTime", "開始時間", kind=ItemKind.TIME)
TEXT = Item("name", "名称")


def codes(reading):
    return [code for code, _ in reading.notes]


@pytest.mark.parametrize(
    ("cell", "value"),
    [("450", 450), (450.0, 450), ("1.5", 1.5), ("４５０", 450), ("1,200人", 1200), ("12,345", 12345), ("-3", -3), ("80名", 80)],
)
def test_read_value_gives_number_when_it_reads_without_doubt(cell, value):
    assert read_value(NUMBER, cell).value == value


@pytest.mark.parametrize("cell", ["約300", "19（休床中）", "1号認定 30、2・3号認定 144", "1,20", "nan", "1e9", "50人以下"])
def test_read_value_keeps_text_when_a_number_is_doubtful(cell):
    reading = read_value(NUMBER, cell)
    assert reading.value == cell
    assert "import.value.not_a_number" in codes(reading)


def test_read_value_proposes_figure_only_when_there_is_one():
    assert dict(read_value(NUMBER, "約300").notes) == {"import.value.not_a_number": "300"}
    assert dict(read_value(NUMBER, "30と40").notes) == {"import.value.not_a_number": ""}


def test_read_value_keeps_published_text_when_it_was_rewritten():
    assert read_value(NUMBER, "４５０").published == "４５０"
    assert read_value(NUMBER, "450").published is None
    assert read_value(DATE, "R5.4.1").published == "R5.4.1"


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("2023-04-01", "2023-04-01"),
        ("1947/4/1", "1947-04-01"),
        ("2023年4月1日", "2023-04-01"),
        ("令和5年4月1日", "2023-04-01"),
        ("令和元年５月１日", "2019-05-01"),
        ("R5.4.1", "2023-04-01"),
        ("Ｈ３０．４．１", "2018-04-01"),
        ("昭和64年1月7日", "1989-01-07"),
        ("平成二", "平成二"),
        ("2026年8月22日(土)", "2026-08-22"),
        ("20230401", "2023-04-01"),
        (45017.0, "2023-04-01"),
        ("45017", "2023-04-01"),
        (date(2023, 4, 1), "2023-04-01"),
        (datetime(2023, 4, 1), "2023-04-01"),
        ("7/1/2021", "7/1/2021"),
        ("2019/13/1", "2019/13/1"),
    ],
)
def test_read_value_gives_iso_date_when_it_reads_without_doubt(cell, value):
    assert read_value(DATE, cell).value == value


@given(st.dates(min_value=date(1926, 12, 26), max_value=date(2060, 1, 1)))
def test_read_value_reads_any_day_when_written_in_era_years(day):
    era, first = ("令和", 2018) if day >= date(2019, 5, 1) else ("平成", 1988) if day >= date(1989, 1, 8) else ("昭和", 1925)
    year = "元" if day.year - first == 1 else str(day.year - first)
    assert read_value(DATE, f"{era}{year}年{day.month}月{day.day}日").value == day.isoformat()


def test_read_value_proposes_year_by_weekday_when_year_is_missing():
    reading = read_value(DATE, "8月5日（水）～8月16日（日）", date(2026, 7, 1))
    assert reading.value == "8月5日（水）～8月16日（日）"
    assert reading.notes == (("import.date.year_missing", "2026-08-05"),)
    assert read_value(DATE, "8月5日（水）").notes == (("import.date.year_missing", ""),)


def test_read_value_notes_impossible_day_when_month_is_13():
    assert codes(read_value(DATE, "2019/13/1")) == ["import.value.impossible_date"]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("9:00", "09:00"),
        ("９：００", "09:00"),
        ("24:00:00", "24:00"),
        (time(9, 0), "09:00"),
        (timedelta(hours=24), "24:00"),
        ("午後6時", "18:00"),
    ],
)
def test_read_value_gives_time_when_it_is_one(cell, value):
    assert read_value(TIME, cell).value == value


@pytest.mark.parametrize("cell", ["①13：00\n②14：45", "1700", "25時99分", "日没まで"])
def test_read_value_keeps_text_when_it_is_no_single_time(cell):
    reading = read_value(TIME, cell)
    assert (reading.value, codes(reading)) == (cell, ["import.value.not_a_time"])


def test_read_value_proposes_choice_when_another_word_is_used():
    choice = Item("x", "x", kind=ItemKind.CHOICE, values=("あり", "なし", "未確認"))
    assert read_value(choice, "有").notes == (("import.value.not_allowed", "あり"),)
    assert read_value(choice, "有").value == "有"
    assert read_value(choice, "あり").notes == ()


def test_read_value_names_full_width_digits_when_half_width_is_asked():
    phone = Item("tel", "電話番号", width=Width.HALF)
    assert read_value(phone, "０８７－８３９").notes == (("import.value.full_width", "087-839"),)
    assert read_value(TEXT, "ﾊﾟｰｸ").notes == (("import.value.half_width_katakana", "パーク"),)


def test_read_value_trims_and_notes_when_blanks_surround():
    reading = read_value(TEXT, "かがわ病院　")
    assert (reading.value, reading.published, codes(reading)) == ("かがわ病院", "かがわ病院　", ["import.text.outer_blanks"])


def test_read_value_drops_value_when_cell_is_a_spreadsheet_error():
    reading = read_value(TEXT, "#REF!")
    assert (reading.value, codes(reading)) == (None, ["import.value.cell_error"])


def test_read_value_notes_lost_characters_when_the_file_was_made_badly():
    assert codes(read_value(TEXT, "�橋公園")) == ["import.text.unreadable_character"]


def test_read_value_keeps_line_breaks_when_inside():
    assert read_value(TEXT, "一行目\n二行目").value == "一行目\n二行目"


@given(
    st.sampled_from(list(ItemKind)),
    st.one_of(st.text(max_size=30), st.floats(), st.integers(), st.booleans(), st.dates(), st.times()),
)
def test_read_value_never_raises_when_cells_are_arbitrary(kind, cell):
    read_value(Item("x", "x", kind=kind, values=("a",)), cell, date(2026, 1, 1))
