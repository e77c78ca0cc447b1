"""Modules that are loaded at their first use, so that a start does not wait for what it does not need."""

from __future__ import annotations

from importlib import import_module
from typing import Any


class Late:
    """Stands for the module `name`, whose code runs when one of its members is first asked for.

    Beside it stands the plain import under `if TYPE_CHECKING:`, so that types and import rules are checked as ever.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, member: str) -> Any:
        return getattr(import_module(self._name), member)
