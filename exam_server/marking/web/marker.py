"""The marker's pages. No page here can show who wrote a response: the services do not know."""

import re
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute

from exam_core.errors import ExamError, InputError
from exam_core.protocol.http import status_of
from exam_server.accounts.roles import Role
from exam_server.marking.services.queue import TASK_TAKEN, GivenMark, MarkingQueue
from exam_server.marking.web.shown import MARK_NUMBER, parse_points
from exam_server.web.pages import render
from exam_server.web.permissions import (
    GuardedRoute,
    done_by,
    form_text,
    person_of,
    readable_by,
    wants_json,
)
from grading.marking import Judgement, MarkerId, PointScores, TotalScore
from grading.scoring.outcome import points_text

_NUMBER = re.compile(r"[0-9]{1,9}")  # longer ones int() would refuse, or the database
_POINT_FIELD = re.compile(r"point_([1-9][0-9]?)")


def marker_routes() -> list[BaseRoute]:
    """The routes of this module."""
    reading = readable_by(Role.MARKER, Role.LEAD)
    marking = done_by(Role.MARKER)
    task = "/mark/tasks/{task_id:str}"
    return [
        GuardedRoute("/mark", show_queue, permission=reading),
        GuardedRoute("/mark/next", take_next, permission=marking, methods=["POST"]),
        GuardedRoute(task, show_task, permission=reading),
        GuardedRoute(task, give_mark, permission=marking, methods=["POST"]),
        GuardedRoute(f"{task}/keep", keep_claim, permission=marking, methods=["POST"]),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """What stands in the form: texts, as typed or as in the mark in force."""

    scores: dict[int, str]
    total: str = ""
    reason: str = ""
    comment: str = ""


async def show_queue(request: Request) -> Response:
    """Progress of every part, and the own latest marks."""
    view = await run_in_threadpool(_queue(request).view, _marker(request))
    return render(
        request,
        "queue.html",
        view=view,
        may_mark=_may_mark(request),
        is_finished="finished" in request.query_params,
    )


async def take_next(request: Request) -> Response:
    """Form: `place` (optional). Goes to the next response, or back when none is left."""
    return await _onward(request, await _place(request))


async def show_task(request: Request) -> Response:
    """One response with its marking points.

    Errors: 400 task.unknown, 409 task.taken.
    """
    view = await run_in_threadpool(
        _queue(request).open,
        request.path_params["task_id"],
        _marker(request),
        may_mark=_may_mark(request),
    )
    return render(
        request,
        "task.html",
        view=view,
        entered=_entered_from(view.given),
        place=request.query_params.get("place", ""),
        may_mark=_may_mark(request),
        error=None,
    )


async def give_mark(request: Request) -> Response:
    """Form: `sequence`, `point_1` … `point_n` or `total` with `reason`; `comment`, `place`.

    Goes to the next response; a script (Accept without text/html) gets its address as JSON.
    A refusal shows the page again with everything that was typed.

    Errors: 400 mark.*, task.unknown; 409 task.taken, mark.sequence.
    """
    entered = await _entered(request)
    task_id = request.path_params["task_id"]
    try:
        await run_in_threadpool(
            _queue(request).give,
            task_id,
            _marker(request),
            sequence=_sequence(await form_text(request, "sequence")),
            judgement=_judgement(entered),
            comment=entered.comment,
        )
    except ExamError as error:
        if wants_json(request):
            raise
        return await _show_again(request, entered, error)
    return await _onward(request, await _place(request))


async def keep_claim(request: Request) -> Response:
    """Prolongs the claim of a page in use; 204.

    Errors: 409 task.taken.
    """
    await run_in_threadpool(_queue(request).keep, request.path_params["task_id"], _marker(request))
    return Response(status_code=204)


async def _onward(request: Request, place: int | None) -> Response:
    """To the next response, of one part if asked; when none is left, to the first page."""
    task_id = await run_in_threadpool(_queue(request).take_next, _marker(request), place)
    kept = "" if place is None else f"?place={place}"
    path = f"/mark/tasks/{task_id}{kept}" if task_id else "/mark?finished"
    return JSONResponse({"next": path}) if wants_json(request) else RedirectResponse(path, 303)


async def _show_again(request: Request, entered: Entered, error: ExamError) -> Response:
    status = status_of(error)
    try:
        view = await run_in_threadpool(
            _queue(request).open,
            request.path_params["task_id"],
            _marker(request),
            may_mark=error.code != TASK_TAKEN,
        )
    except InputError as unknown:
        return render(request, "refused.html", status=status, error=unknown)
    return render(
        request,
        "task.html",
        status=status,
        view=view,
        entered=entered,
        place=await form_text(request, "place"),
        may_mark=error.code != TASK_TAKEN,
        error=error,
    )


def _queue(request: Request) -> MarkingQueue:
    queue: MarkingQueue = request.app.state.queue
    return queue


def _marker(request: Request) -> MarkerId:
    return MarkerId(person_of(request).name)


def _may_mark(request: Request) -> bool:
    return Role.MARKER in person_of(request).roles


async def _place(request: Request) -> int | None:
    text = await form_text(request, "place")
    return int(text) if _NUMBER.fullmatch(text) else None


def _sequence(text: str) -> int:
    if not (_NUMBER.fullmatch(text) and int(text)):
        raise InputError(MARK_NUMBER, "评分序号不对")
    return int(text)


async def _entered(request: Request) -> Entered:
    form = await request.form()
    numbers = [int(found[1]) for name in form if (found := _POINT_FIELD.fullmatch(name))]
    return Entered(
        scores={number: await form_text(request, f"point_{number}") for number in numbers},
        total=await form_text(request, "total"),
        reason=await form_text(request, "reason"),
        comment=await form_text(request, "comment"),
    )


def _entered_from(given: GivenMark | None) -> Entered:
    if given is None:
        return Entered(scores={})
    match given.mark.judgement:
        case PointScores(scores_milli=scores_milli):
            scores = {number: points_text(score) for number, score in enumerate(scores_milli, 1)}
            return Entered(scores=scores, comment=given.mark.comment)
        case TotalScore(total_milli=total_milli, reason=reason):
            return Entered(
                scores={},
                total=points_text(total_milli),
                reason=reason,
                comment=given.mark.comment,
            )


def _judgement(entered: Entered) -> Judgement:
    if entered.total:
        return TotalScore(total_milli=parse_points(entered.total, "总分"), reason=entered.reason)
    return PointScores(
        scores_milli=tuple(
            parse_points(entered.scores.get(number, ""), f"第 {number} 个采分点")
            for number in range(1, max(entered.scores, default=0) + 1)
        )
    )
