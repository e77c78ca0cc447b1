"""The cluster on disk: layout, creation in a sibling folder, access rules, the server's settings."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from machinami.adapters.postgres.embedded.accounts import Account, not_permitted, peer_names
from machinami.adapters.postgres.embedded.binaries import CLEAN_ENVIRONMENT, Binaries
from machinami.adapters.postgres.embedded.folder import read_small, sync_folder, sync_tree, write_atomically
from machinami.adapters.postgres.embedded.wire import SOCKET_NAME
from machinami.kernel.errors import Refusal, Unavailable

SUPERUSER: Final = "machinami"
DATABASE: Final = "machinami"
ROLES: Final = ("machinami", "mn_read", "mn_write")
"""Database roles that the peer map admits: the owner and the two of trust.md 4.3, which the store's migrations make."""

INITDB_TIMEOUT_S: Final = 300
SETTINGS: Final[dict[str, str]] = {
    # an acknowledged write is on the disk (trust-N1); given on the command line, so that no file can override them
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "wal_level": "replica",
    "restart_after_crash": "on",
    # reachable through the socket in the 0700 folder only
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_directories": ".",
    "unix_socket_permissions": "0700",
    "ssl": "off",
    # small: a town's PC; 64 MB and 40 connections idle at about 16 MB PSS
    "shared_buffers": "64MB",
    "max_connections": "40",
    "dynamic_shared_memory_type": "mmap",
    "huge_pages": "off",
    "jit": "off",
    "max_wal_size": "512MB",
    "min_wal_size": "64MB",
    "checkpoint_timeout": "10min",
    "autovacuum": "on",
    "max_wal_senders": "4",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "client_encoding": "UTF8",
    # the supervisor bounds the file; statements and their values (people's data) stay out of it
    "logging_collector": "off",
    "log_destination": "stderr",
    "log_line_prefix": "%m [%p] ",
    "log_min_error_statement": "panic",
    "log_min_messages": "warning",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
}


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths below `<data folder>/postgres`, the app folder."""

    app: Path

    @property
    def data(self) -> Path:
        return self.app / "data"

    @property
    def unfinished(self) -> Path:
        return self.app / "data.new"

    @property
    def mutex(self) -> Path:
        return self.app / "mutex"

    @property
    def users(self) -> Path:
        return self.app / "users"

    @property
    def server_lock(self) -> Path:
        return self.app / "server.lock"

    @property
    def log(self) -> Path:
        return self.app / "server.log"


def make_app_folder(layout: Layout, account: Account) -> None:
    """Make the app folder: ours alone, or as root 0710 with the service user's group. No existing parent is touched."""
    try:
        layout.app.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        layout.app.mkdir(mode=0o700)
    except FileExistsError:
        return
    except PermissionError:
        raise not_permitted(layout.app) from None
    if account.changed:
        os.chown(layout.app, 0, account.gid)
        layout.app.chmod(0o710)
    sync_folder(layout.app.parent)


def cluster_major(layout: Layout) -> int | None:
    """The major version that made the cluster (PG_VERSION), None when there is none yet."""
    try:
        text = (layout.data / "PG_VERSION").read_text("ascii", "replace").strip()
    except FileNotFoundError:
        if layout.data.exists():
            raise _not_a_cluster(layout) from None
        return None
    if not text.isdigit():
        raise _not_a_cluster(layout)
    return int(text)


def _not_a_cluster(layout: Layout) -> Refusal:
    return Refusal("store.server.not_a_cluster", folder=str(layout.data))


def create(layout: Layout, binaries: Binaries, account: Account, inherited_lock: int) -> None:
    """Make a new cluster with the database `machinami`: in a sibling folder, synced, then renamed into place.

    A kill at any moment leaves either nothing or a whole cluster. The caller holds `server.lock` as `inherited_lock`;
    the programs run here hold it too, so nobody starts over while one of them still writes.
    """
    new = layout.unfinished
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    if account.changed:
        os.chown(new, account.uid, account.gid)
    directory = os.open(new, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _fill(directory, layout, binaries, account, inherited_lock)
    finally:
        os.close(directory)
    sync_tree(new)
    new.rename(layout.data)
    sync_folder(layout.app)


def _fill(directory: int, layout: Layout, binaries: Binaries, account: Account, lock: int) -> None:
    """initdb into the open folder, then the database, made by a single-user server."""
    initdb = ["initdb", "-D", folder_argument(directory), "-U", SUPERUSER, "-A", "peer", "--data-checksums", "--no-sync"]
    initdb += ["--encoding=UTF8", "--locale=C", "--no-instructions"]
    if binaries.major >= 16:
        initdb += ["-c", "dynamic_shared_memory_type=mmap"]
    single = ["postgres", "--single", "-D", folder_argument(directory), "-c", "fsync=off"]
    single += ["-c", "dynamic_shared_memory_type=mmap", "postgres"]
    make_database = f"CREATE DATABASE {DATABASE} TEMPLATE template0;\n"
    for command, text in ((initdb, ""), (single, make_database)):
        try:
            done = subprocess.run(
                [binaries.folder / command[0], *command[1:]],
                input=text, capture_output=True, text=True, errors="replace", timeout=INITDB_TIMEOUT_S, check=False,
                pass_fds=(lock, directory), **run_arguments(account),
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise Unavailable("store.server.initialisation_failed", folder=str(layout.app), detail=str(error)) from error
        if done.returncode != 0 or "ERROR:" in done.stderr or "FATAL:" in done.stderr:
            detail = " ".join((done.stderr or done.stdout).split())[-500:]
            raise Unavailable("store.server.initialisation_failed", folder=str(layout.app), detail=detail)


def folder_argument(directory: int) -> str:
    """How a program names the cluster: by an inherited descriptor of it.

    Root-only parents need not be opened to the service user, and neither length nor characters of the path matter.
    (PostgreSQL 15 changes its working folder to and fro while it looks for itself, so the folder can't be its cwd.)
    """
    return f"/proc/self/fd/{directory}"


def run_arguments(account: Account) -> dict[str, Any]:
    """The `subprocess` arguments common to all server programs: who, where, and nothing inherited by chance."""
    common = {"cwd": "/", "env": CLEAN_ENVIRONMENT, "umask": 0o077, "start_new_session": True}
    return {**common, **account.popen_arguments()}


def write_access_rules(cluster: int, account: Account) -> None:
    """Who may connect: local peers that the map names, nobody over a network; into the open cluster folder."""
    rules = "local all all peer map=machinami\nlocal replication all peer map=machinami\n"
    quoted = [(name.replace('"', '""'), role) for name in peer_names(account) for role in ROLES]
    names = "".join(f'machinami "{name}" {role}\n' for name, role in quoted)
    owner = (account.uid, account.gid) if account.changed else None
    for file, content in (("pg_hba.conf", rules), ("pg_ident.conf", names)):
        wanted = ("# written by machinami at each start\n" + content).encode()
        if read_small(file, cluster) != wanted:
            write_atomically(file, wanted, cluster, owner)


def clear_stale(cluster: int) -> None:
    """Remove what a dead server left; only while holding `server.lock`, with no postgres in the folder (rule 9)."""
    for name in ("postmaster.pid", SOCKET_NAME, f"{SOCKET_NAME}.lock"):
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=cluster)


def server_command(binaries: Binaries, cluster: int) -> list[str]:
    """The command line of the server of the cluster, an open folder that the server inherits."""
    settings = dict(SETTINGS)
    if binaries.major >= 18:
        settings["io_method"] = "sync"
    return [
        str(binaries.folder / "postgres"), "-D", folder_argument(cluster),
        *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
    ]  # fmt: skip
