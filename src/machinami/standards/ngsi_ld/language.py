"""Choosing one language of a LanguageProperty (CIM 009 4.15) by a range as in `Accept-Language` (RFC 9110 12.5.4)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any


@lru_cache(maxsize=256)
def language_ranges(text: str) -> tuple[str, ...]:
    """Ranges of `fr-CH;q=0.8, en` in order of preference, lower-case; those with `q=0` are left out."""
    weighted = []
    for position, part in enumerate(text.split(",")):
        tag, *parameters = (piece.strip() for piece in part.split(";"))
        weight = 1.0
        for parameter in parameters:
            if parameter.lower().startswith("q="):
                try:
                    weight = float(parameter[2:])
                except ValueError:
                    weight = 0.0
        if tag and weight > 0:
            weighted.append((-weight, position, tag.lower()))
    return tuple(tag for _, _, tag in sorted(weighted))


def chosen_text(language_map: Mapping[str, Any], ranges: str) -> tuple[Any, str]:
    """(text, its language): the best match of the ranges, else `@none`, else English, else the first one.

    A range matches a tag that equals it or starts with it and `-`; a tag also answers a longer range (`fr` for `fr-CH`).
    """
    tags = {tag.lower(): tag for tag in language_map}
    for wanted in language_ranges(ranges):
        if wanted == "*":
            break
        found = tags.get(wanted)
        if found is None:
            found = next((tag for low, tag in tags.items() if low.startswith(f"{wanted}-")), None)
        if found is None and "-" in wanted:
            found = tags.get(wanted.split("-")[0])
        if found is not None:
            return language_map[found], found
    tag = tags.get("@none") or tags.get("en") or next(iter(language_map))
    return language_map[tag], tag
