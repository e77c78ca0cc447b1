"""Reading a cell's value by its item: numbers, dates with 和暦, times, choices; what changes is noted, never silently.

A value that reads without doubt is taken over in its standard form and the published text kept beside it; a value that
doesn't stays as published. Nothing is guessed: a date without a year stays text.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from machinami.linkage.importing.model import Cell, Item, ItemKind, Width

PLACEHOLDERS: Final = frozenset(["-", "--", "なし", "無し", "無", "未定", "不明", "未確認", "ー", "該当なし", "n/a", "na"])
CELL_ERRORS: Final = frozenset(["#REF!", "#N/A", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#SPILL!", "#CALC!"])
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)", re.ASCII)
_UNITS = re.compile(r"(人|名|台|個|床|円|m|ｍ|km|㎡|m2|m3|㎥|冊|世帯|区画|基|階|室|件|pt|mm)(以下|以内|まで|程度)?$")
_NEVER_NEGATIVE: Final = frozenset(["人", "名", "台", "床", "冊", "個", "区画", "世帯", "円", "㎡", "㎥", "mm"])
_ERAS: Final = {
    "明治": 1867,
    "大正": 1911,
    "昭和": 1925,
    "平成": 1988,
    "令和": 2018,
    "m": 1867,
    "t": 1911,
    "s": 1925,
    "h": 1988,
    "r": 2018,
}
_DATE_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_DATE_YMD = re.compile(r"(\d{4})[/.年-](\d{1,2})[/.月-](\d{1,2})日?(?:\([日月火水木金土](?:・祝)?\))?(?:[ T]?0?0:00(?::00)?)?")
_DATE_ERA = re.compile(
    r"(明治|大正|昭和|平成|令和|[mtshr])\.?(元|\d{1,2})[年./-](\d{1,2})[月./-](\d{1,2})日?(?:\([日月火水木金土](?:・祝)?\))?",
    re.I,
)
_DATE_COMPACT = re.compile(r"((?:19|20)\d{2})(\d{2})(\d{2})")
_MONTH_DAY = re.compile(r"(\d{1,2})[月/](\d{1,2})日?(?:\(([日月火水木金土])(?:・祝)?\))?")
_TIME = re.compile(r"(午前|午後)?(\d{1,2})[:時](\d{1,2})?分?(?::(\d{2}))?")
_URI = re.compile(r"https?://\S+", re.I)
_FULL_WIDTH = re.compile(r"[０-９Ａ-Ｚａ-ｚ－．：／＠（）　]")
_HALF_KATAKANA = re.compile(r"[ｦ-ﾟ]")
_WEEKDAYS: Final = "月火水木金土日"
_SERIAL_EPOCH: Final = date(1899, 12, 30)
_YES: Final = frozenset(["有", "有り", "あり", "○", "〇", "可", "可能", "はい", "1", "true"])
_NO: Final = frozenset(["無", "無し", "なし", "×", "不可", "いいえ", "0", "false"])


@dataclass(frozen=True, slots=True)
class Reading:
    """A value as taken over, the published text where it differs, and notes (finding code, proposal)."""

    value: Any
    published: str | None = None
    notes: tuple[tuple[str, str], ...] = ()


def folded(text: str) -> str:
    """NFKC without blanks, with one kind of dash and tilde: how values are compared."""
    plain = unicodedata.normalize("NFKC", text)
    return re.sub(r"\s+", "", re.sub(r"[‐‑‒–—―−]", "-", plain).replace("〜", "~"))


def published_text(cell: Cell) -> str:
    """A cell as the sheet shows it, outer blanks included; times as HH:MM, dates as YYYY-MM-DD."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat()
    if isinstance(cell, time):
        return cell.strftime("%H:%M")
    if isinstance(cell, timedelta):
        minutes = int(cell.total_seconds()) // 60
        return f"{minutes // 60:02d}:{minutes % 60:02d}"
    return cell.isoformat() if isinstance(cell, date) else str(cell)


def read_value(item: Item, cell: Cell, today: date | None = None) -> Reading:
    """The value of a non-empty cell under an item; never raises."""
    text = published_text(cell)
    trimmed = text.strip()
    if trimmed in CELL_ERRORS:
        return Reading(None, text, (("import.value.cell_error", ""),))
    notes: list[tuple[str, str]] = []
    if trimmed != text:
        notes.append(("import.text.outer_blanks", trimmed))
    if "\ufffd" in trimmed:
        notes.append(("import.text.unreadable_character", ""))
    reading = _typed(item, cell, trimmed, today)
    notes += reading.notes
    if reading.value == trimmed and (note := _width_note(item, trimmed)) is not None and not reading.notes:
        notes.append(note)
    value = reading.value
    if item.unit in _NEVER_NEGATIVE and isinstance(value, (int, float)) and value < 0:
        notes.append(("import.value.negative", ""))
    same = value == text or (isinstance(cell, (int, float)) and not isinstance(cell, bool) and value == cell)
    kept = None if same or _plain_number(value, text) else text
    if isinstance(cell, (date, time, timedelta)):
        kept = None
    return Reading(value, kept, tuple(notes))


def _plain_number(value: Any, text: str) -> bool:
    return isinstance(value, (int, float)) and str(value) == text


def _typed(item: Item, cell: Cell, text: str, today: date | None) -> Reading:
    match item.kind:
        case ItemKind.NUMBER:
            return read_number(cell, text)
        case ItemKind.DATE:
            return read_date(cell, text, today)
        case ItemKind.TIME:
            return _read_time(text)
        case ItemKind.CHOICE:
            return _read_choice(item, text)
        case ItemKind.URI:
            return _read_uri(text)
        case _:
            return Reading(text)


def read_number(cell: Cell, text: str) -> Reading:
    """A number; digits in full width, thousands separators and unit words are read and noted, other text is kept."""
    if isinstance(cell, (int, float)) and not isinstance(cell, bool):
        return Reading(int(cell) if isinstance(cell, float) and cell.is_integer() else cell)
    if _NUMBER.fullmatch(text):
        return Reading(_number(text))
    plain = folded(text)
    if plain.casefold() in PLACEHOLDERS:
        return Reading(text, notes=(("import.value.placeholder", ""),))
    bare = _UNITS.sub("", plain) if not re.search(r"(以下|以内|まで|程度)$", plain) else plain
    if re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?", bare):
        bare = bare.replace(",", "")
    if _NUMBER.fullmatch(bare):
        return Reading(_number(bare), notes=(("import.value.read_as", bare),))
    figures = re.findall(r"\d[\d,]*(?:\.\d+)?", plain)
    return Reading(text, notes=(("import.value.not_a_number", figures[0].replace(",", "") if len(figures) == 1 else ""),))


def _number(text: str) -> int | float:
    value = float(text)
    return int(value) if value.is_integer() and abs(value) < 1e15 else value


def read_date(cell: Cell, text: str, today: date | None = None) -> Reading:
    """A date as YYYY-MM-DD: ISO, 2023/4/1, 2023年4月1日, 令和5年4月1日, R5.4.1, 20230401, Excel's serial number.

    Text with a month and a day but no year stays as it is; the note proposes the year in which the weekday fits.
    """
    if isinstance(cell, (int, float)) and not isinstance(cell, bool) and 15_000 < cell < 75_000:
        return _dated(_SERIAL_EPOCH + timedelta(days=int(cell)))
    plain = folded(text)
    for pattern in (_DATE_ISO, _DATE_YMD, _DATE_COMPACT):
        if found := pattern.fullmatch(plain):
            return _from_parts(text, int(found[1]), int(found[2]), int(found[3]))
    if found := _DATE_ERA.fullmatch(plain):
        year = _ERAS[found[1].casefold()] + (1 if found[2] == "元" else int(found[2]))
        return _from_parts(text, year, int(found[3]), int(found[4]))
    if re.fullmatch(r"[2-7]\d{4}", plain):
        return _dated(_SERIAL_EPOCH + timedelta(days=int(plain)))
    if plain.casefold() in PLACEHOLDERS:
        return Reading(text, notes=(("import.value.placeholder", ""),))
    if not re.search(r"\d{4}[/.年-]|[和正成治]\D?\d", plain) and (found := _MONTH_DAY.search(plain)):
        return Reading(text, notes=(("import.date.year_missing", _proposed_date(found, today)),))
    return Reading(text, notes=(("import.value.not_a_date", ""),))


def _dated(day: date) -> Reading:
    return Reading(day.isoformat(), notes=(("import.value.read_as", day.isoformat()),))


def _from_parts(text: str, year: int, month: int, day: int) -> Reading:
    try:
        found = date(year, month, day).isoformat()
    except ValueError:
        return Reading(text, notes=(("import.value.impossible_date", ""),))
    return Reading(found) if found == text else Reading(found, notes=(("import.value.read_as", found),))


def _proposed_date(found: re.Match[str], today: date | None) -> str:
    """The date nearest to `today` whose weekday is the one written; nothing without a weekday or a today."""
    if today is None or not found[3]:
        return ""
    candidates = []
    for year in (today.year - 1, today.year, today.year + 1):
        try:
            day = date(year, int(found[1]), int(found[2]))
        except ValueError:
            continue
        if _WEEKDAYS[day.weekday()] == found[3]:
            candidates.append(day)
    return min(candidates, key=lambda day: abs(day - today)).isoformat() if candidates else ""


def _read_time(text: str) -> Reading:
    plain = folded(text)
    found = _TIME.fullmatch(plain)
    if found is None:
        code = "import.value.placeholder" if plain.casefold() in PLACEHOLDERS else "import.value.not_a_time"
        digits = re.fullmatch(r"([01]?\d|2[0-4])([0-5]\d)", plain)
        return Reading(text, notes=((code, f"{int(digits[1]):02d}:{digits[2]}" if digits else ""),))
    hour, minute = int(found[2]) + (12 if found[1] == "午後" and int(found[2]) < 12 else 0), int(found[3] or 0)
    if minute > 59 or hour > 30:
        return Reading(text, notes=(("import.value.not_a_time", ""),))
    written = f"{hour:02d}:{minute:02d}"
    return Reading(written) if written == text else Reading(written, notes=(("import.value.read_as", written),))


def _read_choice(item: Item, text: str) -> Reading:
    if not item.values or text in item.values:
        return Reading(text)
    plain = folded(text)
    proposal = next((value for value in item.values if folded(value) == plain), "")
    if not proposal and plain.casefold() in _YES | _NO:
        wanted = _YES if plain.casefold() in _YES else _NO
        proposal = next((value for value in item.values if value in wanted), "")
    return Reading(text, notes=(("import.value.not_allowed", proposal),))


def _read_uri(text: str) -> Reading:
    if _URI.match(text):
        return Reading(text)
    code = "import.value.placeholder" if folded(text).casefold() in PLACEHOLDERS else "import.value.not_a_url"
    return Reading(text, notes=((code, ""),))


def _width_note(item: Item, text: str) -> tuple[str, str] | None:
    """全半角: half-width items with full-width digits or letters, any item with half-width katakana."""
    if item.width is Width.HALF and _FULL_WIDTH.search(text):
        return ("import.value.full_width", unicodedata.normalize("NFKC", text))
    if item.kind is ItemKind.TEXT and _HALF_KATAKANA.search(text):
        return ("import.value.half_width_katakana", unicodedata.normalize("NFKC", text))
    return None
