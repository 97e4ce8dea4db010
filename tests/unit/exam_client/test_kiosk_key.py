"""The kiosk's signing key: made once, kept over enrolments, replaced when damaged."""

import errno
from pathlib import Path

import pytest

from exam_client.config import DataFolder
from exam_client.journal.files import RealFileSystem
from exam_client.kiosk_key import ensure_signing_key, kiosk_signing_key
from exam_core.errors import StorageError

FILES = RealFileSystem()


def test_the_key_is_made_once_and_kept(tmp_path: Path) -> None:
    """Enrolling again uses the same key; only its owner may read the file."""
    folder = DataFolder(tmp_path)
    key = ensure_signing_key(FILES, folder)

    assert ensure_signing_key(FILES, folder) == kiosk_signing_key(FILES, folder) == key
    assert folder.signing_key.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("damage", [b"", b"\xff\xfe", b"00" * 31])
def test_a_damaged_key_is_said_and_made_anew_at_the_next_enrolment(
    tmp_path: Path, damage: bytes
) -> None:
    """Nobody signs with a key that the server does not know."""
    folder = DataFolder(tmp_path)
    former = ensure_signing_key(FILES, folder)
    folder.signing_key.write_bytes(damage)

    with pytest.raises(StorageError, match=r"client\.signing_key"):
        kiosk_signing_key(FILES, folder)
    assert ensure_signing_key(FILES, folder) != former


def test_a_disk_that_refuses_the_key_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is enrolled with a key that is not on disk."""
    files = RealFileSystem()

    def refuse(_path: Path, _data: bytes) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(files, "replace", refuse)
    with pytest.raises(StorageError, match=r"client\.disk"):
        ensure_signing_key(files, DataFolder(tmp_path))
