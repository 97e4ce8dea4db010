"""What one Save added, waiting to become durable, and what is said about it afterwards."""

from dataclasses import dataclass, field

from exam_core.errors import ExamError, IntegrityError
from exam_core.formats.journal import JOURNAL_SIGNATURE
from exam_core.formats.journal_entries import Entry
from exam_core.model.identifiers import SegmentId
from exam_core.protocol.acknowledgements import Acknowledged
from exam_core.protocol.messages import CommitProof, Refused, Restore, Saved
from exam_server.room.live import Deliverer, LiveSession
from exam_server.room.signatures import NewestFrame
from exam_server.store.frames import Flag, NewFrame


@dataclass(slots=True)
class Taken:
    """What one Save added, waiting to become durable; the answers go to `source`."""

    source: LiveSession | Deliverer
    rows: list[NewFrame] = field(default_factory=list)
    flags: list[Flag] = field(default_factory=list)
    refusals: list[Refused] = field(default_factory=list)
    entries: list[tuple[Entry, int, int]] = field(default_factory=list)  # entry, epoch, seq
    newest: NewestFrame | None = None
    has_submit: bool = False

    def note_entries(self, session: LiveSession) -> None:
        """Count what was answered."""
        for entry, epoch, seq in self.entries:
            session.tally.note(entry, epoch=epoch, seq=seq)


def saved(acknowledged: Acknowledged, proof: CommitProof) -> Saved:
    """That these frames are durable."""
    held = acknowledged.held
    return Saved(segment_id=held.segment_id, frames=held.frames, head=held.head, proof=proof)


def restored(segment_id: SegmentId, taken: Taken) -> Restore:
    """What was taken, for the machine where the candidate sits now."""
    frames = tuple(row[2] for row in taken.rows)
    return Restore(segment_id=segment_id, first_seq=taken.rows[0][1], frames=frames)


def unsigned(seq: int) -> IntegrityError:
    """The kiosk does not answer for a segment from this frame on."""
    message = f"第 {seq} 条起没有该机位考生机的有效签名"
    return IntegrityError(JOURNAL_SIGNATURE, message, seq=seq)


def refused(error: ExamError, segment_id: SegmentId | None, seq: int | None) -> Refused:
    """An error as the kiosk hears of it."""
    return Refused(code=error.code, message=error.message, segment_id=segment_id, seq=seq)
