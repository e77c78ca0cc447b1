"""Facts about the machine, so that figures can be read: processors, load, what an fdatasync costs, memory of processes."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Machine:
    """`fdatasync` in milliseconds for 8 kB appended in the folder that the stores are in."""

    processors: int
    model: str
    memory_gb: float
    load: tuple[float, float, float]
    sync_p50_ms: float
    sync_p99_ms: float
    python: str

    def text(self) -> str:
        return (
            f"{self.processors} cores ({self.model}), {self.memory_gb:.0f} GB, Python {self.python}, load average "
            f"{self.load[0]:.1f} {self.load[1]:.1f} {self.load[2]:.1f} before; "
            f"fdatasync p50 {self.sync_p50_ms:.2f} ms, p99 {self.sync_p99_ms:.2f} ms"
        )


def look(folder: Path) -> Machine:
    p50, p99 = _sync_ms(folder / "sync.probe")
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    cores = len(os.sched_getaffinity(0))
    return Machine(cores, _model(), pages / 1e9, os.getloadavg(), p50, p99, platform.python_version())


def _model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _sync_ms(path: Path, times: int = 200) -> tuple[float, float]:
    took = []
    with path.open("wb", buffering=0) as file:
        for _ in range(times):
            file.write(bytes(8192))
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append((time.perf_counter() - began) * 1000)
    path.unlink()
    took.sort()
    return took[times // 2], took[int(times * 0.99)]


def tree(pid: int) -> list[int]:
    """A process and all its descendants."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(") ")[2].split()[1])
            except OSError:
                continue
            parents.setdefault(parent, []).append(int(entry.name))
    found = [pid]
    for one in found:
        found += parents.get(one, [])
    return found


def pss_mb(pids: Iterable[int]) -> float:
    """Proportional set size: memory that processes share is counted once."""
    total = 0
    for pid in pids:
        try:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return total / 1024
