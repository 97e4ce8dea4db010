"""Brings in a room's results: verified, opened, and ready to be marked, all of it or nothing.

A bundle is refused only for what the centre answers for: its signatures, counts, log, assignment.
What a kiosk did wrong is an anomaly of that kiosk's session, and everybody else's results come in.
A room whose log had to be set aside is taken in when two leads say so, and what did not hold stays
with the bundle.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from exam_core.crypto.sealing import SealingIdentity
from exam_core.errors import ExamError, InputError, IntegrityError, StateError, declare
from exam_core.formats.centre_descriptor import CentreDescriptor
from exam_core.formats.journal_reading import Anomaly
from exam_core.formats.results_bundle import (
    RESULTS_NO_CENTRE,
    open_results,
)
from exam_core.formats.results_content import (
    ResultsContent,
    ResultsManifest,
)
from exam_core.keys.model import AnswerKey
from exam_core.model.identifiers import AdmissionNumber
from exam_server.accounts.new_account import check_approvals
from exam_server.accounts.people import People
from exam_server.accounts.roles import GRADING_ADMINISTRATORS
from exam_server.marking.services.anomalies import audit_text
from exam_server.marking.site import GradingSite
from exam_server.store import marking as rows
from grading.evidence.faults import refuse_if_room_lies
from grading.evidence.room import examine_room
from grading.marking import MarkingTask, marking_tasks
from grading.records import ArchiveCandidate, ArchiveSession, archive_candidate

RESULTS_CENTRE = declare(
    "results.centre", "结果包不是已登记考点签名的；请先用 grade import-centre 导入该考点文件。"
)
RESULTS_SEQUENCE = declare(
    "results.sequence", "已导入该考点更新的结果包；请向考点确认哪一份是最后导出的。"
)
RESULTS_SITTING = declare(
    "results.sitting", "该考点另一场次的结果已导入；一套试卷每个考点只办一场，请核对文件。"
)
RESULTS_CONFLICT = declare(
    "results.conflict", "同一序号有两份不同的结果包，其中一份不对；两份都保留，向考点核查并上报。"
)
RESULTS_MARKED = declare("results.marked", "该考点的作答已开始评分，不能再替换结果包；请上报处理。")
RESULTS_REASON = declare("results.reason", "请写明仍要导入的理由，例如考点封存日志的经过。")
RESULTS_HOLDS = declare(
    "results.holds", "结果包没有须由两人决定的问题；请去掉 --despite-findings 直接导入。"
)
RESULTS_CANDIDATE = declare(
    "results.candidate", "同一准考证号出现在两个考点，请核对名单后由考点重新导出。"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DespiteFindings:
    """Two leads take a bundle in although its log does not fit; they say why.

    `approvals` are passwords by the names of the leads.
    """

    reason: str
    approvals: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedResults:
    """What an import did; `is_new` is False when the same results were there already.

    `anomalous_sessions` counts those of which something does not count; `findings` is what two
    people let through, codes with how many of each.
    """

    manifest: ResultsManifest
    tasks: int
    anomalous_sessions: int
    findings: str
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    manifest: ResultsManifest
    people: Sequence[ArchiveCandidate]
    handed_in: Sequence[ArchiveSession]
    audit_log: str
    anomalies: Mapping[AdmissionNumber, tuple[Anomaly, ...]]
    findings: str


def import_results(
    site: GradingSite,
    data: bytes,
    identity: SealingIdentity,
    *,
    actor: str,
    despite: DespiteFindings | None = None,
) -> ImportedResults:
    """Take a centre's results bundle; a refusal is logged with the digest of the file.

    The same file again changes nothing; a bundle with a higher sequence takes the place of the
    one before while nothing of it was marked.

    Args:
        site: The grading site.
        data: The file.
        identity: Its sealing identity.
        actor: Who sits at the command line.
        despite: Two leads who take it in although the room's log does not fit.

    Raises:
        InputError: `results.*`, `journal.malformed`, `journal.frame`, `seal.key`, `signature.*`;
            `access.refused`.
        IntegrityError: `results.*`, `seal.open`, `signature.*`, `audit.*`, `assignment.*`.
        StateError: `grading.no_key`, `results.sequence`, `results.sitting`, `results.marked`,
            `results.holds`; `account.approval`, `pair.*`, `access.wait`.
    """
    try:
        return _take(site, data, identity, actor=actor, despite=despite)
    except ExamError as error:
        site.audit.record(
            "results_refused",
            actors=(actor,),
            code=error.code,
            sha256=hashlib.sha256(data).hexdigest(),
        )
        raise


def _take(
    site: GradingSite,
    data: bytes,
    identity: SealingIdentity,
    *,
    actor: str,
    despite: DespiteFindings | None,
) -> ImportedResults:
    if despite:
        if not despite.reason:
            raise InputError(RESULTS_REASON, "没有写理由")
        people = People(site.store, site.clock)
        check_approvals(people, despite.approvals, GRADING_ADMINISTRATORS)
    paper = site.paper()
    with site.store.transaction() as db:
        centres = list(rows.centres(db).values())
        task_salt, _ = rows.site(db)
    manifest, content, centre = _verified(data, identity, centres)
    opened = _open(manifest, content, paper.key, centre, people_decided=despite is not None)
    tasks = [
        (paper.place_of[task.ref], task)
        for task in marking_tasks(paper.key, opened.handed_in, task_salt)
    ]
    digest = hashlib.sha256(data).hexdigest()
    is_new = _keep(
        site,
        opened,
        rows.StoredBundle(
            manifest=manifest,
            file_sha256=digest,
            audit_log=opened.audit_log,
            imported_utc_ms=site.clock.utc_ms(),
            findings=opened.findings,
        ),
        tasks,
    )
    done = ImportedResults(
        manifest=manifest,
        tasks=len(tasks),
        anomalous_sessions=len(opened.anomalies),
        findings=opened.findings,
        is_new=is_new,
    )
    if not is_new:
        return done
    if despite:
        site.audit.record(
            "results_taken_despite",
            actors=tuple(despite.approvals),
            subject=manifest.centre_id,
            sequence=manifest.sequence,
            sha256=digest,
            findings=opened.findings,
            reason=despite.reason,
        )
    site.audit.record(
        "results_imported",
        actors=(actor,),
        subject=manifest.centre_id,
        sequence=manifest.sequence,
        sha256=digest,
        rostered=manifest.counts.rostered,
        submitted=manifest.counts.submitted,
        unsubmitted=manifest.counts.unsubmitted,
        absent=manifest.counts.absent,
        tasks=len(tasks),
        anomalous_sessions=len(opened.anomalies),
    )
    for admission_number, anomalies in opened.anomalies.items():
        site.audit.record(
            "session_anomalous",
            actors=(actor,),
            subject=admission_number,
            findings=audit_text(anomalies),
        )
    return done


def _keep(
    site: GradingSite,
    opened: _Opened,
    bundle: rows.StoredBundle,
    tasks: Sequence[tuple[int, MarkingTask]],
) -> bool:
    """Store all of it in one transaction; False when the same results were there already."""
    manifest = opened.manifest
    with site.store.transaction() as db:
        stored = rows.bundles(db).get(manifest.centre_id)
        present = rows.candidates(db)
        if stored is not None:
            if stored.file_sha256 == bundle.file_sha256:
                return False
            _check_may_replace(
                stored.manifest, manifest, marks=rows.mark_count(db, manifest.centre_id)
            )
            rows.clear_bundle(db, manifest.centre_id)
            present = [one for one in present if one.centre_id != manifest.centre_id]
        _check_new_people(present, opened.people)
        rows.add_bundle(
            db,
            bundle,
            people=opened.people,
            handed_in=opened.handed_in,
            tasks=tasks,
            anomalies=[
                (admission_number, anomaly)
                for admission_number, anomalies in opened.anomalies.items()
                for anomaly in anomalies
            ],
        )
    return True


def _check_may_replace(stored: ResultsManifest, manifest: ResultsManifest, *, marks: int) -> None:
    if manifest.sitting_id != stored.sitting_id:
        raise StateError(
            RESULTS_SITTING, f"已有场次 {stored.sitting_id} 的结果，导入的是 {manifest.sitting_id}"
        )
    if manifest.sequence == stored.sequence:
        raise IntegrityError(
            RESULTS_CONFLICT, f"序号 {manifest.sequence} 的结果包已导入过，内容与这一份不同"
        )
    if manifest.sequence < stored.sequence:
        raise StateError(
            RESULTS_SEQUENCE,
            f"已有序号 {stored.sequence} 的结果包，导入的是序号 {manifest.sequence}",
        )
    if marks:
        raise StateError(RESULTS_MARKED, f"考点 {manifest.centre_id} 的作答已有评分")


def _verified(
    data: bytes, identity: SealingIdentity, centres: Sequence[CentreDescriptor]
) -> tuple[ResultsManifest, ResultsContent, CentreDescriptor]:
    """The bundle, by whichever centre signed it."""
    for centre in centres:
        try:
            manifest, content = open_results(data, identity, centre)
        except IntegrityError as error:
            if error.code != RESULTS_NO_CENTRE:
                raise
            continue  # another centre's signature
        return manifest, content, centre
    raise InputError(RESULTS_CENTRE, "没有已登记的考点签过这个结果包")


def _open(
    manifest: ResultsManifest,
    content: ResultsContent,
    key: AnswerKey,
    centre: CentreDescriptor,
    *,
    people_decided: bool,
) -> _Opened:
    room = examine_room(manifest, content, key, centre)
    decided = refuse_if_room_lies(room.faults, people_decided=people_decided)
    if people_decided and not decided:
        raise StateError(RESULTS_HOLDS, "日志、分卷与登记都相符")
    counted = Counter(one.code for one in decided)
    return _Opened(
        manifest=manifest,
        people=sorted(
            (archive_candidate(person, manifest.centre_id) for person in content.roster),
            key=lambda person: person.admission_number,
        ),
        handed_in=sorted(
            (one.session for one in room.sessions), key=lambda session: session.admission_number
        ),
        audit_log="\n".join(content.audit_lines),
        anomalies={
            one.session.admission_number: one.anomalies for one in room.sessions if one.anomalies
        },
        findings=" ".join(f"{code}={count}" for code, count in counted.items()),
    )


def _check_new_people(
    present: Sequence[ArchiveCandidate], people: Sequence[ArchiveCandidate]
) -> None:
    taken = {person.admission_number: person.centre_id for person in present}
    for person in people:
        if person.admission_number in taken:
            raise InputError(
                RESULTS_CANDIDATE,
                f"准考证号 {person.admission_number} 已在考点 "
                f"{taken[person.admission_number]} 的名单中",
            )
