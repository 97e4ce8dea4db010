"""The rules of the marking queue: who sees what, and which mark counts."""

import dataclasses
from typing import Any

import msgspec
import pytest

from exam_core.errors import InputError, StateError
from grading import limits
from grading.marking import (
    Mark,
    MarkerId,
    MarkingTask,
    PointScores,
    TotalScore,
    check_mark,
    current_mark,
    mark_score_milli,
    marking_tasks,
    next_task,
    queue_order,
    task_id_of,
)
from tests.support.refusals import refuses
from tests.unit.grading import archives
from tests.unit.grading.archives import SALT

PART = archives.items()[4].parts[0]
"""Four points; marking points of 2, 1.5 and 1."""


def points(*scores_milli: int) -> PointScores:
    """Scores for the marking points."""
    return PointScores(scores_milli=scores_milli)


def tasks(count: int = 12) -> tuple[MarkingTask, ...]:
    """The tasks of `count` candidates."""
    sessions = [archives.session(serial) for serial in range(1, count + 1)]
    return marking_tasks(archives.answer_key(), sessions, SALT)


def test_only_written_responses_become_tasks() -> None:
    """Empty and untouched ones score 0 by themselves; case parts are tasks of their own."""
    sessions = [
        archives.session(1),
        archives.session(2, {("B0005", 0): "  ", ("B0006", 1): None}),
    ]

    found = marking_tasks(archives.answer_key(), sessions, SALT)

    assert [(task.ref.bank_item_id, task.ref.part_index) for task in found] == [
        ("B0005", 0),
        ("B0006", 1),
    ]
    assert found[0].response_text == "依法参加社会保险。"


def test_task_is_blind() -> None:
    """Nothing in a task names the candidate, the seat, the unit or the form."""
    fields = {field.name for field in dataclasses.fields(MarkingTask)}
    text = msgspec.json.encode(tasks(1)).decode()

    assert fields == {"task_id", "ref", "item", "part", "response_text"}
    assert archives.number(1) not in text
    assert "福州" not in text


def test_pseudonym_depends_on_the_salt() -> None:
    """Without the salt nobody can work out whose task it is."""
    ref = tasks(1)[0].ref
    ids = {task_id_of(salt, archives.number(1), ref) for salt in (SALT, "00" * 32)}

    assert len(ids) == 2
    assert all(len(task_id) == 32 for task_id in ids)


def test_queue_is_stable_and_differs_by_part_and_marker() -> None:
    """A reload shuffles nothing; another part or marker has another order of candidates."""
    everything = tasks()
    owner = {
        task_id_of(SALT, archives.number(serial), task.ref): serial
        for serial in range(1, 13)
        for task in everything
    }

    def order(marker: str, item: str) -> list[int]:
        queue = queue_order(everything, marker_id=MarkerId(marker), task_salt=SALT)
        return [owner[task.task_id] for task in queue if task.ref.bank_item_id == item]

    orders = [order(marker, item) for marker in ("甲", "乙") for item in archives.WRITTEN]
    assert len({tuple(one) for one in orders}) == 4
    assert all(sorted(one) == list(range(1, 13)) for one in orders)
    assert order("甲", "B0005") == orders[0]


def test_queue_goes_part_by_part_whatever_the_order_given() -> None:
    """All of one part come before the next part, and within it the input order is forgotten."""
    everything = tasks()
    queue = queue_order(everything, marker_id=MarkerId("甲"), task_salt=SALT)
    swapped = everything[:12][::-1] + everything[12:]

    assert [task.ref for task in queue] == [task.ref for task in everything]
    assert queue_order(swapped, marker_id=MarkerId("甲"), task_salt=SALT) == queue


def test_next_task_skips_marked_and_held() -> None:
    """A marker is given neither what is done nor what a colleague has open."""
    queue = tasks(3)
    ids = [task.task_id for task in queue]

    assert next_task(queue, marked=frozenset()) is queue[0]
    found = next_task(queue, marked=frozenset(ids[:2]), held=frozenset({ids[2]}))
    assert found is queue[3]
    assert next_task(queue, marked=frozenset(ids)) is None


@pytest.mark.parametrize(
    ("judgement", "score_milli"),
    [
        (points(0, 0, 0), 0),
        (points(500, 1500, 0), 2000),
        (points(2000, 1500, 1000), 4000),
        (TotalScore(total_milli=3500, reason="另有合理答法"), 3500),
        (TotalScore(total_milli=4000, reason="另有合理答法"), 4000),
    ],
)
def test_mark_is_worth_its_sum_up_to_the_points(judgement: Any, score_milli: int) -> None:
    """Marking points worth more than the part are capped at the part's points."""
    mark = archives.mark(judgement=judgement)

    check_mark(PART, mark, ())

    assert mark_score_milli(PART, mark) == score_milli


@pytest.mark.parametrize(
    ("judgement", "code"),
    [
        (points(-500, 0, 0), "mark.range"),
        (points(0, 2000, 0), "mark.range"),
        (points(250, 0, 0), "mark.step"),
        (points(0, 0), "mark.points"),
        (TotalScore(total_milli=4500, reason="好"), "mark.range"),
        (TotalScore(total_milli=-500, reason="好"), "mark.range"),
        (TotalScore(total_milli=1, reason="好"), "mark.step"),
    ],
)
def test_impossible_score_is_refused(judgement: Any, code: str) -> None:
    """Each marking point stays within its points and in half points."""
    with refuses(InputError, code):
        check_mark(PART, archives.mark(judgement=judgement), ())


def test_full_marks_need_not_be_a_multiple_of_the_step() -> None:
    """A marking point worth 0.75 can be given in full."""
    part = archives.part(PART.item_type, 750, archives.marking_key(750))

    check_mark(part, archives.mark(judgement=points(750)), ())


def test_objective_part_takes_no_mark() -> None:
    """A choice part is never a person's to judge."""
    with refuses(InputError, "mark.task"):
        check_mark(archives.items()[0].parts[0], archives.mark(), ())


def test_changed_mark_is_a_new_row_that_supersedes() -> None:
    """The row with the highest sequence counts, in whatever order they are read."""
    first = archives.mark(judgement=points(500, 0, 0))
    second = archives.mark(sequence=2, judgement=points(2000, 0, 0))

    check_mark(PART, second, [first])

    assert current_mark([second, first]) is second
    assert current_mark([]) is None


def test_mark_given_on_an_old_view_is_refused() -> None:
    """Two markers who open one task cannot overwrite each other."""
    with refuses(StateError, "mark.sequence"):
        check_mark(PART, archives.mark(), [archives.mark()])


@pytest.mark.parametrize(
    "fields",
    [
        {"sequence": 0},
        {"marked_at_ms": -1},
        {"marker_id": MarkerId("")},
        {"comment": "评" * (limits.mark_comment_chars_max + 1)},
    ],
)
def test_malformed_mark_is_refused(fields: dict[str, Any]) -> None:
    """A mark has a sequence, a time, a marker and a comment of bounded length."""
    with refuses(InputError, "mark.malformed"):
        archives.mark(**fields)


@pytest.mark.parametrize("reason", [" ", "理" * (limits.mark_reason_chars_max + 1)])
def test_total_needs_a_reason(reason: str) -> None:
    """Nobody passes over the marking points without saying why."""
    with refuses(InputError, "mark.reason"):
        TotalScore(total_milli=1000, reason=reason)


def test_mark_cannot_be_changed() -> None:
    """A mark is an immutable value."""
    with pytest.raises(AttributeError):
        archives.mark().sequence = 2  # type: ignore[misc]  # that it cannot is the point

    assert Mark.__struct_config__.frozen
