"""What proctors do to the sitting and its sessions, and what the program does when time is up.

A function that takes the store is one transaction; one that takes `db` is part of the transaction
of a group (`room.grouping`). The state tables of `exam_core.model.states` decide.
"""

from collections.abc import Collection, Iterator
from itertools import islice
from typing import NamedTuple

from exam_core import limits as core_limits
from exam_core.crypto.signing import PublicSigningKey
from exam_core.errors import InputError, StateError, declare
from exam_core.formats.journal_entries import SubmitReason
from exam_core.model.identifiers import AdmissionNumber, SeatId, SegmentId, SessionId
from exam_core.model.states import (
    SESSION_STATE,
    SITTING_STATE,
    SessionEvent,
    SessionState,
    SittingEvent,
    SittingState,
    next_session_state,
    next_sitting_state,
)
from exam_server import limits
from exam_server.accounts.audit import SYSTEM, AuditTrail
from exam_server.accounts.audit_draft import AuditDraft, AuditRecorder
from exam_server.accounts.people import Person
from exam_server.clock import ClockReading
from exam_server.room.services.enrolment import SEAT_UNKNOWN
from exam_server.store import frames as frame_tables
from exam_server.store import room as tables
from exam_server.store.engine import Db, Store

PRESENCE_EARLY = declare("presence.no_session", "考生登录后才能确认到场。")
EXTRA_TIME = declare("extra_time.range", "补时请填 1 到 120 分钟，并写明理由。")
SEGMENTS_MANY = declare("journal.segments", "该机位重启次数过多；请技术人员检查后换机。")

EXTENDABLE = frozenset({SittingState.RUNNING, SittingState.HELD})
"""When the whole room can be given more time."""

EVENT_OF_REASON = {
    SubmitReason.CANDIDATE: SessionEvent.SUBMIT,
    SubmitReason.TIME_UP: SessionEvent.TIME_UP,
    SubmitReason.PROCTOR: SessionEvent.END,
}
"""What a submit entry's reason does to the session."""


class Registered(NamedTuple):
    """A segment as the database has it."""

    segment_no: int
    epoch: int
    signing_key: PublicSigningKey


def change_sitting(
    store: Store,
    trail: AuditTrail,
    event: SittingEvent,
    *,
    person: Person | None,
    elapsed_ms: int,
    reading: ClockReading,
    known: SittingState | None = None,
) -> SittingState:
    """Take the sitting one step on; `person` is None when time is up for everybody.

    Sessions that never began are closed by the end. `known` is where the room believes that the
    sitting stands: when it stands one step on already, an earlier commit was kept without our
    hearing of it, and nothing more is to be done.

    Raises:
        StateError: `sitting.state`.
    """
    with store.transaction() as db:
        row = tables.find_sitting(db)
        if row is None:
            raise StateError(SITTING_STATE, "还没有导入试卷包")
        if known is not None and row.state != known:
            wanted = next_sitting_state(known, event)
            if row.state == wanted:
                return wanted  # by a commit whose outcome was not heard
        row.state = str(next_sitting_state(SittingState(row.state), event))
        _note_elapsed(row, elapsed_ms, reading)
        row.changed_by = person.name if person else SYSTEM
        if event is SittingEvent.END:
            for session in tables.list_sessions(db):
                if session.state == SessionState.INITIAL:
                    session.state = str(next_session_state(SessionState.INITIAL, SessionEvent.END))
                    session.close_reason = tables.ABSENT
        trail.record(
            f"sitting_{event}",
            actors=(row.changed_by,),
            subject=row.sitting_id,
            elapsed_ms=elapsed_ms,
        )
        return SittingState(row.state)


def mark_present(
    store: Store, trail: AuditTrail, person: Person, *, seat_id: SeatId | None
) -> list[AdmissionNumber]:
    """Confirm that the person at the seat is the candidate; None means everyone logged in.

    Returns:
        Who was newly confirmed.

    Raises:
        InputError: `seat.unknown`.
        StateError: `presence.no_session`.
    """
    with store.transaction() as db:
        if seat_id is None:
            confirmed = tables.mark_all_present(db)
        else:
            candidate = tables.find_candidate_at(db, seat_id)
            if candidate is None:
                raise InputError(SEAT_UNKNOWN, f"没有机位 {seat_id[:20]}")
            session = tables.find_session_of(db, candidate.admission_number)
            if session is None or not session.token_sha256:
                raise StateError(PRESENCE_EARLY, f"机位 {seat_id} 的考生尚未登录")
            confirmed = [] if candidate.is_present else [candidate.admission_number]
            candidate.is_present = True
        draft = AuditDraft()
        for part in _in_lines(confirmed):
            draft.record(
                "presence_confirmed",
                actors=(person.name,),
                subject=seat_id or "全部",
                candidates=part,
            )
        trail.append(draft)
    return [AdmissionNumber(number) for number in confirmed]


def unlock_seat(store: Store, trail: AuditTrail, person: Person, seat_id: SeatId) -> None:
    """Let a seat try again after five failed log-ins.

    Raises:
        InputError: `seat.unknown`.
    """
    with store.transaction() as db:
        seat = db.get(tables.SeatRow, seat_id)
        if seat is None:
            raise InputError(SEAT_UNKNOWN, f"没有机位 {seat_id[:20]}")
        seat.failed_tries = 0
        seat.is_locked = False
        trail.record("seat_unlocked", actors=(person.name,), subject=seat_id)


def grant_extra_time(
    store: Store,
    trail: AuditTrail,
    person: Person,
    *,
    session_id: SessionId,
    extra_ms: int,
    reason: str,
) -> int:
    """Give one session more time; returns all it was ever given.

    Raises:
        InputError: `extra_time.range`.
        StateError: `session.state`, when it is closed.
    """
    check_extra_time(extra_ms, reason)
    with store.transaction() as db:
        session = _session(db, session_id)
        if session.state == SessionState.CLOSED:
            raise StateError("session.state", "该考生的考试已经结束，不能补时")
        session.extra_ms += extra_ms
        trail.record(
            "extra_time_granted",
            actors=(person.name,),
            subject=session.seat_id,
            session_id=session_id,
            extra_ms=extra_ms,
            reason=reason,
        )
        return session.extra_ms


def extend_sitting(
    store: Store, trail: AuditTrail, actors: tuple[str, str], *, extra_ms: int, reason: str
) -> int:
    """Give the whole room more time, as two people agreed; returns the duration from now on.

    Raises:
        InputError: `extra_time.range`.
        StateError: `sitting.state`, unless it has begun and not ended.
    """
    check_extra_time(extra_ms, reason)
    with store.transaction() as db:
        row = tables.find_sitting(db)
        if row is None or SittingState(row.state) not in EXTENDABLE:
            raise StateError(SITTING_STATE, "开考之后、结束之前才能全场补时")
        row.duration_ms += extra_ms
        trail.record(
            "room_time_extended",
            actors=actors,
            subject=row.sitting_id,
            extra_ms=extra_ms,
            duration_ms=row.duration_ms,
            reason=reason,
        )
        return row.duration_ms


def check_extra_time(extra_ms: int, reason: str) -> None:
    """Refuse a grant without a reason, of nothing, or of more than anyone means.

    Raises:
        InputError: `extra_time.range`.
    """
    if not 0 < extra_ms <= limits.extra_time_ms_max or not reason:
        raise InputError(EXTRA_TIME, "补时长度不对或没有写理由")


def set_stage(db: Db, session_id: SessionId, stage: str) -> None:
    """Note how far the candidate came before the paper."""
    _session(db, session_id).stage = stage


def begin_sessions(
    db: Db, log: AuditRecorder, session_ids: Collection[SessionId], *, at_ms: int
) -> None:
    """The sessions may see their forms from now on; a whole room in two statements.

    Raises:
        StateError: `session.state`, `sitting.state`; then none of them begins.
    """
    sitting = tables.find_sitting(db)
    if sitting is None or sitting.state != SittingState.RUNNING:
        raise StateError(SITTING_STATE, "考试没有在进行")
    before = SessionState.INITIAL
    after = next_session_state(before, SessionEvent.BEGIN)
    begun = tables.move_sessions(db, session_ids, before, after, begun_at_ms=at_ms)
    # Who has begun already did so by a commit whose outcome was not heard.
    if tables.count_sessions_in(db, session_ids, after) != len(session_ids):
        raise StateError(SESSION_STATE, "有考生的会话不在可以开始的状态")
    for part in _in_lines(begun):
        log.record("sessions_begun", candidates=part, at_ms=at_ms)


def close_session(  # every field of the closing, each by name
    db: Db,
    log: AuditRecorder,
    session_id: SessionId,
    *,
    reason: SubmitReason,
    receipt: str,
    at_ms: int,
) -> None:
    """End a session; with a receipt when its submit entry is durable.

    A session that the server closed without one still takes the receipt when it comes.

    Raises:
        StateError: `session.state`, when it never began or was submitted before.
    """
    session = _session(db, session_id)
    as_wanted = (SessionState.CLOSED, str(reason), receipt)
    if (session.state, session.close_reason, session.receipt) == as_wanted:
        return  # by a commit whose outcome was not heard
    is_late = session.state == SessionState.CLOSED and not session.receipt and bool(receipt)
    if not is_late:
        session.state = str(
            next_session_state(SessionState(session.state), EVENT_OF_REASON[reason])
        )
        session.closed_at_ms = at_ms
    session.close_reason = str(reason)
    session.receipt = receipt
    log.record(
        "session_submitted" if receipt else "session_ended",
        subject=session.seat_id,
        session_id=session_id,
        reason=reason,
        receipt=receipt,
        is_late=is_late,
    )


def register_segment(
    db: Db,
    *,
    session_id: SessionId,
    segment_id: SegmentId,
    seat_id: SeatId,
    signing_key: PublicSigningKey,
) -> Registered:
    """Number, epoch and kiosk key of a segment: its own if it was attached before.

    A new one gets an epoch above all others and `signing_key`, that of the kiosk that attaches.

    Raises:
        InputError: `journal.segments`; also when the segment belongs to another session.
    """
    row = frame_tables.find_segment(db, segment_id)
    if row is None:
        epochs = frame_tables.list_epochs(db, session_id)
        if len(epochs) >= core_limits.session_segments_max:
            raise InputError(SEGMENTS_MANY, "作答记录段过多")
        row = frame_tables.SegmentRow(
            segment_id=segment_id,
            session_id=session_id,
            epoch=max(epochs, default=0) + 1,
            seat_id=seat_id,
            signing_key=signing_key,
        )
        db.add(row)
        db.flush()
    if row.session_id != session_id:
        raise InputError(SEGMENTS_MANY, "作答记录段属于另一场次会话")
    return Registered(row.segment_no, row.epoch, PublicSigningKey(row.signing_key))


def persist_elapsed(store: Store, elapsed_ms: int, reading: ClockReading) -> None:
    """Write the room's working time down, for a restart to go on from; only forwards.

    Args:
        store: The room's database.
        elapsed_ms: The working time at the moment of the reading.
        reading: What the clocks said then.
    """
    with store.transaction() as db:
        row = tables.find_sitting(db)
        if row and row.elapsed_ms <= elapsed_ms:
            _note_elapsed(row, elapsed_ms, reading)


def _note_elapsed(row: tables.SittingRow, elapsed_ms: int, reading: ClockReading) -> None:
    row.elapsed_ms = elapsed_ms
    row.read_boot_id = reading.boot_id
    row.read_monotonic_ms = reading.monotonic_ms
    row.read_utc_ms = reading.utc_ms


def _in_lines(admission_numbers: Collection[str]) -> Iterator[str]:
    """The numbers in order, so many together as one line of the log may hold."""
    in_order = iter(sorted(admission_numbers))
    while part := tuple(islice(in_order, limits.log_line_candidates_max)):
        yield " ".join(part)


def _session(db: Db, session_id: SessionId) -> tables.SessionRow:
    session = db.get(tables.SessionRow, session_id)
    if session is None:
        raise StateError("session.state", "没有这个会话")
    return session
