"""Reads the room's present state from the database, at the start of the server."""

from exam_core.crypto.signing import PublicSigningKey
from exam_core.errors import StateError
from exam_core.model.identifiers import (
    AdmissionNumber,
    FormNumber,
    SeatId,
    SegmentId,
    SessionId,
    SittingId,
)
from exam_core.model.states import SITTING_STATE, SessionState, SittingState
from exam_server import limits
from exam_server.clock import Clock, ClockReading, read_clocks
from exam_server.room.live import (
    LiveAlarm,
    LiveSeat,
    LiveSession,
    RoomState,
)
from exam_server.room.saving.ledger import SegmentLedger
from exam_server.room.services.enrolment import enrolled_kiosk
from exam_server.room.timing import (
    Absence,
    SittingClock,
    absence_between,
)
from exam_server.store import frames as frame_tables
from exam_server.store import room as tables
from exam_server.store.engine import Db, Store
from exam_server.store.frame_log import FrameLog


def load_room(store: Store, clock: Clock) -> RoomState:
    """The room as the database has it; the time of the server's absence has passed, too.

    Raises:
        IntegrityError: `storage.frames`, when the database has lost frames in the middle.
        StateError: `sitting.state`, when package or roster were not imported.
    """
    with store.transaction() as db:
        sitting = tables.find_sitting(db)
        if sitting is None or not tables.list_candidates(db):
            raise StateError(SITTING_STATE, "请先导入试卷包和名单，再启动考场服务")
        reading = read_clocks(clock)
        absence = _absence_of(sitting, reading)
        state = RoomState(
            sitting_id=SittingId(sitting.sitting_id),
            title=sitting.title,
            room_code=sitting.room_code,
            changed_by=sitting.changed_by,
            package_sha256=sitting.package_sha256,
            not_before_utc_ms=sitting.not_before_utc_ms,
            clock=SittingClock(
                state=SittingState(sitting.state),
                duration_ms=sitting.duration_ms,
                elapsed_ms=sitting.elapsed_ms + (absence.counted_ms if absence else 0),
                as_of_ms=reading.monotonic_ms,
            ),
            absence=absence,
            seats=_load_seats(db),
            sessions=_load_sessions(db),
            kiosks={row.fingerprint: enrolled_kiosk(row) for row in tables.list_kiosks(db)},
            alarms=[
                LiveAlarm(
                    alarm_id=row.alarm_id,
                    seat_id=SeatId(row.seat_id),
                    code=row.code,
                    message=row.message,
                )
                for row in reversed(tables.list_alarms(db, limits.alarms_shown_max))
            ],
            known_flags=frame_tables.read_flags(db),
            frame_log=FrameLog.load(db.connection()),
        )
        _load_segments(db, state)
    for session in state.sessions.values():
        state.seats[session.seat_id].session = session
        if session.state is SessionState.INTERACTING:
            state.ends_nothing_before_ms = reading.monotonic_ms + limits.return_wait_ms
            if state.clock.state is SittingState.ENDED:
                session.end_sent_at_ms = reading.monotonic_ms  # the grace begins anew
    return state


def _absence_of(sitting: tables.SittingRow, now: ClockReading) -> Absence | None:
    """How long the server was away while time passed for the candidates."""
    if sitting.state != SittingState.RUNNING:
        return None
    noted = ClockReading(
        boot_id=sitting.read_boot_id,
        monotonic_ms=sitting.read_monotonic_ms,
        utc_ms=sitting.read_utc_ms,
    )
    return absence_between(noted, now)


def _load_seats(db: Db) -> dict[SeatId, LiveSeat]:
    enrolled = {row.seat_id for row in tables.list_kiosks(db)}
    rows = {row.seat_id: row for row in tables.list_seats(db)}
    candidates = {row.sits_at: row for row in tables.list_candidates(db)}
    # In the order of the roster, spare ones last.
    in_order = [row.seat_id for row in candidates.values()]
    seats: dict[SeatId, LiveSeat] = {}
    for name in dict.fromkeys([*in_order, *rows]):
        seat_id = SeatId(name)
        seat = seats[seat_id] = LiveSeat(
            seat_id=seat_id,
            is_enrolled=name in enrolled,
            failed_tries=rows[name].failed_tries,
            is_locked=rows[name].is_locked,
        )
        if (row := candidates.get(name)) is not None:
            seat.admission_number = AdmissionNumber(row.admission_number)
            seat.name, seat.unit, seat.team = row.name, row.unit, row.team
            seat.form_number = FormNumber(row.form_number)
            seat.is_present = row.is_present
    return seats


def _load_sessions(db: Db) -> dict[SessionId, LiveSession]:
    return {
        SessionId(row.session_id): LiveSession(
            session_id=SessionId(row.session_id),
            admission_number=AdmissionNumber(row.admission_number),
            seat_id=SeatId(row.seat_id),
            form_number=FormNumber(row.form_number),
            state=SessionState(row.state),
            stage=row.stage,
            token_sha256=row.token_sha256,
            extra_ms=row.extra_ms,
            moved_at_ms=row.moved_at_ms,
            close_reason=row.close_reason,
            receipt=row.receipt,
        )
        for row in tables.list_sessions(db)
    }


def _load_segments(db: Db, state: RoomState) -> None:
    """Each segment as far as it is held; no frame of it is read."""
    for row in frame_tables.list_segments(db):
        session = state.sessions[SessionId(row.session_id)]
        segment_id = SegmentId(row.segment_id)
        place = state.frame_log.place(row.segment_no)
        ledger = session.ledgers[segment_id] = SegmentLedger(
            segment_id,
            row.epoch,
            PublicSigningKey(row.signing_key),
            segment_no=row.segment_no,
            frames=place.frames if place else 0,
            head=place.head if place else None,
        )
        if place and ledger.frames:
            session.old_frames[segment_id] = place
