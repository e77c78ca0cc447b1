import os
import subprocess
import sys
from pathlib import Path

import pytest

from machinami.adapters.postgres.embedded.locks import ServerFolderLock, held, open_lock_file, try_lock
from machinami.kernel.errors import Refusal

HOLDER = """
import sys
from pathlib import Path
from machinami.adapters.postgres.embedded.locks import ServerFolderLock
lock = ServerFolderLock(Path(sys.argv[1]))
lock.acquire()
print("held", flush=True)
sys.stdin.read()
"""


def test_acquire_names_the_first_server_when_another_process_has_the_folder(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == b"held\n"
        lock = ServerFolderLock(tmp_path)
        with pytest.raises(Refusal) as refused:
            lock.acquire()
        assert refused.value.code == "operations.folder.in_use"
        assert refused.value.parameters == {"folder": str(tmp_path), "pid": str(first.pid)}
        assert lock.holder() == first.pid
        first.kill()
    assert lock.holder() is None
    with lock:
        assert lock.holder() == os.getpid()


def test_acquire_makes_a_private_folder_when_it_is_missing(tmp_path: Path) -> None:
    folder = tmp_path / "新しい" / "city"
    with ServerFolderLock(folder):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_acquire_refuses_a_second_lock_when_the_first_is_in_the_same_process(tmp_path: Path) -> None:
    with ServerFolderLock(tmp_path), pytest.raises(Refusal):
        ServerFolderLock(tmp_path).acquire()


def test_holder_is_none_when_no_server_ever_ran(tmp_path: Path) -> None:
    assert ServerFolderLock(tmp_path).holder() is None


def test_holder_leaves_the_lock_free_when_it_only_looked(tmp_path: Path) -> None:
    ended = ServerFolderLock(tmp_path)
    ended.acquire()
    ended.release()
    looker = ServerFolderLock(tmp_path)
    assert looker.holder() is None
    with looker:
        pass


def test_held_gives_up_when_told_to(tmp_path: Path) -> None:
    path = tmp_path / "mutex"
    descriptor = open_lock_file(path)
    assert try_lock(descriptor)
    with pytest.raises(TimeoutError), held(path, 60.0, give_up=lambda: True):
        pass
    os.close(descriptor)
    with held(path, 0.0):
        pass
