"""What a data folder is used for: a demonstration, development, or a real city. One is never opened as another.

Demonstration and development have no login, and a demonstration pours sample data in: neither may touch a city.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Final

from machinami.kernel.errors import Refusal

MARKER: Final = "use"
DATABASE: Final = "postgres"


class Use(StrEnum):
    """What a folder was begun for."""

    DEMONSTRATION = "demonstration"
    DEVELOPMENT = "development"
    CITY = "city"


ALLOWED: Final = {
    Use.DEMONSTRATION: frozenset({Use.DEMONSTRATION}),
    Use.DEVELOPMENT: frozenset({Use.DEVELOPMENT, Use.DEMONSTRATION}),
    Use.CITY: frozenset({Use.CITY}),
}


def claim(folder: Path, use: Use) -> None:
    """Mark a folder for its use, or refuse (`cli.folder.other_use`) if it is used for something else."""
    marker = folder / MARKER
    kept = marker.read_text("utf-8").strip() if marker.is_file() else ""
    if not kept and use is Use.DEMONSTRATION and (folder / DATABASE).exists():
        kept = Use.CITY
    if kept:
        if kept not in ALLOWED[use]:
            raise Refusal("cli.folder.other_use", folder=str(folder), kept=str(kept), wanted=use.value)
        return
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    marker.write_text(use.value + "\n", "utf-8")


def enter(folder: Path, store: str, begin: bool) -> None:
    """Let a command use a folder by itself; where nothing was begun, `begin` a city or refuse (`cli.folder.empty`)."""
    if store or (folder / DATABASE).exists():
        return
    if not begin:
        raise Refusal("cli.folder.empty", folder=str(folder))
    claim(folder, Use.CITY)
