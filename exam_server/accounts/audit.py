"""The audit trail on disk: one line appended and synced for each action, before it is answered.

The chain is in `exam_core.formats.audit_log`; here is only the file. A line that a crash cut
short was never answered: it is kept beside the log and the log goes on after the last whole line.
"""

import os
import threading
from pathlib import Path

from exam_core.errors import IntegrityError
from exam_core.formats.audit_log import (
    AUDIT_MALFORMED,
    GENESIS,
    AuditEntry,
    entry_hash,
    next_entry,
    verify_lines,
)
from exam_core.formats.canonical import decode_canonical, encode_canonical
from exam_server.clock import Clock
from exam_server.folder import storage_error, sync_folder

SYSTEM = "系统"
"""The actor where the program itself acts, as when time is up."""


class AuditTrail:
    """The log of one program; safe to use from several threads, one process at a time."""

    def __init__(self, path: Path, clock: Clock) -> None:
        """Open the log and check the whole chain.

        Raises:
            InputError: `audit.malformed`.
            IntegrityError: `audit.chain`.
        """
        self._path = path
        self._clock = clock
        self._turn = threading.Lock()
        self._last = self._recover()

    def record(  # the fields of a line, each by name
        self,
        action: str,
        *,
        actors: tuple[str, ...] = (SYSTEM,),
        role: str = "",
        subject: str = "",
        **details: str | int,
    ) -> None:
        """Append one line; it is durable when this returns.

        Raises:
            StorageError: `storage.full`, `storage.failed`; the log is as it was.
        """
        with self._turn:
            entry = next_entry(
                self._last,
                at_utc_ms=self._clock.utc_ms(),
                actors=actors,
                role=role,
                action=action,
                subject=subject,
                details={key: str(value) for key, value in details.items()},
            )
            self._append(encode_canonical(entry) + b"\n")
            self._last = entry

    def lines(self) -> list[bytes]:
        """Every line, without line ends."""
        with self._turn:
            return self._path.read_bytes().splitlines() if self._path.exists() else []

    @property
    def head(self) -> str:
        """The hash of the last entry, or the genesis hash."""
        with self._turn:
            return entry_hash(self._last) if self._last else GENESIS

    def _append(self, line: bytes) -> None:
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                size = os.fstat(descriptor).st_size
                try:
                    written = os.write(descriptor, line)
                    if written != len(line):
                        written += os.write(descriptor, line[written:])
                    os.fdatasync(descriptor)
                except OSError:
                    os.ftruncate(descriptor, size)
                    raise
                if size == 0:
                    sync_folder(self._path.parent)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise storage_error(error, self._path.name) from error

    def _recover(self) -> AuditEntry | None:
        data = self._path.read_bytes() if self._path.exists() else b""
        whole, _, torn = data.rpartition(b"\n")
        if torn:
            keep = self._path.with_suffix(f".torn-{len(data)}")
            keep.write_bytes(torn)
            os.truncate(self._path, len(data) - len(torn))
        lines = whole.splitlines()
        head = verify_lines(lines)
        if not lines:
            return None
        last = decode_canonical(lines[-1], AuditEntry, AUDIT_MALFORMED, "审计日志末行")
        if entry_hash(last) != head:
            raise IntegrityError(AUDIT_MALFORMED, "审计日志末行不对")
        return last
