import datetime
import io
import zipfile

import pytest

from machinami.adapters.sheets import SheetBounds, read_tables
from machinami.kernel.errors import Refusal


def refusal(data, name="避難所.xlsx", bounds=None):
    with pytest.raises(Refusal) as caught:
        read_tables(data, name, bounds)
    return caught.value


def two_sheets(book):
    sheet = book.active
    sheet.title = "一覧"
    sheet.append(["名称", "開催日", "開始", "人数", "位置", None])
    sheet.append(["甲\n乙", datetime.date(2026, 8, 1), datetime.time(9, 30), 12, "x", None])
    sheet.merge_cells("E1:F1")
    hidden = book.create_sheet("内部")
    hidden.sheet_state = "hidden"
    hidden.append(["内部"])


def test_read_tables_keeps_types_merges_and_hidden_state_when_xlsx(workbook):
    first, second = read_tables(workbook(two_sheets), "催し.xlsx")
    assert first.rows[1] == ("甲\n乙", datetime.date(2026, 8, 1), datetime.time(9, 30), 12.0, "x")
    assert first.merged == ((0, 4, 0, 5),)
    assert (first.file, first.sheet, first.spreadsheet, first.hidden) == ("催し.xlsx", "一覧", True, False)
    assert second.hidden


def test_read_tables_reads_path_when_given_one(workbook, tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(workbook(two_sheets))
    assert read_tables(path, "a.xlsx") == read_tables(path.read_bytes(), "a.xlsx")


def test_read_tables_reports_sheets_when_progress_is_asked(workbook):
    seen = []
    read_tables(workbook(two_sheets), "a.xlsx", progress=lambda *step: seen.append(step))
    assert seen == [("一覧", 0, 2), ("内部", 1, 2)]


def test_read_tables_marks_formulas_when_results_are_stored_or_not(workbook):
    def build(book):
        book.active.append(["名称", "人数"])
        book.active.append(["甲", "=1+2"])
        book.active.append(["乙", 3])

    data = workbook(build)
    (table,) = read_tables(data, "a.xlsx")
    assert table.formulas == {(1, 1): False}
    stored = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(stored, "w") as new:
        for member in old.namelist():
            body = old.read(member)
            new.writestr(
                member, body.replace(b"<v></v>", b"<v>3</v>").replace(b"<v />", b"<v>3</v>").replace(b"<v/>", b"<v>3</v>")
            )
    (table,) = read_tables(stored.getvalue(), "a.xlsx")
    assert (table.formulas, table.rows[1][1]) == ({(1, 1): True}, 3.0)


def test_read_tables_reads_ods_when_content_says_so(ods):
    cell = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'
    rows = "".join(
        f"<table:table-row>{''.join(cell.format(one) for one in row)}</table:table-row>"
        for row in (("名称", "住所"), ("甲", "乙町1"))
    )
    blank = '<table:table-cell table:number-columns-repeated="16384"/>'
    empty = f'<table:table-row table:number-rows-repeated="1048574">{blank}</table:table-row>'
    (table,) = read_tables(ods(rows + empty), "list.ods")
    assert (table.sheet, table.rows[:2]) == ("一覧", (("名称", "住所"), ("甲", "乙町1")))


def test_read_tables_refuses_when_ods_repeats_cells_without_end(ods):
    cell = '<table:table-cell office:value-type="string"><text:p>x</text:p></table:table-cell>'
    wide = f'<table:table-row table:number-rows-repeated="1000000">{cell}</table:table-row>'
    assert refusal(ods(wide)).code == "import.file.too_many_rows"
    far = f'<table:table-row><table:table-cell table:number-columns-repeated="16000"/>{cell}</table:table-row>'
    assert refusal(ods(far)).code == "import.file.too_many_columns"


@pytest.mark.parametrize("cut", [100, 1000, 3000])
def test_read_tables_refuses_when_xlsx_is_cut_off(workbook, cut):
    error = refusal(workbook(two_sheets)[:cut])
    assert error.code == "import.file.broken"


def test_read_tables_refuses_when_xlsx_is_garbled_inside(workbook):
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook(two_sheets))) as old, zipfile.ZipFile(target, "w") as new:
        for member in old.namelist():
            new.writestr(member, b"<broken" if member == "xl/workbook.xml" else old.read(member))
    assert refusal(target.getvalue()).code == "import.file.broken"


def test_read_tables_refuses_when_zip_is_no_spreadsheet():
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("readme.txt", "x")
    assert refusal(target.getvalue()).code == "import.file.unknown_format"


@pytest.mark.parametrize("data", [b"%PDF-1.7 ...", b"<html><table></table></html>", b'{"a": 1}', b"abc\x00\x01\x02,def"])
def test_read_tables_refuses_when_format_is_another(data):
    assert refusal(data, "避難所.xls").code == "import.file.unknown_format"


def test_read_tables_refuses_when_old_excel_container_is_broken():
    assert refusal(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000), "避難所.xls").code == "import.file.broken"


@pytest.mark.parametrize("data", [b"", b" \r\n"])
def test_read_tables_refuses_when_file_is_empty(data):
    assert refusal(data).code == "import.file.empty"


def test_read_tables_refuses_when_file_is_too_big():
    assert refusal(b"x" * 11, bounds=SheetBounds(file_bytes_max=10)).code == "import.file.too_big"


def test_read_tables_refuses_when_xml_entities_multiply(workbook):
    def build(book):
        book.active.append(["名称", "=1+1"])

    laughs = "".join(f'<!ENTITY a{index} "{f"&a{index - 1};" * 10}">' for index in range(1, 10))
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook(build))) as old, zipfile.ZipFile(target, "w") as new:
        for member in old.namelist():
            body = old.read(member).decode()
            if member.startswith("xl/worksheets/"):
                body = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a0 "x">{laughs}]>' + body[body.index("<worksheet") :]
                body = body.replace("名称", "&a9;")
            new.writestr(member, body)
    assert refusal(target.getvalue()).code == "import.file.broken"
