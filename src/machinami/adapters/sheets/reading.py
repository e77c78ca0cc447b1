"""Files into tables: python-calamine for xlsx, xls and ods, openpyxl only to find formula cells, csv for text."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

import python_calamine

from machinami.adapters.sheets.delimited import read_rows
from machinami.adapters.sheets.guard import SheetBounds, check_archive, check_extent
from machinami.kernel.errors import Refusal
from machinami.linkage.importing.model import Cell, Row, Table

__all__ = ["SheetBounds", "read_tables"]

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_BINARY_STARTS = (b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!", b"\x7fELF")
Progress = Callable[[str, int, int], None]


def read_tables(
    source: Path | bytes, name: str, bounds: SheetBounds | None = None, progress: Progress | None = None
) -> list[Table]:
    """All sheets of a file with their cells; `name` is what people know it as, best with its folder.

    The format is seen from the content, never from the name. Raises the refusals `import.file.*`.
    """
    limits = bounds or SheetBounds()
    data = _bytes(source, name, limits)
    if not data.strip():
        raise Refusal("import.file.empty", file=name)
    if data.startswith(b"PK\x03\x04"):
        return _packed(data, name, limits, progress)
    if data.startswith(_OLE):
        return _workbook(data, name, limits, progress, frozenset())
    if data.startswith(_BINARY_STARTS) or data.lstrip()[:1] in (b"<", b"{"):
        raise Refusal("import.file.unknown_format", file=name)
    rows = read_rows(data, name, limits)
    if progress is not None:
        progress(name, 1, 1)
    return [Table(name, "", rows, spreadsheet=False)]


def _bytes(source: Path | bytes, name: str, bounds: SheetBounds) -> bytes:
    size = len(source) if isinstance(source, bytes) else source.stat().st_size
    if size > bounds.file_bytes_max:
        raise Refusal("import.file.too_big", file=name, bytes=size, limit=bounds.file_bytes_max)
    return source if isinstance(source, bytes) else source.read_bytes()


def _packed(data: bytes, name: str, bounds: SheetBounds, progress: Progress | None) -> list[Table]:
    members, formulas = check_archive(data, name, bounds)
    if not members & {"xl/workbook.xml", "xl/workbook.bin", "content.xml"}:
        raise Refusal("import.file.unknown_format", file=name)
    return _workbook(data, name, bounds, progress, members if formulas else frozenset())


def _workbook(
    data: bytes, name: str, bounds: SheetBounds, progress: Progress | None, formula_members: frozenset[str]
) -> list[Table]:
    tables = []
    try:
        with python_calamine.load_workbook(io.BytesIO(data)) as workbook:
            sheets = [one for one in workbook.sheets_metadata if one.typ == python_calamine.SheetTypeEnum.WorkSheet]
            for done, metadata in enumerate(sheets):
                if progress is not None:
                    progress(metadata.name, done, len(sheets))
                tables.append(_sheet(workbook, metadata, name, bounds))
    except python_calamine.PasswordError as error:
        raise Refusal("import.file.protected", file=name) from error
    except (python_calamine.CalamineError, OSError, ValueError) as error:
        raise Refusal("import.file.broken", file=name, reason=type(error).__name__) from error
    if "xl/workbook.xml" in formula_members:
        tables = _with_formulas(data, name, tables)
    return tables


def _sheet(workbook: Any, metadata: Any, name: str, bounds: SheetBounds) -> Table:
    sheet = workbook.get_sheet_by_name(metadata.name)
    check_extent(sheet.total_height, sheet.total_width, name, metadata.name, bounds)
    rows = tuple(tuple(_cell(cell) for cell in row) for row in sheet.to_python(skip_empty_area=False))
    merged = tuple((top, left, bottom, right) for (top, left), (bottom, right) in (sheet.merged_cell_ranges or ()))
    hidden = metadata.visible != python_calamine.SheetVisibleEnum.Visible
    return Table(name, metadata.name, rows, merged, hidden=hidden)


def _cell(cell: Any) -> Cell:
    if cell == "" or cell is None:
        return None
    if isinstance(cell, (str, bool, int, float, date, datetime, time, timedelta)):
        return cell
    return str(cell)


def _with_formulas(data: bytes, name: str, tables: list[Table]) -> list[Table]:
    """The same tables with their formula cells marked: True where a result was stored with the formula."""
    import openpyxl  # loaded for the first file: a server's start need not wait for it
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=False)
        found = {sheet.title: _formula_cells(sheet) for sheet in book.worksheets}
        book.close()
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, TypeError, ParseError) as error:
        raise Refusal("import.file.broken", file=name, reason=type(error).__name__) from error
    return [
        Table(
            one.file, one.sheet, one.rows, one.merged, _stored(one.rows, found.get(one.sheet, ())), one.spreadsheet, one.hidden
        )
        for one in tables
    ]


def _formula_cells(sheet: Any) -> list[tuple[int, int]]:
    return [
        (cell.row - 1, cell.column - 1) for row in sheet.iter_rows() for cell in row if getattr(cell, "data_type", "") == "f"
    ]


def _stored(rows: tuple[Row, ...], cells: Any) -> dict[tuple[int, int], bool]:
    return {
        (row, column): row < len(rows) and column < len(rows[row]) and rows[row][column] is not None for row, column in cells
    }
