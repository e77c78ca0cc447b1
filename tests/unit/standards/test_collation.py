"""Texts in the order of ICU's root collation and of Japanese; expected orders are those of CLDR's charts and JIS X 4061."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from machinami.kernel.errors import Refusal
from machinami.standards.collation import collation_key, parse_collation


def ordered(tag, words):
    return sorted(words, key=collation_key(parse_collation(tag)))


@pytest.mark.parametrize(
    ("tag", "words"),
    [
        (
            "",
            [
                "",
                " a",
                "_a",
                "-a",
                "(a",
                "+a",
                "¥a",
                "1",
                "10",
                "２",
                "a",
                "A",
                "Ａ",
                "á",
                "ab",
                "ａb",
                "äb",
                "Z",
                "α",
                "я",
                "あ",
                "漢",
            ],
        ),
        ("", ["cote", "coté", "côte", "côté"]),
        ("", ["o", "ø", "oa", "øa", "ss", "ß", "st"]),
        ("", ["あ", "ア", "い", "か", "が", "ガ", "かき", "がき"]),
        ("und-u-ks-level3-kf-upper", ["A", "a", "Á", "á", "AB", "Ab", "ab"]),
        ("en-u-kn", ["a1", "a2", "a10", "b"]),
        ("de-u-co-phonebk", ["Ad", "Ä", "Af", "Od", "Ö", "Of"]),
        ("ja", ["A", "b", "あ", "ア", "亜", "一", "高", "松", "α"]),
        ("und-x-icu", ["a", "A", "b"]),
    ],
)
def test_collation_key_orders_words_as_the_charts_do(tag, words):
    assert ordered(tag, reversed(words)) == words


@pytest.mark.parametrize(
    ("tag", "same"),
    [
        ("und-u-ks-level1", ["a", "A", "á", "Ａ"]),
        ("und-u-ks-level2", ["a", "A"]),
        ("und-u-ka-shifted", ["a-b", "ab", "a b"]),
    ],
)
def test_collation_key_is_the_same_where_the_strength_makes_no_difference(tag, same):
    key = collation_key(parse_collation(tag))
    assert len({key(one) for one in same}) == 1
    assert key("a") != key("c")


@pytest.mark.parametrize("tag", ["x y", "und_u", "-", "u-ks", "und-u-level1", "1234567890"])
def test_parse_collation_refuses_when_it_is_no_tag(tag):
    with pytest.raises(Refusal) as refusal:
        parse_collation(tag)
    assert refusal.value.code == "ngsi_ld.collation.not_valid"


@pytest.mark.parametrize("tag", ["sv", "und-u-ks-level9", "fr-u-co-phonebk", "zh-u-co-pinyin", "und-u-kr-latn"])
def test_parse_collation_refuses_when_it_is_not_offered(tag):
    with pytest.raises(Refusal) as refusal:
        parse_collation(tag)
    assert refusal.value.code == "ngsi_ld.collation.not_supported"


@given(st.text(), st.text())
def test_collation_key_tells_all_texts_apart_at_identical_strength(one, other):
    key = collation_key(parse_collation("und-u-ks-identic"))
    assert (key(one) == key(other)) == (one == other)
    assert (key(one) < key(other)) or (key(other) < key(one)) or one == other
