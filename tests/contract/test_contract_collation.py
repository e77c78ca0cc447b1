"""Our order of texts is ICU's: asked of Debian's server, which was built with ICU (the embedded one was not)."""

from __future__ import annotations

import pytest

from machinami.adapters.postgres.connection import Pool
from machinami.standards.collation import collation_key, parse_collation

WORDS = [
    "", "\n", " a", "_a", "-a", "〜", "・", ",", "、", "!", "！", "?", ".", "。", "'a", '"a', "(a", "(株)", "（株）", "㈱", "「", "@", "#1",
    "%", "→", "+a", "×", "<", "~", "△", "○", "☆", "々", "ー", "$a", "£", "¥a", "€", "1", "①", "½", "10", "10丁目", "２", "²", "２０",
    "２丁目", "3丁目", "a", "A", "Ａ", "á", "Á", "a b", "a-b", "ab", "aB", "Ab", "AB", "äb", "ae", "æ", "Æ", "af", "cote", "coté",
    "côte", "côté", "d", "đ", "dz", "e", "E", "é", "É", "Ⅳ", "l", "ł", "la", "łą", "n", "ñ", "ŋ", "o", "ø", "Ø", "oa", "øa", "oe",
    "œ", "shelter", "Shelter", "ss", "ß", "st", "urn:x:1", "urn:x:10", "urn:x:2", "z", "Z", "þ", "α", "ω", "Ω", "я", "Я", "א", "ب",
    "ก", "가", "각", "나", "ぁ", "あ", "ァ", "ア", "ｱ", "ｱｲ", "い", "か", "カ", "が", "ガ", "ｶﾞ", "かき", "がき", "一", "二丁目", "京都",
    "松", "漢", "高松",
]  # fmt: skip


@pytest.mark.parametrize("server", [pytest.param("debian", marks=pytest.mark.system_postgres)], indirect=True)
@pytest.mark.parametrize(("tag", "icu"), [("", "und-x-icu"), ("ja", "ja-x-icu")])
async def test_texts_are_ordered_as_icu_orders_them(pool: Pool, tag: str, icu: str) -> None:
    rows = await pool.fetch(f'select w from unnest($1::text[]) w order by w collate "{icu}", w collate "C"', WORDS)
    assert sorted(sorted(WORDS), key=collation_key(parse_collation(tag))) == [row["w"] for row in rows]
