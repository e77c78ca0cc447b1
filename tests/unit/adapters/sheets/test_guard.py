import io
import resource
import zipfile

import pytest

from machinami.adapters.sheets import SheetBounds, read_tables
from machinami.adapters.sheets.guard import check_archive
from machinami.kernel.errors import Refusal

GIGABYTE = 1 << 30


def test_read_tables_refuses_without_unpacking_when_zip_bomb_is_declared(bomb, monkeypatch):
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: pytest.fail("a member was opened"))
    data = bomb(GIGABYTE)
    assert len(data) < 2_000_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(Refusal) as caught:
        read_tables(data, "避難所.xlsx")
    assert caught.value.code == "import.file.zip_bomb"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kB


def test_check_archive_refuses_when_zip_bomb_lies_about_its_size(bomb):
    with pytest.raises(Refusal) as caught:
        check_archive(bomb(64 << 20, claimed=1000), "避難所.xlsx", SheetBounds())
    assert caught.value.code in ("import.file.broken", "import.file.zip_bomb")


def test_check_archive_refuses_by_ratio_when_total_is_within_bounds(bomb):
    with pytest.raises(Refusal) as caught:
        check_archive(bomb(64 << 20), "避難所.xlsx", SheetBounds())
    assert caught.value.code == "import.file.zip_bomb"


def sheet(cells):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        archive.writestr("xl/worksheets/sheet1.xml", f"<worksheet><sheetData>{cells}</sheetData></worksheet>")
    return target.getvalue()


@pytest.mark.parametrize(
    ("reference", "code"),
    [
        ("A1048576", "import.file.too_many_rows"),
        ("XFD1", "import.file.too_many_columns"),
        ("SA190000", "import.file.too_many_cells"),
    ],
)
def test_check_archive_refuses_when_one_far_cell_spans_a_huge_sheet(reference, code):
    with pytest.raises(Refusal) as caught:
        check_archive(sheet(f'<c r="A1"><v>1</v></c><c r="{reference}" t="n"><v>1</v></c>'), "x.xlsx", SheetBounds())
    assert caught.value.code == code


def test_check_archive_finds_far_cell_when_it_straddles_two_reads():
    for padding in range((1 << 20) - 80, (1 << 20) - 40, 4):
        with pytest.raises(Refusal):
            check_archive(
                sheet(" " * padding + '<c r="XFD1" t="n"><v>1</v></c>'), "x.xlsx", SheetBounds(unpack_ratio_max=10**6)
            )


def test_check_archive_accepts_when_far_cells_are_only_styled():
    members, formulas = check_archive(sheet('<c r="A1"><v>1</v></c><c r="XFD1048576" s="4"/>'), "x.xlsx", SheetBounds())
    assert (members, formulas) == ({"xl/workbook.xml", "xl/worksheets/sheet1.xml"}, False)
