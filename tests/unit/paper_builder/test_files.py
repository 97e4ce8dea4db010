"""Files are written whole or not at all, and read only up to a limit."""

import os
import stat
from pathlib import Path

import pytest

from exam_core.errors import InputError, StorageError
from paper_builder import files
from tests.support.refusals import refuses


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    """The new bytes are there, with the mode asked for, and nothing beside them."""
    path = tmp_path / "new" / "file"
    files.write_file(path, b"one")
    files.write_file(path, b"two", files.PRIVATE)
    assert path.read_bytes() == b"two"
    assert _mode(path) == 0o600
    assert _names(path.parent) == ["file"]


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the disk is full at fsync, the old bytes stay and nothing else does."""
    path = tmp_path / "file"
    files.write_file(path, b"old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with refuses(StorageError, "builder.write") as caught:
        files.write_file(path, b"new")
    assert "磁盘已满" in caught.value.message
    assert (path.read_bytes(), _names(tmp_path)) == (b"old", ["file"])


def test_a_folder_is_made_whole(tmp_path: Path) -> None:
    """Public files may be read by others, all else by the owner alone; an empty folder is free."""
    folder = tmp_path / "out"
    folder.mkdir()
    files.write_folder(folder, {"a": b"1", "b": b"2"}, public_names={"a"})
    assert {path.name: _mode(path) for path in folder.iterdir()} == {"a": 0o644, "b": 0o600}
    assert _mode(folder) == 0o755
    files.write_folder(tmp_path / "secret", {"a": b"1"})
    assert _mode(tmp_path / "secret") == 0o700


@pytest.mark.parametrize("nth", [1, 2, 3])
def test_a_folder_that_fails_midway_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    """Whichever sync fails, nothing is left."""
    calls = 0
    sync = os.fsync

    def failing(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls == nth:
            raise OSError(5, "Input/output error")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", failing)
    with refuses(StorageError, "builder.write"):
        files.write_folder(tmp_path / "out", {"a": b"1", "b": b"2"})
    assert _names(tmp_path) == []


def test_what_is_there_is_never_overwritten_by_a_folder(tmp_path: Path) -> None:
    """A full folder, a file or a dangling link stands in the way."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("full", "file", "link"):
        with refuses(InputError, "builder.output_exists"):
            files.write_folder(tmp_path / name, {"a": b"1"})


def test_reading_is_bounded(tmp_path: Path) -> None:
    """A file at the limit is read; one byte more is refused."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * 10)
    assert files.read_file(path, 10, "文件") == b"x" * 10
    with refuses(InputError, "builder.too_large"):
        files.read_file(path, 9, "文件")
