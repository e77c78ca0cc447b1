"""Regular expressions of people's queries: RE2, linear in time whatever the pattern (trust 3.2), cached and bounded."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, Protocol

import re2

from machinami.kernel.errors import Refusal

_CACHED_PATTERNS: Final = 2_048


class Pattern(Protocol):
    """What is used of a compiled RE2 pattern."""

    def search(self, text: str) -> object | None: ...


@lru_cache(maxsize=_CACHED_PATTERNS)
def pattern(text: str) -> Pattern:
    """The compiled pattern; it matches anywhere in a value unless it is anchored, as POSIX tools and the peers do.

    Raises `Refusal` `data.query.bad_pattern` for what RE2 can't compile (look-around and back references included).
    """
    options = re2.Options()
    options.log_errors = False
    try:
        compiled: Pattern = re2.compile(text, options)
    except re2.error as error:
        raise Refusal("data.query.bad_pattern", pattern=text, reason=str(error)) from error
    return compiled
