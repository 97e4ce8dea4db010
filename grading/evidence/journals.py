"""Opens the journals of a results bundle: sealed frames in, the responses that count out.

What counts is `exam_core`'s rule, the same as in the room. What does not count is skipped and
returned as anomalies of that session: a kiosk that was tampered with never stops the results of
others. Refused is only what the centre itself answers for.
"""

from collections.abc import Mapping
from typing import NamedTuple

from exam_core.errors import InputError, declare
from exam_core.formats import results_content
from exam_core.formats.journal import derive_journal_key, first_head, next_head
from exam_core.formats.journal_entries import SubmitReason
from exam_core.formats.journal_reading import (
    Anomaly,
    FormShape,
    HeldSegment,
    SessionFacts,
    read_session,
)
from exam_core.keys.model import BlanksKey, FormMap, KeyedItem, KeyedPart, MappedPart
from exam_core.model.identifiers import BankItemId, SegmentId
from exam_core.model.items import Choice, Part
from grading.records import ArchiveSession, SegmentHead

RESULTS_JOURNAL = declare(
    "results.journal", "考试结果包中的作答记录与会话不符，保留原件并请考点核查后重新导出。"
)
RESULTS_RECEIPT = declare(
    "results.receipt",
    "考点确认过该考生交卷，结果包中却没有对应的交卷记录；请凭考生回执向考点核查。",
)


class OpenedSession(NamedTuple):
    """What one candidate handed in, what of it does not count, and what the kiosk saw signed."""

    session: ArchiveSession
    anomalies: tuple[Anomaly, ...]
    checkpoints: tuple[str, ...]


def form_shape(form: FormMap, items: Mapping[BankItemId, KeyedItem]) -> FormShape:
    """What one form can be answered with; `items` are those of the answer key."""
    return FormShape(
        parts={
            mapped.part_id: _part(part, mapped)
            for item in form.items
            for part, mapped in zip(items[item.bank_item_id].parts, item.parts, strict=True)
        },
        item_ids=frozenset(item.item_id for item in form.items),
    )


def open_session(
    record: results_content.SessionRecord,
    *,
    manifest_sha256: str,
    journal_secret: bytes,
    shape: FormShape,
) -> OpenedSession | None:
    """What one candidate handed in, or None for one who logged in and never began.

    Args:
        record: The session as the room exported it.
        manifest_sha256: The paper package that the bundle was written on.
        journal_secret: The secret of this centre, from the answer-key package.
        shape: What the session's form can be answered with.

    Raises:
        InputError: `results.journal`, `journal.malformed`, `journal.frame` when the room kept
            more frames than it may; all of them the centre's own doing.
    """
    if record.close_reason == results_content.ABSENT:
        return None
    facts = SessionFacts(
        session_id=record.session_id,
        manifest_sha256=manifest_sha256,
        form_number=record.form_number,
        shape=shape,
        journal_key=derive_journal_key(journal_secret, record.session_id),
    )
    segments = [
        HeldSegment(
            segment_id=one.segment_id,
            epoch=one.epoch,
            signing_key=one.signing_key,
            frames=one.frames,
        )
        for one in record.segments
    ]
    reading = read_session(facts, segments)
    anomalies = reading.anomalies
    if record.receipt and record.receipt not in reading.receipts:
        lost = Anomaly(segment_id=SegmentId(""), seq=0, code=RESULTS_RECEIPT, frames=0)
        anomalies = (lost, *anomalies)
    session = ArchiveSession(
        admission_number=record.admission_number,
        form_number=record.form_number,
        responses=reading.content.responses,
        close_reason=_close_reason(record),
        working_ms=record.working_ms,
        receipt=record.receipt,
        segment_heads=tuple(
            sorted(map(_segment_head, record.segments), key=lambda head: head.segment_id)
        ),
    )
    return OpenedSession(session, anomalies, reading.checkpoints)


def _part(part: KeyedPart, mapped: MappedPart) -> Part:
    return Part(
        part_id=mapped.part_id,
        item_type=part.item_type,
        stem="-",  # what a response must fit has no words
        points_milli=part.points_milli,
        choices=tuple(Choice(choice_id=choice_id, text="") for choice_id in mapped.letters),
        blank_count=len(part.key.blanks) if isinstance(part.key, BlanksKey) else 0,
    )


def _segment_head(segment: results_content.SegmentRecord) -> SegmentHead:
    """The evidence: every frame that the room exported, also what does not count."""
    head = first_head(segment.segment_id)
    for frame in segment.frames:
        head = next_head(head, frame)
    return SegmentHead(
        segment_id=segment.segment_id,
        seat_id=segment.seat_id,
        frames=len(segment.frames),
        head=head.hex(),
    )


def _close_reason(record: results_content.SessionRecord) -> SubmitReason:
    try:
        return SubmitReason(record.close_reason)
    except ValueError as error:
        raise InputError(
            RESULTS_JOURNAL, "会话的结束原因不在规定之内", session_id=record.session_id
        ) from error
