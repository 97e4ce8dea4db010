"""The marker's work: the next response, the response with its marking points, the mark.

Blind by construction: nothing here reads candidates or sessions, only tasks under pseudonyms.
"""

import threading
from dataclasses import dataclass

from exam_core.errors import InputError, StateError, declare
from exam_core.keys.model import KeyedItem, KeyedPart, MarkingKey, MarkingPoint
from exam_server.marking import limits
from exam_server.marking.claims import Claims
from exam_server.marking.site import GradingSite, KeyedPaper
from exam_server.store import marking as rows
from grading.marking import (
    Judgement,
    Mark,
    MarkerId,
    MarkingTask,
    TaskId,
    check_mark,
    current_mark,
    mark_score_milli,
    next_task,
    queue_order,
)

TASK_UNKNOWN = declare("task.unknown", "没有这份作答，请回到阅卷首页重新领取。")
TASK_TAKEN = declare(
    "task.taken", "这份作答已由另一位阅卷员接手；请记下您的看法，回到阅卷首页领取下一份。"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartProgress:
    """How far one part is; `label` is what a marker calls it."""

    place: int
    label: str
    item: KeyedItem
    part: KeyedPart
    total: int
    marked: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenMark:
    """A mark in force, and what it is worth."""

    label: str
    mark: Mark
    score_milli: int
    points_milli: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueView:
    """What a marker sees on the first page: all parts, and the own latest marks, newest first."""

    parts: tuple[PartProgress, ...]
    given: int
    recent: tuple[GivenMark, ...]
    is_holding: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskView:
    """One response as a marker sees it.

    `sequence` is the one that the next mark must have; `given` is the mark in force.
    `previous_id` and `following_id` lead through the marker's own marks in the order of marking.
    """

    task_id: TaskId
    place: int
    item: KeyedItem
    part: KeyedPart
    marking_points: tuple[MarkingPoint, ...]
    part_number: int
    response_text: str
    sequence: int
    given: GivenMark | None
    previous_id: TaskId | None
    following_id: TaskId | None
    progress: PartProgress
    total: int
    marked: int


class MarkingQueue:
    """Hands out responses and takes marks; safe to use from several threads."""

    def __init__(self, site: GradingSite) -> None:
        self._site = site
        self._claims = Claims(site.clock)
        self._turn = threading.Lock()  # choosing and claiming is one step

    def view(self, marker_id: MarkerId) -> QueueView:
        """The first page of a marker."""
        paper = self._site.paper()
        with self._site.store.transaction() as db:
            counts = rows.place_counts(db)
            mine = rows.tasks_of_marker(db, marker_id)
        with self._turn:
            is_holding = self._claims.held_by(marker_id) is not None
        recent = mine[: -limits.recent_marks_shown_max - 1 : -1]
        return QueueView(
            parts=tuple(progress_of(paper, count) for count in counts),
            given=len(mine),
            recent=tuple(_given(paper, place, mark) for place, mark in recent),
            is_holding=is_holding,
        )

    def take_next(self, marker_id: MarkerId, place: int | None = None) -> TaskId | None:
        """Claim the next response of this marker, of one part if asked; None when none is left.

        What the marker holds already is handed out again, so a reload changes nothing.
        """
        paper = self._site.paper()
        with self._turn, self._site.store.transaction() as db:
            task_salt, _ = rows.site(db)
            held = self._claims.held_by(marker_id)
            task = rows.task(db, held) if held else None
            if task and place in {None, task.place}:
                self._claims.hold(task.task_id, marker_id)
                return task.task_id
            others = self._claims.held_by_others(marker_id)
            for count in rows.place_counts(db):
                if count.marked == count.total or place not in {None, count.place}:
                    continue
                unmarked = [_marking_task(paper, task) for task in rows.open_tasks(db, count.place)]
                ordered = queue_order(unmarked, marker_id=marker_id, task_salt=task_salt)
                found = next_task(ordered, marked=frozenset(), held=others)
                if found:
                    self._claims.hold(found.task_id, marker_id)
                    return found.task_id
        return None

    def open(self, task_id: str, marker_id: MarkerId, *, may_mark: bool) -> TaskView:
        """A response; opening it claims it for one who may mark.

        Raises:
            InputError: `task.unknown`.
            StateError: `task.taken`.
        """
        paper = self._site.paper()
        with self._turn, self._site.store.transaction() as db:
            task = _known(rows.task(db, task_id))
            marks = rows.marks_of_task(db, task_id)
            if may_mark:
                self._refuse_others(task.task_id, marks, marker_id)
                if not marks:
                    self._claims.hold(task.task_id, marker_id)
            counts = rows.place_counts(db)
            mine = [mark.task_id for _, mark in rows.tasks_of_marker(db, marker_id)]
        _, item, part = paper.parts[task.place]
        mark = current_mark(marks)
        previous_id, following_id = _neighbours(mine, task.task_id)
        return TaskView(
            task_id=task.task_id,
            place=task.place,
            item=item,
            part=part,
            marking_points=_points(part),
            part_number=paper.parts[task.place][0].part_index + 1,
            response_text=task.response_text,
            sequence=(mark.sequence if mark else 0) + 1,
            given=_given(paper, task.place, mark) if mark else None,
            previous_id=previous_id,
            following_id=following_id,
            progress=next(progress_of(paper, one) for one in counts if one.place == task.place),
            total=sum(count.total for count in counts),
            marked=sum(count.marked for count in counts),
        )

    def keep(self, task_id: str, marker_id: MarkerId) -> None:
        """Prolong the marker's claim while the page is in use.

        Raises:
            InputError: `task.unknown`.
            StateError: `task.taken`.
        """
        with self._turn, self._site.store.transaction() as db:
            task = _known(rows.task(db, task_id))
            marks = rows.marks_of_task(db, task_id)
            self._refuse_others(task.task_id, marks, marker_id)
            if not marks:
                self._claims.hold(task.task_id, marker_id)

    def give(
        self,
        task_id: str,
        marker_id: MarkerId,
        *,
        sequence: int,
        judgement: Judgement,
        comment: str,
    ) -> GivenMark:
        """Keep a mark; it is durable when this returns.

        The same mark again, as after a lost reply, changes nothing.

        Args:
            task_id: Which response.
            marker_id: Who marks.
            sequence: The one that the page was opened with.
            judgement: The scores.
            comment: Free text for the lead.

        Raises:
            InputError: `task.unknown`, `mark.*`.
            StateError: `task.taken`, `mark.sequence`.
        """
        paper = self._site.paper()
        mark = Mark(
            task_id=TaskId(task_id),
            sequence=sequence,
            marker_id=marker_id,
            judgement=judgement,
            marked_at_ms=self._site.clock.utc_ms(),
            comment=comment,
        )
        with self._turn:
            with self._site.store.transaction() as db:
                task = _known(rows.task(db, task_id))
                earlier = rows.marks_of_task(db, task_id)
                self._refuse_others(task.task_id, earlier, marker_id)
                present = current_mark(earlier)
                is_repeated = present is not None and _says_the_same(present, mark)
                if not is_repeated:
                    check_mark(paper.parts[task.place][2], mark, earlier)
                    rows.add_mark(db, mark)
            self._claims.release(task.task_id)
        given = _given(paper, task.place, mark)
        if not is_repeated:
            self._site.audit.record(
                "mark_given",
                actors=(marker_id,),
                role="marker",
                subject=task_id,
                sequence=sequence,
                score_milli=given.score_milli,
            )
        return given

    def _refuse_others(self, task_id: TaskId, marks: list[Mark], marker_id: MarkerId) -> None:
        mark = current_mark(marks)
        if mark is not None and mark.marker_id != marker_id:
            raise StateError(TASK_TAKEN, "这份作答已由另一位阅卷员评完，您的评分没有保存")
        holder = self._claims.holder(task_id)
        if mark is None and holder not in {None, marker_id}:
            raise StateError(TASK_TAKEN, "这份作答超时未交，已转给另一位阅卷员，您的评分没有保存")


def _marking_task(paper: KeyedPaper, task: rows.StoredTask) -> MarkingTask:
    ref, item, part = paper.parts[task.place]
    return MarkingTask(
        task_id=task.task_id, ref=ref, item=item, part=part, response_text=task.response_text
    )


def _known(task: rows.StoredTask | None) -> rows.StoredTask:
    if task is None:
        raise InputError(TASK_UNKNOWN, "没有这份作答")
    return task


def _points(part: KeyedPart) -> tuple[MarkingPoint, ...]:
    return part.key.marking_points if isinstance(part.key, MarkingKey) else ()


def progress_of(paper: KeyedPaper, count: rows.PlaceCount) -> PartProgress:
    """The progress of one part, in a marker's words."""
    _, item, part = paper.parts[count.place]
    return PartProgress(
        place=count.place,
        label=paper.labels[count.place],
        item=item,
        part=part,
        total=count.total,
        marked=count.marked,
    )


def _given(paper: KeyedPaper, place: int, mark: Mark) -> GivenMark:
    part = paper.parts[place][2]
    return GivenMark(
        label=paper.labels[place],
        mark=mark,
        score_milli=mark_score_milli(part, mark),
        points_milli=part.points_milli,
    )


def _says_the_same(present: Mark, mark: Mark) -> bool:
    return (present.marker_id, present.judgement, present.comment) == (
        mark.marker_id,
        mark.judgement,
        mark.comment,
    )


def _neighbours(mine: list[TaskId], task_id: TaskId) -> tuple[TaskId | None, TaskId | None]:
    """The own marked task before this one and the one after; a new one comes after all."""
    at = mine.index(task_id) if task_id in mine else len(mine)
    before = mine[at - 1] if at else None
    after = mine[at + 1] if at + 1 < len(mine) else None
    return before, after
