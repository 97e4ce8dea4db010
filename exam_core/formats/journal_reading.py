"""What of a session's journal counts: one rule for the exam room and for the grading site.

Kiosks make the frames, and a kiosk can be tampered with. So whatever a frame holds, reading a
session does not fail: what counts is returned, and the rest is named as anomalies, so that one
kiosk can spoil nobody's session but its own. A frame that does not open or is not chained ends its
segment; a sound frame that says something impossible costs itself alone, since the frames after it
are chained to it. A signature covers everything before it, so the last one that holds says how far
the kiosk answers for its segment. Specified in `docs/spec/response-journal.md`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from exam_core import limits
from exam_core.crypto.signing import PublicSigningKey
from exam_core.errors import ExamError, InputError, IntegrityError, declare
from exam_core.formats.journal import (
    JOURNAL_CHAIN,
    JOURNAL_FRAME,
    JOURNAL_SIGNATURE,
    OpenedFrame,
    SegmentCipher,
    first_head,
    frame_sequence,
    next_head,
    receipt_of,
)
from exam_core.formats.journal_entries import (
    ENTRY_MALFORMED,
    CheckpointSeen,
    Entry,
    ResponseRecorded,
    ReviewFlagSet,
    SegmentStarted,
    SessionSubmitted,
    decode_entry,
)
from exam_core.formats.journal_merge import PlacedEntry, SessionContent, merge_entries
from exam_core.model.identifiers import FormNumber, ItemId, PartId, SegmentId, SessionId
from exam_core.model.items import Part
from exam_core.model.responses import check_fits

UNKNOWN_PART = declare(
    "response.unknown_part", "作答的试题不在该考生的试卷上，已拒收；请核查机位。"
)
AFTER_END = declare("response.after_end", "交卷之后的作答不计入，已单独保留备查。")


@dataclass(frozen=True, slots=True, kw_only=True)
class FormShape:
    """What a form can be answered with; nobody here reads stems and texts."""

    parts: Mapping[PartId, Part]
    item_ids: frozenset[ItemId]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFacts:
    """What every entry of a session must agree with."""

    session_id: SessionId
    manifest_sha256: str
    form_number: FormNumber
    shape: FormShape
    journal_key: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a frame says; `refusal` is a code with a sentence when it does not count."""

    opened: OpenedFrame
    entry: Entry | None
    refusal: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldSegment:
    """A segment as it is kept somewhere: bytes that nobody has looked at.

    `signing_key` is the key of the kiosk that attached it, as the room enrolled that kiosk.
    """

    segment_id: SegmentId
    epoch: int
    signing_key: PublicSigningKey
    frames: Sequence[bytes]


class Anomaly(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Frames of one segment that do not count for one reason: the first one, and how many."""

    segment_id: SegmentId
    seq: int
    code: str
    frames: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionReading:
    """What a session holds.

    Attributes:
        content: What counts, merged.
        receipts: The receipt of every sound submit entry; two when a second kiosk took over.
        anomalies: What does not count, by segment as given, then in order of the first frame.
        checkpoints: The states of the room's log that the kiosk saw, as it noted them.
    """

    content: SessionContent
    receipts: frozenset[str]
    anomalies: tuple[Anomaly, ...]
    checkpoints: tuple[str, ...] = ()


class SegmentChecker:
    """Checks the frames of one segment, each with the head of the chain before it.

    Args:
        facts: What the entries must agree with.
        segment_id: Which segment.
        signing_key: Of the kiosk that the room enrolled and that attached the segment.
    """

    def __init__(
        self, facts: SessionFacts, segment_id: SegmentId, signing_key: PublicSigningKey
    ) -> None:
        self._facts = facts
        self._cipher = SegmentCipher(facts.journal_key, segment_id)
        self._signing_key = signing_key
        self._broken_head = b""
        self._broken_code = JOURNAL_CHAIN

    def check(self, frame: bytes, head: bytes, *, is_signed: bool = False) -> Checked:
        """What the frame says, given the head of the chain before it.

        A frame that took its place unseen and does not hold ends the segment: no frame whose
        chain goes through it is accepted. One that was refused instead leaves its place free.

        Args:
            frame: The frame.
            head: The head of the chain before it.
            is_signed: The signature is not looked at: a later frame that has this one in its
                chain bears a good one, or the caller looks at it by `is_signed` afterwards.

        Raises:
            InputError: `journal.frame`.
            IntegrityError: `journal.frame`, `journal.chain`, `journal.signature`: it cannot take
                its place.
        """
        opened = self.open(frame, head)
        seq = frame_sequence(frame)
        if not is_signed and not self.is_signed(seq, opened):
            self._broken_head, self._broken_code = next_head(head, frame), JOURNAL_SIGNATURE
            raise IntegrityError(JOURNAL_SIGNATURE, f"第 {seq} 条的签名不符", seq=seq)
        try:
            return Checked(opened=opened, entry=self.read(opened.payload, seq))
        except ExamError as error:
            return Checked(opened=opened, entry=None, refusal=(error.code, error.message))

    def is_signed(self, seq: int, opened: OpenedFrame) -> bool:
        """Whether the kiosk made frame `seq`, and so answers for everything up to it."""
        return self._cipher.is_signed(seq, opened, self._signing_key)

    def signed_among(self, frames: Sequence[bytes], first_seq: int) -> int:
        """For how many of these frames the kiosk answers; each took its place by `check` before.

        Raises:
            InputError: `journal.frame`.
            IntegrityError: `journal.frame`, when one is not what was checked.
        """
        return self.signed_until([self._cipher.open(frame) for frame in frames], first_seq)

    def opened(self, frames: Iterable[tuple[bytes, bytes]]) -> list[OpenedFrame]:
        """What is in frames of one chain, each given with the head before it.

        Ends before the first one that does not open or does not follow; refuses nothing.
        """
        opened: list[OpenedFrame] = []
        for frame, head in frames:
            try:
                one = self._cipher.open(frame)
            except ExamError:
                break
            if one.head != head:
                break
            opened.append(one)
        return opened

    def signed_until(self, opened: Sequence[OpenedFrame], first_seq: int = 0) -> int:
        """For how many of these frames, one chain from `first_seq` on, the kiosk answers.

        That is up to the last signature that holds: it covers the chain before it.
        """
        for count in range(len(opened), 0, -1):
            if self.is_signed(first_seq + count - 1, opened[count - 1]):
                return count
        return 0

    def open(self, frame: bytes, head: bytes) -> OpenedFrame:
        """What is sealed in a frame that may take its place; the first third of `check`.

        Raises:
            InputError: `journal.frame`.
            IntegrityError: `journal.frame`, `journal.chain`.
        """
        try:
            opened = self._cipher.open(frame)
            is_behind = head == self._broken_head
            if opened.head != head or is_behind:
                code = self._broken_code if is_behind else JOURNAL_CHAIN
                seq = frame_sequence(frame)
                raise IntegrityError(code, f"第 {seq} 条与前面的记录不相连", seq=seq)
        except ExamError as error:
            is_unsigned = error.code == JOURNAL_SIGNATURE
            self._broken_code = JOURNAL_SIGNATURE if is_unsigned else JOURNAL_CHAIN
            self._broken_head = next_head(head, frame)
            raise
        return opened

    def read(self, payload: bytes, seq: int) -> Entry:
        """The entry in a frame, if it counts by itself; the last third of `check`.

        Raises:
            InputError: `journal.entry`, `journal.signature`, `response.unknown_part`,
                `response.misfit`.
        """
        entry = decode_entry(payload)
        self._check_entry(entry, seq)
        return entry

    def _check_entry(self, entry: Entry, seq: int) -> None:
        facts = self._facts
        if isinstance(entry, SegmentStarted) != (seq == 0):
            raise InputError(ENTRY_MALFORMED, f"第 {seq} 条的种类不对", seq=seq)
        match entry:
            case SegmentStarted():
                own = (facts.session_id, facts.manifest_sha256, facts.form_number)
                if (entry.session_id, entry.manifest_sha256, entry.form_number) != own:
                    raise InputError(ENTRY_MALFORMED, "作答记录属于另一会话或另一试卷", seq=seq)
                if entry.kiosk_key != self._signing_key:
                    raise InputError(JOURNAL_SIGNATURE, "作答记录写的是另一台考生机", seq=seq)
            case ResponseRecorded(part_id=part_id, response=response):
                part = facts.shape.parts.get(part_id)
                if part is None:
                    raise InputError(UNKNOWN_PART, "试题不在该考生的试卷上", seq=seq)
                check_fits(part, response)
            case ReviewFlagSet(item_id=item_id):
                if item_id not in facts.shape.item_ids:
                    raise InputError(UNKNOWN_PART, "标记的试题不在该考生的试卷上", seq=seq)
            case _:
                pass  # orders, checkpoints, a submit entry always fit; the caller acts on them


def read_session(facts: SessionFacts, segments: Iterable[HeldSegment]) -> SessionReading:
    """Read all segments of one session; the order in which they come does not matter.

    Raises:
        InputError: `journal.malformed`, a segment id that is none; `journal.frame`, more frames
            than any room takes. Both are the room's doing, never a kiosk's alone.
    """
    notes = _Anomalies()
    sound: list[tuple[SegmentId, PlacedEntry]] = []
    receipts: set[str] = set()
    for segment in segments:
        for seq, entry in _sound_entries(facts, segment, notes):
            sound.append((segment.segment_id, PlacedEntry(segment.epoch, seq, entry)))
            if isinstance(entry, SessionSubmitted):
                receipts.add(receipt_of(segment.frames[seq]))
    content = merge_entries(placed for _, placed in sound)
    if content.submitted is not None:
        end = content.submitted[:2]
        for segment_id, placed in sound:
            is_after = placed[:2] > end
            if is_after and isinstance(placed.entry, (ResponseRecorded, ReviewFlagSet)):
                notes.add(segment_id, placed.seq, AFTER_END)
    return SessionReading(
        content=content,
        receipts=frozenset(receipts),
        anomalies=notes.in_order(),
        checkpoints=tuple(
            placed.entry.note for _, placed in sound if isinstance(placed.entry, CheckpointSeen)
        ),
    )


class _Anomalies:
    """Anomalies of one session, so few that a kiosk cannot drown the people who read them."""

    def __init__(self) -> None:
        self._found: dict[tuple[SegmentId, str], tuple[int, int]] = {}

    def add(self, segment_id: SegmentId, seq: int, code: str, frames: int = 1) -> None:
        """Note `frames` frames from `seq`; later ones of the same kind only raise the count."""
        first, count = self._found.get((segment_id, code), (seq, 0))
        self._found[segment_id, code] = (first, count + frames)

    def in_order(self) -> tuple[Anomaly, ...]:
        """All of them, by segment and place."""
        segments = list(dict.fromkeys(segment_id for segment_id, _ in self._found))
        found = [
            Anomaly(segment_id=segment_id, seq=seq, code=code, frames=frames)
            for (segment_id, code), (seq, frames) in self._found.items()
        ]
        return tuple(sorted(found, key=lambda one: (segments.index(one.segment_id), one.seq)))


def _sound_entries(
    facts: SessionFacts, segment: HeldSegment, notes: _Anomalies
) -> list[tuple[int, Entry]]:
    """The entries of a segment that say something possible, with their places."""
    if len(segment.frames) > limits.journal_frames_max:
        raise InputError(JOURNAL_FRAME, "作答记录条数过多")
    checker = SegmentChecker(facts, segment.segment_id, segment.signing_key)
    opened = _chained_frames(checker, segment, notes)
    answered = checker.signed_until(opened)
    if answered < len(opened):
        notes.add(segment.segment_id, answered, JOURNAL_SIGNATURE, len(opened) - answered)
    sound: list[tuple[int, Entry]] = []
    for seq, one in enumerate(opened[:answered]):
        try:
            sound.append((seq, checker.read(one.payload, seq)))
        except ExamError as error:
            notes.add(segment.segment_id, seq, error.code)
    return sound


def _chained_frames(
    checker: SegmentChecker, segment: HeldSegment, notes: _Anomalies
) -> list[OpenedFrame]:
    """The frames from number 0 on that open and follow one another."""
    head = first_head(segment.segment_id)
    opened: list[OpenedFrame] = []
    for seq, frame in enumerate(segment.frames):
        try:
            one = checker.open(frame, head)
            if frame_sequence(frame) != seq:
                raise IntegrityError(JOURNAL_CHAIN, f"第 {seq} 条的序号不连续", seq=seq)
        except ExamError as error:
            notes.add(segment.segment_id, seq, error.code, len(segment.frames) - seq)
            break
        opened.append(one)
        head = next_head(head, frame)
    return opened
