"""`.examresults`: what a room hands to the grading site, signed by the centre, sealed to graders.

Signed outside, sealed inside: the counts that must reconcile can be read by everyone, the
responses only by the grading site. Frames travel verbatim, as the kiosks made them.
Specified in `docs/spec/results-bundle.md`.
"""

import hashlib

import msgspec

from exam_core.crypto.sealing import Recipient, SealingIdentity, seal, unseal
from exam_core.crypto.signing import PrivateSigningKey, PublicSigningKey, key_id
from exam_core.errors import InputError, IntegrityError, declare
from exam_core.formats.canonical import decode_canonical, encode_canonical
from exam_core.formats.centre_descriptor import CentreDescriptor
from exam_core.formats.dsse import sign_envelope
from exam_core.formats.signed_file import join_signed_file, split_signed_file
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

RESULTS_MALFORMED = declare("results.malformed", "考试结果包不完整或不是结果包，请重新拷贝。")
RESULTS_ALTERED = declare("results.altered", "考试结果包内容与签名不符，停止使用并上报。")
RESULTS_COUNTS = declare("results.counts", "考试结果包的人数对不上，请考点核对后重新导出。")

MAGIC = b"EXRS1\n"
ABSENT = "absent"
"""The close reason of a session that was logged in and never began."""

_PAYLOAD_TYPE = "application/vnd.gongyuan.examresults.v1+json"


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


class ResultsManifest(_Value, frozen=True, kw_only=True):
    """What the centre signs."""

    centre_id: CentreId
    sitting_id: SittingId
    paper_id: PaperId
    manifest_sha256: str
    sequence: int
    counts: Counts
    audit_head: str
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
    """What only the grading site reads: people, sessions, and the room's audit log."""

    roster: tuple[Candidate, ...]
    sessions: tuple[SessionRecord, ...]
    audit_lines: tuple[str, ...]


def build_results(
    manifest_fields: ResultsManifest,
    content: ResultsContent,
    signing_key: PrivateSigningKey,
    recipients: list[Recipient],
) -> bytes:
    """The bundle file; `content_sha256` of the manifest is filled in here."""
    sealed = seal(encode_canonical(content), recipients)
    manifest = msgspec.structs.replace(
        manifest_fields, content_sha256=hashlib.sha256(sealed).hexdigest()
    )
    envelope = sign_envelope(encode_canonical(manifest), _PAYLOAD_TYPE, [signing_key])
    return join_signed_file(MAGIC, envelope, sealed)


def open_results(
    data: bytes, identity: SealingIdentity, centre: CentreDescriptor
) -> tuple[ResultsManifest, ResultsContent]:
    """Manifest and content, once signature, digest and counts hold.

    Raises:
        InputError: `results.malformed`, `results.counts`, `signature.*`, `seal.key`.
        IntegrityError: `results.altered`, `signature.*`, `seal.open`.
    """
    payload, body = split_signed_file(
        data,
        MAGIC,
        _PAYLOAD_TYPE,
        {key_id(centre.signing_key): centre.signing_key},
        1,
        code=RESULTS_MALFORMED,
        name="考试结果包",
    )
    manifest = decode_canonical(payload, ResultsManifest, RESULTS_MALFORMED, "考试结果清单")
    if manifest.centre_id != centre.centre_id:
        raise IntegrityError(RESULTS_ALTERED, "考试结果包写的是另一个考点")
    sealed = bytes(body)
    if hashlib.sha256(sealed).hexdigest() != manifest.content_sha256:
        raise IntegrityError(RESULTS_ALTERED, "考试结果包内容被改动过")
    content = decode_canonical(
        unseal(sealed, identity), ResultsContent, RESULTS_MALFORMED, "考试结果"
    )
    _reconcile(manifest, content)
    return manifest, content


def _reconcile(manifest: ResultsManifest, content: ResultsContent) -> None:
    rostered = [candidate.admission_number for candidate in content.roster]
    logged_in = [session.admission_number for session in content.sessions]
    if len(set(rostered)) != len(rostered) or len(set(logged_in)) != len(logged_in):
        raise InputError(RESULTS_COUNTS, "考试结果中有重复的考生")
    if not set(logged_in) <= set(rostered):
        raise InputError(RESULTS_COUNTS, "考试结果中有不在名单上的考生")
    submitted = sum(bool(session.receipt) for session in content.sessions)
    began = sum(session.close_reason != ABSENT for session in content.sessions)
    counts = manifest.counts
    if (counts.rostered, counts.submitted, counts.absent) != (
        len(rostered),
        submitted,
        len(rostered) - began,
    ):
        raise InputError(RESULTS_COUNTS, "考试结果清单的人数与内容不符")
