"""Files of a data folder appear whole or not at all."""

import os
from pathlib import Path

import pytest

from exam_core.errors import InputError, StateError, StorageError
from exam_server import folder


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the reason, nothing half-written stays."""
    file = tmp_path / "file"
    folder.write_atomically(file, b"old")

    def fail(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageError, match=r"storage\.failed"):
        folder.write_atomically(file, b"new")

    assert file.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_written_files_are_private(tmp_path: Path) -> None:
    """Only their owner reads them."""
    folder.write_atomically(tmp_path / "file", b"x")
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600


def test_a_new_folder_is_private_and_appears_whole(tmp_path: Path) -> None:
    """It has its name only when the block ends well."""
    target = tmp_path / "data"
    with folder.new_folder(target) as beside:
        (beside / "sub").mkdir()
        (beside / "sub" / "file").write_bytes(b"x")
        assert not target.exists()
    assert (target / "sub" / "file").read_bytes() == b"x"
    assert target.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_failed_leaves_nothing(tmp_path: Path) -> None:
    """Not even the folder beside."""

    def fill() -> None:
        with folder.new_folder(tmp_path / "data") as beside:
            (beside / "file").write_bytes(b"x")
            raise OSError(28, "No space left on device")

    with pytest.raises(StorageError, match=r"storage\.full"):
        fill()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_use_is_not_initialised_again(tmp_path: Path) -> None:
    """An empty one is taken; anything else is left alone."""
    (tmp_path / "empty").mkdir()
    with folder.new_folder(tmp_path / "empty"):
        pass
    (tmp_path / "empty" / "file").touch()
    with pytest.raises(InputError, match=r"data\.exists"), folder.new_folder(tmp_path / "empty"):
        pass


def test_two_programs_do_not_share_a_data_folder(tmp_path: Path) -> None:
    """The second one is told; after the first one ended it may."""
    with (
        folder.only_user(tmp_path),
        pytest.raises(StateError, match=r"data\.in_use"),
        folder.only_user(tmp_path),
    ):
        pass
    with folder.only_user(tmp_path):
        pass


def test_input_files_are_bounded(tmp_path: Path) -> None:
    """Missing, too large, or a folder: refused before reading on."""
    (tmp_path / "big").write_bytes(b"123456")
    with pytest.raises(InputError, match=r"file\.too_large"):
        folder.read_input(tmp_path / "big", bytes_max=5, name="文件")
    with pytest.raises(InputError, match=r"file\.unreadable"):
        folder.read_input(tmp_path / "none", bytes_max=5, name="文件")
    assert folder.read_input(tmp_path / "big", bytes_max=6, name="文件") == b"123456"


def test_a_folder_that_init_did_not_make_is_refused(tmp_path: Path) -> None:
    """With what to do."""
    with pytest.raises(InputError, match=r"data\.missing"):
        folder.require_folder(tmp_path, "config.json")


def test_a_wrong_place_is_no_failing_disk(tmp_path: Path) -> None:
    """A folder that is missing is said, and no disk is blamed."""
    with pytest.raises(StorageError, match="文件夹不存在") as refusal:
        folder.write_atomically(tmp_path / "none" / "file", b"x")
    assert refusal.value.code == "output.place"


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    """Said before anything is done."""
    folder.refuse_existing(tmp_path / "file")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"output\.exists"):
        folder.refuse_existing(tmp_path / "file")
