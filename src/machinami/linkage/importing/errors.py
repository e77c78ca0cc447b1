"""Error texts of the import: files that can't be read and options that can't be followed."""

from __future__ import annotations

from typing import Final

from machinami.kernel.error_texts import ErrorText
from machinami.kernel.errors import Kind

ROWS: Final[dict[str, ErrorText]] = {
    "import.file.empty": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "{file} is empty.",
        "{file} は空のファイルです。",
        "Choose the file that holds the list.",
        "一覧の入ったファイルを選んでください。",
    ),
    "import.file.too_big": ErrorText(
        Kind.PAYLOAD_TOO_LARGE,
        "{file} has {bytes} bytes; at most {limit} are taken.",
        "{file} は {bytes} バイトあります。取り込めるのは {limit} バイトまでです。",
        "Split the list into several files, or raise the setting import_file_bytes_max.",
        "ファイルを分けるか、設定 import_file_bytes_max を大きくしてください。",
    ),
    "import.file.zip_bomb": ErrorText(
        Kind.PAYLOAD_TOO_LARGE,
        "{file} unpacks to more than {limit} bytes or {ratio} times its size; it was not opened.",
        "{file} は展開すると {limit} バイトまたは元の {ratio} 倍を超えるため、開きませんでした。",
        "Save the list anew as xlsx or csv with only the rows that are needed.",
        "必要な行だけを新しい xlsx または csv に保存し直してください。",
    ),
    "import.file.too_many_rows": ErrorText(
        Kind.PAYLOAD_TOO_LARGE,
        "{file} ({sheet}) has more than {limit} rows.",
        "{file} ({sheet}) は {limit} 行を超えています。",
        "Split the list, or raise the setting import_rows_max.",
        "ファイルを分けるか、設定 import_rows_max を大きくしてください。",
    ),
    "import.file.too_many_columns": ErrorText(
        Kind.PAYLOAD_TOO_LARGE,
        "{file} ({sheet}) has more than {limit} columns.",
        "{file} ({sheet}) は {limit} 列を超えています。",
        "Delete stray cells far to the right, or raise the setting import_columns_max.",
        "右端の不要なセルを消すか、設定 import_columns_max を大きくしてください。",
    ),
    "import.file.too_many_cells": ErrorText(
        Kind.PAYLOAD_TOO_LARGE,
        "{file} ({sheet}) spans more than {limit} cells.",
        "{file} ({sheet}) は {limit} セルを超える範囲に及びます。",
        "Delete stray cells far below or to the right of the list, or split it.",
        "一覧から離れた不要なセルを消すか、ファイルを分けてください。",
    ),
    "import.file.broken": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "{file} is damaged and cannot be read ({reason}).",
        "{file} は壊れていて読み取れません({reason})。",
        "Open it in a spreadsheet program, save it under a new name and try again.",
        "表計算ソフトで開き、別名で保存してからもう一度お試しください。",
    ),
    "import.file.protected": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "{file} is protected by a password.",
        "{file} はパスワードで保護されています。",
        "Save it without a password.",
        "パスワードを外して保存してください。",
    ),
    "import.file.unknown_format": ErrorText(
        Kind.UNSUPPORTED_MEDIA_TYPE,
        "{file} is none of xlsx, xls, ods, csv.",
        "{file} は xlsx・xls・ods・csv のいずれでもありません。",
        "Save the list as xlsx or csv.",
        "一覧を xlsx または csv で保存してください。",
    ),
    "import.file.encoding": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "The characters of {file} cannot be read: neither UTF-8 nor Shift_JIS (cp932); first unreadable byte at {position}.",
        "{file} の文字コードを読み取れません。UTF-8 でも Shift_JIS(cp932)でもありません({position} バイト目)。",
        "Save the file as CSV UTF-8 or as xlsx.",
        "「CSV UTF-8」または xlsx で保存し直してください。",
    ),
    "import.file.garbled": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "The text of {file} is garbled (for example {sample}); it was saved in a wrong encoding.",
        "{file} は文字化けした状態で保存されています(例: {sample})。",
        "Export the list again from its source.",
        "元のデータから書き出し直してください。",
    ),
    "import.model.unknown": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "There is no data model {model}.",
        "データモデル {model} はありません。",
        "Known models: {known}.",
        "使えるモデル: {known}。",
    ),
    "import.mapping.invalid": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "The mapping cannot be used: {reason}.",
        "対応表が正しくありません: {reason}。",
        "Export the mapping of an import and change that.",
        "取り込み結果の対応表を書き出して、それを直してください。",
    ),
    "import.town.unknown": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "There is no town {town}.",
        "市区町村 {town} が見つかりません。",
        "Give the six-digit local government code or the full name, for example 372013 or 高松市.",
        "6桁の全国地方公共団体コードか正式な名称(例: 372013、高松市)を指定してください。",
    ),
    "import.town.ambiguous": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "Several towns are called {town}: {found}.",
        "{town} は複数あります: {found}。",
        "Give the six-digit local government code.",
        "6桁の全国地方公共団体コードを指定してください。",
    ),
}
