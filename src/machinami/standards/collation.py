"""Sort keys of texts in the order of the ICU root collation and some languages' (RFC 6067, UTS 35 part 5), from `unicodedata`.

Root order as UCA and CLDR have it for what towns write: blanks, punctuation, symbols, currency signs, digits, then letters by
script. Letters first differ by their base letter, then by marks on it, then by case (small first), kana (hiragana first) and
width. Weights come from the Unicode character data, not from the DUCET tables: symbols, and letters without decomposition
that are not named here, stand by code point among their like. `ja` puts Latin, kana and kanji first, kanji in the order of
JIS X 0208 (JIS X 4061).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from machinami.kernel.errors import Refusal

_TAG: Final = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*")
_AS_ROOT: Final = frozenset("und root en de fr it pt nl id ms ga ca lb sw zu xh".split())  # noqa: SIM905
_STRENGTHS: Final = {"level1": 1, "level2": 2, "level3": 3, "level4": 4, "identic": 4}
_SIGNS: Final = {sign: place for place, sign in enumerate("_-〜・,、;:!?.。'\"()[]{}「」『』@*/\\&#%`^゛゜→+×<=>|~")}
_SPELT: Final = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "ŧ": "t", "ſ": "s"}
)
_PHONEBOOK: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})
_SMALL: Final = "ぁぃぅぇぉっゃゅょゎゕゖ"
_SMALL_KANA: Final = str.maketrans(_SMALL, "あいうえおつやゆよわかけ")
_LONG: Final = "ー"
_VOWELS: Final = {"A": "あ", "I": "い", "U": "う", "E": "え", "O": "お"}
_HAN: Final = (0x3400, 0x323AF)
Weights = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Collation:
    """How texts are ordered: levels that count, capitals first, digits as numbers, punctuation ignored, whose letters."""

    strength: int = 3
    upper_first: bool = False
    numeric: bool = False
    shifted: bool = False
    japanese: bool = False
    phonebook: bool = False


@lru_cache(maxsize=256)
def parse_collation(tag: str) -> Collation:
    """The collation of an RFC 6067 tag such as `und-u-ks-level1` or `de-u-co-phonebk`; empty is the root order.

    Raises Refusal `ngsi_ld.collation.not_valid` for what is no tag, `.not_supported` for languages and settings that are
    not offered.
    """
    if not tag:
        return Collation()
    if not _TAG.fullmatch(tag):
        raise Refusal("ngsi_ld.collation.not_valid", collation=tag[:80])
    language, *rest = tag.lower().split("-")
    extension = rest[rest.index("u") + 1 :] if "u" in rest else []
    if not extension and rest[:1] == ["u"]:
        raise Refusal("ngsi_ld.collation.not_valid", collation=tag[:80])
    settings = _settings(tag, extension)
    kind = settings.pop("co", "standard")
    if kind not in ("standard", "phonebk") or (kind == "phonebk" and language != "de"):
        raise Refusal("ngsi_ld.collation.not_supported", collation=tag[:80], what=f"co-{kind}")
    if language != "ja" and language not in _AS_ROOT:
        raise Refusal("ngsi_ld.collation.not_supported", collation=tag[:80], what=language)
    return Collation(
        strength=_STRENGTHS[settings.get("ks", "level3")],
        upper_first=settings.get("kf", "false") == "upper",
        numeric=settings.get("kn", "false") == "true",
        shifted=settings.get("ka", "noignore") == "shifted",
        japanese=language == "ja",
        phonebook=kind == "phonebk",
    )


_KEYS: Final = {
    "ks": frozenset(_STRENGTHS),
    "kf": frozenset({"upper", "lower", "false"}),
    "kn": frozenset({"true", "false"}),
    "ka": frozenset({"shifted", "noignore"}),
}


def _settings(tag: str, extension: list[str]) -> dict[str, str]:
    """Keys of two letters, each with a value; a key alone means true."""
    found: dict[str, str] = {}
    key = ""
    for part in extension:
        if len(part) == 1:
            break
        if len(part) == 2:
            key = part
            found[key] = "true"
        elif key:
            found[key] = part
        else:
            raise Refusal("ngsi_ld.collation.not_valid", collation=tag[:80])
    for key, value in found.items():
        if key != "co" and value not in _KEYS.get(key, ()):
            raise Refusal("ngsi_ld.collation.not_supported", collation=tag[:80], what=f"{key}-{value}")
    return found


def collation_key(collation: Collation) -> Callable[[str], Weights]:
    """A function from texts to keys that compare in the collation's order; texts that differ have different keys from
    level 4 on, so that at lower levels the order of equals is left to others."""
    return lambda text: _key(text, collation)


@lru_cache(maxsize=8_192)
def _key(text: str, collation: Collation) -> Weights:
    if collation.phonebook:
        text = unicodedata.normalize("NFC", text).translate(_PHONEBOOK)
    primary: list[Any] = []
    marks: list[tuple[int, ...]] = []
    shapes: list[int] = []
    for sign in unicodedata.normalize("NFD", text):
        plain = sign if sign in _SIGNS else unicodedata.normalize("NFKC", sign).casefold()
        vowel = _vowel(primary) if collation.japanese and sign == _LONG else ""
        for letter in vowel or unicodedata.normalize("NFD", plain.translate(_SPELT)):
            if unicodedata.combining(letter):
                if marks:
                    marks[-1] = (*marks[-1], ord(letter))
                continue
            weight = _weight(letter, collation.japanese)
            if collation.shifted and weight[0] < 3:
                continue
            primary.append(weight)
            marks.append(() if plain == letter or vowel else (ord(plain[0]),))
            shapes.append(-1 if vowel else _shape(sign, collation))
    if collation.numeric:
        primary = _numbers(primary)
    levels: tuple[Any, ...] = (tuple(primary), tuple(marks), tuple(shapes), text)
    return levels[: collation.strength]


def _weight(letter: str, japanese: bool) -> tuple[Any, ...]:
    kind = unicodedata.category(letter)
    if kind[0] in "ZC":
        return (0, ord(letter))
    if letter in _SIGNS:
        return (1, _SIGNS[letter])
    if kind[0] == "P":
        return (1, 0x100 + ord(letter))
    if kind == "Sc":
        return (3, ord(letter))
    if kind[0] == "S":
        return (2, 0, ord(letter))
    if kind == "Lm":
        return (2, 1, ord(letter))
    if kind[0] == "N":
        value = unicodedata.numeric(letter, -1.0)
        return (4, value, 0 if kind == "Nd" else ord(letter))
    code = ord(letter)
    if 0x30A1 <= code <= 0x30F6:
        code -= 0x60
    if letter == "ŋ":
        return (5, 0, ord("n") + 0.5) if japanese else (5, ord("n") + 0.5)
    base = chr(code).translate(_SMALL_KANA)
    return _japanese(base) if japanese else (5, ord(base))


def _japanese(letter: str) -> tuple[Any, ...]:
    code = ord(letter)
    if code < 0x250:
        return (5, 0, code)
    if 0x3041 <= code <= 0x30FF:
        return (5, 1, code)
    if _HAN[0] <= code <= _HAN[1]:
        try:
            listed = letter.encode("euc_jp")
        except UnicodeEncodeError:
            listed = b""
        return (5, 2, int.from_bytes(listed, "big")) if len(listed) == 2 else (5, 3, code)
    return (5, 4, code)


def _vowel(primary: list[Any]) -> str:
    """The vowel that a long sound mark makes longer, "" behind anything but kana (JIS X 4061)."""
    if not primary or primary[-1][:2] != (5, 1):
        return ""
    return _VOWELS.get(unicodedata.name(chr(primary[-1][2]))[-1], "")


def _shape(sign: str, collation: Collation) -> int:
    """Small letters before capitals, hiragana before katakana, small kana before large, wide and composed forms last."""
    plain = unicodedata.normalize("NFKC", sign)
    code = ord(plain[:1] or sign)
    shape = 0
    katakana = 0x30A1 <= code <= 0x30F6
    code -= 0x60 if katakana else 0
    if 0x3041 <= code <= 0x3096:
        large = chr(code) not in _SMALL
        shape = 2 * large + katakana if collation.japanese else large + 4 * katakana
    elif (sign.lower() != sign) != collation.upper_first:
        shape = 2
    wide = unicodedata.east_asian_width(sign) in "FH"
    return shape if plain == sign else shape + (8 if wide else 16)


def _numbers(primary: list[Any]) -> list[Any]:
    """Runs of digits as one number."""
    found: list[Any] = []
    for weight in primary:
        if weight[0] == 4 and weight[2] == 0:
            if found and len(found[-1]) == 4:
                found[-1] = (4, found[-1][1] * 10 + weight[1], 0, 0)
            else:
                found.append((4, weight[1], 0, 0))
        else:
            found.append(weight)
    return found
