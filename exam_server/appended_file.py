"""Files that only grow: appended and synced in one act, and mended after a crash in it."""

import os
from pathlib import Path

from exam_server.folder import storage_error, sync_folder


def append_durably(path: Path, data: bytes) -> None:
    """Put `data` at the end of a file, which is made when it is not there; durable on return.

    Raises:
        StorageError: `storage.full`, `storage.failed`; the file is as it was.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            try:
                written = os.write(descriptor, data)
                if written != len(data):
                    written += os.write(descriptor, data[written:])
                os.fdatasync(descriptor)
            except OSError:
                os.ftruncate(descriptor, size)
                raise
            if size == 0:
                sync_folder(path.parent)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise storage_error(error, path.name) from error


def set_torn_aside(path: Path, whole_bytes: int) -> None:
    """Keep beside a file what a crash cut short at its end, and cut the file to its whole part."""
    data = path.read_bytes()
    keep = path.with_suffix(f".torn-{len(data)}")
    keep.write_bytes(data[whole_bytes:])
    os.truncate(path, whole_bytes)
