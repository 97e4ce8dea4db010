"""Collects what goes into the results: people, frames verbatim, the log with its checkpoints."""

from exam_core.crypto.sealing import Recipient
from exam_core.crypto.signing import PublicSigningKey
from exam_core.errors import IntegrityError, StateError
from exam_core.formats.paper_package import PACKAGE_ALTERED
from exam_core.formats.results_content import (
    Counts,
    ResultsContent,
    SegmentRecord,
    SessionRecord,
)
from exam_core.model.identifiers import (
    AdmissionNumber,
    FormNumber,
    SeatId,
    SegmentId,
    SessionId,
)
from exam_core.model.states import SESSION_STATE
from exam_server.accounts.audit import TrailSnapshot
from exam_server.room.folder import RoomFolder
from exam_server.room.services.assignment import read_assignment
from exam_server.room.services.roster_rows import candidate_of
from exam_server.store import frames as frame_tables
from exam_server.store import room as tables
from exam_server.store.engine import Db


def named_recipients(room: RoomFolder, sitting: tables.SittingRow) -> list[Recipient]:
    """Whom headquarters named in the package that this sitting was given.

    Raises:
        InputError: `file.unreadable`, `package.malformed`, when the package on disk is damaged.
        IntegrityError: `package.altered`, `signature.*`, likewise, or when it is another one.
    """
    package = room.package(sitting.package_sha256)
    if package.manifest_sha256 != sitting.manifest_sha256:
        raise IntegrityError(PACKAGE_ALTERED, "数据文件夹中的试卷包不是导入的那一份")
    return list(package.manifest.results_recipients)


def collect_sessions(db: Db) -> tuple[SessionRecord, ...]:
    """Every session that began, with all its frames.

    Raises:
        StateError: `session.state`, while one is still open.
    """
    segments: dict[str, list[SegmentRecord]] = {}
    for row, frames in frame_tables.stream_segments(db):
        segments.setdefault(row.session_id, []).append(
            SegmentRecord(
                segment_id=SegmentId(row.segment_id),
                epoch=row.epoch,
                seat_id=SeatId(row.seat_id),
                signing_key=PublicSigningKey(row.signing_key),
                frames=tuple(frames),
            )
        )
    records = []
    for session in tables.list_sessions(db):
        if session.begun_at_ms is None:
            continue  # logged in and never began: absent
        if session.closed_at_ms is None:
            raise StateError(SESSION_STATE, f"机位 {session.seat_id} 正在收卷，请稍候再导出")
        records.append(
            SessionRecord(
                session_id=SessionId(session.session_id),
                admission_number=AdmissionNumber(session.admission_number),
                form_number=FormNumber(session.form_number),
                close_reason=session.close_reason,
                working_ms=max(0, session.closed_at_ms - session.begun_at_ms - session.away_ms),
                receipt=session.receipt,
                segments=tuple(segments.get(session.session_id, ())),
            )
        )
    return tuple(records)


def collect_content(
    db: Db,
    room: RoomFolder,
    sitting: tables.SittingRow,
    sessions: tuple[SessionRecord, ...],
    log: TrailSnapshot,
) -> ResultsContent:
    """All that the grading site reads, with the log as it was at one moment.

    Raises:
        InputError: `file.unreadable`, when the assignment table is not there.
        IntegrityError: `assignment.other`, when it is another one.
    """
    return ResultsContent(
        roster=tuple(candidate_of(row) for row in tables.list_candidates(db)),
        sessions=sessions,
        assignment=read_assignment(room, sitting.assignment_sha256),
        audit_lines=tuple(line.decode() for line in log.lines),
        checkpoints=log.checkpoints,
    )


def count_people(db: Db, sessions: tuple[SessionRecord, ...]) -> Counts:
    """Who came, who handed in, who stayed away."""
    rostered = len(tables.list_candidates(db))
    submitted = sum(bool(session.receipt) for session in sessions)
    return Counts(
        rostered=rostered,
        submitted=submitted,
        unsubmitted=len(sessions) - submitted,
        absent=rostered - len(sessions),
    )
