"""Opens the journals of a results bundle: sealed frames in, the responses that count out.

Everything is checked before anything is returned: each frame's seal, each segment's chain, that a
segment belongs to the session and paper it claims, and that the receipt is the one of the frame.
"""

from exam_core.errors import InputError, IntegrityError, declare
from exam_core.formats import results_bundle
from exam_core.formats.journal import (
    derive_journal_key,
    first_head,
    next_head,
    open_chain,
    receipt_of,
)
from exam_core.formats.journal_entries import (
    SegmentStarted,
    SessionSubmitted,
    SubmitReason,
    decode_entry,
)
from exam_core.formats.journal_merge import PlacedEntry, merge_entries
from grading.records import ArchiveSession, SegmentHead

RESULTS_JOURNAL = declare(
    "results.journal", "考试结果包中的作答记录与会话不符，保留原件并请考点核查后重新导出。"
)


def open_session(
    record: results_bundle.SessionRecord, *, manifest_sha256: str, journal_secret: bytes
) -> ArchiveSession | None:
    """What one candidate handed in, or None for one who logged in and never began.

    Args:
        record: The session as the room exported it.
        manifest_sha256: The paper package that the bundle was written on.
        journal_secret: The secret of this centre, from the answer-key package.

    Raises:
        InputError: `journal.*`, `results.journal`.
        IntegrityError: `journal.frame`, `journal.chain`, `results.journal`.
    """
    if record.close_reason == results_bundle.ABSENT:
        return None
    journal_key = derive_journal_key(journal_secret, record.session_id)
    placed: list[PlacedEntry] = []
    heads: list[SegmentHead] = []
    receipts: set[str] = set()  # more than one when a second kiosk took over
    for segment in record.segments:
        frames = list(segment.frames)
        entries = [
            PlacedEntry(segment.epoch, seq, decode_entry(payload))
            for seq, payload in enumerate(open_chain(journal_key, segment.segment_id, frames))
        ]
        _check_start(entries, record, manifest_sha256)
        placed += entries
        head = first_head(segment.segment_id)
        for seq, frame in enumerate(frames):
            head = next_head(head, frame)
            if isinstance(entries[seq].entry, SessionSubmitted):
                receipts.add(receipt_of(frame))
        heads.append(
            SegmentHead(segment_id=segment.segment_id, frames=len(frames), head=head.hex())
        )
    content = merge_entries(placed)
    if record.receipt and record.receipt not in receipts:
        raise IntegrityError(RESULTS_JOURNAL, "回执与交卷记录不符", session_id=record.session_id)
    return ArchiveSession(
        admission_number=record.admission_number,
        form_number=record.form_number,
        responses=content.responses,
        close_reason=_close_reason(record),
        working_ms=record.working_ms,
        receipt=record.receipt,
        segment_heads=tuple(sorted(heads, key=lambda head: head.segment_id)),
    )


def _check_start(
    entries: list[PlacedEntry], record: results_bundle.SessionRecord, manifest_sha256: str
) -> None:
    if not entries:
        return
    start = entries[0].entry
    if not isinstance(start, SegmentStarted) or (
        start.session_id,
        start.form_number,
        start.manifest_sha256,
    ) != (record.session_id, record.form_number, manifest_sha256):
        raise IntegrityError(
            RESULTS_JOURNAL,
            "作答记录属于另一个会话或另一份试卷",
            session_id=record.session_id,
        )


def _close_reason(record: results_bundle.SessionRecord) -> SubmitReason:
    try:
        return SubmitReason(record.close_reason)
    except ValueError as error:
        raise InputError(
            RESULTS_JOURNAL, "会话的结束原因不在规定之内", session_id=record.session_id
        ) from error
