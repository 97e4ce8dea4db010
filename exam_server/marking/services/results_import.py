"""Brings in a room's results: verified, opened, and ready to be marked, all of it or nothing.

A bundle is refused only for what the centre answers for: its signature, its counts, its audit log.
What a kiosk did wrong is an anomaly of that kiosk's session, and everybody else's results come in.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from exam_core.crypto.sealing import SealingIdentity
from exam_core.errors import ExamError, InputError, IntegrityError, StateError, declare
from exam_core.formats.audit_log import verify_lines
from exam_core.formats.centre_descriptor import CentreDescriptor
from exam_core.formats.journal_reading import Anomaly
from exam_core.formats.results_bundle import (
    RESULTS_NO_CENTRE,
    open_results,
)
from exam_core.formats.results_content import (
    RESULTS_ALTERED,
    ResultsContent,
    ResultsManifest,
)
from exam_core.keys.model import AnswerKey
from exam_core.model.identifiers import AdmissionNumber
from exam_server.marking.services.anomalies import audit_text
from exam_server.marking.services.journals import form_shape, open_session
from exam_server.marking.site import GradingSite
from exam_server.store import marking as rows
from grading.marking import MarkingTask, marking_tasks
from grading.records import ArchiveCandidate, ArchiveSession, archive_candidate

RESULTS_CENTRE = declare(
    "results.centre", "结果包不是已登记考点签名的；请先用 grade import-centre 导入该考点文件。"
)
RESULTS_PAPER = declare("results.paper", "结果包与答案包不是同一套试卷，请核对两个文件。")
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
RESULTS_CANDIDATE = declare(
    "results.candidate", "同一准考证号出现在两个考点，请核对名单后由考点重新导出。"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedResults:
    """What an import did; `is_new` is False when the same results were there already.

    `anomalous_sessions` counts those of which something does not count.
    """

    manifest: ResultsManifest
    tasks: int
    anomalous_sessions: int
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    manifest: ResultsManifest
    people: Sequence[ArchiveCandidate]
    handed_in: Sequence[ArchiveSession]
    audit_log: str
    anomalies: Mapping[AdmissionNumber, tuple[Anomaly, ...]]


def import_results(
    site: GradingSite, data: bytes, identity: SealingIdentity, *, actor: str
) -> ImportedResults:
    """Take a centre's results bundle; a refusal is logged with the digest of the file.

    The same file again changes nothing; a bundle with a higher sequence takes the place of the
    one before while nothing of it was marked.

    Raises:
        InputError: `results.*`, `journal.malformed`, `journal.frame`, `seal.key`, `signature.*`.
        IntegrityError: `results.*`, `seal.open`, `signature.*`, `audit.*`, `assignment.*`.
        StateError: `grading.no_key`, `results.sequence`, `results.sitting`, `results.marked`.
    """
    try:
        return _take(site, data, identity, actor=actor)
    except ExamError as error:
        site.audit.record(
            "results_refused",
            actors=(actor,),
            code=error.code,
            sha256=hashlib.sha256(data).hexdigest(),
        )
        raise


def _take(
    site: GradingSite, data: bytes, identity: SealingIdentity, *, actor: str
) -> ImportedResults:
    paper = site.paper()
    with site.store.transaction() as db:
        centres = list(rows.centres(db).values())
        task_salt, _ = rows.site(db)
    manifest, content = _verified(data, identity, centres)
    opened = _open(manifest, content, paper.key)
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
        ),
        tasks,
    )
    done = ImportedResults(
        manifest=manifest,
        tasks=len(tasks),
        anomalous_sessions=len(opened.anomalies),
        is_new=is_new,
    )
    if not is_new:
        return done
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
) -> tuple[ResultsManifest, ResultsContent]:
    """The bundle, by whichever centre signed it."""
    for centre in centres:
        try:
            manifest, content = open_results(data, identity, centre)
        except IntegrityError as error:
            if error.code != RESULTS_NO_CENTRE:
                raise
            continue  # another centre's signature
        if manifest.centre_id != centre.centre_id:
            raise IntegrityError(
                RESULTS_ALTERED, f"考点 {centre.centre_id} 签了考点 {manifest.centre_id} 的结果"
            )
        return manifest, content
    raise InputError(RESULTS_CENTRE, "没有已登记的考点签过这个结果包")


def _open(manifest: ResultsManifest, content: ResultsContent, key: AnswerKey) -> _Opened:
    if manifest.paper_id != key.paper_id or manifest.centre_id not in key.journal_secrets:
        raise InputError(
            RESULTS_PAPER, f"结果包属于试卷 {manifest.paper_id}，考点 {manifest.centre_id}"
        )
    head = verify_lines(line.encode() for line in content.audit_lines)
    if head != manifest.audit_head:
        raise IntegrityError(RESULTS_ALTERED, "考场审计日志与结果包清单不符")
    secret = bytes.fromhex(key.journal_secrets[manifest.centre_id])
    items = {item.bank_item_id: item for item in key.items}
    forms = {form.form_number: form for form in key.forms}
    handed_in: list[ArchiveSession] = []
    anomalies: dict[AdmissionNumber, tuple[Anomaly, ...]] = {}
    for record in content.sessions:
        form = forms.get(record.form_number)
        if form is None:
            raise InputError(RESULTS_PAPER, f"答案包中没有第 {record.form_number} 卷")
        found = open_session(
            record,
            manifest_sha256=manifest.manifest_sha256,
            journal_secret=secret,
            shape=form_shape(form, items),
        )
        if found is None:
            continue
        handed_in.append(found.session)
        if found.anomalies:
            anomalies[record.admission_number] = found.anomalies
    return _Opened(
        manifest=manifest,
        people=sorted(
            (archive_candidate(person, manifest.centre_id) for person in content.roster),
            key=lambda person: person.admission_number,
        ),
        handed_in=sorted(handed_in, key=lambda session: session.admission_number),
        audit_log="\n".join(content.audit_lines),
        anomalies=anomalies,
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
