"""Queries on what came in: the site's own facts, answer keys, centres, and results bundles."""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec
from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from exam_core.formats.canonical import encode_canonical
from exam_core.formats.centre_descriptor import CentreDescriptor
from exam_core.formats.journal_reading import Anomaly
from exam_core.formats.results_content import (
    ResultsManifest,
)
from exam_core.keys.model import AnswerKey
from exam_core.model.identifiers import AdmissionNumber, CentreId
from exam_server.store.marking.tables import (
    AnomalyRow,
    AnswerKeyRow,
    BundleRow,
    CentreRow,
    GradedCandidateRow,
    GradedSessionRow,
    SiteRow,
    TaskRow,
)
from grading.marking import MarkingTask
from grading.ranking import RankingPolicy
from grading.records import ArchiveCandidate, ArchiveSession


class StoredBundle(NamedTuple):
    """The bundle in force of one centre; `audit_log` holds the room's lines, verbatim.

    `findings` are the codes that did not hold and that two people let through, with how many of
    each; empty for a bundle that held.
    """

    manifest: ResultsManifest
    file_sha256: str
    audit_log: str
    imported_utc_ms: int
    findings: str = ""


class StoredAnomaly(NamedTuple):
    """Entries of one session that do not count."""

    admission_number: AdmissionNumber
    centre_id: CentreId
    anomaly: Anomaly


def add_site(db: Session, *, task_salt: str, policy: RankingPolicy) -> None:
    """Settle what follows from nothing else; once, when the site is made."""
    db.add(SiteRow(task_salt=task_salt, policy=encode_canonical(policy)))


def site(db: Session) -> tuple[str, RankingPolicy]:
    """The salt of pseudonyms and queue orders, and the ranking policy."""
    row = db.scalars(select(SiteRow)).one()
    return row.task_salt, msgspec.json.decode(row.policy, type=RankingPolicy)


def add_key(db: Session, key: AnswerKey, *, content_sha256: str, now_utc_ms: int) -> None:
    """Keep a version of the answer key that was not there before."""
    db.add(
        AnswerKeyRow(
            key_version=key.key_version,
            paper_id=key.paper_id,
            content_sha256=content_sha256,
            content=encode_canonical(key),
            imported_utc_ms=now_utc_ms,
        )
    )


def answer_key(db: Session) -> tuple[str, bytes] | None:
    """The answer key in force: SHA-256 and canonical bytes, for the caller to decode and keep."""
    row = db.scalar(select(AnswerKeyRow).order_by(AnswerKeyRow.key_version.desc()).limit(1))
    return (row.content_sha256, row.content) if row else None


def add_centre(db: Session, centre: CentreDescriptor) -> None:
    """Keep a centre's descriptor, in place of an earlier one."""
    db.merge(CentreRow(centre_id=centre.centre_id, descriptor=encode_canonical(centre)))


def centres(db: Session) -> dict[CentreId, CentreDescriptor]:
    """Every centre, in order of its identifier."""
    rows = db.scalars(select(CentreRow).order_by(CentreRow.centre_id))
    return {
        CentreId(row.centre_id): msgspec.json.decode(row.descriptor, type=CentreDescriptor)
        for row in rows
    }


def bundles(db: Session) -> dict[CentreId, StoredBundle]:
    """The bundle in force of every centre that sent one, in order of the centre."""
    rows = db.scalars(select(BundleRow).order_by(BundleRow.centre_id))
    return {
        CentreId(row.centre_id): StoredBundle(
            manifest=msgspec.json.decode(row.manifest, type=ResultsManifest),
            file_sha256=row.file_sha256,
            audit_log=row.audit_log,
            imported_utc_ms=row.imported_utc_ms,
            findings=row.findings,
        )
        for row in rows
    }


def add_bundle(
    db: Session,
    bundle: StoredBundle,
    *,
    people: Iterable[ArchiveCandidate],
    handed_in: Iterable[ArchiveSession],
    tasks: Iterable[tuple[int, MarkingTask]],
    anomalies: Iterable[tuple[AdmissionNumber, Anomaly]],
) -> None:
    """Keep all of a centre's bundle; `tasks` come with the place of their part.

    A NUL in a text to be marked is shown as ␀: one database keeps none in a text, and a kiosk
    that sends one must not stop the import. What counts keeps it.
    """
    centre_id = bundle.manifest.centre_id
    db.add(
        BundleRow(
            centre_id=centre_id,
            sequence=bundle.manifest.sequence,
            file_sha256=bundle.file_sha256,
            manifest=encode_canonical(bundle.manifest),
            audit_log=bundle.audit_log,
            imported_utc_ms=bundle.imported_utc_ms,
            findings=bundle.findings,
        )
    )
    _add_rows(
        db,
        GradedCandidateRow,
        [
            {
                "admission_number": person.admission_number,
                "centre_id": centre_id,
                "content": encode_canonical(person),
            }
            for person in people
        ],
    )
    _add_rows(
        db,
        GradedSessionRow,
        [
            {
                "admission_number": session.admission_number,
                "centre_id": centre_id,
                "content": encode_canonical(session),
            }
            for session in handed_in
        ],
    )
    _add_rows(
        db,
        TaskRow,
        [
            {
                "task_id": task.task_id,
                "place": place,
                "response_text": task.response_text.replace("\0", "␀"),
                "centre_id": centre_id,
            }
            for place, task in tasks
        ],
    )
    _add_rows(
        db,
        AnomalyRow,
        [
            {
                "admission_number": admission_number,
                "centre_id": centre_id,
                "content": encode_canonical(anomaly),
            }
            for admission_number, anomaly in anomalies
        ],
    )


def clear_bundle(db: Session, centre_id: CentreId) -> None:
    """Take out all that a centre's bundle brought in; only while nothing of it was marked."""
    for table in (AnomalyRow, TaskRow, GradedSessionRow, GradedCandidateRow, BundleRow):
        db.execute(delete(table).where(table.centre_id == centre_id))


def candidates(db: Session) -> list[ArchiveCandidate]:
    """Everybody on a roster, in order of admission number."""
    order = GradedCandidateRow.admission_number
    contents = db.scalars(select(GradedCandidateRow.content).order_by(order))
    return [msgspec.json.decode(content, type=ArchiveCandidate) for content in contents]


def sessions(db: Session) -> list[ArchiveSession]:
    """What everybody handed in, in order of admission number."""
    order = GradedSessionRow.admission_number
    contents = db.scalars(select(GradedSessionRow.content).order_by(order))
    return [msgspec.json.decode(content, type=ArchiveSession) for content in contents]


def anomalies(db: Session) -> list[StoredAnomaly]:
    """What does not count, in order of admission number, then as it was found."""
    found = db.scalars(
        select(AnomalyRow).order_by(AnomalyRow.admission_number, AnomalyRow.anomaly_id)
    )
    return [
        StoredAnomaly(
            admission_number=AdmissionNumber(row.admission_number),
            centre_id=CentreId(row.centre_id),
            anomaly=msgspec.json.decode(row.content, type=Anomaly),
        )
        for row in found
    ]


def _add_rows(db: Session, table: type, rows: list[dict[str, object]]) -> None:
    if rows:
        db.execute(insert(table), rows)
