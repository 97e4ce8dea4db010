"""The audit log when an export on the command line runs beside the pages.

Both append to one chain: whoever appends holds a lock, and first reads what the other one added.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from exam_server.accounts.audit import SYSTEM, AuditTrail
from exam_server.clock import Clock


class SharedAuditTrail(AuditTrail):
    """An audit log that several processes of one user append to."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._lock_path = path.with_suffix(".lock")
        with self._only_writer():
            super().__init__(path, clock)
            self._size = _size_of(path)

    def record(
        self,
        action: str,
        *,
        actors: tuple[str, ...] = (SYSTEM,),
        role: str = "",
        subject: str = "",
        **details: str | int,
    ) -> None:
        """Append one line after whatever other processes added; durable when this returns.

        Raises:
            StorageError: `storage.full`, `storage.failed`; the log is as it was.
            IntegrityError: `audit.chain`, when what was added does not hold.
        """
        with self._only_writer():
            if _size_of(self._path) != self._size:
                self._last = self._recover()
            super().record(action, actors=actors, role=role, subject=subject, **details)
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
