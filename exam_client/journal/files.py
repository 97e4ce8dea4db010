"""The few file operations that must not lie, behind a protocol so that tests can make them fail.

Real files promise what POSIX lets them promise: `sync` returns after fdatasync, `replace` after
the new content and its name are on disk. After a failed sync a file is never used again: the
kernel may have thrown the pages away and called them clean.
Source: Rebello et al., Can Applications Recover from fsync Failures? (USENIX ATC 2020).
"""

import contextlib
import os
import secrets
import sys
from pathlib import Path
from typing import Protocol

from exam_core.formats.byte_source import ByteSource


class JournalFile(Protocol):
    """A file that grows at its end."""

    def write(self, data: bytes) -> None:
        """Append all of `data`, or raise OSError; part of it may then be in the file."""

    def sync(self) -> None:
        """Bring everything written to the disk, or raise OSError."""

    def close(self) -> None:
        """Let go of the file; never raises."""


class FileSystem(Protocol):
    """Where a kiosk keeps its files. Every method may raise OSError."""

    def create(self, path: Path) -> JournalFile:
        """A new empty file, readable by its owner only; it must not exist yet."""

    def make_folder(self, path: Path) -> None:
        """A folder for its owner only, with its parents, on disk when this returns."""

    def sync_folder(self, path: Path) -> None:
        """Bring the names in a folder to the disk."""

    def read(self, path: Path, size_max: int) -> bytes:
        """The content of a file; OSError when it is larger than `size_max` bytes."""

    def append(self, path: Path) -> JournalFile:
        """A file to go on with at its end, readable by its owner only; made when it is missing."""

    def source(self, path: Path) -> ByteSource:
        """A file to read at any place; it is opened for every read and holds nothing open."""

    def rename(self, path: Path, to: Path) -> None:
        """Give a synced file its name, replacing what was there, on disk when this returns."""

    def names(self, folder: Path) -> list[str]:
        """The names in a folder, sorted; none when there is no such folder."""

    def replace(self, path: Path, data: bytes) -> None:
        """Put `data` in place of the file, whole or not at all, on disk when this returns."""

    def remove(self, path: Path) -> None:
        """Remove a file; nothing happens when there is none."""


class RealFile:
    """A file opened for appending, without buffers of our own."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, data: bytes) -> None:
        """Append all of `data`."""
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]

    def sync(self) -> None:
        """Bring everything written to the disk."""
        _sync_descriptor(self._descriptor)

    def close(self) -> None:
        """Let go of the file."""
        with contextlib.suppress(OSError):  # nothing is promised by closing
            os.close(self._descriptor)


class RealFileSystem:
    """The machine's own files."""

    def create(self, path: Path) -> RealFile:
        """A new empty file for its owner only."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_BINARY", 0)
        return RealFile(os.open(path, flags, 0o600))

    def make_folder(self, path: Path) -> None:
        """A folder for its owner only, with its parents."""
        missing = [folder for folder in (path, *path.parents) if not folder.exists()]
        for folder in reversed(missing):
            folder.mkdir(mode=0o700, exist_ok=True)
            self.sync_folder(folder.parent)

    def sync_folder(self, path: Path) -> None:
        """Bring the names in a folder to the disk."""
        if sys.platform == "win32":
            return  # NTFS journals its names; a folder cannot be opened for syncing
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def read(self, path: Path, size_max: int) -> bytes:
        """The content of a file."""
        with path.open("rb") as file:
            data = file.read(size_max + 1)
        if len(data) > size_max:
            raise OSError(f"file is larger than {size_max} bytes")
        return data

    def append(self, path: Path) -> RealFile:
        """A file to go on with at its end."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        return RealFile(os.open(path, flags, 0o600))

    def source(self, path: Path) -> "RealSource":
        """A file to read at any place."""
        return RealSource(path)

    def rename(self, path: Path, to: Path) -> None:
        """Give a synced file its name."""
        path.replace(to)
        self.sync_folder(to.parent)

    def names(self, folder: Path) -> list[str]:
        """The names in a folder, sorted."""
        return sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []

    def replace(self, path: Path, data: bytes) -> None:
        """Put `data` in place of the file, whole or not at all."""
        fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            file = self.create(fresh)
            try:
                file.write(data)
                file.sync()
            finally:
                file.close()
            fresh.replace(path)
        except OSError:
            with contextlib.suppress(OSError):  # the first failure is the one to report
                fresh.unlink(missing_ok=True)
            raise
        self.sync_folder(path.parent)

    def remove(self, path: Path) -> None:
        """Remove a file; nothing happens when there is none."""
        path.unlink(missing_ok=True)


class RealSource:
    """A file that is opened for every read, so that it can be replaced on every system."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._size = path.stat().st_size

    @property
    def size(self) -> int:
        """How many bytes the file had when this was made."""
        return self._size

    def read_at(self, offset: int, size: int) -> bytes:
        """So many bytes from `offset`; fewer only at the end. May raise OSError."""
        with self._path.open("rb") as file:
            file.seek(offset)
            return file.read(size)


def _sync_descriptor(descriptor: int) -> None:
    if sys.platform == "linux":
        os.fdatasync(descriptor)
    else:
        os.fsync(descriptor)
