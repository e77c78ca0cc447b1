"""kill -9 of the machinami process, of PostgreSQL's postmaster, of both, of a backend: no acknowledged row is lost.

Runs as an ordinary user, and when the tests run as root also as root. The list of acknowledged rows is kept here,
outside the killed processes. `MACHINAMI_PROVE=1` makes it 100 kills per user and prints the figures (pytest -s).
"""

import os
import pwd
import queue
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import pytest

import machinami
from machinami.adapters.postgres.embedded.accounts import Account
from machinami.adapters.postgres.embedded.binaries import CLEAN_ENVIRONMENT, find_binaries, reachable_by

KILLS = 100 if os.environ.get("MACHINAMI_PROVE") == "1" else 6
WAIT_S = 60.0
ROWS_PER_OWNER = 10_000_000
AS_ROOT = os.geteuid() == 0


@dataclass
class Stage:
    """A user, a data folder and the means to run owners there."""

    user: dict[str, Any]
    folder: Path
    interpreter: Path
    library: str
    binaries: Path
    owners: list["Owner"] = field(default_factory=list)

    def owner(self, mode: str = "write") -> "Owner":
        owner = Owner(self, mode, (len(self.owners) + 1) * ROWS_PER_OWNER)
        self.owners.append(owner)
        return owner

    @property
    def cluster(self) -> Path:
        return self.folder / "postgres" / "data"

    def processes(self) -> dict[int, int]:
        """pid → parent of the live postgres processes that work in the cluster."""
        found = {}
        for entry in Path("/proc").iterdir():
            try:
                name, _, rest = (entry / "stat").read_text().partition(" (")[2].rpartition(") ")
                if name == "postgres" and rest[0] not in "ZX" and (entry / "cwd").samefile(self.cluster):
                    found[int(entry.name)] = int(rest.split()[1])
            except OSError:
                continue
        return found

    def postmasters(self) -> list[int]:
        processes = self.processes()
        return [pid for pid, parent in processes.items() if parent not in processes]

    def kill_all(self) -> None:
        for owner in self.owners:
            owner.kill()
        for pid in self.processes():
            send(pid, signal.SIGKILL)


class Owner:
    """A process of embedded_owner.py and what it said."""

    def __init__(self, stage: Stage, mode: str, first: int) -> None:
        self.acked: set[int] = set()
        self.rows: set[int] = set()
        self.said: queue.Queue[list[str]] = queue.Queue()
        program = Path(__file__).with_name("embedded_owner.py").read_text("utf-8")
        environment = {**CLEAN_ENVIRONMENT, "PYTHONPATH": stage.library, "PYTHONDONTWRITEBYTECODE": "1"}
        self.process = subprocess.Popen(
            [stage.interpreter, "-c", program, mode, stage.folder, stage.binaries, str(first)],
            stdout=subprocess.PIPE, cwd="/", env=environment, **stage.user,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            words = line.decode().split()
            if words[0] == "ack":
                self.acked.add(int(words[1]))
            elif words[0] == "row":
                self.rows.add(int(words[1]))
            self.said.put(words)
        self.said.put(["end"])

    def hear(self, *wanted: str) -> list[str]:
        """The next line that begins with the wanted words; fails when the process ends or says nothing for long."""
        while True:
            words = self.said.get(timeout=WAIT_S)
            if words[: len(wanted)] == list(wanted):
                return words
            assert words != ["end"], f"the owner ended before it said {wanted}"

    def kill(self) -> None:
        self.process.kill()
        self.finish()

    def finish(self) -> int:
        code = self.process.wait(WAIT_S)
        self._reader.join(WAIT_S)
        return code


def send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def stage_for(user: str, tmp_path: Path, open_folder: Path) -> Stage:
    """Root works in pytest's root-only folder; the ordinary user (`nobody` when we are root) gets a folder of its own."""
    library = os.pathsep.join(str(Path(module.__path__[0]).parent) for module in (machinami, asyncpg))
    found = find_binaries(None, None)
    interpreter = Path(sys.executable)
    if user == "root" or not AS_ROOT:
        return Stage({}, tmp_path / "街 data", interpreter, library, found.folder)
    entry = pwd.getpwnam("nobody")
    account = Account(entry.pw_name, entry.pw_uid, entry.pw_gid, changed=True)
    for module in (machinami, asyncpg):
        source = Path(module.__path__[0])
        shutil.copytree(source, open_folder / "library" / source.name, ignore=shutil.ignore_patterns("__pycache__"))
    data = open_folder / "街 data"
    data.mkdir()
    os.chown(data, entry.pw_uid, entry.pw_gid)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (interpreter.resolve(), Path("/usr/bin") / version):
        try:
            subprocess.run([candidate, "-c", ""], cwd="/", check=True, **account.popen_arguments())
        except (OSError, subprocess.CalledProcessError):
            continue
        binaries = reachable_by(found, account, open_folder / "postgresql").folder
        return Stage(account.popen_arguments(), data, candidate, str(open_folder / "library"), binaries)
    pytest.skip(f"no {version} that the user nobody may run")


@pytest.fixture(params=["ordinary", pytest.param("root", marks=pytest.mark.skipif(not AS_ROOT, reason="needs root"))])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    with tempfile.TemporaryDirectory(prefix="machinami-crash-") as name:
        Path(name).chmod(0o755)
        prepared = stage_for(request.param, tmp_path, Path(name))
        try:
            yield prepared
        finally:
            prepared.kill_all()


def kill_owner(stage: Stage, owner: Owner) -> None:
    owner.kill()


def kill_postmaster(stage: Stage, owner: Owner) -> None:
    send(int((stage.cluster / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)


def kill_both(stage: Stage, owner: Owner) -> None:
    kill_postmaster(stage, owner)
    owner.kill()


def kill_backend(stage: Stage, owner: Owner) -> None:
    postmaster = stage.postmasters()[0]
    backends = [
        pid for pid, parent in stage.processes().items() if parent == postmaster and b" INSERT" in command_line(pid)
    ] or [pid for pid, parent in stage.processes().items() if parent == postmaster]
    send(backends[0], signal.SIGKILL)


def command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


MODES: tuple[Callable[[Stage, Owner], None], ...] = (kill_owner, kill_postmaster, kill_both, kill_backend)


def stored_rows(stage: Stage) -> set[int]:
    reader = stage.owner("read")
    assert reader.finish() == 0
    return reader.rows


def bad_checksums(stage: Stage) -> str:
    """What pg_checksums says of the cluster, which must have been shut down cleanly."""
    owner = stage.cluster.stat()
    user = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if AS_ROOT else {}
    command = [stage.binaries / "pg_checksums", "--check", "-D", "/proc/self/cwd"]
    done = subprocess.run(command, cwd=stage.cluster, env=CLEAN_ENVIRONMENT, capture_output=True, text=True, **user)
    return next((line for line in done.stdout.splitlines() if line.startswith("Bad checksums")), done.stderr)


def fdatasync_ms(path: Path, times: int = 100) -> str:
    """Median and worst of writing 8 kB through to the disk: what the recovery figures have to be read against."""
    took = []
    with path.open("wb", buffering=0) as file:
        for _ in range(times):
            file.write(bytes(8192))
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append((time.perf_counter() - began) * 1000)
    return f"p50 {sorted(took)[times // 2]:.2f}, worst {max(took):.2f}"


def test_embedded_server_keeps_every_acknowledged_row_when_killed_at_random(
    stage: Stage, record_property: Callable[[str, object], None], request: pytest.FixtureRequest
) -> None:
    seed = int(os.environ.get("MACHINAMI_SEED", "20240329"))
    chance = random.Random(seed)
    worst_s, worst_kill = 0.0, ""
    owner = stage.owner()
    owner.hear("up")
    for kill_number in range(KILLS):
        for _ in range(chance.randint(1, 250)):
            owner.hear("ack")
        kill = MODES[kill_number % len(MODES)]
        began = time.monotonic()
        kill(stage, owner)
        if owner.process.poll() is not None:
            owner = stage.owner()
            recovery_s = float(owner.hear("up")[1])
            owner.hear("ack")
        else:
            owner.hear(*(("state", "running") if kill is kill_postmaster else ("broken",)))
            owner.hear("ack")
            recovery_s = time.monotonic() - began
        worst_s, worst_kill = max((worst_s, worst_kill), (recovery_s, kill.__name__))
        assert len(stage.postmasters()) == 1, f"after kill {kill_number} ({kill.__name__}), seed {seed}"
    owner.process.send_signal(signal.SIGTERM)
    assert owner.finish() == 0
    assert stage.processes() == {}
    acked = set().union(*(owner.acked for owner in stage.owners))
    lost = acked - stored_rows(stage)
    figures: dict[str, object] = {"kills": KILLS, "acked": len(acked), "lost": len(lost), "seed": seed}
    figures["fdatasync_ms"] = fdatasync_ms(stage.folder / "probe")
    figures |= {"worst_recovery_s": round(worst_s, 2), "worst_kill": worst_kill}
    for name, value in figures.items():
        record_property(name, value)
    print(f"\nembedded PostgreSQL, {request.node.callspec.id}: {figures}")
    assert not lost
    assert bad_checksums(stage) == "Bad checksums:  0"


@pytest.mark.parametrize("sign", ["data.new", "data.new/global", "data.new/base/5", "data"])
def test_start_ends_with_a_whole_cluster_when_the_creating_process_was_killed(stage: Stage, sign: str) -> None:
    first = stage.owner()
    while not (stage.folder / "postgres" / sign).exists():
        assert first.process.poll() is None
    first.kill()
    second = stage.owner()
    second.hear("ack")
    assert len(stage.postmasters()) == 1
    second.process.send_signal(signal.SIGTERM)
    assert second.finish() == 0
    assert second.acked <= stored_rows(stage)
    assert not (stage.folder / "postgres" / "data.new").exists()


def test_stop_leaves_the_server_to_the_other_user_when_there_is_one(stage: Stage) -> None:
    first, second = stage.owner("attach"), None
    pid = first.hear("up")[2]
    second = stage.owner()
    assert second.hear("up")[2] == pid
    first.process.send_signal(signal.SIGTERM)
    assert first.finish() == 0
    second.hear("ack")
    assert stage.postmasters() == [int(pid)]
    second.process.send_signal(signal.SIGTERM)
    assert second.finish() == 0
    assert stage.processes() == {}
