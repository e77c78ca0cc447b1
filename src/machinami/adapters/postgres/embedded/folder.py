"""The data folder itself: is its file system safe, how much room is left, is it a copy of a live one, the disk reserve."""

from __future__ import annotations

import json
import os
import stat
import struct
from contextlib import suppress
from pathlib import Path
from typing import Final

from machinami.kernel.errors import Refusal

UNSAFE_FILESYSTEMS: Final = frozenset(
    (
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ncpfs", "fuse.sshfs", "fuse.rclone", "fuse.s3fs", "fuse.gvfsd-fuse"),
        *("vfat", "msdos", "exfat", "ntfs", "ntfs3", "fuseblk", "hfsplus"),
        *("9p", "drvfs", "vboxsf", "hgfs", "prl_fs", "fuse.vmhgfs-fuse"),
    )
)
"""Types in mountinfo whose fsync, rename or flock can't be relied on: network shares, FAT and NTFS, shared VM folders."""

BALLAST_BYTES: Final = 40_000_000
"""Reserve freed when the WAL can't grow: enough for two 16 MB segments (technology.md, rule 11)."""

_IDENTITY: Final = "identity.json"
_CLUSTER_CLEANLY_SHUT_DOWN: Final = 1
_NO_FIFO_NO_LINK: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def free_bytes(folder: Path) -> int:
    """Bytes that an ordinary user may still write to the folder's file system (statvfs; root's reserve not counted)."""
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


def filesystem_of(folder: Path, mountinfo: str | None = None) -> str:
    """The type of the mount that holds `folder`, as /proc/self/mountinfo names it; empty when /proc can't tell."""
    descriptor = os.open(folder, os.O_PATH | os.O_CLOEXEC)
    try:
        details = Path(f"/proc/self/fdinfo/{descriptor}").read_text("ascii")
    finally:
        os.close(descriptor)
    mount = next((line.split()[1] for line in details.splitlines() if line.startswith("mnt_id:")), "")
    text = Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape") if mountinfo is None else mountinfo
    for line in text.splitlines():
        fields = line.split(" ")
        if fields[0] == mount:
            return fields[fields.index("-") + 1]
    return ""


def refuse_unsafe_filesystem(folder: Path, mountinfo: str | None = None) -> None:
    """Refuse SMB, NFS, FAT and the like for a data folder (design.md, Server); the folder must exist."""
    filesystem = filesystem_of(folder, mountinfo)
    if filesystem in UNSAFE_FILESYSTEMS:
        raise Refusal("operations.folder.unsafe_filesystem", folder=str(folder), filesystem=filesystem)


def read_small(name: str, directory: int, bytes_max: int = 65_536) -> bytes | None:
    """A small plain file below an open directory, or None when it is missing, a link or a pipe.

    The folder belongs to the service user: root must not be led elsewhere, or blocked, by what lies there.
    """
    try:
        descriptor = os.open(name, _NO_FIFO_NO_LINK, dir_fd=directory)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        return file.read(bytes_max)


def write_atomically(name: str, content: bytes, directory: int, owner: tuple[int, int] | None = None) -> None:
    """Replace a file below an open directory: new file (never through a link), fsync, rename; optional owner (uid, gid)."""
    temporary = name + ".new"
    with suppress(FileNotFoundError):
        os.unlink(temporary, dir_fd=directory)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(temporary, flags, 0o600, dir_fd=directory), "wb") as file:
        if owner is not None:
            os.fchown(file.fileno(), *owner)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)


def sync_tree(top: Path) -> None:
    """fsync every file and folder below `top`, `top` included, so that a rename of it may be relied on.

    All are told to begin writing first: begun and awaited one by one, a new cluster's thousand files take twice as long.
    """
    for settle in (_begin_writing, os.fsync):
        for _, _, files, directory in os.fwalk(top):
            for name in files:
                descriptor = os.open(name, _NO_FIFO_NO_LINK, dir_fd=directory)
                settle(descriptor)
                os.close(descriptor)
            settle(directory)


def _begin_writing(descriptor: int) -> None:
    """Linux starts to write a file's changed pages when told that they are not needed in memory; a hint, nothing more."""
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def sync_folder(folder: Path) -> None:
    """fsync a folder, so that names created in it survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def cleanly_shut_down(cluster: int) -> bool:
    """Whether pg_control of the cluster (an open directory) says `shut down`: DBState, int32 at byte 16, PostgreSQL 15-18."""
    control = read_small("global/pg_control", cluster)
    if control is None or len(control) < 20:
        return False
    state: int = struct.unpack_from("=i", control, 16)[0]
    return state == _CLUSTER_CLEANLY_SHUT_DOWN


def refuse_copied_live(app_folder: Path, cluster: int) -> None:
    """Refuse a cluster that was copied file by file while its server ran.

    `identity.json` beside the cluster remembers the inode of its folder. Another inode means a copy; a copy whose
    pg_control doesn't say `shut down` was taken from a live server and may be torn. A clean copy is taken over.
    Call only while holding `server.lock`, with no server running. File systems without stable inodes are not judged.
    """
    if filesystem_of(app_folder) == "overlay":
        return
    present = json.dumps({"inode": os.fstat(cluster).st_ino}).encode()
    directory = os.open(app_folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        recorded = read_small(_IDENTITY, directory)
        if recorded == present:
            return
        if recorded is not None and not cleanly_shut_down(cluster):
            identity = str(app_folder / _IDENTITY)
            raise Refusal("operations.folder.copied_live", folder=str(app_folder / "data"), identity=identity)
        owner = os.fstat(directory)
        write_atomically(_IDENTITY, present, directory, (owner.st_uid, owner.st_gid))
        os.fsync(directory)
    finally:
        os.close(directory)


def keep_ballast(app_folder: Path, size_bytes: int = BALLAST_BYTES) -> bool:
    """Lay down the disk reserve if it is missing and the disk has ample room (5 times its size); True if it is there."""
    ballast = app_folder / "ballast"
    if ballast.exists() and ballast.stat().st_size == size_bytes:
        return True
    if free_bytes(app_folder) < 5 * size_bytes:
        return False
    descriptor = os.open(ballast, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, size_bytes)
    finally:
        os.close(descriptor)
    return True


def release_ballast(app_folder: Path, size_bytes: int = BALLAST_BYTES) -> bool:
    """Give the reserve back to the disk if less than its size is left; True if something was freed."""
    ballast = app_folder / "ballast"
    if free_bytes(app_folder) >= size_bytes or not ballast.exists():
        return False
    ballast.unlink()
    return True
