"""The supervisor: bring the embedded server up, keep it up, stop it when its last user leaves.

Three file locks in the app folder do the work (technology.md, rule 7): `mutex` lets one supervisor act at a time;
`users` is held shared by each process that uses the server; `server.lock` is held by the server itself and all its
backends, because they inherit the descriptor: whoever gets it knows that no postgres of this cluster is left.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from machinami.adapters.postgres.embedded import cluster as on_disk
from machinami.adapters.postgres.embedded import folder as folders
from machinami.adapters.postgres.embedded.accounts import Account, account_for, refuse_unless_attainable
from machinami.adapters.postgres.embedded.binaries import Binaries, find_binaries, reachable_by
from machinami.adapters.postgres.embedded.cluster import DATABASE, SUPERUSER, Layout
from machinami.adapters.postgres.embedded.locks import give_to_folder_owner, held, open_lock_file, try_lock
from machinami.adapters.postgres.embedded.processes import Postmaster, live_postmaster, processes_of
from machinami.adapters.postgres.embedded.wire import Answer, probe
from machinami.kernel.errors import MachinamiError, Refusal, Unavailable

logger = logging.getLogger(__name__)

START_ATTEMPTS: Final = 3
RECOVERY_TIMEOUT_S: Final = 600.0
"""Longest wait for a server that is alive and recovering after a crash."""
SILENCE_TIMEOUT_S: Final = 30.0
MUTEX_TIMEOUT_S: Final = RECOVERY_TIMEOUT_S + 60.0
FAST_STOP_S: Final = 30.0
IMMEDIATE_STOP_S: Final = 10.0
ORPHAN_STEPS: Final = ((1.0, signal.SIGTERM), (3.0, signal.SIGQUIT), (6.0, signal.SIGKILL))
"""After how many seconds backends without a postmaster get which signal (rule 9)."""
BACKOFF_MIN_S: Final = 0.1
BACKOFF_MAX_S: Final = 5.0
HOUSEKEEPING_S: Final = 30.0
LOG_BYTES_MAX: Final = 4_000_000
_POLL_S: Final = 0.01


class ServerState(StrEnum):
    """What the supervisor knows about its server."""

    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    RESTARTING = "restarting"


class EmbeddedServer:
    """PostgreSQL inside a data folder. Blocking; from asyncio call it through `to_thread`.

    `folder` is the data folder; `binaries_folder` is `--postgres-bin`. `on_state` is called on each change of state,
    from the thread that caused it. Several processes may use one folder: the first starts the server, the others
    attach, the last one out stops it. A server that dies is brought back by a watcher thread, with growing waits.
    """

    def __init__(
        self,
        folder: Path,
        binaries_folder: Path | None = None,
        on_state: Callable[[ServerState], None] | None = None,
        ballast_bytes: int = folders.BALLAST_BYTES,
    ) -> None:
        self._layout = Layout(folder / "postgres")
        self._binaries_folder = binaries_folder
        self._on_state = on_state
        self._ballast_bytes = ballast_bytes
        self._state = ServerState.STOPPED
        self._account: Account | None = None
        self._binaries: Binaries | None = None
        self._postmaster: Postmaster | None = None
        self._cluster: int | None = None
        self._users: int | None = None
        self._closing = threading.Event()
        self._wake: int | None = None
        self._watcher: threading.Thread | None = None
        self._turn = threading.Lock()

    @property
    def state(self) -> ServerState:
        return self._state

    @property
    def pid(self) -> int | None:
        """The server's process number; None while there is none."""
        postmaster = self._postmaster
        return postmaster.pid if postmaster is not None else None

    @property
    def binaries(self) -> Binaries:
        """The programs in use (`pg_dump` and friends lie beside them); only after `start`."""
        if self._binaries is None:
            raise RuntimeError("the embedded server was not started")
        return self._binaries

    @property
    def major(self) -> int:
        """PostgreSQL's major version; only after `start`."""
        return self.binaries.major

    def connect_arguments(self) -> dict[str, Any]:
        """Arguments for `asyncpg.connect(**…)`; complete, so that no PG* variable or password file has a say.

        The socket is reached through an open descriptor of its folder: any path length and any name works. The
        arguments are valid until `stop`, across restarts of the server.
        """
        if self._cluster is None:
            raise RuntimeError("the embedded server was not started")
        return {
            "host": self._socket_folder(),
            "port": 5432,
            "user": SUPERUSER,
            "database": DATABASE,
            "password": "",
            "ssl": False,
            "target_session_attrs": "any",
        }

    def start(self) -> None:
        """Create, attach to or start the server; returns when it answers. Harmless when already started.

        Raises Refusal (`operations.folder.*`, `store.binaries.*`, `store.server.*`) when somebody has to act first,
        Unavailable when the server can't come up now.
        """
        with self._turn:
            if self._watcher is not None:
                return
            self._closing.clear()
            self._set_state(ServerState.STARTING)
            try:
                self._prepare()
                with held(self._layout.mutex, MUTEX_TIMEOUT_S, self._closing.is_set):
                    self._join_users()
                    self._bring_up_patiently()
            except BaseException as error:
                self._release_descriptors()
                self._set_state(ServerState.STOPPED)
                if isinstance(error, TimeoutError):
                    raise self._no_answer(MUTEX_TIMEOUT_S) from error
                raise
            self._wake = os.eventfd(0, os.EFD_CLOEXEC)
            self._watcher = threading.Thread(target=self._watch, name="postgres-watcher", daemon=True)
            self._set_state(ServerState.RUNNING)
            self._watcher.start()

    def stop(self) -> None:
        """Leave the server; the last user shuts it down cleanly. Harmless when not started; ends a `start` under way."""
        self._closing.set()
        with self._turn:
            if self._watcher is None:
                return
            if self._wake is not None:
                os.eventfd_write(self._wake, 1)
            self._watcher.join()
            self._watcher = None
            try:
                with held(self._layout.mutex, MUTEX_TIMEOUT_S):
                    self._leave()
            finally:
                self._release_descriptors()
                self._set_state(ServerState.STOPPED)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    # coming up

    def _prepare(self) -> None:
        """All that can be refused before anything is written: account, folder, file system, programs."""
        account = account_for(self._layout.data)
        refuse_unless_attainable(account)
        on_disk.make_app_folder(self._layout, account)
        folders.refuse_unsafe_filesystem(self._layout.app)
        self._account = account
        binaries = find_binaries(self._binaries_folder, on_disk.cluster_major(self._layout))
        self._binaries = reachable_by(binaries, account) if account.changed else binaries

    def _join_users(self) -> None:
        self._users = open_lock_file(self._layout.users)
        deadline = time.monotonic() + SILENCE_TIMEOUT_S
        while not try_lock(self._users, shared=True):
            if time.monotonic() > deadline:
                raise self._no_answer(SILENCE_TIMEOUT_S)
            time.sleep(_POLL_S)

    def _bring_up_patiently(self) -> None:
        """Try a few times: what keeps a server from starting may pass, and a full disk gets its reserve."""
        for attempt in range(START_ATTEMPTS):
            try:
                self._bring_up()
                return
            except Unavailable as error:
                if error.code == "store.server.no_answer":
                    raise
                freed = folders.release_ballast(self._layout.app, self._ballast_bytes)
                if attempt == START_ATTEMPTS - 1 and not freed:
                    raise
                self._closing.wait(BACKOFF_MIN_S * 2**attempt)
        self._bring_up()

    def _bring_up(self) -> None:
        """End with a server that answers, ours or one that survived; the caller holds `mutex`."""
        account = self._known_account()
        lock = open_lock_file(self._layout.server_lock)
        try:
            since = time.monotonic()
            while not self._closing.is_set():
                if try_lock(lock):
                    self._forget_postmaster()
                    self._open_cluster(lock, account)
                    self._postmaster = self._attachable(account) or self._spawn(lock, account)
                elif self._cluster is not None or self._layout.data.exists():
                    self._open_cluster(None, account)
                    self._forget_postmaster()
                    self._postmaster = self._attachable(account)
                if self._postmaster is not None:
                    os.close(lock)
                    lock = -1
                    self._await_answer(self._postmaster)
                    return
                waited_s = time.monotonic() - since
                self._press_orphans(waited_s, account)
                self._closing.wait(_POLL_S if waited_s < 1.0 else 10 * _POLL_S)
            raise Unavailable("store.server.stopping", folder=str(self._layout.data))
        finally:
            if lock >= 0:
                os.close(lock)

    def _open_cluster(self, lock: int | None, account: Account) -> None:
        """Hold the cluster's folder open; create it first when `lock` (server.lock, held) is given and it is missing."""
        if self._cluster is not None:
            return
        if lock is not None and not self._layout.data.exists():
            on_disk.create(self._layout, self.binaries, account, lock)
        self._cluster = os.open(self._layout.data, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def _attachable(self, account: Account) -> Postmaster | None:
        return live_postmaster(self._known_cluster(), account)

    def _spawn(self, lock: int, account: Account) -> Postmaster:
        """Start the server; the caller holds `server.lock` as `lock`, and so will the server."""
        cluster = self._known_cluster()
        if any(True for _ in processes_of(cluster, account)):
            raise self._failed("a postgres that machinami did not start is working in the folder")
        folders.refuse_copied_live(self._layout.app, cluster)
        on_disk.clear_stale(cluster)
        on_disk.write_access_rules(cluster, account)
        self._bound_log()
        log = os.open(self._layout.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            give_to_folder_owner(log, self._layout.app)
            child = subprocess.Popen(
                on_disk.server_command(self.binaries, cluster),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=(lock, cluster), **on_disk.run_arguments(account),
            )  # fmt: skip
        finally:
            os.close(log)
        postmaster = Postmaster.of(child.pid, child)
        if postmaster is None:
            raise self._failed(self._log_tail())
        return postmaster

    def _await_answer(self, postmaster: Postmaster) -> None:
        """Wait while it lives and says that it is starting or recovering; a silent one gets less time."""
        began = last_heard = time.monotonic()
        while not self._closing.is_set():
            answer, text = probe(self._socket_folder(), SUPERUSER, DATABASE, timeout_s=5.0)
            if answer is Answer.READY:
                return
            if postmaster.ended():
                raise self._failed(self._log_tail())
            if answer is Answer.REFUSED:
                raise self._failed(text)
            now = time.monotonic()
            last_heard = now if answer is Answer.STARTING else last_heard
            if now - last_heard > SILENCE_TIMEOUT_S or now - began > RECOVERY_TIMEOUT_S:
                raise self._no_answer(now - began)
            postmaster.ended(_POLL_S)
        raise Unavailable("store.server.stopping", folder=str(self._layout.data))

    def _press_orphans(self, waited_s: float, account: Account) -> None:
        """Backends whose postmaster was killed end by themselves; busy ones are pressed step by step.

        Something that still answers is no orphan but the server of another container: it is left alone.
        """
        if waited_s > RECOVERY_TIMEOUT_S:
            raise self._no_answer(waited_s)
        if self._cluster is None or waited_s < ORPHAN_STEPS[0][0]:
            return
        if probe(self._socket_folder(), SUPERUSER, DATABASE, timeout_s=1.0)[0] is not Answer.SILENT:
            raise Refusal("store.server.elsewhere", folder=str(self._layout.data))
        due = [number for after_s, number in ORPHAN_STEPS if waited_s >= after_s]
        for pid in list(processes_of(self._cluster, account)):
            process = Postmaster.of(pid)
            if process is not None:
                logger.warning("%s to the postgres process %d, which outlived its server", due[-1].name, pid)
                process.send(due[-1])
                process.ended(0.5)
                process.close()

    # watching

    def _watch(self) -> None:
        self._keep_house()
        while not self._closing.is_set():
            died = self._wait_for_death(HOUSEKEEPING_S)
            if self._closing.is_set():
                return
            if died:
                self._restart()
            else:
                self._keep_house()

    def _wait_for_death(self, timeout_s: float) -> bool:
        postmaster, wake = self._postmaster, self._wake
        if postmaster is None or wake is None:
            return True
        poller = select.poll()
        poller.register(postmaster.descriptor, select.POLLIN)
        poller.register(wake, select.POLLIN)
        ready = [descriptor for descriptor, _ in poller.poll(timeout_s * 1000)]
        return postmaster.descriptor in ready and postmaster.ended()

    def _restart(self) -> None:
        """Bring the server back, however often that fails; the waits grow from 0.1 to 5 s."""
        logger.warning("the embedded PostgreSQL ended unexpectedly; bringing it back", extra={"pid": self.pid})
        self._set_state(ServerState.RESTARTING)
        pause_s = BACKOFF_MIN_S
        while not self._closing.is_set():
            try:
                with held(self._layout.mutex, MUTEX_TIMEOUT_S, self._closing.is_set):
                    self._bring_up()
                self._set_state(ServerState.RUNNING)
                return
            except (MachinamiError, OSError, subprocess.SubprocessError) as error:
                logger.error("the embedded PostgreSQL didn't come back: %s", error)
            self._free_ballast()
            self._closing.wait(pause_s)
            pause_s = min(pause_s * 2, BACKOFF_MAX_S)

    def _free_ballast(self) -> None:
        try:
            if folders.release_ballast(self._layout.app, self._ballast_bytes):
                logger.error("the disk is full; the reserve of %d bytes was given to PostgreSQL", self._ballast_bytes)
        except OSError as error:
            logger.error("the disk reserve could not be freed: %s", error)

    def _keep_house(self) -> None:
        try:
            self._bound_log()
            folders.keep_ballast(self._layout.app, self._ballast_bytes)
        except OSError as error:
            logger.warning("housekeeping of the embedded PostgreSQL: %s", error)

    def _bound_log(self) -> None:
        """Keep one older generation of the log; the server appends, so the file may be cut while it writes."""
        log = self._layout.log
        if not log.exists() or log.stat().st_size <= LOG_BYTES_MAX:
            return
        older = log.with_name("server.log.1")
        older.unlink(missing_ok=True)
        with log.open("r+b") as file, older.open("xb") as kept:
            give_to_folder_owner(kept.fileno(), self._layout.app)
            file.seek(-LOG_BYTES_MAX, os.SEEK_END)
            kept.write(file.read(LOG_BYTES_MAX))
            file.truncate(0)

    # going down

    def _leave(self) -> None:
        """Give up our share of `users`; if nobody else has one, stop the server. The caller holds `mutex`."""
        if self._users is None or not try_lock(self._users):
            return
        if self._postmaster is None or self._postmaster.ended():
            self._forget_postmaster()
            self._postmaster = self._attachable(self._known_account())
        postmaster = self._postmaster
        if postmaster is None:
            return
        if self._recovered(postmaster):
            postmaster.send(signal.SIGINT)
            if postmaster.ended(FAST_STOP_S):
                return
        logger.warning("the embedded PostgreSQL can't stop cleanly now; it will recover at its next start")
        postmaster.send(signal.SIGQUIT)
        if not postmaster.ended(IMMEDIATE_STOP_S):
            logger.error("the embedded PostgreSQL (pid %d) doesn't stop", postmaster.pid)

    def _recovered(self, postmaster: Postmaster) -> bool:
        """Wait until no crash recovery is under way: PostgreSQL 18.4 never ends a fast shutdown asked for in the middle."""
        deadline = time.monotonic() + FAST_STOP_S
        while not postmaster.ended(_POLL_S):
            if probe(self._socket_folder(), SUPERUSER, DATABASE, timeout_s=5.0)[0] is not Answer.STARTING:
                return True
            if time.monotonic() > deadline:
                return False
        return True

    def _release_descriptors(self) -> None:
        self._forget_postmaster()
        for descriptor in (self._users, self._cluster, self._wake):
            if descriptor is not None:
                os.close(descriptor)
        self._users = self._cluster = self._wake = None

    def _forget_postmaster(self) -> None:
        if self._postmaster is not None:
            self._postmaster.ended()
            self._postmaster.close()
            self._postmaster = None

    # small helpers

    def _known_account(self) -> Account:
        if self._account is None:
            raise RuntimeError("the embedded server was not prepared")
        return self._account

    def _known_cluster(self) -> int:
        if self._cluster is None:
            raise RuntimeError("the embedded server has no cluster open")
        return self._cluster

    def _socket_folder(self) -> str:
        return f"/proc/self/fd/{self._known_cluster()}"

    def _set_state(self, state: ServerState) -> None:
        if state is self._state:
            return
        self._state = state
        if self._on_state is None:
            return
        try:
            self._on_state(state)
        except Exception:
            logger.exception("a listener to the embedded PostgreSQL's state failed")

    def _failed(self, detail: str) -> Unavailable:
        log = str(self._layout.log)
        return Unavailable("store.server.start_failed", folder=str(self._layout.data), detail=detail, log=log)

    def _no_answer(self, seconds: float) -> Unavailable:
        log = str(self._layout.log)
        return Unavailable("store.server.no_answer", folder=str(self._layout.data), seconds=round(seconds), log=log)

    def _log_tail(self, characters: int = 500) -> str:
        try:
            with self._layout.log.open("rb") as file:
                file.seek(0, os.SEEK_END)
                file.seek(max(0, file.tell() - 4 * characters))
                return " ".join(file.read().decode("utf-8", "replace").split())[-characters:]
        except OSError as error:
            return str(error)
