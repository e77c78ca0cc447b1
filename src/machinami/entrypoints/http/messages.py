"""What handlers see of HTTP: a `Call` in, an `Answer` out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import orjson

from machinami.kernel.caller import Caller
from machinami.kernel.clock import parse_instant
from machinami.kernel.errors import Refusal
from machinami.standards.json_input import loads

JSON: Final = "application/json"
LD_JSON: Final = "application/ld+json"
GEO_JSON: Final = "application/geo+json"
PROBLEM_JSON: Final = "application/problem+json"
MERGE_PATCH_JSON: Final = "application/merge-patch+json"


@dataclass(slots=True)
class Call:
    """One request. `path` is decoded; `headers` have lower-case names; `query` keeps the last value of a name."""

    method: str
    path: str
    caller: Caller
    headers: Mapping[str, str]
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    segments: tuple[str, ...] = ()
    base_url: str = ""

    def header(self, name: str) -> str:
        """A header's value, empty if absent."""
        return self.headers.get(name, "")

    @property
    def media_type(self) -> str:
        """The request's Content-Type without parameters, lower case."""
        return self.header("content-type").partition(";")[0].strip().lower()


@dataclass(slots=True)
class Answer:
    """One response; `headers` have lower-case names."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def json_answer(document: Any, status: int = 200, media_type: str = JSON, headers: dict[str, str] | None = None) -> Answer:
    """An answer with a JSON body."""
    return Answer(status, orjson.dumps(document), {"content-type": media_type, **(headers or {})})


def boolean(call: Call, name: str) -> bool:
    """A boolean query parameter, lower-case `true` or `false`, absent = false."""
    text = call.query.get(name, "false")
    if text not in ("true", "false"):
        raise Refusal("http.query.not_valid", name=name, value=text, wanted="true or false")
    return text == "true"


def integer(call: Call, name: str, default: int, least: int, most: int) -> int:
    """A whole-number query parameter between `least` and `most`."""
    text = call.query.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.lstrip("-").isdigit() or len(text) > 10 or not least <= int(text) <= most:
        raise Refusal("http.query.not_valid", name=name, value=text[:50], wanted=f"a whole number from {least} to {most}")
    return int(text)


def json_object(call: Call, depth_max: int) -> dict[str, Any]:
    """The JSON object of a body. Only as JSON: a form of another site can't send that without asking first."""
    if call.media_type != JSON:
        raise Refusal("http.media_type.unsupported", given=call.media_type or "none", allowed=JSON)
    document = loads(call.body, depth_max)
    if not isinstance(document, dict):
        raise Refusal("http.query.not_valid", name="body", value="…", wanted="a JSON object")
    return document


def text_member(body: Mapping[str, Any], name: str) -> str:
    """A text of a JSON object, empty if it is absent or null."""
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise Refusal("http.query.not_valid", name=name, value=str(value)[:50], wanted="a text")
    return value or ""


def instant_member(body: Mapping[str, Any], name: str) -> datetime | None:
    """A time of a JSON object, None if it is absent or null."""
    text = text_member(body, name)
    try:
        return parse_instant(text) if text else None
    except ValueError as error:
        wanted = "an ISO 8601 time with offset"
        raise Refusal("http.query.not_valid", name=name, value=text[:50], wanted=wanted) from error


def only(call: Call, allowed: frozenset[str]) -> None:
    """Refuse query parameters that the operation doesn't define (CIM 009 6.3.20), and a `local` that is no boolean (6.3.18)."""
    unknown = [name for name in call.query if name not in allowed]
    if unknown:
        raise Refusal("http.query.unknown", name=unknown[0][:100], allowed=", ".join(sorted(allowed)) or "-")
    boolean(call, "local")
