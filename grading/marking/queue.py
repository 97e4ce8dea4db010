"""Which responses need a person, under which pseudonym, and in which order a marker sees them.

Everything follows from one secret of the grading site, `task_salt`: who has it can repeat the
pseudonyms and the orders, who has it not learns nothing from them. It goes into the archive.
"""

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet

from exam_core.formats.canonical import encode_canonical
from exam_core.keys.model import AnswerKey
from exam_core.model.identifiers import AdmissionNumber
from exam_core.model.responses import TextResponse
from grading.marking.model import MarkerId, MarkingTask, TaskId
from grading.records import ArchiveSession
from grading.scoring.outcome import PartRef, PartStatus
from grading.scoring.paper import form_parts
from grading.scoring.parts import score_part

TASK_ID_CHARS = 32


def task_id_of(task_salt: str, admission_number: AdmissionNumber, ref: PartRef) -> TaskId:
    """The pseudonym of one candidate's response to one part.

    Args:
        task_salt: 32 random bytes in hex, drawn once for a grading site's sitting.
        admission_number: Whose response.
        ref: Which part.
    """
    name: list[str | int] = ["task", admission_number, ref.bank_item_id, ref.part_index]
    return TaskId(_keyed_digest(task_salt, name)[:TASK_ID_CHARS])


def marking_tasks(
    key: AnswerKey, sessions: Iterable[ArchiveSession], task_salt: str
) -> tuple[MarkingTask, ...]:
    """Every response that a person must mark, in order of part and then of pseudonym.

    Raises:
        InputError: `score.misfit` when a response does not belong to its part.
    """
    forms = form_parts(key)
    place = {
        PartRef(bank_item_id=item.bank_item_id, part_index=index): (number, index)
        for number, item in enumerate(key.items)
        for index in range(len(item.parts))
    }
    tasks = []
    for session in sessions:
        for form_part in forms[session.form_number]:
            response = session.responses.get(form_part.mapped.part_id)
            outcome = score_part(form_part.part, form_part.mapped, response, key.scoring)
            if outcome.status is PartStatus.NEEDS_MARKING and isinstance(response, TextResponse):
                tasks.append(
                    MarkingTask(
                        task_id=task_id_of(task_salt, session.admission_number, form_part.ref),
                        ref=form_part.ref,
                        item=form_part.item,
                        part=form_part.part,
                        response_text=response.text,
                    )
                )
    return tuple(sorted(tasks, key=lambda task: (place[task.ref], task.task_id)))


def queue_order(
    tasks: Iterable[MarkingTask], *, marker_id: MarkerId, task_salt: str
) -> tuple[MarkingTask, ...]:
    """The tasks in the order in which this marker meets them.

    Part by part, so that one standard is kept in mind; within a part a stable scramble, another
    one for each part and marker. So nobody sees the candidates in the same order twice, nobody
    profits from always being first, and a reload changes nothing.
    """
    by_part: dict[PartRef, list[MarkingTask]] = {}
    for task in tasks:
        by_part.setdefault(task.ref, []).append(task)
    return tuple(
        task
        for group in by_part.values()
        for task in sorted(
            group,
            key=lambda task: _keyed_digest(task_salt, ["order", marker_id, task.task_id]),
        )
    )


def next_task(
    ordered: Sequence[MarkingTask],
    *,
    marked: AbstractSet[TaskId],
    held: AbstractSet[TaskId] = frozenset(),
) -> MarkingTask | None:
    """The first task of a marker's order that nobody has marked and no other marker holds."""
    for task in ordered:
        if task.task_id not in marked and task.task_id not in held:
            return task
    return None


def _keyed_digest(task_salt: str, name: Sequence[str | int]) -> str:
    secret = bytes.fromhex(task_salt)
    return hmac.new(secret, encode_canonical(name), hashlib.sha256).hexdigest()
