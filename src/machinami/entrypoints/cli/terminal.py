"""How commands write to the terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console


def terminal(**options: Any) -> Console:
    """A rich console that prints texts as they are: rich reads `:cd:` in a fingerprint as a picture of a disc."""
    return Console(emoji=False, **options)
