"""What planning needs from its caller, named by the need."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Told how far a long step is: `done` of `total` rows in `phase` (a sheet's name)."""

    def __call__(self, phase: str, done: int, total: int) -> None: ...
