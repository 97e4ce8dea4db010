"""What a marker sees and what a marker gives.

A task is blind: it holds the response and the part, and never a candidate, a seat or a unit. A
mark is one immutable row; a changed mark is a new row with the next sequence, and the earlier
ones stay.
"""

from dataclasses import dataclass
from typing import NewType, TypeAlias

import msgspec

from exam_core.errors import InputError, declare
from exam_core.keys.model import KeyedItem, KeyedPart
from grading import limits
from grading.scoring.outcome import PartRef

MARK_MALFORMED = declare("mark.malformed", "评分记录不合规定，请重新打开这份作答再评。")
MARK_REASON = declare("mark.reason", "直接给总分时请写明理由。")

TaskId = NewType("TaskId", str)
"""Pseudonym of one response to one part: 32 hex digits that tell nothing of the candidate."""

MarkerId = NewType("MarkerId", str)
"""The marker's account name at the grading site."""


class _Value(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the values in a mark."""


class PointScores(_Value, frozen=True, kw_only=True, tag="points"):
    """A score for each marking point of the part, in its order, in thousandths."""

    scores_milli: tuple[int, ...]


class TotalScore(_Value, frozen=True, kw_only=True, tag="total"):
    """A score for the whole part, past the marking points, with the reason for it."""

    total_milli: int
    reason: str

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise InputError(MARK_REASON, "直接给总分没有写理由")
        if len(self.reason) > limits.mark_reason_chars_max:
            raise InputError(MARK_REASON, f"理由超过 {limits.mark_reason_chars_max} 字")


Judgement: TypeAlias = PointScores | TotalScore


class Mark(_Value, frozen=True, kw_only=True):
    """One marker's judgement of one task, given once.

    `sequence` counts from 1 within the task without gaps; the highest one is in force.
    `marked_at_ms` is the grading site's clock, UTC, since 1970; it decides nothing.
    """

    task_id: TaskId
    sequence: int
    marker_id: MarkerId
    judgement: Judgement
    marked_at_ms: int
    comment: str = ""

    def __post_init__(self) -> None:
        if self.sequence < 1 or self.marked_at_ms < 0:
            raise InputError(MARK_MALFORMED, "评分记录的序号或时间不对")
        if not 1 <= len(self.marker_id) <= limits.marker_id_chars_max:
            raise InputError(MARK_MALFORMED, "评分记录没有阅卷员或账号过长")
        if len(self.comment) > limits.mark_comment_chars_max:
            raise InputError(MARK_MALFORMED, f"评语超过 {limits.mark_comment_chars_max} 字")


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkingTask:
    """One response that a person must mark; `response_text` exactly as the candidate typed it."""

    task_id: TaskId
    ref: PartRef
    item: KeyedItem
    part: KeyedPart
    response_text: str
