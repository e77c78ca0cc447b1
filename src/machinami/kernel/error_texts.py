"""The error registry: code → kind, what is wrong and what to do, in English and Japanese.

One row per code. Texts are `str.format` templates over the error's parameters. A test asserts that both languages use
the same placeholders and that each code raised in the source is listed here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from machinami.kernel.errors import Kind, MachinamiError


@dataclass(frozen=True, slots=True)
class ErrorText:
    """One registry row; `remedy_*` says what the reader can do next."""

    kind: Kind
    en: str
    ja: str
    remedy_en: str
    remedy_ja: str


def _row(kind: Kind, en: str, ja: str, remedy_en: str, remedy_ja: str) -> ErrorText:
    return ErrorText(kind, en, ja, remedy_en, remedy_ja)


ERRORS: Final[dict[str, ErrorText]] = {}


def register(rows: dict[str, ErrorText]) -> None:
    """Add a feature's rows; a code that is already there is a programming error."""
    for code, row in rows.items():
        if code in ERRORS:
            raise ValueError(f"error code {code} is registered twice")
        ERRORS[code] = row


_REASONS: Final[dict[str, str]] = {}
_REASONED: Final = frozenset({"reason", "wanted"})


def register_reasons(rows: Mapping[str, str]) -> None:
    """Add reasons in Japanese, by what they are in English; `{}` stands for what changes in both."""
    _REASONS.update(rows)


def reason_in_japanese(text: str) -> str:
    """One of our own reasons in Japanese; what others said stays as it is."""
    if text in _REASONS and "{}" not in text:
        return _REASONS[text].format()
    for english in sorted((one for one in _REASONS if "{}" in one), key=len, reverse=True):
        found = re.fullmatch("(.+)".join(map(re.escape, english.split("{}"))), text, re.DOTALL)
        if found:
            return _REASONS[english].format(*found.groups())
    return text


def describe(error: MachinamiError, language: str = "en") -> tuple[str, str]:
    """(what is wrong, what to do) in `language` (`ja` or `en`)."""
    row = ERRORS[error.code]
    parameters: dict[str, Any] = error.parameters
    if language == "ja":
        said = {name: reason_in_japanese(str(parameters[name])) for name in _REASONED & parameters.keys()}
        parameters = {**parameters, **said}
        return row.ja.format(**parameters), row.remedy_ja.format(**parameters)
    return row.en.format(**parameters), row.remedy_en.format(**parameters)
