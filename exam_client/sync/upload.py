"""What the server has, what was sent on this connection, and what to send next; no sockets.

Sending twice is harmless, so a new connection begins at the server's own mark. A segment that
the server refuses for good is blocked: asking again would not help.
"""

from collections.abc import Callable, Sequence

from exam_client import limits
from exam_client.journal import SessionJournal
from exam_core import limits as core_limits
from exam_core.errors import IntegrityError, declare
from exam_core.model.identifiers import SegmentId
from exam_core.protocol.acknowledgements import ACK_SIGNATURE
from exam_core.protocol.messages import CommitProof, HeldFrames, Save

SYNC_HEAD = declare(
    "sync.head",
    "服务器与本机的作答记录不一致，两边原始记录都已保留；请技术人员立即核查。",
)


class Upload:
    """Brings the frames of all segments to the server, each at most once a connection.

    Args:
        journal: What was written here.
        check: Refuses an acknowledgement that the centre did not sign.

    Attributes:
        acknowledged: How many frames of each segment are durable on the server.
        proofs: The last acknowledgement of each segment with its proof.
        blocked: Segments of which the server takes no more.
    """

    def __init__(
        self, journal: SessionJournal, check: Callable[[HeldFrames, CommitProof], None]
    ) -> None:
        self.proofs: dict[SegmentId, tuple[HeldFrames, CommitProof]] = {}
        self._check = check
        self.acknowledged: dict[SegmentId, int] = {}
        self.blocked: set[SegmentId] = set()
        self._journal = journal
        self._sent: dict[SegmentId, int] | None = None

    def attached(self, held: Sequence[HeldFrames], proofs: Sequence[CommitProof]) -> None:
        """A connection stands; the server has exactly this.

        Raises:
            IntegrityError: `ack.signature`, when one has no good proof: nothing is sent then, and
                what was acknowledged before still is. `sync.head`, when the server has other
                frames than we for a segment, which is blocked then; all other segments go on.
        """
        if len(held) != len(proofs):
            raise IntegrityError(ACK_SIGNATURE, "保存确认的证明不全")
        for one, proof in zip(held, proofs, strict=True):
            self._check(one, proof)
        self.proofs |= {
            one.segment_id: (one, proof) for one, proof in zip(held, proofs, strict=True)
        }
        self.acknowledged = {one.segment_id: one.frames for one in held}
        self._sent = dict(self.acknowledged)
        wrong = [one.segment_id for one in held if not self._agrees(one)]
        self.blocked.update(wrong)
        # Of a segment that differs nothing counts as saved, not even what came before.
        self.acknowledged.update(dict.fromkeys(wrong, 0))
        if wrong:
            raise IntegrityError(SYNC_HEAD, "服务器上的作答记录与本机不同", segments=wrong)

    def disconnected(self) -> None:
        """Nothing can be sent until `attached`."""
        self._sent = None

    def saved(self, held: HeldFrames, proof: CommitProof) -> None:
        """The server says that it has these frames on its disk.

        Raises:
            IntegrityError: `ack.signature`, when the proof does not hold: nothing counts as saved
                by it. `sync.head`, as `attached`.
        """
        self._check(held, proof)
        if not self._agrees(held):
            self.blocked.add(held.segment_id)
            raise IntegrityError(SYNC_HEAD, "服务器确认的作答记录与本机不同", frames=held.frames)
        before = self.acknowledged.get(held.segment_id, 0)
        if held.frames >= before:
            self.acknowledged[held.segment_id] = held.frames
            self.proofs[held.segment_id] = (held, proof)

    def next_save(self) -> Save | None:
        """The next frames to send on this connection, counted as sent; None when all are."""
        if self._sent is None:
            return None
        for segment_id in self._journal.segment_ids:
            first = self._sent.get(segment_id, 0)
            frames = self._journal.frames(segment_id)
            if segment_id in self.blocked or first >= len(frames):
                continue
            batch = [frames[first]]
            size = len(frames[first])
            for frame in frames[first + 1 : first + core_limits.save_frames_max]:
                size += len(frame)
                if size > limits.save_batch_bytes_max:
                    break
                batch.append(frame)
            self._sent[segment_id] = first + len(batch)
            return Save(segment_id=segment_id, first_seq=first, frames=tuple(batch))
        return None

    def is_sent(self, segment_id: SegmentId, seq: int) -> bool:
        """Whether frame `seq` went out on this connection or is on the server."""
        return self._sent is not None and self._sent.get(segment_id, 0) > seq

    def is_acknowledged(self, segment_id: SegmentId, seq: int) -> bool:
        """Whether frame `seq` is durable on the server."""
        return self.acknowledged.get(segment_id, 0) > seq

    @property
    def unsynced(self) -> int:
        """How many frames here the server has not acknowledged."""
        return sum(
            max(0, len(self._journal.frames(one)) - self.acknowledged.get(one, 0))
            for one in self._journal.segment_ids
        )

    def _agrees(self, held: HeldFrames) -> bool:
        # Where the server has more than we, it will send it back (Restore): nothing to compare.
        if held.frames > len(self._journal.frames(held.segment_id)):
            return held.segment_id != self._journal.segment_id
        return held.head == self._journal.head(held.segment_id, held.frames)
