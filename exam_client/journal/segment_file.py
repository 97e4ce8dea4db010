"""One segment on disk, written so that nothing is called kept before it is.

Every append is written and synced before it returns. When the disk refuses, the file is given up
for good and a fresh one takes over with all frames so far: a full disk that was cleared and a bad
spot both heal by themselves, and the frames stay in memory until then. Readers join the files of
one segment by sequence number, so the old file is left as it is.
"""

import contextlib
from collections.abc import Sequence
from pathlib import Path

from exam_client import limits
from exam_client.journal.files import FileSystem, JournalFile
from exam_core.formats.journal import segment_header
from exam_core.model.identifiers import SegmentId

SUFFIX = ".exj"


def segment_path(folder: Path, segment_id: SegmentId, number: int) -> Path:
    """The `number`-th file of a segment, from 1."""
    return folder / f"{segment_id}.{number}{SUFFIX}"


class SegmentFile:
    """Appends frames of one segment to disk.

    Args:
        files: How files are written.
        folder: The session's folder; made when it is missing.
        segment_id: Which segment.
        number: The first file number that is free.

    Attributes:
        frames: All frames given so far, kept or not.
        kept: How many of them, from the first, are on disk.
        failure: Why the disk does not keep the rest; None while it does.
    """

    def __init__(
        self, files: FileSystem, folder: Path, segment_id: SegmentId, *, number: int
    ) -> None:
        self.frames: list[bytes] = []
        self.kept = 0
        self.failure: OSError | None = None
        self._files = files
        self._folder = folder
        self._segment_id = segment_id
        self._number = number
        self._file: JournalFile | None = None
        self._retry_at_ms = 0

    def append(self, frames: Sequence[bytes], now_ms: int) -> None:
        """Take the next frames; they are kept when `kept` says so, which it does on return.

        Never raises for the disk's sake: the candidate goes on, and `failure` says why.
        """
        self.frames.extend(frames)
        if self._file is None:
            self.retry(now_ms)
            return
        try:
            self._file.write(b"".join(frames))
            self._file.sync()
        except OSError as error:
            self.failure = error
            self.close()
            self.retry(now_ms)
        else:
            self.kept = len(self.frames)

    def retry(self, now_ms: int) -> None:
        """Try a fresh file with all frames, when some are not kept and the last try is past."""
        if self.kept == len(self.frames) or now_ms < self._retry_at_ms:
            return
        self._retry_at_ms = now_ms + limits.rewrite_interval_ms
        path = segment_path(self._folder, self._segment_id, self._number)
        self._number += 1
        try:
            self._files.make_folder(self._folder)
            file = self._files.create(path)
        except OSError as error:
            self.failure = error
            return
        try:
            file.write(segment_header(self._segment_id) + b"".join(self.frames))
            file.sync()
            self._files.sync_folder(self._folder)
        except OSError as error:
            self.failure = error
            file.close()
            with contextlib.suppress(OSError):  # a stray copy harms nobody
                self._files.remove(path)
            return
        self._file = file
        self._retry_at_ms = now_ms
        self.kept = len(self.frames)
        self.failure = None

    def close(self) -> None:
        """Let go of the file; what was kept stays kept."""
        if self._file is not None:
            self._file.close()
            self._file = None
