"""Exports the sitting: frames verbatim, people, the audit log; signed by the centre, sealed.

Who can open them stands in the package that headquarters signed; nobody here chooses. The export
closes the sitting. The file is kept in the data folder, so it can be fetched again.
"""

from exam_core.crypto.sealing import Recipient
from exam_core.crypto.signing import PublicSigningKey
from exam_core.errors import IntegrityError, StateError
from exam_core.formats.paper_package import PACKAGE_ALTERED
from exam_core.formats.results_bundle import (
    Counts,
    ResultsContent,
    ResultsManifest,
    SegmentRecord,
    SessionRecord,
    build_results,
)
from exam_core.model.identifiers import (
    AdmissionNumber,
    FormNumber,
    PaperId,
    SeatId,
    SegmentId,
    SessionId,
    SittingId,
)
from exam_core.model.states import SittingEvent, SittingState, next_sitting_state
from exam_server.accounts.audit import AuditTrail
from exam_server.folder import write_atomically
from exam_server.room.folder import RoomFolder
from exam_server.room.room_log import CheckpointReason
from exam_server.room.services.roster_rows import candidate_of
from exam_server.store import room as tables
from exam_server.store.engine import Db, Store


def export_results(
    store: Store, room: RoomFolder, trail: AuditTrail, *, actors: tuple[str, ...]
) -> bytes:
    """The results bundle; afterwards the sitting is closed and takes nothing more.

    It is sealed to the recipients in the signed package. A closed sitting gives the same file
    again.

    Raises:
        InputError: `file.unreadable`, `package.malformed`, when the package on disk is damaged.
        IntegrityError: `package.altered`, `signature.*`, likewise.
        StateError: `sitting.state`, unless ended; `session.state`, while one is still open.
        StorageError: `storage.full`, `storage.failed`; the sitting stays ended. `machine.registry`;
            the sitting is closed, and the next export says so to the machine.
    """
    bundle = _close_and_seal(store, room, trail, actors=actors)
    # A folder holds one sitting, so this stays true; the grading site refuses keys without it.
    with store.transaction() as db:
        sitting = tables.find_sitting(db)
        assert sitting is not None, "closed above"  # noqa: S101  narrows
        room.report_state(sitting.sitting_id, SittingState.CLOSED)
    return bundle


def is_closed(store: Store) -> bool:
    """Whether the results were made and nothing more is taken, as the database has it."""
    with store.transaction() as db:
        sitting = tables.find_sitting(db)
        return sitting is not None and sitting.state == SittingState.CLOSED


def _close_and_seal(
    store: Store, room: RoomFolder, trail: AuditTrail, *, actors: tuple[str, ...]
) -> bytes:
    with store.transaction() as db:
        sitting = tables.lock_sitting(db)
        if sitting is None:
            raise StateError("sitting.state", "没有可导出的场次")
        if sitting.state == SittingState.CLOSED:
            return room.results_file.read_bytes()
        after = next_sitting_state(SittingState(sitting.state), SittingEvent.CLOSE)
        recipients = _recipients(room, sitting)
        sessions = _records(db)
        roster = [candidate_of(row) for row in tables.list_candidates(db)]
        submitted = sum(bool(session.receipt) for session in sessions)
        counts = Counts(
            rostered=len(roster),
            submitted=submitted,
            unsubmitted=len(sessions) - submitted,
            absent=len(roster) - len(sessions),
        )
        sitting.exports += 1
        sitting.state = str(after)
        trail.record(
            "results_exported",
            actors=actors,
            subject=sitting.sitting_id,
            rostered=counts.rostered,
            submitted=counts.submitted,
            unsubmitted=counts.unsubmitted,
            absent=counts.absent,
            recipients=" ".join(recipients),
        )
        trail.take_checkpoint(CheckpointReason.EXPORT)
        log = trail.snapshot()
        manifest = ResultsManifest(
            centre_id=room.centre().centre_id,
            sitting_id=SittingId(sitting.sitting_id),
            paper_id=PaperId(sitting.paper_id),
            manifest_sha256=sitting.manifest_sha256,
            sequence=sitting.exports,
            counts=counts,
            audit_head=log.head,
            content_sha256="",
        )
        content = ResultsContent(
            roster=tuple(roster),
            sessions=tuple(sessions),
            audit_lines=tuple(line.decode() for line in log.lines),
        )
        bundle = build_results(manifest, content, room.signing_key(), recipients)
        write_atomically(room.results_file, bundle)
    return bundle


def _recipients(room: RoomFolder, sitting: tables.SittingRow) -> list[Recipient]:
    """Whom headquarters named in the package that this sitting was given."""
    package = room.package(sitting.package_sha256)
    if package.manifest_sha256 != sitting.manifest_sha256:
        raise IntegrityError(PACKAGE_ALTERED, "数据文件夹中的试卷包不是导入的那一份")
    return list(package.manifest.results_recipients)


def _records(db: Db) -> list[SessionRecord]:
    segments: dict[str, list[SegmentRecord]] = {}
    for row, frames in tables.stream_segments(db):
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
            raise StateError("session.state", f"机位 {session.seat_id} 正在收卷，请稍候再导出")
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
    return records
