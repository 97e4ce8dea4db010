"""SQLite's log is written anew before it is opened."""

import errno
import os
from pathlib import Path

import pytest

from exam_core.errors import StorageError
from exam_server.store import log_renewal


def test_every_byte_is_written_again_and_then_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing else makes pages dirty that a failed sync left clean."""
    log = tmp_path / "room.db-wal"
    content = os.urandom(5_000)
    log.write_bytes(content)
    monkeypatch.setattr(log_renewal, "_CHUNK_BYTES", 2_048)
    done: list[tuple[str, int]] = []
    pwrite, fsync = os.pwrite, os.fsync

    def noted_write(descriptor: int, data: bytes, at: int) -> int:
        done.append(("write", len(data)))
        return pwrite(descriptor, data, at)

    def noted_sync(descriptor: int) -> None:
        done.append(("sync", 0))
        fsync(descriptor)

    monkeypatch.setattr(os, "pwrite", noted_write)
    monkeypatch.setattr(os, "fsync", noted_sync)

    log_renewal.renew_log(tmp_path / "room.db")

    assert done == [("write", 2_048), ("write", 2_048), ("write", 904), ("sync", 0)]
    assert log.read_bytes() == content


def test_without_a_log_nothing_happens(tmp_path: Path) -> None:
    """A database that was closed in good order has none, and gets none."""
    log_renewal.renew_log(tmp_path / "room.db")

    assert not list(tmp_path.iterdir())


def test_a_disk_that_does_not_keep_it_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server does not start on a log that cannot be written."""
    (tmp_path / "room.db-wal").write_bytes(b"frames")

    def failing(_descriptor: int) -> None:
        raise OSError(errno.EIO, "gone")

    monkeypatch.setattr(os, "fsync", failing)

    with pytest.raises(StorageError, match=r"storage\.failed"):
        log_renewal.renew_log(tmp_path / "room.db")
