"""Strict and fast reading of JSON that strangers send (trust 3.2): nothing ambiguous gets in.

Refused besides bad syntax: NaN, Infinity, numbers too large for a double (1e400), lone surrogates, NUL characters,
duplicate keys and nesting beyond a limit. Integers of 64 bits survive; longer ones would lose digits and are refused.
"""

from __future__ import annotations

import json
from typing import Any

import orjson

from machinami.kernel.errors import Refusal

_DIGITS_AS_ZERO = bytes.maketrans(b"123456789", b"000000000")
_BACKSLASH = ord("\\")
_LONG_INTEGER = b"0" * 19


def loads(body: bytes, depth_max: int) -> Any:
    """The value that `body` (UTF-8) holds.

    Raises Refusal `json.input.not_json` (position and reason), `.duplicate_key`, `.forbidden_character`,
    `.number_too_long` or `.too_deep`. The order of checks is cheapest first; a plain body of 100 bytes costs about
    one microsecond.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if "depth" in error.msg:
            raise Refusal("json.input.too_deep", depth_max=depth_max) from None
        raise Refusal("json.input.not_json", reason=error.msg, line=error.lineno, column=error.colno) from None
    if len(body) > depth_max and body.count(b"{") + body.count(b"[") > depth_max:
        _check_depth(value, depth_max)
    if (_BACKSLASH in body and b"\\u" in body) or not _certainly_unique(body, value):
        _check_pairs(body)
    return value


def _certainly_unique(body: bytes, value: Any) -> bool:
    """Whether no key was dropped as a duplicate and no integer turned into a float: a cheap sufficient test.

    A document has one colon per member outside of strings. Writing the value again keeps the colons inside strings, so
    equal counts mean that no member was lost. `\\u` escapes could hide colons; the caller rules them out first.
    """
    return body.count(b":") == orjson.dumps(value).count(b":") and _LONG_INTEGER not in body.translate(_DIGITS_AS_ZERO)


def _check_depth(value: Any, depth_max: int) -> None:
    level = [value]
    for _ in range(depth_max):
        below: list[Any] = []
        for one in level:
            if one.__class__ is dict:
                below += [each for each in one.values() if each.__class__ is dict or each.__class__ is list]
            elif one.__class__ is list:
                below += [each for each in one if each.__class__ is dict or each.__class__ is list]
        if not below:
            return
        level = below
    raise Refusal("json.input.too_deep", depth_max=depth_max)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise Refusal("json.input.duplicate_key", key=key)
            seen.add(key)
    for key, value in pairs:
        if "\0" in key:
            raise Refusal("json.input.forbidden_character", key=key.replace("\0", "\\u0000"))
        _check_text(key, value)
    return found


def _check_text(key: str, value: Any) -> None:
    if isinstance(value, str):
        if "\0" in value:
            raise Refusal("json.input.forbidden_character", key=key)
    elif isinstance(value, list):
        for one in value:
            _check_text(key, one)


def _integer(text: str) -> int:
    if len(text) > 20 or not -(2**63) <= (number := int(text)) < 2**64:
        raise Refusal("json.input.number_too_long", number=text[:40])
    return number


def _check_pairs(body: bytes) -> None:
    """The thorough second reading, by the standard library: duplicate keys, NUL characters, long integers."""
    value = json.loads(body, object_pairs_hook=_unique, parse_int=_integer)
    _check_text("", value)
