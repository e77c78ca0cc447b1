"""What commands print arrives as it was written."""

from __future__ import annotations

import io
from pathlib import Path

from rich.table import Table

import machinami.entrypoints.cli
from machinami.entrypoints.cli.terminal import terminal


def test_terminal_leaves_fingerprints_and_names_alone() -> None:
    target = io.StringIO()
    console = terminal(file=target, width=80)
    console.print("AB:cd:5D")
    table = Table("x")
    table.add_row(":cd:")
    console.print(table)
    assert "AB:cd:5D" in target.getvalue()
    assert target.getvalue().count(":cd:") == 2


def test_every_command_prints_through_terminal() -> None:
    folder = Path(machinami.entrypoints.cli.__file__).parent
    assert [path.name for path in folder.glob("*.py") if "Console(" in path.read_text("utf-8")] == ["terminal.py"]
