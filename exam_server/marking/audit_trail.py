"""The audit log when an export on the command line runs beside the pages.

Both append to one chain: whoever appends holds a lock, and first reads what the other one added.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from exam_server.accounts.audit import AuditTrail
from exam_server.clock import Clock


class SharedAuditTrail(AuditTrail):
    """An audit log that several processes of one user append to."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._lock_path = path.with_suffix(".lock")
        with self._only_writer():
            super().__init__(path, clock)
            self._size = _size_of(path)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Also keeps other processes off, and begins after whatever they added.

        Raises:
            IntegrityError: `audit.chain`, when what was added does not hold.
        """
        with super()._writing(), self._only_writer():
            if _size_of(self._path) != self._size:
                self._last = self._recover()
            yield
            self._size = _size_of(self._path)

    @contextmanager
    def _only_writer(self) -> Iterator[None]:
        descriptor = os.open(self._lock_path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _size_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
