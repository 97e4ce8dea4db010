"""Draws, signs and keeps the table of who writes which form; done with every roster and package.

The table lies in the data folder under its digest, the digest in the database and in the audit
log. Tables that were replaced stay where they are: they are what the log talks about.
"""

from dataclasses import dataclass

from exam_core.errors import IntegrityError, StateError
from exam_core.formats.assignment import (
    ASSIGNMENT_OTHER,
    Assignment,
    assignment_digest,
    draw_assignment,
    parse_assignment,
    sign_assignment,
)
from exam_core.formats.audit_log import AUDIT_MALFORMED, AuditEntry
from exam_core.formats.canonical import decode_canonical
from exam_core.formats.dsse import unverified_payload
from exam_core.model.identifiers import PaperId, SittingId
from exam_core.model.states import SITTING_STATE, SittingState
from exam_server import limits
from exam_server.accounts.audit import AuditTrail
from exam_server.folder import read_input, write_atomically
from exam_server.room.folder import RoomFolder
from exam_server.room.services.roster_rows import candidate_of
from exam_server.store import room as tables
from exam_server.store.engine import Db, Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Assigned:
    """What a draw gave; `sha256` is the digest that is printed and logged."""

    table: Assignment
    sha256: str


def assign_forms(
    db: Db, room: RoomFolder, trail: AuditTrail, sitting: tables.SittingRow, *, seed: bytes
) -> Assigned:
    """Give everybody on the roster one of the centre's forms; durable when this returns.

    The caller's transaction makes the table the sitting's own.

    Raises:
        StateError: `sitting.state`, when somebody who logged in would get another form.
        StorageError: `storage.full`, `storage.failed`.
    """
    rows = tables.list_candidates(db)
    table = draw_assignment(
        [candidate_of(row) for row in rows],
        seed=seed,
        form_numbers=tables.list_forms(db),
        centre_id=room.centre().centre_id,
        sitting_id=SittingId(sitting.sitting_id),
        paper_id=PaperId(sitting.paper_id),
        package_sequence=sitting.sequence,
        manifest_sha256=sitting.manifest_sha256,
    )
    drawn = {str(number): int(form) for number, form in table.form_of().items()}
    if any(row.form_number != drawn[row.admission_number] for row in rows):
        if tables.list_sessions(db):
            raise StateError(SITTING_STATE, "已有考生登录，不能重新分卷")
        tables.set_form_numbers(db, drawn)
    signed = sign_assignment(table, room.signing_key())
    digest = assignment_digest(signed)
    sitting.form_seed = seed.hex()
    sitting.assignment_sha256 = digest
    write_atomically(room.assignment_file(digest), signed)
    _record(trail, table, digest)
    return Assigned(table=table, sha256=digest)


def log_assignment_in_force(store: Store, room: RoomFolder, trail: AuditTrail) -> None:
    """Write the line of the sitting's table again when the log's last one is of another.

    A line is durable before its transaction is, so a draw that was taken back leaves a line that
    is not true; what counts is the last line before the opening. After it nothing is mended: a
    log without the line is then a finding for people.

    Raises:
        InputError: `file.unreadable`, `assignment.malformed`, `audit.malformed`.
        IntegrityError: `assignment.other`.
        StorageError: `storage.full`, `storage.failed`.
    """
    with store.transaction() as db:
        sitting = tables.find_sitting(db)
        if sitting is None or sitting.state != SittingState.PREPARED:
            return
        digest = sitting.assignment_sha256
    if not digest:
        return
    entries = [
        decode_canonical(line, AuditEntry, AUDIT_MALFORMED, "审计日志") for line in trail.lines()
    ]
    drawn = [one for one in entries if one.action == "forms_assigned"]
    if not drawn or drawn[-1].details["assignment_sha256"] != digest:
        payload, _ = unverified_payload(read_assignment(room, digest))
        _record(trail, parse_assignment(payload), digest)


def _record(trail: AuditTrail, table: Assignment, digest: str) -> None:
    trail.record(
        "forms_assigned",
        subject=table.sitting_id,
        assignment_sha256=digest,
        algorithm=table.algorithm,
        form_seed=table.seed,
        package_sequence=table.package_sequence,
        candidates=len(table.rows),
        spares=len(table.spares),
    )


def read_assignment(room: RoomFolder, assignment_sha256: str) -> bytes:
    """The sitting's signed table.

    Raises:
        InputError: `file.unreadable`.
        IntegrityError: `assignment.other`, when the file is not the one that the log names.
    """
    signed = read_input(
        room.assignment_file(assignment_sha256),
        bytes_max=limits.assignment_bytes_max,
        name="分卷表",
    )
    if assignment_digest(signed) != assignment_sha256:
        raise IntegrityError(ASSIGNMENT_OTHER, "数据文件夹中的分卷表不是分卷时的那一份")
    return signed
