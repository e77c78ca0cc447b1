"""Texts of what can be wrong with a query when it is evaluated."""

from __future__ import annotations

from typing import Final

from machinami.kernel.error_texts import ErrorText
from machinami.kernel.errors import Kind

ROWS: Final[dict[str, ErrorText]] = {
    "data.query.bad_pattern": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "The regular expression {pattern} cannot be used: {reason}.",
        "正規表現 {pattern} は使えません: {reason}。",
        "Use RE2 syntax; look-around and back references are not part of it.",
        "RE2 の構文で書いてください(先読み・後読み・後方参照は使えません)。",
    ),
    "data.query.bad_geometry": ErrorText(
        Kind.BAD_REQUEST_DATA,
        "The query geometry {geometry} cannot be used: {reason}.",
        "検索に使う図形 {geometry} は使えません: {reason}。",
        "Give GeoJSON coordinates of that geometry type: longitude first, rings closed.",
        "その種類の GeoJSON 座標を指定してください(経度が先、輪は閉じる)。",
    ),
    "data.query.too_many_linked": ErrorText(
        Kind.TOO_COMPLEX_QUERY,
        "The answer would need more than {most} linked entities.",
        "回答に必要な関連エンティティが上限 {most} 件を超えます。",
        "Ask for fewer entities, fewer levels (joinLevel) or fewer Relationships (pick).",
        "件数・joinLevel・pick で対象を絞ってください。",
    ),
}
