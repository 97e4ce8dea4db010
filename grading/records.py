"""What a candidate handed in, as the grading site keeps it: no identity number, nothing secret."""

import msgspec

from exam_core import limits as core_limits
from exam_core.errors import InputError, declare
from exam_core.formats.journal_entries import SubmitReason
from exam_core.model.identifiers import (
    AdmissionNumber,
    CentreId,
    FormNumber,
    PartId,
    SeatId,
    SegmentId,
)
from exam_core.model.responses import Response
from exam_core.model.roster import Candidate
from grading import limits

ARCHIVE_MALFORMED = declare(
    "archive.malformed", "成绩档案不合规定或版本不符，请重新从阅卷系统导出后再试。"
)

SHA256_HEX_CHARS = 64


class _Value(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the values in an archive."""


class ArchiveCandidate(_Value, frozen=True, kw_only=True):
    """One person on the roster, without the identity number and the seat.

    `team` is empty for a person who competes for none.
    """

    admission_number: AdmissionNumber
    name: str
    unit: str
    team: str
    centre_id: CentreId
    is_substitute: bool = False

    def __post_init__(self) -> None:
        number = self.admission_number
        if (
            not (number.isascii() and number.isalnum())
            or len(number) > core_limits.admission_number_chars_max
        ):
            raise InputError(ARCHIVE_MALFORMED, "档案中有不合规定的准考证号")
        if not 1 <= len(self.name) <= core_limits.name_chars_max:
            raise InputError(ARCHIVE_MALFORMED, f"考生 {number} 的姓名为空或过长")


def archive_candidate(candidate: Candidate, centre_id: CentreId) -> ArchiveCandidate:
    """What an archive keeps of a person on a centre's roster."""
    return ArchiveCandidate(
        admission_number=candidate.admission_number,
        name=candidate.name,
        unit=candidate.unit,
        team=candidate.team,
        centre_id=centre_id,
        is_substitute=candidate.is_substitute,
    )


class SegmentHead(_Value, frozen=True, kw_only=True):
    """Where the responses come from: one journal segment, its seat, its chain's head in hex.

    A candidate who changed machines has segments of several seats.
    """

    segment_id: SegmentId
    seat_id: SeatId
    frames: int
    head: str

    def __post_init__(self) -> None:
        if self.frames < 0 or not is_sha256_hex(self.head):
            raise InputError(ARCHIVE_MALFORMED, f"作答记录段 {self.segment_id[:40]} 的记录不对")
        if not 1 <= len(self.seat_id) <= core_limits.seat_id_chars_max:
            raise InputError(ARCHIVE_MALFORMED, f"作答记录段 {self.segment_id[:40]} 的机位不对")


class ArchiveSession(_Value, frozen=True, kw_only=True):
    """One candidate's closed attempt: the last response to each part that was touched.

    `working_ms` is the time the clock ran for this candidate, net of every hold and suspension.
    `receipt` is what the candidate was shown at the end, or empty. `segment_heads` are in
    ascending order of segment_id. A person on the roster without a session was absent, and a
    session that never began has no place here.
    """

    admission_number: AdmissionNumber
    form_number: FormNumber
    responses: dict[PartId, Response]
    close_reason: SubmitReason
    working_ms: int
    receipt: str
    segment_heads: tuple[SegmentHead, ...] = ()

    def __post_init__(self) -> None:
        name = f"考生 {self.admission_number[: core_limits.admission_number_chars_max]}"
        if not 0 <= self.working_ms <= limits.working_ms_max:
            raise InputError(ARCHIVE_MALFORMED, f"{name} 的作答用时超出范围")
        if len(self.receipt) > limits.receipt_chars_max:
            raise InputError(ARCHIVE_MALFORMED, f"{name} 的回执过长")
        segments = [head.segment_id for head in self.segment_heads]
        if segments != sorted(set(segments)) or len(segments) > core_limits.session_segments_max:
            raise InputError(ARCHIVE_MALFORMED, f"{name} 的作答记录段重复、未排序或过多")


def is_sha256_hex(text: str) -> bool:
    """Whether `text` is 32 bytes in lower-case hexadecimal."""
    return len(text) == SHA256_HEX_CHARS and not text.strip("0123456789abcdef")
