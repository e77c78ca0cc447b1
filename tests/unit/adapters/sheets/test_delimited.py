import pytest

from machinami.adapters.sheets import SheetBounds, read_tables
from machinami.adapters.sheets.delimited import decode, read_rows
from machinami.kernel.errors import Refusal

TEXT = '名称,住所\r\n"中央図書館\n(本館)",髙松市①番町\r\n'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932", "utf-16"])
def test_read_tables_reads_the_same_rows_when_encodings_differ(encoding):
    (table,) = read_tables(TEXT.encode(encoding), "a.csv")
    assert table.rows == (("名称", "住所"), ("中央図書館\n(本館)", "髙松市①番町"))
    assert (table.sheet, table.spreadsheet) == ("", False)


def test_decode_reads_euc_jp_when_old_systems_wrote_it():
    text = "名称,住所\n中央図書館,高松市昭和町\n"
    assert decode(text.encode("euc_jp"), "a.csv") == text


@pytest.mark.parametrize("data", [TEXT.encode("utf-8")[:20] + b"\xff\xfe\xff\x81" + b"\xff", b"name\n\x80\xa0\xfd\xfe\xff\n"])
def test_decode_refuses_when_no_encoding_fits(data):
    with pytest.raises(Refusal) as caught:
        decode(data, "a.csv")
    assert caught.value.code == "import.file.encoding"
    assert caught.value.parameters["position"] > 0


def test_decode_refuses_when_utf_8_text_was_saved_as_cp932():
    text = "名称,住所,電話番号,備考\n中央図書館の案内,高松市昭和町,あいうえお,かきくけこ\n"
    garbled = text.encode("utf-8").decode("cp932", "replace").encode("utf-8")
    with pytest.raises(Refusal) as caught:
        decode(garbled, "a.csv")
    assert caught.value.code == "import.file.garbled"


@pytest.mark.parametrize("mark", [",", "\t", ";"])
def test_read_rows_finds_the_delimiter_when_quoted_cells_hold_others(mark):
    line = mark.join(['"a,b;c\td"', "2", "3"])
    assert read_rows(f"x{mark}y{mark}z\n{line}\n\n\n".encode(), "a.csv", SheetBounds()) == (
        ("x", "y", "z"),
        ("a,b;c\td", "2", "3"),
    )


def test_read_rows_refuses_when_bounds_are_passed():
    with pytest.raises(Refusal) as caught:
        read_rows(b"a,b\n" * 11, "a.csv", SheetBounds(rows_max=10))
    assert caught.value.code == "import.file.too_many_rows"
    with pytest.raises(Refusal) as caught:
        read_rows(b"a," * 11, "a.csv", SheetBounds(columns_max=10))
    assert caught.value.code == "import.file.too_many_columns"


def test_read_rows_refuses_when_a_quote_never_ends():
    with pytest.raises(Refusal) as caught:
        read_rows(b'a,"' + b"x" * 200_000, "a.csv", SheetBounds())
    assert caught.value.code == "import.file.broken"
