"""File locks. All are flock(2): the kernel drops them with the last descriptor, so a kill -9 leaves nothing behind."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from machinami.kernel.errors import Refusal

_POLL_S = 0.02
_LOOK_S = 0.2
"""A CLI command that looks for the holder touches the lock for a moment; that must not turn a server away."""


def open_lock_file(path: Path) -> int:
    """Open (create) a lock file, not inherited by children; as root it gets the owner of its folder."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    give_to_folder_owner(descriptor, path.parent)
    return descriptor


def give_to_folder_owner(descriptor: int, folder: Path) -> None:
    """Let the folder's owner use a file that root made there; nothing happens for an ordinary user."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def try_lock(descriptor: int, shared: bool = False) -> bool:
    """Take the lock at once or answer False."""
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _try_for(descriptor: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not try_lock(descriptor):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


@contextmanager
def held(path: Path, timeout_s: float, give_up: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Hold an exclusive lock for a block; TimeoutError when others keep it for `timeout_s` or `give_up` says so."""
    descriptor = open_lock_file(path)
    try:
        deadline = time.monotonic() + timeout_s
        while not try_lock(descriptor):
            if time.monotonic() > deadline or give_up():
                raise TimeoutError(f"{path} is locked by another process")
            time.sleep(_POLL_S)
        yield
    finally:
        os.close(descriptor)


class ServerFolderLock:
    """At most one machinami *server* per data folder (design.md); CLI commands join the running one instead.

    The lock lives as long as the process that acquired it, whatever ends it. Children don't inherit it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / "machinami.lock"
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the folder (made with mode 0700 if missing) or raise `operations.folder.in_use` naming the first's pid."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = open_lock_file(self._path)
        if not _try_for(descriptor, _LOOK_S):
            first = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "?"
            os.close(descriptor)
            raise Refusal("operations.folder.in_use", folder=str(self._folder), pid=first)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Let the folder go; harmless when it isn't held."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None

    def holder(self) -> int | None:
        """The pid of the server that holds the folder now, None if there is none (how a CLI command finds it)."""
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            if self._descriptor is None and try_lock(descriptor, shared=True):
                return None
            text = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            return int(text) if text.isdigit() else None
        finally:
            os.close(descriptor)

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.release()
