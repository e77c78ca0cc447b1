"""What is printed: one line per figure with its bare limit, the ratio and the bar."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Line:
    """`ratio` is machinami / bare limit of the same round (median of the rounds); `passed` None where there is no bar."""

    name: str
    value: float
    unit: str
    limit_name: str = ""
    limit: float | None = None
    ratio: float | None = None
    bar: str = ""
    passed: bool | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Rounds:
    """Figures of several rounds, in which what is compared ran right after one another."""

    values: list[float]
    limits: list[float]

    def line(
        self,
        name: str,
        unit: str,
        limit_name: str,
        bar: str = "",
        good: Callable[[float, float], bool] | None = None,
        note: str = "",
    ) -> Line:
        value, limit = median(self.values), median(self.limits)
        ratio = median(one / other for one, other in zip(self.values, self.limits, strict=True))
        return Line(name, value, unit, limit_name, limit, ratio, bar, good(value, ratio) if good else None, note)


def show(lines: list[Line], facts: list[str]) -> None:
    table = Table(title="Machinami beside bare limits of the same run", title_justify="left")
    for heading in ("measured", "machinami", "bare limit", "", "ratio", "bar", ""):
        table.add_column(heading, justify="right" if heading in ("machinami", "bare limit", "ratio") else "left", no_wrap=True)
    table.columns[0].no_wrap = table.columns[3].no_wrap = False
    for one in lines:
        verdict = {None: "", True: "[green]holds[/green]", False: "[red]below[/red]"}[one.passed]
        table.add_row(
            one.name + (f"\n  [dim]{one.note}[/dim]" if one.note else ""), f"{figure(one.value)} {one.unit}",
            "" if one.limit is None else f"{figure(one.limit)}", one.limit_name,
            "" if one.ratio is None else f"{one.ratio:.2f}", one.bar, verdict,
        )  # fmt: skip
    console = Console(width=150)
    for fact in facts:
        console.print(fact, highlight=False)
    console.print(table)


def figure(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.1f}" if number >= 10 else f"{number:.2f}"


def as_json(lines: list[Line]) -> list[dict[str, Any]]:
    return [asdict(one) for one in lines]
