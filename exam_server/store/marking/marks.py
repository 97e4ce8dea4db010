"""Queries on the marking queue: tasks under their pseudonyms, and the rows of their marks."""

from typing import NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from exam_core.errors import StateError
from exam_core.formats.canonical import encode_canonical
from exam_core.model.identifiers import CentreId
from exam_server.store.marking.tables import MarkRow, TaskRow
from grading.marking import Mark, MarkerId, TaskId
from grading.marking.rules import MARK_SEQUENCE


class StoredTask(NamedTuple):
    """A response that a person must mark, and the place of its part in the answer key."""

    task_id: TaskId
    place: int
    response_text: str


class PlaceCount(NamedTuple):
    """How far one part is: responses that need a mark, and those that have one."""

    place: int
    total: int
    marked: int


def task(db: Session, task_id: str) -> StoredTask | None:
    """One task."""
    row = db.get(TaskRow, task_id)
    return _stored_task(row) if row else None


def open_tasks(db: Session, place: int) -> list[StoredTask]:
    """The tasks of one part that nobody has marked, in order of their pseudonyms."""
    has_mark = select(MarkRow.mark_id).where(MarkRow.task_id == TaskRow.task_id).exists()
    rows = db.scalars(
        select(TaskRow).where(TaskRow.place == place, ~has_mark).order_by(TaskRow.task_id)
    )
    return [_stored_task(row) for row in rows]


def place_counts(db: Session) -> list[PlaceCount]:
    """The progress of every part that has tasks, in the order of the answer key."""
    rows = db.execute(
        select(
            TaskRow.place,
            func.count(TaskRow.task_id.distinct()),
            func.count(MarkRow.task_id.distinct()),
        )
        .outerjoin(MarkRow, MarkRow.task_id == TaskRow.task_id)
        .group_by(TaskRow.place)
        .order_by(TaskRow.place)
    )
    return [PlaceCount(place, total, marked) for place, total, marked in rows]


def add_mark(db: Session, mark: Mark) -> None:
    """Keep a mark.

    Raises:
        StateError: `mark.sequence`, when another row with this sequence came first.
    """
    row = MarkRow(
        task_id=mark.task_id,
        sequence=mark.sequence,
        marker_id=mark.marker_id,
        content=encode_canonical(mark),
    )
    try:
        with db.begin_nested():
            db.add(row)
    except IntegrityError as error:
        raise StateError(MARK_SEQUENCE, "这份作答刚有另一次评分", task_id=mark.task_id) from error


def marks(db: Session) -> list[Mark]:
    """Every mark ever given, in order of task and sequence."""
    return _marks(db, select(MarkRow.content).order_by(MarkRow.task_id, MarkRow.sequence))


def marks_of_task(db: Session, task_id: str) -> list[Mark]:
    """The marks of one task, in order of sequence."""
    order = select(MarkRow.content).order_by(MarkRow.sequence)
    return _marks(db, order.where(MarkRow.task_id == task_id))


def current_marks(db: Session) -> list[tuple[int, Mark]]:
    """The mark in force of every marked task with the place of its part."""
    rows = db.execute(
        select(TaskRow.place, MarkRow.content)
        .join(TaskRow, TaskRow.task_id == MarkRow.task_id)
        .where(_is_in_force())
        .order_by(TaskRow.place, MarkRow.mark_id)
    )
    return [(place, msgspec.json.decode(content, type=Mark)) for place, content in rows]


def tasks_of_marker(db: Session, marker_id: MarkerId) -> list[tuple[int, Mark]]:
    """The marks in force that this marker gave with the place of their part, oldest task first."""
    first = (
        select(MarkRow.task_id, func.min(MarkRow.mark_id).label("first_id"))
        .group_by(MarkRow.task_id)
        .subquery()
    )
    rows = db.execute(
        select(TaskRow.place, MarkRow.content)
        .join(TaskRow, TaskRow.task_id == MarkRow.task_id)
        .join(first, first.c.task_id == MarkRow.task_id)
        .where(MarkRow.marker_id == marker_id, _is_in_force())
        .order_by(first.c.first_id)
    )
    return [(place, msgspec.json.decode(content, type=Mark)) for place, content in rows]


def mark_count(db: Session, centre_id: CentreId | None = None) -> int:
    """How many rows there are, of one centre or of all."""
    query = select(func.count()).select_from(MarkRow)
    if centre_id is not None:
        query = query.join(TaskRow, TaskRow.task_id == MarkRow.task_id).where(
            TaskRow.centre_id == centre_id
        )
    return db.scalar(query) or 0


def _is_in_force() -> ColumnElement[bool]:
    """No other row of the task has a higher sequence."""
    later = MarkRow.__table__.alias("later")
    return ~(
        select(later.c.mark_id)
        .where(later.c.task_id == MarkRow.task_id, later.c.sequence > MarkRow.sequence)
        .exists()
    )


def _marks(db: Session, query: Select[bytes]) -> list[Mark]:
    return [msgspec.json.decode(content, type=Mark) for content in db.scalars(query)]


def _stored_task(row: TaskRow) -> StoredTask:
    return StoredTask(TaskId(row.task_id), row.place, row.response_text)
