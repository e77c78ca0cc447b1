"""A look into a packed spreadsheet before a parser opens it: size, ratio, and how far its cells reach.

Sizes are measured by unpacking member by member up to the bound; what the archive says about itself is not believed.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from dataclasses import dataclass

from machinami.kernel.errors import Refusal

_CHUNK_BYTES = 1 << 20
_RATIO_APPLIES_FROM_BYTES = 20_000_000
_CELL_WITH_CONTENT = re.compile(rb'<c\s[^>]*?r="([A-Z]{1,3})(\d{1,7})"[^>]*(?<!/)>')
_ODS_ROW = re.compile(rb"<table:table-row([^>]*?)(/?)>|<table:(?:covered-)?table-cell([^>]*?)(/?)>|</table:table>")
_ODS_COLUMNS_REPEATED = re.compile(rb'number-columns-repeated="(\d+)"')
_ODS_ROWS_REPEATED = re.compile(rb'number-rows-repeated="(\d+)"')


@dataclass(frozen=True, slots=True)
class SheetBounds:
    """What may be read (`import_*` in the settings table); cells bound the rectangle that a sheet spans."""

    file_bytes_max: int = 50_000_000
    unpacked_bytes_max: int = 400_000_000
    unpack_ratio_max: int = 200
    rows_max: int = 200_000
    columns_max: int = 500
    cells_max: int = 5_000_000


def check_archive(data: bytes, name: str, bounds: SheetBounds) -> tuple[frozenset[str], bool]:
    """The member names of a zip file within bounds, and whether a worksheet holds formulas.

    Raises `import.file.zip_bomb`, `import.file.too_many_rows`/`columns`/`cells`, `import.file.broken`.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            total, formulas = 0, False
            _refuse_bomb(sum(member.file_size for member in members), len(data), name, bounds)
            for member in members:
                if member.flag_bits & 1:
                    raise Refusal("import.file.protected", file=name)
                reach = _Reach(name, member.filename, bounds)
                with archive.open(member) as stream:
                    while chunk := stream.read(_CHUNK_BYTES):
                        total += len(chunk)
                        _refuse_bomb(total, len(data), name, bounds)
                        reach.feed(chunk)
                formulas |= reach.formulas
            return frozenset(member.filename for member in members), formulas
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, ValueError) as error:
        raise Refusal("import.file.broken", file=name, reason=type(error).__name__) from error


def _refuse_bomb(unpacked: int, packed: int, name: str, bounds: SheetBounds) -> None:
    ratio = unpacked > _RATIO_APPLIES_FROM_BYTES and unpacked > packed * bounds.unpack_ratio_max
    if unpacked > bounds.unpacked_bytes_max or ratio:
        raise Refusal("import.file.zip_bomb", file=name, limit=bounds.unpacked_bytes_max, ratio=bounds.unpack_ratio_max)


class _Reach:
    """How far the cells of a worksheet reach, seen from its raw XML: one far cell would make a parser fill a rectangle."""

    def __init__(self, file: str, member: str, bounds: SheetBounds) -> None:
        self._worksheet = member.startswith("xl/worksheets/") and member.endswith(".xml")
        self._ods = member == "content.xml"
        self._file, self._member, self._bounds = file, member.rpartition("/")[2], bounds
        self._tail = b""
        self._rows = self._columns = 0
        self._ods_rows = self._ods_filled_rows = self._ods_columns = self._repeat = 0
        self.formulas = False

    def feed(self, chunk: bytes) -> None:
        """Look at the next piece; the last 256 bytes are looked at again with the next one."""
        if not (self._worksheet or self._ods):
            return
        text = self._tail + chunk
        if self._worksheet:
            self.formulas = self.formulas or b"<f>" in text or b"<f " in text
            for found in _CELL_WITH_CONTENT.finditer(text):
                self._columns = max(self._columns, _column_number(found[1]))
                self._rows = max(self._rows, int(found[2]))
        else:
            self.formulas = self.formulas or b"table:formula=" in text
            self._scan_ods(text)
        self._tail = text[-256:] if self._worksheet else text[text.rfind(b"<") :][-4096:]
        check_extent(self._rows, self._columns, self._file, self._member, self._bounds)

    def _scan_ods(self, text: bytes) -> None:
        """Repeated cells and rows count once they hold something; a trailing run of empty ones is normal."""
        end = text.rfind(b"<")
        for found in _ODS_ROW.finditer(text, 0, end if end > 0 else len(text)):
            if found[0].startswith(b"</"):
                self._ods_rows = self._ods_columns = 0
            elif found[1] is not None:
                repeated = _ODS_ROWS_REPEATED.search(found[1])
                self._repeat = int(repeated[1]) if repeated else 1
                self._ods_rows, self._ods_columns = self._ods_rows + self._repeat, 0
            else:
                repeated = _ODS_COLUMNS_REPEATED.search(found[3] or b"")
                self._ods_columns += int(repeated[1]) if repeated else 1
                if not found[4]:
                    self._columns = max(self._columns, self._ods_columns)
                    self._rows = max(self._rows, self._ods_rows)


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def check_extent(rows: int, columns: int, file: str, sheet: str, bounds: SheetBounds) -> None:
    """Refuse a sheet that spans more than the bounds."""
    if rows > bounds.rows_max:
        raise Refusal("import.file.too_many_rows", file=file, sheet=sheet, limit=bounds.rows_max)
    if columns > bounds.columns_max:
        raise Refusal("import.file.too_many_columns", file=file, sheet=sheet, limit=bounds.columns_max)
    if rows * columns > bounds.cells_max:
        raise Refusal("import.file.too_many_cells", file=file, sheet=sheet, limit=bounds.cells_max)
