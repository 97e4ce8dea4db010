"""The real file operations: owners only, whole or not at all, no bytes lost."""

import errno
import os
import stat
import sys
from pathlib import Path

import pytest

from exam_client.journal import files as files_module
from exam_client.journal.files import RealFileSystem

FILES = RealFileSystem()


def _mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_folders_and_files_are_their_owners_only(tmp_path: Path) -> None:
    """Folders are made 0700 and files 0600, whatever the umask says."""
    folder = tmp_path / "a" / "b"

    FILES.make_folder(folder)
    FILES.make_folder(folder)
    file = FILES.create(folder / "x")
    file.write(b"12")
    file.write(b"3")
    file.sync()
    file.close()
    file.close()
    FILES.replace(folder / "y", b"456")

    assert (_mode_of(folder), _mode_of(tmp_path / "a")) == (0o700, 0o700)
    assert (_mode_of(folder / "x"), _mode_of(folder / "y")) == (0o600, 0o600)
    assert FILES.names(folder) == ["x", "y"]
    assert FILES.read(folder / "x", 3) == b"123"


def test_a_file_is_created_once(tmp_path: Path) -> None:
    """Creating over a file is refused."""
    FILES.create(tmp_path / "x").close()

    with pytest.raises(FileExistsError):
        FILES.create(tmp_path / "x")


def test_reading_more_than_allowed_is_refused(tmp_path: Path) -> None:
    """A file larger than the limit is an OSError, not a full memory."""
    (tmp_path / "x").write_bytes(b"1234")

    with pytest.raises(OSError, match="larger"):
        FILES.read(tmp_path / "x", 3)


def test_missing_folders_and_files(tmp_path: Path) -> None:
    """A missing folder has no names, and removing a missing file is no error."""
    assert FILES.names(tmp_path / "none") == []
    FILES.remove(tmp_path / "none")
    (tmp_path / "x").touch()
    FILES.remove(tmp_path / "x")
    assert FILES.names(tmp_path) == []


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the kernel takes a few bytes at a time all of them still arrive, in order."""
    real_write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real_write(fd, data[:3]))
    file = FILES.create(tmp_path / "x")

    file.write(b"0123456789")
    file.close()

    assert (tmp_path / "x").read_bytes() == b"0123456789"


def test_a_replacement_that_fails_leaves_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When syncing the new content fails, the old file stands and no copy is left."""
    FILES.replace(tmp_path / "x", b"old")

    def no_sync(_descriptor: int) -> None:
        raise OSError(errno.EIO, "made to fail")

    monkeypatch.setattr(files_module, "_sync_descriptor", no_sync)
    with pytest.raises(OSError, match="made to fail"):
        FILES.replace(tmp_path / "x", b"new")

    assert (tmp_path / "x").read_bytes() == b"old"
    assert FILES.names(tmp_path) == ["x"]


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_other_platforms_sync_by_their_own_means(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, platform: str
) -> None:
    """Where there is no fdatasync or no folder to sync, everything else works the same."""
    monkeypatch.setattr(sys, "platform", platform)

    FILES.replace(tmp_path / "x", b"1")

    assert (tmp_path / "x").read_bytes() == b"1"
