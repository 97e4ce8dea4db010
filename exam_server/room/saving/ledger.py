"""What the server holds of one segment, and what a Save may add to it. Pure.

The ledger runs ahead of the disk: `frames` counts what was taken, `durable` what was committed.
Only durable frames are acknowledged. Digests are kept of what is not on disk and of the last frames
that are: what a kiosk repeats is nearly always among them, and three hours cost no memory.
"""

import hashlib

from exam_core import limits
from exam_core.crypto.signing import PublicSigningKey
from exam_core.errors import IntegrityError, StateError, declare
from exam_core.formats.journal import first_head, frame_sequence, next_head
from exam_core.model.identifiers import SegmentId
from exam_core.protocol.messages import HeldFrames
from exam_server import limits as server_limits

JOURNAL_GAP = declare("journal.gap", "作答记录中间有缺；考生机会自动补传，无需操作。")
JOURNAL_CONFLICT = declare(
    "journal.conflict", "同一位置收到两份不同的作答记录；保留机位现状，请技术人员核查。"
)

_DIGEST_BYTES = 32


class SegmentLedger:
    """How far one segment is held, with the digests of its last frames.

    Attributes:
        segment_no: The segment's number in the database.
        epoch: Its epoch.
        signing_key: Of the kiosk that attached it; signs its frames.
        frames: How many frames were taken, from 0 without gaps.
        head: The chain's head after them.
        durable: How many of them are on disk.
        durable_head: The head after those.
        answered: For how many of them the kiosk's signature was seen to answer.
        is_ended: A signature did not hold; nothing more is taken.
    """

    def __init__(
        self,
        segment_id: SegmentId,
        epoch: int,
        signing_key: PublicSigningKey,
        *,
        segment_no: int = 0,
        frames: int = 0,
        head: bytes | None = None,
    ) -> None:
        """Go on after `frames` frames that are on disk, with the chain's head after them."""
        self.segment_id = segment_id
        self.segment_no = segment_no
        self.epoch = epoch
        self.signing_key = signing_key
        self.frames = self.durable = self._digests_from = frames
        self.head = self.durable_head = first_head(segment_id) if head is None else head
        self.answered = 0
        self.is_ended = False
        self._digests = bytearray()

    @property
    def durable_frames(self) -> HeldFrames:
        """What is on disk, as it is acknowledged."""
        return HeldFrames(segment_id=self.segment_id, frames=self.durable, head=self.durable_head)

    def forgotten(self, first_seq: int, count: int) -> int:
        """How many of `count` frames from `first_seq` on can only be compared with the disk.

        They are durable, and so far back that their digests are not kept.
        """
        return min(count, max(0, self._digests_from - first_seq)) if first_seq >= 0 else 0

    def new_frames(self, first_seq: int, frames: tuple[bytes, ...]) -> tuple[bytes, ...]:
        """The frames of a Save that are not held yet; takes nothing.

        Frames that are `forgotten` must have been compared with those on disk before.

        Raises:
            InputError: `journal.frame`, when one is no whole frame.
            StateError: `journal.gap`, when one between is missing or the segment is too long.
            IntegrityError: `journal.conflict`, when other bytes are held at a place.
        """
        if first_seq < 0 or first_seq > self.frames:
            raise StateError(
                JOURNAL_GAP, f"应从第 {self.frames} 条续传", seq=first_seq, expected=self.frames
            )
        if first_seq + len(frames) > limits.journal_frames_max:
            raise StateError(JOURNAL_GAP, "作答记录条数超出上限", seq=first_seq)
        for seq, frame in enumerate(frames, first_seq):
            if frame_sequence(frame) != seq:
                raise StateError(JOURNAL_GAP, f"第 {seq} 条的序号不连续", seq=seq)
            is_known = self._digests_from <= seq < self.frames
            if is_known and self._digest_at(seq) != hashlib.sha256(frame).digest():
                raise IntegrityError(JOURNAL_CONFLICT, f"第 {seq} 条与已存的不同", seq=seq)
        return frames[max(0, self.frames - first_seq) :]

    def take(self, frame: bytes) -> int:
        """Append one frame; returns its sequence number."""
        seq = self.frames
        self._digests += hashlib.sha256(frame).digest()
        self.head = next_head(self.head, frame)
        self.frames += 1
        return seq

    def committed(self, frames: int, head: bytes) -> None:
        """All frames below `frames` are on disk, and `head` covers them."""
        if frames > self.durable:
            self.durable = frames
            self.durable_head = head
            self._forget_digests_below(frames - server_limits.digests_kept)

    def forget_uncommitted(self) -> None:
        """Go back to what is on disk, after a commit failed."""
        self.frames = self.durable
        self.head = self.durable_head
        self.answered = min(self.answered, self.durable)
        del self._digests[(self.durable - self._digests_from) * _DIGEST_BYTES :]

    def found(self, frames: int, head: bytes) -> None:
        """Go on from what the disk holds, when that was not known; nothing may be under way."""
        self.frames = self.durable = self._digests_from = frames
        self.head = self.durable_head = head
        self.answered = min(self.answered, frames)
        self._digests.clear()

    def _forget_digests_below(self, seq: int) -> None:
        # In steps: cutting the front moves all that is behind it.
        if seq - self._digests_from >= server_limits.digests_kept:
            del self._digests[: (seq - self._digests_from) * _DIGEST_BYTES]
            self._digests_from = seq

    def _digest_at(self, seq: int) -> bytes:
        at = (seq - self._digests_from) * _DIGEST_BYTES
        return bytes(self._digests[at : at + _DIGEST_BYTES])
