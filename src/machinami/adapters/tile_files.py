"""Imported tile archives in the data folder: copied whole, synced to the disk and renamed into place, or not at all."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

from machinami.citymap.ports import Archive, KeptArchive
from machinami.kernel.errors import Refusal, Unavailable
from machinami.standards.pmtiles import HEADER_BYTES, read_header, read_metadata

SUFFIX: Final = ".pmtiles"
_PARTIAL: Final = ".part-"
_CHUNK: Final = 1_048_576


class TileFolder:
    """Implements `citymap.ports.TileFiles` over one folder; one writer at a time."""

    def __init__(self, folder: Path, bytes_max: int) -> None:
        self._folder = folder
        self._bytes_max = bytes_max

    def inspect(self, source: Path) -> Archive:
        with self._opened(source) as file:
            return self._read(file, source)

    def keep(self, source: Path, name_for: Callable[[str], str]) -> KeptArchive:
        with self._opened(source) as file:
            try:
                return self._copy(file, source, name_for)
            except OSError as error:
                raise Unavailable("citymap.basemap.not_kept", reason=error.strerror or str(error)) from error

    def remove(self, basemap_id: str) -> None:
        self.path(basemap_id).unlink(missing_ok=True)

    def path(self, basemap_id: str) -> Path:
        return self._folder / f"{basemap_id}{SUFFIX}"

    def _opened(self, source: Path) -> BinaryIO:
        try:
            descriptor = os.open(source, os.O_RDONLY | os.O_NONBLOCK)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise Refusal("citymap.basemap.not_readable", path=str(source)[:300], reason=reason) from error
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise Refusal("citymap.basemap.not_readable", path=str(source)[:300], reason="no regular file")
        return os.fdopen(descriptor, "rb")

    def _read(self, file: BinaryIO, source: Path) -> Archive:
        size = os.fstat(file.fileno()).st_size
        if size > self._bytes_max:
            raise Refusal("citymap.basemap.too_large", bytes=str(size), most=str(self._bytes_max))
        try:
            file.seek(0)
            header = read_header(file.read(HEADER_BYTES), size)
            offset, length = header.metadata
            file.seek(offset)
            return Archive(header, read_metadata(file.read(length), header), size)
        except OSError as error:
            reason = error.strerror or str(error)
            raise Refusal("citymap.basemap.not_readable", path=str(source)[:300], reason=reason) from error

    def _copy(self, file: BinaryIO, source: Path, name_for: Callable[[str], str]) -> KeptArchive:
        self._folder.mkdir(parents=True, exist_ok=True)
        for left in self._folder.glob(f"{_PARTIAL}*"):
            left.unlink()
        descriptor, name = tempfile.mkstemp(prefix=_PARTIAL, dir=self._folder)
        try:
            with os.fdopen(descriptor, "w+b") as copy:
                digest = hashlib.sha256()
                left_over = self._bytes_max
                while chunk := file.read(min(_CHUNK, left_over + 1)):
                    left_over -= len(chunk)
                    if left_over < 0:
                        raise Refusal("citymap.basemap.too_large", bytes="…", most=str(self._bytes_max))
                    digest.update(chunk)
                    copy.write(chunk)
                copy.flush()
                os.fsync(copy.fileno())
                archive = self._read(copy, source)
            sha256 = digest.hexdigest()
            basemap_id = name_for(sha256)
            Path(name).rename(self.path(basemap_id))
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        self._sync_folder()
        return KeptArchive(basemap_id, sha256, archive)

    def _sync_folder(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
