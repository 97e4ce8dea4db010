"""What is put before the proctor until somebody has looked at it, and what is kept as evidence.

A function that takes the store is one transaction; one that takes `db` is part of the transaction
of a group (`room.grouping`).
"""

from exam_core.model.identifiers import SeatId, SegmentId
from exam_server.accounts.audit import AuditTrail
from exam_server.accounts.audit_draft import AuditRecorder
from exam_server.accounts.people import Person
from exam_server.clock import Clock
from exam_server.store import frames as frame_tables
from exam_server.store import room as tables
from exam_server.store.engine import Db, Store


def raise_alarm(
    db: Db, log: AuditRecorder, clock: Clock, *, seat_id: SeatId, code: str, message: str
) -> int:
    """Put something before the proctor; returns the alarm's number."""
    row = tables.AlarmRow(
        seat_id=seat_id,
        code=code,
        message=message,
        raised_utc_ms=clock.utc_ms(),
        is_settled=False,
    )
    db.add(row)
    db.flush()
    log.record("alarm_raised", subject=seat_id, code=code)
    return row.alarm_id


def settle_alarm(store: Store, trail: AuditTrail, person: Person, alarm_id: int) -> None:
    """The person has looked at it."""
    with store.transaction() as db:
        row = db.get(tables.AlarmRow, alarm_id)
        if row and not row.is_settled:
            row.is_settled = True
            trail.record("alarm_settled", actors=(person.name,), subject=row.seat_id, code=row.code)


def settle_own_alarm(db: Db, log: AuditRecorder, alarm_id: int) -> None:
    """What the server had found by itself is over, and nobody needs to look."""
    row = db.get(tables.AlarmRow, alarm_id)
    if row and not row.is_settled:
        row.is_settled = True
        log.record("alarm_settled", subject=row.seat_id, code=row.code)


def keep_refused_frame(
    db: Db, clock: Clock, *, segment_id: SegmentId, seq: int, frame: bytes, code: str
) -> None:
    """Keep a frame that could not take its place, as evidence."""
    db.add(
        frame_tables.RefusedFrameRow(
            segment_id=segment_id,
            seq=seq,
            frame=frame,
            code=code,
            received_utc_ms=clock.utc_ms(),
        )
    )
