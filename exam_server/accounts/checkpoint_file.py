"""The file of checkpoints beside a log; a note that a crash cut short is kept aside."""

import re
from pathlib import Path

from exam_core.formats.checkpoint import split_checkpoints
from exam_server.appended_file import append_durably, set_torn_aside

_SIGNATURE_LINE = re.compile("^— .*\n".encode(), re.MULTILINE)
"""The last line of a note."""


class CheckpointFile:
    """Signed notes one after the other; what they say is for the reader to check."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._latest = ""

    def recover(self) -> None:
        """Look at the file: set aside what follows the last whole note."""
        data = self._path.read_bytes() if self._path.exists() else b""
        whole = max((match.end() for match in _SIGNATURE_LINE.finditer(data)), default=0)
        if whole < len(data):
            set_torn_aside(self._path, whole)
        notes = split_checkpoints(data[:whole])
        self._latest = notes[-1] if notes else ""

    def append(self, note: str) -> None:
        """Keep one more note; durable on return.

        Raises:
            StorageError: `storage.full`, `storage.failed`; the file is as it was.
        """
        append_durably(self._path, note.encode())
        self._latest = note

    def read(self) -> tuple[str, ...]:
        """All notes, in order."""
        return tuple(split_checkpoints(self._path.read_bytes())) if self._path.exists() else ()

    def latest(self) -> str:
        """The last note; empty before the first."""
        return self._latest
