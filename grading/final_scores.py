"""Final scores: the answer key where it suffices, the mark in force where a person was needed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from exam_core.errors import InputError, StateError, declare
from exam_core.model.identifiers import AdmissionNumber
from grading.archive import Archive
from grading.marking.model import Mark, TaskId
from grading.marking.queue import task_id_of
from grading.marking.rules import MARK_TASK, check_mark, current_mark, mark_score_milli
from grading.ranking.totals import Totals, totals_of
from grading.records import ArchiveSession
from grading.result_model import PartResult
from grading.scoring.outcome import PartOutcome, PartStatus, marked_outcome
from grading.scoring.paper import FormPart, form_parts
from grading.scoring.parts import score_part

RESULTS_UNMARKED = declare("results.unmarked", "请先在阅卷页面评完全部主观题，再计算成绩。")


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalScores:
    """One candidate who was present: every part, and the totals."""

    parts: tuple[PartResult, ...]
    totals: Totals


def final_scores(archive: Archive) -> Mapping[AdmissionNumber, FinalScores]:
    """The final scores of everybody who was present.

    Every mark row is checked again, superseded ones too.

    Raises:
        StateError: `results.unmarked` when a response still waits for a marker; `mark.sequence`.
        InputError: `score.misfit`, `mark.range`, `mark.step`, `mark.points`; `mark.task` when a
            mark belongs to no response that needs one.
    """
    forms = form_parts(archive.key)
    rows = _by_task(archive.marks)
    unmarked = 0
    scores = {}
    for session in archive.sessions:
        parts, scored = [], []
        for form_part in forms[session.form_number]:
            outcome, is_marked = _outcome(archive, session, form_part, rows)
            unmarked += outcome.score_milli is None
            score_milli = outcome.score_milli or 0
            scored.append((form_part, score_milli))
            parts.append(
                PartResult(
                    ref=form_part.ref,
                    item_type=form_part.item.item_type,
                    status=outcome.status,
                    score_milli=score_milli,
                    points_milli=form_part.part.points_milli,
                    is_marked=is_marked,
                )
            )
        totals = totals_of(session.admission_number, scored, session.working_ms)
        scores[session.admission_number] = FinalScores(parts=tuple(parts), totals=totals)
    if rows:
        raise InputError(MARK_TASK, f"有 {len(rows)} 份评分找不到对应的作答", tasks=len(rows))
    if unmarked:
        raise StateError(RESULTS_UNMARKED, f"还有 {unmarked} 份作答没有评分", unmarked=unmarked)
    return scores


def _outcome(
    archive: Archive,
    session: ArchiveSession,
    form_part: FormPart,
    rows: dict[TaskId, list[Mark]],
) -> tuple[PartOutcome, bool]:
    """The outcome, and whether a person gave it; takes the task's rows out of `rows`."""
    response = session.responses.get(form_part.mapped.part_id)
    part = form_part.part
    outcome = score_part(part, form_part.mapped, response, archive.key.scoring)
    if outcome.status is not PartStatus.NEEDS_MARKING:
        return outcome, False
    task_id = task_id_of(archive.task_salt, session.admission_number, form_part.ref)
    marks = rows.pop(task_id, [])
    mark = current_mark(marks)
    if mark is None:
        return outcome, False
    for place, row in enumerate(marks):
        check_mark(part, row, marks[:place])
    return marked_outcome(mark_score_milli(part, mark), part.points_milli), True


def _by_task(marks: Iterable[Mark]) -> dict[TaskId, list[Mark]]:
    """The rows of each task; an archive holds them in order of sequence."""
    rows: dict[TaskId, list[Mark]] = {}
    for mark in marks:
        rows.setdefault(mark.task_id, []).append(mark)
    return rows
