"""Which responses must a person mark, in which order, and what is a mark allowed to say?

Pure rules on values; the queue's rows, locks and pages belong to the grading site's program.
"""

from grading.marking.model import (
    Judgement,
    Mark,
    MarkerId,
    MarkingTask,
    PointScores,
    TaskId,
    TotalScore,
)
from grading.marking.queue import marking_tasks, next_task, queue_order, task_id_of
from grading.marking.rules import STEP_MILLI, check_mark, current_mark, mark_score_milli

__all__ = [
    "STEP_MILLI",
    "Judgement",
    "Mark",
    "MarkerId",
    "MarkingTask",
    "PointScores",
    "TaskId",
    "TotalScore",
    "check_mark",
    "current_mark",
    "mark_score_milli",
    "marking_tasks",
    "next_task",
    "queue_order",
    "task_id_of",
]
