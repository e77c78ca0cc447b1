"""Processes under measurement: `machinami serve` and the bare server, started and stopped as a user would."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

MACHINAMI = Path(sys.executable).with_name("machinami")


@dataclass(frozen=True, slots=True)
class Served:
    """A running server; `ready_s` is the time from the start of the process to the first 200 from `/health`."""

    url: str
    pid: int
    ready_s: float


@contextmanager
def served(command: list[str], log: Path, health: str = "") -> Iterator[Served]:
    """Run a command that prints `ready URL`; SIGTERM at the end."""
    began = time.monotonic()
    with log.open("ab") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors)
    try:
        line = (process.stdout.readline() if process.stdout else b"").decode()
        if not line.startswith("ready "):
            raise SystemExit(f"{' '.join(command)} did not start; see {log}\n{log.read_text()[-2000:]}")
        url = line.split()[1]
        if health:
            with urllib.request.urlopen(url + health, timeout=10) as answer:
                answer.read()
        yield Served(url, process.pid, time.monotonic() - began)
    finally:
        process.terminate()
        process.wait(60)


def machinami(data: Path) -> list[str]:
    return [str(MACHINAMI), "serve", "--dev", "--data", str(data), "--port", "0", "--log", "warning"]


def bare(data: Path) -> list[str]:
    return [sys.executable, "-m", "bench.bare", str(data)]
