"""The queue: one response to one marker, marks that never change, and ranks that follow them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from exam_core.errors import ExamError
from exam_server.marking import limits
from exam_server.marking.services.outcome import Outcome
from exam_server.marking.services.progress import lead_view
from exam_server.marking.services.queue import MarkingQueue
from exam_server.marking.web.audit import ACTIONS_ZH
from exam_server.store import marking as rows
from grading.archive_file import read_archive
from grading.marking import Judgement, MarkerId, PointScores, TaskId, TotalScore
from grading.results import recompute
from tests.support.marking_world import World, filled_site

LI, WANG = MarkerId("li"), MarkerId("wang")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A grading site with twenty responses to mark."""
    with filled_site(tmp_path) as made:
        yield made


@pytest.fixture
def queue(world: World) -> MarkingQueue:
    """Its queue."""
    return MarkingQueue(world.site)


def _take(queue: MarkingQueue, marker: MarkerId, place: int | None = None) -> TaskId:
    task_id = queue.take_next(marker, place)
    assert task_id is not None
    return task_id


def _full(queue: MarkingQueue, task_id: str, marker: MarkerId) -> Judgement:
    view = queue.open(task_id, marker, may_mark=True)
    return PointScores(scores_milli=tuple(point.points_milli for point in view.marking_points))


def _give(queue: MarkingQueue, task_id: str, marker: MarkerId, judgement: Judgement) -> int:
    view = queue.open(task_id, marker, may_mark=True)
    given = queue.give(task_id, marker, sequence=view.sequence, judgement=judgement, comment="")
    return given.score_milli


def _none(queue: MarkingQueue, task_id: str, marker: MarkerId) -> Judgement:
    view = queue.open(task_id, marker, may_mark=True)
    return PointScores(scores_milli=(0,) * len(view.marking_points))


def _mark_all(queue: MarkingQueue, marker: MarkerId) -> list[TaskId]:
    given = []
    while task_id := queue.take_next(marker):
        _give(queue, task_id, marker, _full(queue, task_id, marker))
        given.append(task_id)
    return given


def _codes(error: pytest.ExceptionInfo[ExamError]) -> str:
    return error.value.code


def test_two_markers_share_all_responses_and_meet_none_twice(queue: MarkingQueue) -> None:
    """Taking turns, two markers get all twenty responses, each of them once."""
    seen: list[TaskId] = []
    for turn in range(20):
        marker = (LI, WANG)[turn % 2]
        task_id = _take(queue, marker)
        seen.append(task_id)
        _give(queue, task_id, marker, _none(queue, task_id, marker))
    assert len(set(seen)) == 20
    assert queue.take_next(LI) is None
    assert queue.view(LI).given == queue.view(WANG).given == 10


def test_what_is_held_is_handed_out_again_and_to_nobody_else(queue: MarkingQueue) -> None:
    """A reload gives the same response; another marker gets another one."""
    first = _take(queue, LI)
    assert _take(queue, LI) == first
    assert _take(queue, WANG) != first
    with pytest.raises(ExamError) as refused:
        queue.open(first, WANG, may_mark=True)
    assert _codes(refused) == "task.taken"


def test_markers_meet_a_part_in_orders_of_their_own(world: World, queue: MarkingQueue) -> None:
    """The first responses of ten markers are not all the same one."""
    firsts = set()
    for number in range(10):
        marker = MarkerId(f"marker{number}")
        firsts.add(_take(queue, marker, 3))
        world.clock.advance(limits.claim_life_ms)
    assert len(firsts) > 1


def test_an_abandoned_response_returns_to_the_queue(world: World, queue: MarkingQueue) -> None:
    """A claim runs out; the next marker gets the response and the late save is refused."""
    held = {_take(queue, MarkerId(f"m{number}"), 4) for number in range(6)}
    assert queue.take_next(LI, 4) is None
    world.clock.advance(limits.claim_life_ms)
    mine = _take(queue, LI, 4)
    assert mine in held
    late = next(m for m in map(MarkerId, map("m{}".format, range(6))) if m != LI)
    with pytest.raises(ExamError) as refused:
        _give(queue, mine, late, PointScores(scores_milli=(0, 0, 0, 0)))
    assert _codes(refused) == "task.taken"
    _give(queue, mine, LI, _full(queue, mine, LI))
    with pytest.raises(ExamError) as refused:
        queue.give(
            mine, late, sequence=1, judgement=TotalScore(total_milli=0, reason="r"), comment=""
        )
    assert _codes(refused) == "task.taken"


def test_a_late_save_counts_when_nobody_took_over(world: World, queue: MarkingQueue) -> None:
    """A marker who thought long loses nothing while the response is still free."""
    task_id = _take(queue, LI)
    judgement = _full(queue, task_id, LI)
    world.clock.advance(10 * limits.claim_life_ms)
    queue.give(task_id, LI, sequence=1, judgement=judgement, comment="")
    assert queue.view(LI).given == 1


def test_a_page_in_use_keeps_its_claim(world: World, queue: MarkingQueue) -> None:
    """Prolonging holds the response beyond the life of one claim."""
    task_id = _take(queue, LI)
    for _ in range(3):
        world.clock.advance(limits.claim_life_ms - 1)
        queue.keep(task_id, LI)
    with pytest.raises(ExamError):
        queue.keep(task_id, WANG)
    assert _take(queue, WANG) != task_id


def test_a_changed_mark_is_a_new_row_and_the_last_one_counts(
    world: World, queue: MarkingQueue
) -> None:
    """Both rows stay; the view, the lead's mean and the results follow the second."""
    task_id = _take(queue, LI, 2)
    assert _give(queue, task_id, LI, _full(queue, task_id, LI)) == 4000
    assert _give(queue, task_id, LI, _none(queue, task_id, LI)) == 0
    with world.site.store.transaction() as db:
        assert [mark.sequence for mark in rows.marks_of_task(db, task_id)] == [1, 2]
    assert queue.open(task_id, LI, may_mark=True).sequence == 3
    view = lead_view(world.site)
    assert (view.marked, view.rows_given) == (1, 2)
    assert view.parts[0].together.mean_milli == 0


def test_only_who_marked_may_change_a_mark(queue: MarkingQueue) -> None:
    """Another marker is refused, before and after opening."""
    task_id = _take(queue, LI)
    _give(queue, task_id, LI, _full(queue, task_id, LI))
    with pytest.raises(ExamError) as refused:
        queue.open(task_id, WANG, may_mark=True)
    assert _codes(refused) == "task.taken"


def test_a_stale_page_is_refused(queue: MarkingQueue) -> None:
    """A page opened before another mark of the same marker does not overwrite it."""
    task_id = _take(queue, LI)
    judgement = _full(queue, task_id, LI)
    queue.give(task_id, LI, sequence=1, judgement=judgement, comment="")
    queue.give(task_id, LI, sequence=2, judgement=_none(queue, task_id, LI), comment="")
    with pytest.raises(ExamError) as refused:
        queue.give(task_id, LI, sequence=2, judgement=judgement, comment="")
    assert _codes(refused) == "mark.sequence"


def test_the_same_mark_again_changes_nothing(world: World, queue: MarkingQueue) -> None:
    """A repeated request after a lost reply is answered, and leaves one row."""
    task_id = _take(queue, LI)
    judgement = _full(queue, task_id, LI)
    for _ in range(2):
        queue.give(task_id, LI, sequence=1, judgement=judgement, comment="好")
    with world.site.store.transaction() as db:
        assert rows.mark_count(db) == 1


@pytest.mark.parametrize(
    ("judgement", "code"),
    [
        (PointScores(scores_milli=(1000, 1000)), "mark.points"),
        (PointScores(scores_milli=(1000, 1000, 2500)), "mark.range"),
        (PointScores(scores_milli=(1000, 300, 0)), "mark.step"),
        (TotalScore(total_milli=4500, reason="过多"), "mark.range"),
    ],
)
def test_a_mark_that_breaks_a_rule_is_refused(
    world: World, queue: MarkingQueue, judgement: Judgement, code: str
) -> None:
    """The rules of `grading` decide, and a refused mark leaves no row."""
    task_id = _take(queue, LI, 2)
    with pytest.raises(ExamError) as refused:
        queue.give(task_id, LI, sequence=1, judgement=judgement, comment="")
    assert _codes(refused) == code
    with world.site.store.transaction() as db:
        assert rows.mark_count(db) == 0


def test_previous_and_following_lead_through_the_own_marks(queue: MarkingQueue) -> None:
    """A new response has the last own mark before it; a first one has nothing before."""
    first = _take(queue, LI)
    assert queue.open(first, LI, may_mark=True).previous_id is None
    _give(queue, first, LI, _full(queue, first, LI))
    second = _take(queue, LI)
    _give(queue, second, LI, _full(queue, second, LI))
    third = _take(queue, LI)
    assert queue.open(third, LI, may_mark=True).previous_id == second
    assert queue.open(second, LI, may_mark=True).previous_id == first
    assert queue.open(first, LI, may_mark=True).following_id == second


def test_results_wait_for_the_last_mark(world: World, queue: MarkingQueue) -> None:
    """The refusal says how many are left; then archive and results agree."""
    outcome = Outcome(world.site)
    with pytest.raises(ExamError) as refused:
        outcome.results()
    assert _codes(refused) == "results.unmarked"
    assert refused.value.facts["unmarked"] == 20
    _mark_all(queue, LI)
    path = world.site.folder / "out.examarchive"
    outcome.write_archive(path, actor="t")
    assert recompute(read_archive(path)) == outcome.results()


def test_a_changed_mark_changes_the_rank(world: World, queue: MarkingQueue) -> None:
    """Taking the points of the first candidate away puts somebody else first."""
    given = _mark_all(queue, LI)
    outcome = Outcome(world.site)
    before = outcome.results().candidates[0]
    for task_id in given:
        _give(queue, task_id, LI, _none(queue, task_id, LI))
        after = next(
            row
            for row in outcome.results().candidates
            if row.admission_number == before.admission_number
        )
        if after.total.score_milli < before.total.score_milli:
            break
        _give(queue, task_id, LI, _full(queue, task_id, LI))
    assert after.rank is not None
    assert after.rank > 1
    assert outcome.results().candidates[0].admission_number != before.admission_number


def test_every_action_is_in_the_audit_log(world: World, queue: MarkingQueue) -> None:
    """Imports, marks and exports each leave a line with who did it."""
    _mark_all(queue, LI)
    Outcome(world.site).document("成绩排名.pdf", actor="kaowu")
    lines = [line.decode() for line in world.site.audit.lines()]
    for action, actor, count in (
        ("site_made", "系统", 1),
        ("centre_imported", "t", 1),
        ("key_imported", "t", 1),
        ("results_imported", "t", 1),
        ("mark_given", "li", 20),
        ("results_exported", "kaowu", 1),
    ):
        found = [line for line in lines if f'"action":"{action}"' in line]
        assert action in ACTIONS_ZH
        assert len(found) == count
        assert all(f'"actors":["{actor}"]' in line for line in found)
