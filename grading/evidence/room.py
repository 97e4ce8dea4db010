"""Holds a room's evidence together: log, checkpoints, assignment, kiosks, journals, receipts.

One kiosk can spoil nobody's session but its own, so what does not hold in a journal is a fault of
that session alone. Everything else is the room's doing, and a room that lies is refused.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from exam_core.errors import ExamError, declare
from exam_core.formats.assignment import (
    ASSIGNMENT_OTHER,
    ASSIGNMENT_ROSTER,
    Assignment,
    assignment_digest,
    changed_people,
    check_draw,
    check_roster_unchanged,
    parse_assignment,
    verify_assignment,
)
from exam_core.formats.audit_evidence import SeenNote, examine_log
from exam_core.formats.audit_log import AUDIT_MALFORMED, AuditEntry
from exam_core.formats.canonical import decode_canonical
from exam_core.formats.centre_descriptor import CentreDescriptor
from exam_core.formats.checkpoint import room_origin
from exam_core.formats.dsse import unverified_payload
from exam_core.formats.results_content import (
    RESULTS_ALTERED,
    ResultsContent,
    ResultsManifest,
)
from exam_core.keys.model import AnswerKey
from exam_core.model.identifiers import AdmissionNumber
from grading.evidence.faults import ASSIGNMENT_LOG, Fault, Layer, fault_of
from grading.evidence.journals import (
    RESULTS_RECEIPT,
    OpenedSession,
    form_shape,
    open_session,
)
from grading.evidence.kiosks import RESULTS_KIOSK_LATE, late_kiosks

RESULTS_PAPER = declare("results.paper", "结果包与答案包不是同一套试卷，请核对两个文件。")
RESULTS_KIOSK = declare(
    "results.kiosk", "有作答记录的考生机没有在该机位登记过，与审计日志不符；停止使用并上报。"
)
ASSIGNMENT_SESSION = declare("assignment.session", "考生所答的卷号与分卷表不同，停止使用并上报。")


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomExamination:
    """What the evidence says: faults in the order of their layers, and what was handed in."""

    faults: tuple[Fault, ...]
    sessions: tuple[OpenedSession, ...]


def examine_room(
    manifest: ResultsManifest, content: ResultsContent, key: AnswerKey, centre: CentreDescriptor
) -> RoomExamination:
    """Everything that does not hold, by layers; never an exception for what a file can contain."""
    if manifest.paper_id != key.paper_id or centre.centre_id not in key.journal_secrets:
        text = f"结果包属于试卷 {manifest.paper_id}，考点 {centre.centre_id}"
        fault = Fault(layer=Layer.SESSIONS, code=RESULTS_PAPER, message=text)
        return RoomExamination(faults=(fault,), sessions=())
    entries = tuple(_entries(content.audit_lines))
    faults: list[Fault] = []
    opened: list[OpenedSession] = []
    seen: list[SeenNote] = []
    secret = bytes.fromhex(key.journal_secrets[centre.centre_id])
    items = {item.bank_item_id: item for item in key.items}
    forms = {form.form_number: form for form in key.forms}
    for record in content.sessions:
        number = record.admission_number
        form = forms.get(record.form_number)
        if form is None:
            text = f"答案包中没有第 {record.form_number} 卷"
            faults.append(
                Fault(
                    layer=Layer.SESSIONS,
                    code=RESULTS_PAPER,
                    message=text,
                    admission_number=number,
                )
            )
            continue
        try:
            found = open_session(
                record,
                manifest_sha256=manifest.manifest_sha256,
                journal_secret=secret,
                shape=form_shape(form, items),
            )
        except ExamError as error:
            faults.append(fault_of(Layer.SESSIONS, error, admission_number=number))
            continue
        if found is not None:
            late = late_kiosks(record, entries)
            found = found._replace(anomalies=(*found.anomalies, *late))
            opened.append(found)
            faults += _anomalies(found)
            seats = "、".join(dict.fromkeys(one.seat_id for one in record.segments))
            seen += [SeenNote(seen_by=f"机位 {seats}", note=note) for note in found.checkpoints]
    outer = (
        *_log_faults(manifest, content, centre, seen),
        *_assignment_faults(manifest, content, centre, entries),
        *_kiosk_faults(content, entries),
    )
    return RoomExamination(faults=(*outer, *faults), sessions=tuple(opened))


def _entries(lines: Sequence[str]) -> Iterator[AuditEntry]:
    for line in lines:
        try:
            yield decode_canonical(line.encode(), AuditEntry, AUDIT_MALFORMED, "审计日志")
        except (ExamError, UnicodeEncodeError):
            continue  # the log's own layer names it


def _log_faults(
    manifest: ResultsManifest,
    content: ResultsContent,
    centre: CentreDescriptor,
    seen: Sequence[SeenNote],
) -> Iterator[Fault]:
    report = examine_log(
        [line.encode() for line in content.audit_lines],
        content.checkpoints,
        origin=room_origin(centre.centre_id, manifest.sitting_id),
        key=centre.signing_key,
        seen=seen,
    )
    for finding in report.findings:
        yield Fault(
            layer=Layer.LOG, code=finding.code, message=finding.message, line=finding.last_line
        )
    if not report.findings and report.head != manifest.audit_head:
        text = "审计日志的末行不是清单所签的那一行"
        yield Fault(
            layer=Layer.LOG, code=RESULTS_ALTERED, message=text, line=len(content.audit_lines)
        )


def _assignment_faults(
    manifest: ResultsManifest,
    content: ResultsContent,
    centre: CentreDescriptor,
    entries: Sequence[AuditEntry],
) -> Iterator[Fault]:
    layer = Layer.ASSIGNMENT
    table: Assignment | None = None
    try:
        table = verify_assignment(content.assignment, centre)
    except ExamError as error:
        yield fault_of(layer, error)
        table = _unverified_table(content.assignment)
        if table is not None:
            yield from _draw_fault(table, besides=error.code)
    logged = [one.details.get("assignment_sha256") for one in entries if one.action == _ASSIGNED]
    if not logged or logged[-1] != assignment_digest(content.assignment):
        text = "审计日志中最后一次分卷的摘要与分卷表不符"
        yield Fault(layer=layer, code=ASSIGNMENT_LOG, message=text)
    if table is None:
        return
    own = (manifest.sitting_id, manifest.paper_id, manifest.manifest_sha256)
    if (table.sitting_id, table.paper_id, table.manifest_sha256) != own:
        yield Fault(layer=layer, code=ASSIGNMENT_OTHER, message="分卷表属于另一场次或另一试卷包")
    yield from _people_faults(table, content)
    assigned = table.form_of()
    for record in content.sessions:
        form = assigned.get(record.admission_number)
        if form != record.form_number:
            text = f"考生 {record.admission_number} 答的是第 {record.form_number} 卷，表中是 {form}"
            yield Fault(
                layer=layer,
                code=ASSIGNMENT_SESSION,
                message=text,
                admission_number=record.admission_number,
            )


def _people_faults(table: Assignment, content: ResultsContent) -> Iterator[Fault]:
    changed = changed_people(table, content.roster)
    for number in changed:
        yield Fault(
            layer=Layer.ASSIGNMENT,
            code=ASSIGNMENT_ROSTER,
            message=f"考生 {number} 与分卷时的名单不同",
            admission_number=number,
        )
    if not changed:
        try:
            check_roster_unchanged(table, content.roster)
        except ExamError as error:
            yield fault_of(Layer.ASSIGNMENT, error)


def _draw_fault(table: Assignment, *, besides: str) -> Iterator[Fault]:
    try:
        check_draw(table)
    except ExamError as error:
        if error.code != besides:
            yield fault_of(Layer.ASSIGNMENT, error)


def _unverified_table(envelope: bytes) -> Assignment | None:
    try:
        return parse_assignment(unverified_payload(envelope)[0])
    except ExamError:
        return None


def _kiosk_faults(content: ResultsContent, entries: Sequence[AuditEntry]) -> Iterator[Fault]:
    enrolled = {
        (one.subject, one.details.get("signing_key")) for one in entries if one.action == _ENROLLED
    }
    for record in content.sessions:
        for segment in record.segments:
            if (segment.seat_id, segment.signing_key) not in enrolled:
                text = (
                    f"考生 {record.admission_number} 的记录来自没有在 {segment.seat_id} 登记的机器"
                )
                yield Fault(
                    layer=Layer.KIOSKS,
                    code=RESULTS_KIOSK,
                    message=text,
                    admission_number=record.admission_number,
                    segment_id=segment.segment_id,
                )


def _anomalies(found: OpenedSession) -> Iterator[Fault]:
    number: AdmissionNumber = found.session.admission_number
    for one in found.anomalies:
        is_receipt = one.code == RESULTS_RECEIPT
        text = f"考生 {number} 第 {one.seq} 条起有 {one.frames} 条记录不计"
        if is_receipt:
            text = f"考生 {number} 的回执没有对应的交卷记录"
        elif one.code == RESULTS_KIOSK_LATE:
            text = f"考生 {number} 有记录来自登录之后才登记的考生机，没有换机记录"
        yield Fault(
            layer=Layer.RECEIPTS if is_receipt else Layer.JOURNALS,
            code=one.code,
            message=text,
            admission_number=number,
            segment_id=one.segment_id,
            entry=-1 if is_receipt else one.seq,
        )


def digest_of(data: bytes) -> str:
    """SHA-256 of a file, as logs name it."""
    return hashlib.sha256(data).hexdigest()


_ASSIGNED = "forms_assigned"
_ENROLLED = "kiosk_enrolled"
