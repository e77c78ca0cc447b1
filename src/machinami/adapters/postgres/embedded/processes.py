"""Which processes serve a cluster: only a live `postgres` whose working folder is the cluster's (technology.md, rule 8)."""

from __future__ import annotations

import os
import select
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

from machinami.adapters.postgres.embedded.accounts import Account
from machinami.adapters.postgres.embedded.binaries import CLEAN_ENVIRONMENT
from machinami.adapters.postgres.embedded.folder import read_small


class Postmaster:
    """A server process held by a pidfd, so that its number can't come to mean another process."""

    def __init__(self, pid: int, descriptor: int, child: subprocess.Popen[bytes] | None) -> None:
        self.pid = pid
        self.descriptor = descriptor
        self._child = child

    @classmethod
    def of(cls, pid: int, child: subprocess.Popen[bytes] | None = None) -> Self | None:
        """Hold the process `pid`; None when it is gone."""
        try:
            return cls(pid, os.pidfd_open(pid), child)
        except (ProcessLookupError, OverflowError):
            return None

    def ended(self, timeout_s: float = 0.0) -> bool:
        """Wait up to `timeout_s` for the end; a zombie has ended. Our own child is reaped."""
        poller = select.poll()
        poller.register(self.descriptor, select.POLLIN)
        if not poller.poll(timeout_s * 1000):
            return False
        if self._child is not None:
            self._child.wait()
        return True

    def send(self, number: signal.Signals) -> None:
        """Signal the process unless it has ended."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.descriptor, number)

    def close(self) -> None:
        os.close(self.descriptor)


def live_postmaster(cluster: int, account: Account) -> Postmaster | None:
    """The process that `postmaster.pid` of the cluster (an open directory) names, if it really serves this cluster."""
    content = read_small("postmaster.pid", cluster)
    first = (content or b"").split(b"\n", 1)[0].strip()
    if not first.isdigit() or int(first) <= 1:
        return None
    postmaster = Postmaster.of(int(first))
    if postmaster is None:
        return None
    if not serves(postmaster.pid, cluster, account):
        postmaster.close()
        return None
    return postmaster


def serves(pid: int, cluster: int, account: Account) -> bool:
    """Whether `pid` is a live, non-zombie `postgres` that works in the cluster's folder."""
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return False
    name, _, rest = text.partition(b" (")[2].rpartition(b") ")
    if name != b"postgres" or rest[:1] in (b"Z", b"X"):
        return False
    here = os.fstat(cluster)
    return _working_folder(pid, account) == (here.st_dev, here.st_ino)


def _working_folder(pid: int, account: Account) -> tuple[int, int] | None:
    link = f"/proc/{pid}/cwd"
    try:
        status = os.stat(link)
    except PermissionError:
        return _working_folder_seen_by(account, link)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _working_folder_seen_by(account: Account, link: str) -> tuple[int, int] | None:
    """Root without CAP_SYS_PTRACE (containers) may not look at another user's process; that user itself may."""
    if not account.changed:
        return None
    answer = subprocess.run(
        ["stat", "-L", "-c", "%d %i", link],
        capture_output=True, text=True, timeout=10, cwd="/", env=CLEAN_ENVIRONMENT, check=False, **account.popen_arguments(),
    )  # fmt: skip
    if answer.returncode != 0:
        return None
    device, inode = answer.stdout.split()
    return int(device), int(inode)


def processes_of(cluster: int, account: Account) -> Iterator[int]:
    """Pids of all live `postgres` processes that work in the cluster: a server and its backends, or orphans of one."""
    for entry in os.listdir("/proc"):
        if entry.isdigit() and serves(int(entry), cluster, account):
            yield int(entry)
