"""Exports the sitting: frames verbatim, people, the audit log; signed by the centre, sealed.

The export closes the sitting. The file is kept in the data folder, so it can be fetched again.
"""

from exam_core.crypto.sealing import Recipient
from exam_core.errors import InputError, StateError, declare
from exam_core.formats.canonical import encode_canonical
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
from exam_core.model.roster import Candidate
from exam_core.model.states import SittingEvent, SittingState, next_sitting_state
from exam_server import limits
from exam_server.accounts.audit import AuditTrail
from exam_server.folder import write_atomically
from exam_server.room.folder import RoomFolder
from exam_server.store import room as tables
from exam_server.store.engine import Db, Store

RECIPIENTS = declare("results.recipients", "请填写阅卷点公布的接收方公钥，每行一个，以 age1 开头。")


def parse_recipients(text: str) -> list[Recipient]:
    """Recipients one a line; empty lines and lines with # are left out.

    Raises:
        InputError: `results.recipients`.
    """
    lines = [line.strip() for line in text.splitlines()]
    recipients = [Recipient(line) for line in lines if line and not line.startswith("#")]
    if not 1 <= len(recipients) <= limits.recipients_max:
        raise InputError(RECIPIENTS, "没有接收方公钥或过多")
    return recipients


def export_results(
    store: Store,
    room: RoomFolder,
    trail: AuditTrail,
    *,
    actors: tuple[str, ...],
    recipients: list[Recipient],
) -> bytes:
    """The results bundle; afterwards the sitting is closed and takes nothing more.

    A closed sitting gives the same file again, for the same recipients.

    Raises:
        InputError: `results.recipients`, `seal.key`.
        StateError: `sitting.state`, unless ended; `session.state`, while one is still open.
        StorageError: `storage.full`, `storage.failed`; the sitting stays ended.
    """
    bundle = _close_and_seal(store, room, trail, actors=actors, recipients=recipients)
    # A folder holds one sitting, so this stays true; the grading site refuses keys without it.
    write_atomically(room.closed_file, encode_canonical({"state": SittingState.CLOSED}))
    return bundle


def _close_and_seal(
    store: Store,
    room: RoomFolder,
    trail: AuditTrail,
    *,
    actors: tuple[str, ...],
    recipients: list[Recipient],
) -> bytes:
    wanted = "\n".join(recipients)
    with store.transaction() as db:
        sitting = tables.find_sitting(db)
        if sitting is None:
            raise StateError("sitting.state", "没有可导出的场次")
        if sitting.state == SittingState.CLOSED:
            if room.recipients_file.read_text() != wanted:
                raise InputError(RECIPIENTS, "结果已导出给另一接收方；如需变更请联系总部")
            return room.results_file.read_bytes()
        after = next_sitting_state(SittingState(sitting.state), SittingEvent.CLOSE)
        sessions = _records(db)
        roster = [_candidate(row) for row in tables.list_candidates(db)]
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
        )
        manifest = ResultsManifest(
            centre_id=room.centre().centre_id,
            sitting_id=SittingId(sitting.sitting_id),
            paper_id=PaperId(sitting.paper_id),
            manifest_sha256=sitting.manifest_sha256,
            sequence=sitting.exports,
            counts=counts,
            audit_head=trail.head,
            content_sha256="",
        )
        content = ResultsContent(
            roster=tuple(roster),
            sessions=tuple(sessions),
            audit_lines=tuple(line.decode() for line in trail.lines()),
        )
        bundle = build_results(manifest, content, room.signing_key(), recipients)
        write_atomically(room.results_file, bundle)
        write_atomically(room.recipients_file, wanted.encode())
    return bundle


def _records(db: Db) -> list[SessionRecord]:
    segments: dict[str, list[SegmentRecord]] = {}
    for row, frames in tables.stream_segments(db):
        segments.setdefault(row.session_id, []).append(
            SegmentRecord(
                segment_id=SegmentId(row.segment_id),
                epoch=row.epoch,
                seat_id=SeatId(row.seat_id),
                frames=tuple(frames),
            )
        )
    records = []
    for session in tables.list_sessions(db):
        if session.begun_at_ms is None:
            continue  # logged in and never began: absent
        if session.closed_at_ms is None:
            raise StateError("session.state", f"座位 {session.seat_id} 正在收卷，请稍候再导出")
        records.append(
            SessionRecord(
                session_id=SessionId(session.session_id),
                admission_number=AdmissionNumber(session.admission_number),
                form_number=FormNumber(session.form_number),
                close_reason=session.close_reason,
                working_ms=max(0, session.closed_at_ms - session.begun_at_ms),
                receipt=session.receipt,
                segments=tuple(segments.get(session.session_id, ())),
            )
        )
    return records


def _candidate(row: tables.CandidateRow) -> Candidate:
    return Candidate(
        admission_number=AdmissionNumber(row.admission_number),
        name=row.name,
        id_number=row.id_number,
        unit=row.unit,
        team=row.team,
        seat_id=SeatId(row.seat_id),
        is_substitute=row.is_substitute,
    )
