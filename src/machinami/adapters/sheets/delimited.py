"""CSV and tab-separated text in the encodings that town halls use: UTF-8 with or without BOM, cp932, UTF-16, EUC-JP."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter

from machinami.adapters.sheets.guard import SheetBounds, check_extent
from machinami.kernel.errors import Refusal

_HALF_KATAKANA = re.compile(r"[｡-ﾟ]")
_JAPANESE = re.compile(r"[ぁ-ヿ一-鿿]")
_NOT_IN_CP932 = re.compile(r"[\x80-\x9f\xa0\uf8f0-\uf8f3]")
_LOOKED_AT_CHARACTERS = 200_000
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")


def decode(data: bytes, name: str) -> str:
    """The text of a file; refuses what is no text in any of the encodings, and text that is already garbled."""
    text = _decoded(data, name)
    if _CONTROL.search(text):
        raise Refusal("import.file.unknown_format", file=name)
    garbled = next((line for line in text[:_LOOKED_AT_CHARACTERS].splitlines() if _is_garbled(line)), None)
    if garbled is not None:
        raise Refusal("import.file.garbled", file=name, sample=garbled.strip()[:20])
    return text


def _is_garbled(line: str) -> bool:
    """Whether a line is UTF-8 that was read as cp932 and saved so: turned back it gives Japanese, which else it never does."""
    foreign = sum(1 for one in line if ord(one) > 0x7F)
    if foreign < 6:
        return False
    back = line.encode("cp932", "ignore").decode("utf-8", "ignore")
    return len(_JAPANESE.findall(back)) > foreign * 0.25


def _decoded(data: bytes, name: str) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _strict(data, "utf-16", name)
    if data.startswith(codecs.BOM_UTF8):
        return _strict(data, "utf-8-sig", name)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    try:
        text = data.decode("cp932")
    except UnicodeDecodeError as error:
        return _euc_jp(data, name, error.start + 1)
    if found := _NOT_IN_CP932.search(text):
        return _euc_jp(data, name, len(text[: found.start()].encode("cp932")) + 1)
    foreign = sum(1 for one in text if ord(one) > 0x7F)
    if foreign and len(_HALF_KATAKANA.findall(text)) > foreign * 0.4:
        return _euc_or(data, text)
    return text


def _euc_jp(data: bytes, name: str, position: int) -> str:
    try:
        return data.decode("euc_jp")
    except UnicodeDecodeError:
        raise Refusal("import.file.encoding", file=name, position=position) from None


def _euc_or(data: bytes, otherwise: str) -> str:
    """EUC-JP bytes often pass as cp932 half-width katakana; take them as EUC-JP if they are that without an error."""
    try:
        return data.decode("euc_jp")
    except UnicodeDecodeError:
        return otherwise


def _strict(data: bytes, encoding: str, name: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise Refusal("import.file.encoding", file=name, position=error.start + 1) from error


def read_rows(data: bytes, name: str, bounds: SheetBounds) -> tuple[tuple[str, ...], ...]:
    """The rows of a delimited file, trailing empty rows left out."""
    text = decode(data, name)
    rows: list[tuple[str, ...]] = []
    columns = 0
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text)):
            rows.append(tuple(row))
            columns = max(columns, len(row))
            check_extent(len(rows), columns, name, "csv", bounds)
    except csv.Error as error:
        raise Refusal("import.file.broken", file=name, reason=str(error)) from error
    while rows and not any(cell.strip() for cell in rows[-1]):
        rows.pop()
    return tuple(rows)


def _delimiter(text: str) -> str:
    """The delimiter that most often occurs outside quotes in the first lines; comma when none does."""
    outside = re.sub(r'"(?:[^"]|"")*"', "", text[:20_000])
    counts = Counter({mark: outside.count(mark) for mark in (",", "\t", ";")})
    mark, number = max(counts.items(), key=lambda pair: pair[1])
    return mark if number else ","
