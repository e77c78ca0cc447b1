"""Names of entities: `urn:ngsi-ld:<Type>:<town code>:<published code | key>` (design.md, import identity).

The key is a digest of what the mapping names (by default name and address) in a form in which editions of a list agree
(width, blanks, 一丁目 and 1丁目, 番地 and hyphens, the town's own name in front). It never depends on the order of rows.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from machinami.linkage.importing.model import DataModel, Town

_KANJI_DIGITS: Final = {kanji: digit for digit, kanji in enumerate("〇一二三四五六七八九")}
_CHOME = re.compile(r"([〇一二三四五六七八九十]+)(?=丁目)")
_ADDRESS_STEPS = re.compile(r"(?<=\d)(丁目|番地の?|番の?|号|の|-)+")
_COUNTER = re.compile(r"(.*[^0-9])?[1-9]\d{0,4}", re.DOTALL)
_SAFE_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]{0,63}")
_COMPANY = re.compile(r"[「」『』()\[\]【】〈〉<>・･,、.。'\"_\-]")


@dataclass(slots=True)
class Keyed:
    """A row that gets a name: its values as folded text by attribute, and where it was published.

    `code` is a published stable code, `number` a published number that tells rows apart but may be a mere counter.
    """

    row: int
    values: Mapping[str, str]
    code: str = ""
    number: str = ""
    point: str = ""
    digest: str = ""
    key: list[str] = field(default_factory=list)


def name_key(text: str) -> str:
    """A name for comparison: NFKC, lower case, no blanks, brackets or marks."""
    plain = re.sub(r"\s+", "", unicodedata.normalize("NFKC", text).casefold())
    return _COMPANY.sub("", re.sub(r"[‐‑‒–—―−]", "-", plain))


def address_key(text: str, town: Town) -> str:
    """An address for comparison: 高松市番町一丁目10番地の16 and 香川県高松市番町１丁目10-16 give the same key."""
    plain = re.sub(r"\s+", "", unicodedata.normalize("NFKC", text))
    plain = re.sub(r"[‐‑‒–—―−ー](?=\d)", "-", plain)
    for prefix in (town.prefecture, town.name):
        plain = plain.removeprefix(prefix)
    plain = re.sub(r"^(大字|字)", "", plain)
    plain = _CHOME.sub(lambda found: str(_kanji_number(found[1])), plain)
    plain = re.sub(r"第(?=\d+丁目)", "", plain)
    return _ADDRESS_STEPS.sub("-", plain).rstrip("-").casefold()


def _kanji_number(text: str) -> int:
    if "十" not in text:
        return int("".join(str(_KANJI_DIGITS[one]) for one in text))
    tens, _, ones = text.partition("十")
    return (_KANJI_DIGITS[tens] if tens else 1) * 10 + (_KANJI_DIGITS[ones] if ones else 0)


def is_counter(value: str) -> bool:
    """Whether a published number may be no more than a count of rows: 12, No.12, list.12, but not 00012 or 372010006.

    Judged by the form of the one value, so that an entity's id never depends on the other rows of an edition.
    """
    return _COUNTER.fullmatch(value) is not None


def usable_code(code: str) -> bool:
    """Whether a published code is stable by its form and can stand in a URN as it is."""
    return bool(_SAFE_CODE.fullmatch(code)) and not is_counter(code)


def urn(model: DataModel, town: Town, key: str) -> str:
    """The entity id."""
    return f"urn:ngsi-ld:{model.type}:{town.code}:{key}"


def digest_of(parts: Sequence[str]) -> str:
    """Ten bytes of BLAKE2b over the parts, in hex."""
    return hashlib.blake2b(json.dumps(list(parts), ensure_ascii=False).encode(), digest_size=10).hexdigest()


@dataclass(frozen=True, slots=True)
class Collision:
    """Rows with the same key, and what tells them apart: attribute names, `position` or `number`."""

    rows: tuple[int, ...]
    told_apart_by: tuple[str, ...]


def assign_keys(rows: Sequence[Keyed], model: DataModel, town: Town) -> list[Collision]:
    """Fill each row's `key`; rows that share one get a longer key from the columns in which they differ.

    Only the rows of such a group change; the order of rows has no influence. Rows that differ in nothing but their
    published number are numbered in the order of that number.
    """
    groups: dict[tuple[str, ...], list[Keyed]] = defaultdict(list)
    for row in rows:
        row.key = [base_part(name, row.values.get(name, ""), town) for name in model.key]
        groups[tuple(row.key)].append(row)
    collisions = []
    for group in groups.values():
        if len(group) == 1:
            continue
        used = _extend(group, model)
        collisions.append(Collision(tuple(sorted(row.row for row in group)), used))
    return collisions


def base_part(name: str, value: str, town: Town) -> str:
    """One part of a key in comparable form."""
    return address_key(value, town) if name == "address" else name_key(value)


def _extend(group: list[Keyed], model: DataModel) -> tuple[str, ...]:
    used = []
    for name in (*model.tell_apart, "position"):
        parts = [row.point if name == "position" else name_key(row.values.get(name, "")) for row in group]
        if len(set(parts)) == 1:
            continue
        used.append(name)
        for row, part in zip(group, parts, strict=True):
            row.key = [*row.key, f"{name}={part}"]
        if len({tuple(row.key) for row in group}) == len(group):
            return tuple(used)
    clusters: dict[tuple[str, ...], list[Keyed]] = defaultdict(list)
    for row in group:
        clusters[tuple(row.key)].append(row)
    for cluster in clusters.values():
        ordered = sorted(cluster, key=lambda row: (len(row.number), row.number, row.digest))
        for ordinal, row in enumerate(ordered[1:], start=2):
            row.key = [*row.key, f"ordinal={ordinal}"]
    return (*used, "number")
