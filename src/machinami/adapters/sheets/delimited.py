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
_MOJIBAKE = re.compile(r"[縺繧繝譁蜷髱竊荳莠]")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")


def decode(data: bytes, name: str) -> str:
    """The text of a file; refuses what is no text in any of the encodings, and text that is already garbled."""
    text = _decoded(data, name)
    if _CONTROL.search(text):
        raise Refusal("import.file.unknown_format", file=name)
    foreign = sum(1 for one in text[:200_000] if ord(one) > 0x7F)
    garbled = _MOJIBAKE.findall(text[:200_000])
    if foreign and len(garbled) > foreign * 0.2:
        sample = next((line.strip()[:20] for line in text.splitlines() if _MOJIBAKE.search(line)), "")
        raise Refusal("import.file.garbled", file=name, sample=sample)
    return text


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
        try:
            return data.decode("euc_jp")
        except UnicodeDecodeError:
            raise Refusal("import.file.encoding", file=name, position=error.start + 1) from error
    foreign = sum(1 for one in text if ord(one) > 0x7F)
    if foreign and len(_HALF_KATAKANA.findall(text)) > foreign * 0.4:
        return _euc_or(data, text)
    return text


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
