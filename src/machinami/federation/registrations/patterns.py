"""Regular expressions of registrations and requests: RE2, linear in time whatever the pattern, cached and bounded."""

from __future__ import annotations

from functools import lru_cache

import re2

_CACHED_PATTERNS = 10_000


def pattern_finds(pattern: str, text: str) -> bool:
    """Whether a pattern, checked when it was read, matches anywhere in a text."""
    return _compiled(pattern).search(text) is not None


@lru_cache(maxsize=_CACHED_PATTERNS)
def _compiled(pattern: str) -> re2._Regexp:
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)
