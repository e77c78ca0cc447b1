"""`python -m bench`: one table of figures beside bare limits. `--quick` takes a few minutes and a tenth of the data."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from bench import growth, subscriptions
from bench.machine import look
from bench.served import bare, machinami, served
from bench.stages import FULL, QUICK, Scale, Stages, attached, starts
from bench.table import Line, as_json, show
from machinami.adapters.postgres.embedded import EmbeddedServer
from machinami.bootstrap.errors import register_all

IDLE_S = 2.0
ALONE: dict[str, Callable[[Path, Scale, Path], list[Line]]] = {
    "subscriptions": lambda folder, scale, log: subscriptions.lines(folder, scale.rounds, scale.seconds, log),
    "growth": lambda folder, scale, log: growth.lines(folder, scale.entities, scale.seconds, log),
}
"""Stages with servers of their own."""


def main() -> None:
    """Run everything in a temporary folder (`--folder` chooses the disk) and print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round, a tenth of the data")
    parser.add_argument("--save", action="store_true", help="also write bench/results-<date>.json")
    parser.add_argument("--only", choices=list(ALONE), help="one stage alone")
    parser.add_argument("--folder", type=Path, help="where the stores are made (default: the temporary folder)")
    chosen = parser.parse_args()
    register_all()
    scale = QUICK if chosen.quick else FULL
    with tempfile.TemporaryDirectory(prefix="machinami-bench-", dir=chosen.folder) as name:
        folder = Path(name)
        machine = look(folder)
        began = time.monotonic()
        if chosen.only is None:
            lines = measure(folder, scale)
        else:
            lines = ALONE[chosen.only](folder, scale, folder / "servers.log")
        after = " ".join(f"{one:.1f}" for one in os.getloadavg())
        facts = [
            machine.text() + f"; load after {after}",
            f"{scale.rounds} rounds of {scale.seconds} s, median; server, load generator and PostgreSQL share the cores; "
            f"took {time.monotonic() - began:.0f} s",
        ]
    show(lines, facts)
    if chosen.save:
        today = datetime.now(UTC).date().isoformat()
        path = Path(__file__).with_name(f"results-{today}.json")
        path.write_text(json.dumps({"facts": facts, "lines": as_json(lines)}, ensure_ascii=False, indent=1) + "\n", "utf-8")


def measure(folder: Path, scale: Scale) -> list[Line]:
    """All stages in order; a process that is measured idle runs before the one that loads it."""
    console = Console(stderr=True)
    log = folder / "servers.log"
    data, alone = folder / "city", folder / "bare"
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    console.print("start …")
    lines = starts(folder, scale, log)
    with served(machinami(data), log, "/health") as city:
        time.sleep(IDLE_S)
        with served(bare(alone), log) as limit:
            stages = Stages(city, limit, folder, scale)
            lines.append(stages.memory("idle", "< 200 MB"))
            ours, theirs = EmbeddedServer(data), EmbeddedServer(alone)
            ours.start()
            theirs.start()
            connection, other = (loop.run_until_complete(attached(one)) for one in (ours, theirs))
            for name, stage in (
                ("fill", lambda: [stages.fill()]),
                ("PATCH", stages.patch),
                ("batch", lambda: [stages.batch(other)]),
                ("GET", lambda: [stages.get()]),
                ("queries", lambda: stages.queries(connection)),
                ("aggregation", lambda: [stages.aggregation(connection)]),
                ("import", lambda: [stages.importing(other)]),
                ("memory", lambda: [stages.memory("loaded")]),
            ):
                console.print(f"{name} …")
                lines += stage()
            loop.run_until_complete(asyncio.wait_for(connection.close(), 5))
            loop.run_until_complete(asyncio.wait_for(other.close(), 5))
            ours.stop()
            theirs.stop()
    loop.close()
    for name, stage in ALONE.items():
        console.print(f"{name} …")
        lines += stage(folder, scale, log)
    return lines


if __name__ == "__main__":
    main()
