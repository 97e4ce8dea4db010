"""Writes SQLite's log anew before it is trusted.

When a sync failed, the system may take its pages for clean: they are read as if they were on the
disk, and a second sync reports success without writing them. A server that is started again after
such a failure would recover frames from them and acknowledge what a power cut still takes. So the
log is written over with its own bytes, which makes every page dirty, and synced, before SQLite
opens it. Nothing is moved and no space is needed: it works on a full disk.

Source: Rebello et al., Can Applications Recover from fsync Failures?, USENIX ATC 2020.
"""

import os
from pathlib import Path

from exam_server.folder import storage_error

_CHUNK_BYTES = 1 << 20


def renew_log(database: Path) -> None:
    """What the log of this SQLite file says is on the disk when this returns.

    The caller is the only user of the file, and has not opened it yet.

    Raises:
        StorageError: `storage.full`, `storage.failed`: the disk does not keep it; do not open.
    """
    log = database.with_name(f"{database.name}-wal")
    try:
        descriptor = os.open(log, os.O_RDWR)
    except FileNotFoundError:
        return  # closed in good order, or never used
    try:
        try:
            at = 0
            while chunk := os.pread(descriptor, _CHUNK_BYTES, at):
                at += os.pwrite(descriptor, chunk, at)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise storage_error(error, log.name) from error
