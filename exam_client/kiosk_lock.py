"""One kiosk program for each data folder: two would write one session under two names."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from exam_client.config import CLIENT_DISK, DataFolder
from exam_core.errors import StateError, StorageError, declare

CLIENT_RUNNING = declare(
    "client.running", "本机的考试程序已在运行；请先关闭正在运行的程序，不要重复打开。"
)


@contextmanager
def kiosk_lock(folder: DataFolder) -> Iterator[None]:
    """Hold the data folder for the length of the block; a killed program holds nothing.

    Raises:
        StateError: `client.running`.
        StorageError: `client.disk`.
    """
    try:
        descriptor = os.open(folder.lock, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StorageError(CLIENT_DISK, "无法写入客户端目录", errno=error.errno) from error
    try:
        try:
            _lock(descriptor)
        except OSError as error:
            raise StateError(CLIENT_RUNNING, "考试程序已在运行") from error
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    """Take an exclusive lock or raise OSError at once."""
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415  only there

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl  # noqa: PLC0415  only there

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
