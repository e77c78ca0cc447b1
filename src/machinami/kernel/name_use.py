"""Which types and attributes entities have, counted: what discovery answers from (CIM 009 5.7.5-5.7.10)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class NameUse:
    """How many instances of an attribute of one kind (`Property`, …) entities of a type have; names are expanded.

    `attribute` "" (with `kind` "") counts the entities themselves; `type` "" stands for entities of any type. Not
    frozen: a city has thousands of them, and making a frozen one takes three times as long.
    """

    type: str
    attribute: str
    kind: str
    count: int
