import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from machinami.adapters.postgres.embedded import folder as folders
from machinami.kernel.errors import Refusal


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """An app folder with a cluster whose pg_control says `in production` (DBState 6)."""
    (tmp_path / "data" / "global").mkdir(parents=True)
    set_state(tmp_path, 6)
    return tmp_path


def set_state(app: Path, state: int) -> None:
    (app / "data" / "global" / "pg_control").write_bytes(struct.pack("=QIIi", 1, 1800, 2, state) + bytes(8000))


def check_copy(app: Path) -> None:
    cluster = os.open(app / "data", os.O_PATH)
    try:
        folders.refuse_copied_live(app, cluster)
    finally:
        os.close(cluster)


def mountinfo_for(folder: Path, filesystem: str) -> str:
    """This process's mountinfo with another type for the mount of `folder`."""
    descriptor = os.open(folder, os.O_PATH)
    details = Path(f"/proc/self/fdinfo/{descriptor}").read_text()
    os.close(descriptor)
    mount = next(line.split()[1] for line in details.splitlines() if line.startswith("mnt_id"))
    other = "1 0 0:1 / / rw shared:1 - ext4 /dev/a rw\n"
    return other + f"{mount} 1 0:9 / /srv rw,noatime shared:2 master:1 - {filesystem} /dev/b rw\n"


@pytest.mark.parametrize("filesystem", ["nfs4", "cifs", "smb3", "vfat", "exfat", "9p", "fuse.sshfs"])
def test_refuse_unsafe_filesystem_refuses_when_the_folder_is_on_a_share_or_fat(tmp_path: Path, filesystem: str) -> None:
    with pytest.raises(Refusal) as refused:
        folders.refuse_unsafe_filesystem(tmp_path, mountinfo_for(tmp_path, filesystem))
    assert refused.value.code == "operations.folder.unsafe_filesystem"
    assert refused.value.parameters["filesystem"] == filesystem


def test_refuse_unsafe_filesystem_passes_when_the_disk_is_local(tmp_path: Path) -> None:
    folders.refuse_unsafe_filesystem(tmp_path, mountinfo_for(tmp_path, "xfs"))
    folders.refuse_unsafe_filesystem(tmp_path)


def test_filesystem_of_names_proc_when_asked_for_it() -> None:
    assert folders.filesystem_of(Path("/proc")) == "proc"


def test_refuse_copied_live_refuses_when_the_copy_was_taken_from_a_running_server(app: Path, tmp_path: Path) -> None:
    check_copy(app)
    copy = tmp_path / "copy"
    shutil.copytree(app, copy, ignore=shutil.ignore_patterns("copy"))
    with pytest.raises(Refusal) as refused:
        check_copy(copy)
    assert refused.value.code == "operations.folder.copied_live"
    Path(refused.value.parameters["identity"]).unlink()
    check_copy(copy)


def test_refuse_copied_live_takes_the_copy_over_when_the_server_had_been_stopped(app: Path, tmp_path: Path) -> None:
    check_copy(app)
    set_state(app, 1)
    copy = tmp_path / "copy"
    shutil.copytree(app, copy, ignore=shutil.ignore_patterns("copy"))
    check_copy(copy)
    set_state(copy, 6)
    check_copy(copy)


def test_refuse_copied_live_passes_when_the_folder_only_moved(app: Path, tmp_path: Path) -> None:
    check_copy(app)
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("data", "identity.json"):
        (app / name).rename(moved / name)
    check_copy(moved)


def test_keep_ballast_reserves_space_when_there_is_room(tmp_path: Path) -> None:
    assert folders.keep_ballast(tmp_path, 1_000_000)
    assert (tmp_path / "ballast").stat().st_blocks * 512 >= 1_000_000


def test_keep_ballast_leaves_the_disk_alone_when_it_is_nearly_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "free_bytes", lambda folder: 4_999_999)
    assert not folders.keep_ballast(tmp_path, 1_000_000)
    assert not (tmp_path / "ballast").exists()


@pytest.mark.parametrize(("free", "released"), [(999_999, True), (1_000_000, False)])
def test_release_ballast_frees_the_reserve_only_when_space_ran_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, released: bool
) -> None:
    folders.keep_ballast(tmp_path, 1_000_000)
    monkeypatch.setattr(folders, "free_bytes", lambda folder: free)
    assert folders.release_ballast(tmp_path, 1_000_000) is released
    assert (tmp_path / "ballast").exists() is not released


def test_read_small_reads_nothing_when_a_link_or_a_pipe_lies_there(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("x")
    (tmp_path / "link").symlink_to("plain")
    os.mkfifo(tmp_path / "pipe")
    directory = os.open(tmp_path, os.O_PATH)
    found = [folders.read_small(name, directory) for name in ("plain", "link", "pipe", "missing")]
    os.close(directory)
    assert found == [b"x", None, b"", None]


def test_write_atomically_replaces_the_link_and_not_its_target_when_a_link_lies_there(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("kept")
    (tmp_path / "rules").symlink_to("target")
    (tmp_path / "rules.new").symlink_to("target")
    directory = os.open(tmp_path, os.O_PATH)
    folders.write_atomically("rules", b"new", directory)
    os.close(directory)
    assert (tmp_path / "target").read_text() == "kept"
    assert not (tmp_path / "rules").is_symlink()
    assert (tmp_path / "rules").read_bytes() == b"new"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["rules", "target"]


def test_free_bytes_agrees_with_the_file_system_when_asked(tmp_path: Path) -> None:
    status = os.statvfs(tmp_path)
    assert abs(folders.free_bytes(tmp_path) - status.f_bavail * status.f_frsize) < status.f_blocks * status.f_frsize / 10


def test_sync_tree_syncs_every_file_and_folder_after_all_began_to_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "base" / "1").mkdir(parents=True)
    files = [tmp_path / "PG_VERSION", tmp_path / "base" / "1" / "2619", tmp_path / "base" / "1" / "pg_filenode.map"]
    for file in files:
        file.write_bytes(b"x")
    done: list[tuple[str, str]] = []

    def noted(step: str) -> Callable[..., None]:
        return lambda descriptor, *_: done.append((step, os.readlink(f"/proc/self/fd/{descriptor}")))

    monkeypatch.setattr(os, "fsync", noted("sync"))
    monkeypatch.setattr(os, "posix_fadvise", noted("write"))
    folders.sync_tree(tmp_path)
    assert sorted(path for step, path in done if step == "write") == sorted(map(str, files))
    inner = [tmp_path, tmp_path / "base", tmp_path / "base" / "1"]
    assert sorted(path for step, path in done if step == "sync") == sorted(map(str, [*files, *inner]))
    assert [step for step, _ in done] == ["write"] * 3 + ["sync"] * 6
