"""Which mark is allowed, which one is in force, and what it is worth."""

from collections.abc import Iterable, Sequence
from typing import assert_never

from exam_core.errors import InputError, StateError, declare
from exam_core.keys.model import KeyedPart, MarkingKey
from grading.marking.model import Mark, PointScores, TotalScore
from grading.scoring.outcome import points_text

MARK_RANGE = declare("mark.range", "每个采分点的得分应在零分与该点分值之间，总分不超过题目分值。")
MARK_STEP = declare("mark.step", "得分应是 0.5 分的整数倍，或该采分点的满分。")
MARK_POINTS = declare("mark.points", "请给每个采分点各打一个分；采分点变动后请重新打开这份作答。")
MARK_SEQUENCE = declare("mark.sequence", "这份作答刚被另一次评分改动过，请重新打开、核对后再提交。")
MARK_TASK = declare(
    "mark.task", "这份作答不需要人工评分，请核对评分记录与答案包是否属于同一套试卷。"
)

STEP_MILLI = 500
"""Marks are given in half points; full marks are allowed even where they are no multiple of it."""


def check_mark(part: KeyedPart, mark: Mark, earlier: Iterable[Mark]) -> None:
    """Refuse a mark that must not be stored.

    Args:
        part: The part that the task belongs to.
        mark: The new row.
        earlier: The rows the task has already, in any order.

    Raises:
        InputError: `mark.points`, `mark.range`, `mark.step`, `mark.task`.
        StateError: `mark.sequence` when another row came in between.
    """
    expected = 1 + max((row.sequence for row in earlier), default=0)
    if mark.sequence != expected:
        raise StateError(
            MARK_SEQUENCE,
            f"评分序号应为 {expected}，收到 {mark.sequence}",
            task_id=mark.task_id,
            expected=expected,
        )
    for score, maximum, name in _scores(part, mark):
        if not 0 <= score <= maximum:
            raise InputError(
                MARK_RANGE,
                f"{name}的得分应在 0 到 {points_text(maximum)} 分之间",
                task_id=mark.task_id,
                score_milli=score,
            )
        if score % STEP_MILLI and score != maximum:
            raise InputError(
                MARK_STEP,
                f"{name}的得分不是 0.5 分的整数倍",
                task_id=mark.task_id,
                score_milli=score,
            )


def mark_score_milli(part: KeyedPart, mark: Mark) -> int:
    """What a mark is worth: the sum of its scores, at most the part's points."""
    return min(sum(score for score, _, _ in _scores(part, mark)), part.points_milli)


def current_mark(marks: Iterable[Mark]) -> Mark | None:
    """The mark in force among the rows of one task: the one with the highest sequence."""
    return max(marks, key=lambda mark: mark.sequence, default=None)


def _scores(part: KeyedPart, mark: Mark) -> Sequence[tuple[int, int, str]]:
    """Each score of a mark with its maximum and its name for a message.

    Raises:
        InputError: `mark.task`, `mark.points`.
    """
    if not isinstance(part.key, MarkingKey):
        raise InputError(MARK_TASK, "本题不由人工评分", task_id=mark.task_id)
    match mark.judgement:
        case TotalScore(total_milli=total_milli):
            return [(total_milli, part.points_milli, "总分")]
        case PointScores(scores_milli=scores_milli):
            points = part.key.marking_points
            if len(scores_milli) != len(points):
                raise InputError(
                    MARK_POINTS,
                    f"本题有 {len(points)} 个采分点，收到 {len(scores_milli)} 个得分",
                    task_id=mark.task_id,
                )
            return [
                (score, point.points_milli, f"第 {number} 个采分点")
                for number, (score, point) in enumerate(zip(scores_milli, points, strict=True), 1)
            ]
        case _:
            assert_never(mark.judgement)
