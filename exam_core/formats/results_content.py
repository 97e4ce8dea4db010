"""What a results bundle says: everybody's sessions inside, their counts and heads outside.

The values of the bundle, and the rule by which its manifest and its content must agree. How they
are signed and sealed is in `results_bundle`.
Specified in `docs/spec/results-bundle.md`.
"""

import hashlib
from collections.abc import Iterable

import msgspec

from exam_core.crypto.signing import PublicSigningKey
from exam_core.errors import InputError, IntegrityError, declare
from exam_core.formats.journal import first_head, next_head
from exam_core.model.identifiers import (
    AdmissionNumber,
    CentreId,
    FormNumber,
    PaperId,
    SeatId,
    SegmentId,
    SessionId,
    SittingId,
)
from exam_core.model.roster import Candidate

RESULTS_ALTERED = declare("results.altered", "考试结果包内容与签名不符，停止使用并上报。")
RESULTS_COUNTS = declare("results.counts", "考试结果包的人数对不上，请考点核对后重新导出。")
RESULTS_HEADS = declare(
    "results.heads", "考试结果包中有考生的作答记录与签名的清单不符，停止使用并上报。"
)

ABSENT = "absent"
"""The close reason of a session that was logged in and never began."""

_HEAD_LABEL = b"gongyuan/session-head/v1\n"
_COUNT_BYTES = 8


class _Value(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the values in a results bundle."""


class Counts(_Value, frozen=True, kw_only=True):
    """rostered = submitted + unsubmitted + absent, where unsubmitted began but never handed in."""

    rostered: int
    submitted: int
    unsubmitted: int
    absent: int

    def __post_init__(self) -> None:
        if self.rostered != self.submitted + self.unsubmitted + self.absent:
            raise InputError(RESULTS_COUNTS, "应考人数不等于交卷、未交卷与缺考人数之和")


class SessionHead(_Value, frozen=True, kw_only=True):
    """One candidate's journals in a few bytes, outside the seal.

    `receipt` is what the candidate took home, so it can be looked up without opening anything.
    """

    admission_number: AdmissionNumber
    form_number: FormNumber
    receipt: str
    frames: int
    head: str


class ResultsManifest(_Value, frozen=True, kw_only=True):
    """What the centre and its officials sign.

    `audit_head` is the hash of the last of `audit_lines` lines of the log in the content.
    """

    centre_id: CentreId
    sitting_id: SittingId
    paper_id: PaperId
    manifest_sha256: str
    sequence: int
    counts: Counts
    audit_head: str
    audit_lines: int
    assignment_sha256: str
    sessions: tuple[SessionHead, ...]
    content_sha256: str


class SegmentRecord(_Value, frozen=True, kw_only=True):
    """One journal segment: `frames` verbatim and in order, from sequence number 0.

    `signing_key` is that of the kiosk which the room had enrolled when it attached the segment.
    """

    segment_id: SegmentId
    epoch: int
    seat_id: SeatId
    signing_key: PublicSigningKey
    frames: tuple[bytes, ...]


class SessionRecord(_Value, frozen=True, kw_only=True):
    """One candidate's attempt; `working_ms` is net of every hold and suspension.

    `close_reason` is one of SubmitReason, or "absent" when the candidate never began; `receipt`
    is empty unless the candidate's kiosk confirmed a submit entry.
    """

    session_id: SessionId
    admission_number: AdmissionNumber
    form_number: FormNumber
    close_reason: str
    working_ms: int
    receipt: str
    segments: tuple[SegmentRecord, ...]


class ResultsContent(_Value, frozen=True, kw_only=True):
    """What only the grading site reads.

    People, sessions, the signed table of who writes which form, the room's audit log, and the
    signed checkpoints of that log.
    """

    roster: tuple[Candidate, ...]
    sessions: tuple[SessionRecord, ...]
    assignment: bytes
    audit_lines: tuple[str, ...]
    checkpoints: tuple[str, ...]


def session_head(record: SessionRecord) -> SessionHead:
    """What the manifest says of a session: the frames of all its segments in one hash.

    Raises:
        InputError: `journal.malformed`, for a segment id that is none.
    """
    digest = hashlib.sha256(_HEAD_LABEL)
    for segment in sorted(record.segments, key=lambda one: one.segment_id):
        head = first_head(segment.segment_id)
        for frame in segment.frames:
            head = next_head(head, frame)
        digest.update(bytes.fromhex(segment.segment_id))
        digest.update(len(segment.frames).to_bytes(_COUNT_BYTES, "big") + head)
    return SessionHead(
        admission_number=record.admission_number,
        form_number=record.form_number,
        receipt=record.receipt,
        frames=sum(len(segment.frames) for segment in record.segments),
        head=digest.hexdigest(),
    )


def session_heads(sessions: Iterable[SessionRecord]) -> tuple[SessionHead, ...]:
    """The heads of all sessions, ascending by admission number, as the manifest has them."""
    return tuple(sorted(map(session_head, sessions), key=lambda one: one.admission_number))


def reconcile(manifest: ResultsManifest, content: ResultsContent) -> None:
    """Refuse a content that is not what the manifest says of it.

    Raises:
        InputError: `results.counts`, `journal.malformed`.
        IntegrityError: `results.heads`, naming the candidate; `results.altered`.
    """
    check_counts(manifest.counts, content)
    changed = changed_heads(manifest, content)
    if changed:
        raise IntegrityError(
            RESULTS_HEADS, f"考生 {changed[0]} 的作答记录与清单不符", admission_number=changed[0]
        )
    if manifest.audit_lines != len(content.audit_lines):
        raise IntegrityError(RESULTS_ALTERED, "审计日志的行数与清单不符")
    if manifest.assignment_sha256 != hashlib.sha256(content.assignment).hexdigest():
        raise IntegrityError(RESULTS_ALTERED, "分卷表与清单不符")


def changed_heads(manifest: ResultsManifest, content: ResultsContent) -> list[AdmissionNumber]:
    """The candidates of whom manifest and content do not say the same, in order.

    All of them, when the manifest's list is out of order or has somebody twice.

    Raises:
        InputError: `journal.malformed`.
    """
    heads = session_heads(content.sessions)
    if manifest.sessions == heads:
        return []
    signed = {one.admission_number: one for one in manifest.sessions}
    held = {one.admission_number: one for one in heads}
    numbers = sorted(signed | held)
    return [one for one in numbers if signed.get(one) != held.get(one)] or numbers


def check_counts(counts: Counts, content: ResultsContent) -> None:
    """Refuse a content in which people are not counted as the manifest says.

    Raises:
        InputError: `results.counts`.
    """
    rostered = [candidate.admission_number for candidate in content.roster]
    logged_in = [session.admission_number for session in content.sessions]
    if len(set(rostered)) != len(rostered) or len(set(logged_in)) != len(logged_in):
        raise InputError(RESULTS_COUNTS, "考试结果中有重复的考生")
    if not set(logged_in) <= set(rostered):
        raise InputError(RESULTS_COUNTS, "考试结果中有不在名单上的考生")
    submitted = sum(bool(session.receipt) for session in content.sessions)
    began = sum(session.close_reason != ABSENT for session in content.sessions)
    if (counts.rostered, counts.submitted, counts.absent) != (
        len(rostered),
        submitted,
        len(rostered) - began,
    ):
        raise InputError(RESULTS_COUNTS, "考试结果清单的人数与内容不符")
