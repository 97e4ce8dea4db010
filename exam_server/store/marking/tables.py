"""The tables of the grading site: what came in, what a person must mark, every mark ever given.

Values of `exam_core` and `grading` are kept as their canonical bytes; columns beside them are only
what queries need. `mark` is insert-only: a trigger of the database itself refuses the rest.
"""

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from exam_server.store.base import Base, Bytes, IntPk, Millis, TextPk

_CENTRE = "centre.centre_id"


class SiteRow(Base):
    """What was settled when the site was made; one row."""

    __tablename__ = "grading_site"

    site_id: Mapped[IntPk]
    task_salt: Mapped[str]  # 32 bytes in hex: pseudonyms and queue orders follow from it
    policy: Mapped[Bytes]  # canonical RankingPolicy, fixed before marking


class AnswerKeyRow(Base):
    """An answer key that came in; the highest version is in force, earlier ones stay."""

    __tablename__ = "answer_key"

    key_version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    paper_id: Mapped[str]
    content_sha256: Mapped[str]
    content: Mapped[Bytes]  # canonical AnswerKey
    imported_utc_ms: Mapped[Millis]


class CentreRow(Base):
    """A centre that headquarters vouched for; only its bundles are taken."""

    __tablename__ = "centre"

    centre_id: Mapped[TextPk]
    descriptor: Mapped[Bytes]  # canonical CentreDescriptor


class BundleRow(Base):
    """The results bundle in force of one centre, with the counts that the centre signed."""

    __tablename__ = "results_bundle"

    centre_id: Mapped[str] = mapped_column(ForeignKey(_CENTRE), primary_key=True)
    sequence: Mapped[int]
    file_sha256: Mapped[str]
    manifest: Mapped[Bytes]  # canonical ResultsManifest
    audit_log: Mapped[str] = mapped_column(Text)  # the room's lines, verbatim
    imported_utc_ms: Mapped[Millis]
    findings: Mapped[str] = mapped_column(Text)  # codes that two people let through; else empty


class GradedCandidateRow(Base):
    """One person of a centre's roster, without identity number and seat."""

    __tablename__ = "graded_candidate"

    admission_number: Mapped[TextPk]
    centre_id: Mapped[str] = mapped_column(ForeignKey(_CENTRE), index=True)
    content: Mapped[Bytes]  # canonical ArchiveCandidate


class GradedSessionRow(Base):
    """What one candidate handed in, opened and merged."""

    __tablename__ = "graded_session"

    admission_number: Mapped[str] = mapped_column(
        ForeignKey("graded_candidate.admission_number"), primary_key=True
    )
    centre_id: Mapped[str] = mapped_column(ForeignKey(_CENTRE), index=True)
    content: Mapped[Bytes]  # canonical ArchiveSession


class AnomalyRow(Base):
    """Entries of one session that do not count, and why; they came in with the bundle."""

    __tablename__ = "session_anomaly"

    anomaly_id: Mapped[IntPk]  # also the order within a session
    admission_number: Mapped[str] = mapped_column(ForeignKey("graded_session.admission_number"))
    centre_id: Mapped[str] = mapped_column(ForeignKey(_CENTRE), index=True)
    content: Mapped[Bytes]  # canonical Anomaly


class TaskRow(Base):
    """One response that a person must mark, under its pseudonym.

    `place` is the part's position in the answer key, so that the queue goes part by part.
    """

    __tablename__ = "marking_task"

    task_id: Mapped[TextPk]
    place: Mapped[int] = mapped_column(index=True)
    response_text: Mapped[str] = mapped_column(Text)
    centre_id: Mapped[str] = mapped_column(ForeignKey(_CENTRE), index=True)


class MarkRow(Base):
    """One judgement, given once; a changed mark is a new row with the next sequence."""

    __tablename__ = "mark"
    __table_args__ = (
        UniqueConstraint("task_id", "sequence"),
        CheckConstraint("sequence > 0", name="sequence"),
        Index("ix_mark_marker_id_mark_id", "marker_id", "mark_id"),
    )

    mark_id: Mapped[IntPk]  # also the order in which marks were given
    task_id: Mapped[str] = mapped_column(ForeignKey("marking_task.task_id"))
    sequence: Mapped[int]
    marker_id: Mapped[str]
    content: Mapped[Bytes]  # canonical Mark
