"""Opens frames with the session's journal key and says which count. Pure.

A frame whose seal or chain does not hold cannot take a place (`IntegrityError`). A frame that is
sound but says something impossible keeps its place, since the frames after it are chained to it,
and is flagged with a code: it does not count.
"""

from dataclasses import dataclass

from exam_core.errors import ExamError, InputError, IntegrityError, declare
from exam_core.formats.journal import JOURNAL_CHAIN, SegmentCipher, frame_sequence
from exam_core.formats.journal_entries import (
    ENTRY_MALFORMED,
    Entry,
    ResponseRecorded,
    ReviewFlagSet,
    SegmentStarted,
    SessionSubmitted,
    decode_entry,
)
from exam_core.model.identifiers import FormNumber, PartId, SegmentId, SessionId
from exam_core.model.responses import check_fits, is_empty
from exam_server.room.services.opening import FormShape

UNKNOWN_PART = declare(
    "response.unknown_part", "作答的试题不在该考生的试卷上，已拒收；请核查机位。"
)
AFTER_END = declare("response.after_end", "交卷之后的作答不计入，已单独保留备查。")
LATE = declare("response.late", "考试结束后才传到的作答，已保留备查。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a frame says; `refusal` is a code with a sentence when it does not count."""

    entry: Entry | None
    refusal: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFacts:
    """What every entry of a session must agree with."""

    session_id: SessionId
    manifest_sha256: str
    form_number: FormNumber
    shape: FormShape
    journal_key: bytes


class SegmentChecker:
    """Checks the frames of one segment in order."""

    def __init__(self, facts: SessionFacts, segment_id: SegmentId) -> None:
        self._facts = facts
        self._cipher = SegmentCipher(facts.journal_key, segment_id)

    def check(self, frame: bytes, head: bytes) -> Checked:
        """What the frame says, given the head of the chain before it.

        Raises:
            InputError: `journal.frame`.
            IntegrityError: `journal.frame`, `journal.chain`: it cannot take its place.
        """
        before, payload = self._cipher.open(frame)
        seq = frame_sequence(frame)
        if before != head:
            raise IntegrityError(JOURNAL_CHAIN, f"第 {seq} 条与前面的记录不相连", seq=seq)
        try:
            entry = decode_entry(payload)
            self._check_entry(entry, seq)
        except ExamError as error:
            return Checked(entry=None, refusal=(error.code, error.message))
        return Checked(entry=entry)

    def _check_entry(self, entry: Entry, seq: int) -> None:
        facts = self._facts
        if isinstance(entry, SegmentStarted) != (seq == 0):
            raise InputError(ENTRY_MALFORMED, f"第 {seq} 条的种类不对", seq=seq)
        match entry:
            case SegmentStarted():
                own = (facts.session_id, facts.manifest_sha256, facts.form_number)
                if (entry.session_id, entry.manifest_sha256, entry.form_number) != own:
                    raise InputError(ENTRY_MALFORMED, "作答记录属于另一会话或另一试卷", seq=seq)
            case ResponseRecorded(part_id=part_id, response=response):
                part = facts.shape.parts.get(part_id)
                if part is None:
                    raise InputError(UNKNOWN_PART, "试题不在该考生的试卷上", seq=seq)
                check_fits(part, response)
            case ReviewFlagSet(item_id=item_id):
                if item_id not in facts.shape.item_ids:
                    raise InputError(UNKNOWN_PART, "标记的试题不在该考生的试卷上", seq=seq)
            case SessionSubmitted():
                pass  # the room decides what it does to the session


class AnswerTally:
    """How many parts have a response that is not empty; the latest (epoch, seq) holds."""

    def __init__(self) -> None:
        self._latest: dict[PartId, tuple[int, int, bool]] = {}

    def note(self, entry: Entry | None, *, epoch: int, seq: int) -> None:
        """Count an entry that counts; anything but a response changes nothing."""
        if not isinstance(entry, ResponseRecorded):
            return
        known = self._latest.get(entry.part_id)
        if known is None or known[:2] <= (epoch, seq):
            self._latest[entry.part_id] = (epoch, seq, not is_empty(entry.response))

    @property
    def answered(self) -> int:
        """Parts answered now."""
        return sum(is_given for _, _, is_given in self._latest.values())
