"""Builders for the import's tests: tables from rows of text, plans with the package's models."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any

import pytest

from machinami.kernel.entity import Entity
from machinami.linkage.importing.catalogue import find_town, load_models
from machinami.linkage.importing.model import Cell, Range, Table
from machinami.linkage.importing.plan import ImportOptions, ImportPlan
from machinami.linkage.importing.planning import plan_import

MakeTable = Callable[..., Table]
MakePlan = Callable[..., ImportPlan]


@pytest.fixture
def table() -> MakeTable:
    def make(
        *rows: Sequence[Cell], file: str = "list.xlsx", sheet: str = "Sheet1", merged: tuple[Range, ...] = (), **more: Any
    ) -> Table:
        return Table(file, sheet, tuple(tuple(row) for row in rows), merged, **more)

    return make


@pytest.fixture
def plan() -> MakePlan:
    def make(*tables: Table, existing: Iterable[Entity] = (), town: str = "372013", **options: Any) -> ImportPlan:
        chosen = ImportOptions(find_town(town), today=options.pop("today", date(2026, 8, 1)), **options)
        return plan_import(tables, load_models(), chosen, existing)

    return make
