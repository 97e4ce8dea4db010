"""All that one session wrote: the segments of earlier starts, and the one that this start writes.

Before the journal key is here (the server hands it out with the form) frames can be counted and
uploaded but not read; `unlock` proves them. A frame that the server sent back is written to disk
like one of our own.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from exam_client.journal.files import FileSystem
from exam_client.journal.recovery import (
    content_of,
    read_segment,
)
from exam_client.journal.segment_file import SegmentFile
from exam_client.journal.segment_folder import Segment, read_folder
from exam_core.crypto.signing import PublicSigningKey, Signer
from exam_core.errors import IntegrityError, StateError, declare
from exam_core.formats.journal import (
    SEGMENT_ID_BYTES,
    SegmentWriter,
    first_head,
)
from exam_core.formats.journal_entries import Entry, encode_entry
from exam_core.formats.journal_merge import PlacedEntry
from exam_core.model.identifiers import SegmentId
from exam_core.protocol.messages import HeldFrames

JOURNAL_LOCKED = declare("journal.locked", "试卷尚未打开，不能记录作答；请等待开考。")
JOURNAL_RESTORE = declare(
    "journal.restore", "服务器送回的作答记录校验不符，未采用；请技术人员核查服务器。"
)


def draw_segment_id() -> SegmentId:
    """A new segment id from the system's randomness."""
    return SegmentId(secrets.token_hex(SEGMENT_ID_BYTES))


class SessionJournal:
    """The journal of one session on this machine.

    Args:
        files: How files are read and written.
        folder: The session's folder; made when the first frame is written.
        clock_ms: A monotonic clock, for the pauses between tries of a failing disk.
        signer: This kiosk's signing key; it signs every frame written here.
        earlier: Earlier segments in the order in which they were begun, as far as it is known.
        segment_id: The segment of this start, for tests; drawn otherwise.

    What the disk will not give back is reported by `failure` and `damaged`, never raised: the
    candidate goes on with what is left and with what the server has.
    """

    def __init__(
        self,
        files: FileSystem,
        folder: Path,
        *,
        clock_ms: Callable[[], int],
        signer: Signer,
        earlier: Sequence[SegmentId] = (),
        segment_id: SegmentId | None = None,
    ) -> None:
        self.segment_id = segment_id or draw_segment_id()
        self._files = files
        self._folder = folder
        self._clock_ms = clock_ms
        self._signer = signer
        self._key: bytes | None = None
        self._writer: SegmentWriter | None = None
        found, self._read_failure = read_folder(files, folder)
        in_order = [*(one for one in earlier if one in found), *found]
        self._segments = {one: found[one] for one in in_order}
        self._own = self._segment(self.segment_id)

    @property
    def segment_ids(self) -> tuple[SegmentId, ...]:
        """Every segment known, this start's own last."""
        earlier = (segment for segment in self._segments if segment != self.segment_id)
        return (*earlier, self.segment_id)

    @property
    def kiosk_key(self) -> PublicSigningKey:
        """What the signatures of this kiosk are checked with."""
        return self._signer.public_key

    @property
    def failure(self) -> OSError | None:
        """Why the disk does not keep or give back everything; None while it does."""
        open_files = (one.file for one in self._segments.values() if one.file is not None)
        failures = (file.failure for file in open_files if file.failure is not None)
        return next(failures, self._read_failure)

    @property
    def damaged(self) -> tuple[SegmentId, ...]:
        """Segments in which more is wrong than a last write cut short."""
        return tuple(one.segment_id for one in self._segments.values() if one.is_damaged)

    def frames(self, segment_id: SegmentId) -> Sequence[bytes]:
        """The frames of a segment from number 0 on; none for an unknown one."""
        segment = self._segments.get(segment_id)
        return segment.frames if segment is not None else ()

    def kept(self, segment_id: SegmentId) -> int:
        """How many frames of a segment are on this machine's disk."""
        return self._segments[segment_id].kept

    def head(self, segment_id: SegmentId, frames: int) -> bytes:
        """The head of a segment after so many frames, which must be here."""
        segment = self._segments.get(segment_id)
        return first_head(segment_id) if segment is None else segment.heads[frames]

    def held(self) -> tuple[HeldFrames, ...]:
        """What is here of every segment, for the server."""
        return tuple(
            HeldFrames(
                segment_id=segment_id,
                frames=len(self._segments[segment_id].frames),
                head=self._segments[segment_id].heads[-1],
            )
            for segment_id in self.segment_ids
        )

    def unlock(self, journal_key: bytes) -> None:
        """Prove all frames with the key and make this start's segment writable; once."""
        if self._writer is not None:
            return  # a second writer would count this segment's frames from 0 again
        self._key = journal_key
        for segment in self._segments.values():
            if segment is not self._own:
                self._prove(segment, journal_key)
        self._writer = SegmentWriter(journal_key, self.segment_id, self._signer)
        self._own.file = self._segment_file(self._own)

    def append(self, entry: Entry) -> int:
        """Add an entry to this start's segment and return its number.

        On return the entry is on disk, unless `kept` says otherwise.

        Raises:
            StateError: `journal.locked`.
            InputError: `journal.frame`, when the entry is too large; nothing has changed then.
        """
        own = self._own
        if self._writer is None or own.file is None:
            raise StateError(JOURNAL_LOCKED, "作答记录尚未打开")
        frame = self._writer.append(encode_entry(entry))
        own.frames.append(frame)
        own.heads.append(self._writer.head)
        own.entries.append(entry)
        own.file.append([frame], self._clock_ms())
        return len(own.frames) - 1

    def restore(self, segment_id: SegmentId, frames: Sequence[bytes]) -> None:
        """Take frames that the server has; those that are here already change nothing.

        Raises:
            IntegrityError: `journal.restore`, when not all of them could be proven; the proven
                ones are kept.
        """
        if segment_id == self.segment_id:
            raise IntegrityError(
                JOURNAL_RESTORE, "服务器送回了本机正在写的一段", segment=segment_id
            )
        segment = self._segment(segment_id)
        segment.restored.append(content_of(segment_id, frames))
        if self._key is None:
            return
        self._prove(segment, self._key)
        if not set(frames) <= set(segment.frames):
            raise IntegrityError(JOURNAL_RESTORE, "服务器送回的记录校验不符", segment=segment_id)

    def retry(self) -> None:
        """Try again to keep what the disk refused; cheap when it refused nothing."""
        for segment in self._segments.values():
            if segment.file is not None:
                segment.file.retry(self._clock_ms())

    def roll_over(self) -> None:
        """Begin another segment; the one so far becomes an earlier one, whole in memory.

        Needed when the server cannot take the present segment any more.
        """
        if self._key is None:
            raise StateError(JOURNAL_LOCKED, "作答记录尚未打开")
        self.segment_id = draw_segment_id()
        self._own = self._segment(self.segment_id)
        self._writer = SegmentWriter(self._key, self.segment_id, self._signer)
        self._own.file = self._segment_file(self._own)

    def stranded(self, segment_id: SegmentId) -> frozenset[int]:
        """Numbers of proven entries of a segment that stand behind a gap."""
        return frozenset(self._segments[segment_id].stranded)

    def last_at_ms(self) -> int:
        """The latest working time that an entry bears; 0 when there is none."""
        segments = self._segments.values()
        entries = (
            one for segment in segments for one in (*segment.entries, *segment.stranded.values())
        )
        return max((entry.at_ms for entry in entries if entry is not None), default=0)

    def first_at_ms(self, segment_id: SegmentId) -> int:
        """The working time at the first readable entry of a segment; 0 when there is none."""
        segment = self._segments[segment_id]
        entries = (*segment.entries, *segment.stranded.values())
        return next((entry.at_ms for entry in entries if entry is not None), 0)

    def placed(self, epochs: Mapping[SegmentId, int]) -> list[PlacedEntry]:
        """Every entry with its place, also those that the server can never get."""
        return [
            PlacedEntry(epochs[segment.segment_id], seq, entry)
            for segment in self._segments.values()
            for seq, entry in (*enumerate(segment.entries), *segment.stranded.items())
            if entry is not None
        ]

    def close(self) -> None:
        """Let go of all files."""
        for segment in self._segments.values():
            if segment.file is not None:
                segment.file.close()

    def _segment(self, segment_id: SegmentId) -> Segment:
        segment = self._segments.get(segment_id)
        if segment is None:
            segment = self._segments[segment_id] = Segment(segment_id)
        return segment

    def _prove(self, segment: Segment, journal_key: bytes) -> None:
        segment_id = segment.segment_id
        in_memory = content_of(segment_id, segment.frames)
        contents = [*segment.contents, *segment.restored, in_memory]
        found = read_segment(segment_id, contents, journal_key, self.kiosk_key)
        segment.take(found.frames)
        segment.entries = found.entries
        segment.stranded = found.stranded
        segment.is_damaged |= found.is_damaged
        if segment.restored:
            self._write_restored(segment, journal_key)

    def _write_restored(self, segment: Segment, journal_key: bytes) -> None:
        if segment.file is None:
            on_disk = read_segment(
                segment.segment_id, segment.contents, journal_key, self.kiosk_key
            )
            if len(on_disk.frames) == len(segment.frames):
                return
            segment.file = self._segment_file(segment)
        if missing := segment.frames[len(segment.file.frames) :]:
            segment.file.append(missing, self._clock_ms())

    def _segment_file(self, segment: Segment) -> SegmentFile:
        return SegmentFile(
            self._files, self._folder, segment.segment_id, number=segment.file_number + 1
        )
