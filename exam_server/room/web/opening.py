"""The opening page: two people, two accounts, two browser sessions."""

import asyncio
from datetime import UTC, datetime

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute

from exam_core.errors import ExamError, InputError
from exam_core.formats.opening_key import OPENING_KEY
from exam_core.formats.opening_locks import ENVELOPES
from exam_server import limits
from exam_server.accounts.roles import Role
from exam_server.room.services import opening, resume_sheet
from exam_server.room.services.opening import Envelope
from exam_server.room.views import SITTING_TITLES
from exam_server.room.web.context import context_of
from exam_server.web.pages import render
from exam_server.web.permissions import (
    GuardedRoute,
    done_by,
    form_text,
    person_of,
    readable_by,
    wants_json,
)


def opening_routes() -> list[BaseRoute]:
    """The routes of this module."""
    return [
        GuardedRoute("/opening", show_opening, permission=readable_by(Role.IT, Role.CHIEF)),
        GuardedRoute("/opening/key", bring_key, permission=done_by(Role.IT), methods=["POST"]),
        GuardedRoute("/opening/code", type_code, permission=done_by(Role.CHIEF), methods=["POST"]),
        GuardedRoute(
            "/opening/resume-sheet",
            print_resume_sheet,
            permission=done_by(Role.CHIEF),
            methods=["POST"],
        ),
        GuardedRoute(
            "/opening/envelopes", type_envelopes, permission=done_by(Role.CHIEF), methods=["POST"]
        ),
    ]


async def show_opening(request: Request) -> Response:
    """The page with the part that fits the person's role; for scripts how far it went."""
    room = context_of(request)
    if wants_json(request):
        is_opened = room.hub.state.opened is not None
        return JSONResponse({"is_opened": is_opened, "brought_by": room.desk.brought_by()})
    return _page(request, None)


async def bring_key(request: Request) -> Response:
    """Form: `key_file` (upload), `passphrase`. The first person's part; takes about a second.

    Errors: 422 opening.key, 409 sitting.state.
    """
    room = context_of(request)
    try:
        form = await request.form()
        upload = form.get("key_file")
        if not isinstance(upload, UploadFile):
            raise InputError(OPENING_KEY, "没有选择启封密钥文件")
        await asyncio.to_thread(
            opening.bring_key,
            room.store,
            room.folder,
            room.trail,
            room.desk,
            person_of(request),
            key_file=await upload.read(limits.opening_key_bytes_max),
            passphrase=await form_text(request, "passphrase"),
        )
    except ExamError as error:
        return _refused(request, error)
    return _done(request)


async def type_code(request: Request) -> Response:
    """Form: `code`. The second person's part; takes some seconds.

    Errors: 400 opening.code_shape, opening.code_group, 409 opening.no_key,
    opening.same_person, sitting.state, 422 opening.code, opening.mismatch.
    """
    try:
        return await _open(request, await form_text(request, "code"))
    except ExamError as error:
        return _refused(request, error)


async def type_envelopes(request: Request) -> Response:
    """Form: `number_1`, `official_1`, `code_1`, `number_2`, `official_2`, `code_2`.

    The second person's part when no opening code can be had: the envelopes of two officials.

    Errors: 400 opening.code_shape, opening.code_group, opening.same_envelope, opening.officials,
    409 opening.no_key, opening.same_person, sitting.state, 422 opening.envelopes,
    opening.mismatch.
    """
    try:
        return await _open(request, (await _envelope(request, 1), await _envelope(request, 2)))
    except ExamError as error:
        return _refused(request, error)


async def print_resume_sheet(request: Request) -> Response:
    """The page to print: each seat's one-time resume codes. Every showing is in the audit log.

    A POST, so that no page that is left open, and no address in a history, shows it again.

    Errors: 409 opening.never, opening.no_key.
    """
    room = context_of(request)
    state = room.hub.state
    try:
        if state.opened is None:
            raise opening.paper_is_shut(state.clock.state)
        seats = await asyncio.to_thread(
            resume_sheet.print_sheet,
            room.trail,
            person_of(request),
            state.opened,
            sitting_id=state.sitting_id,
            seat_ids=list(state.seats),
        )
    except ExamError as error:
        return _refused(request, error)
    return render(
        request,
        "resume_sheet.html",
        title=state.title,
        sitting_id=state.sitting_id,
        seats=seats,
        printed_by=person_of(request).name,
    )


async def _open(request: Request, codes: str | tuple[Envelope, Envelope]) -> Response:
    room = context_of(request)
    opened = await asyncio.to_thread(
        opening.open_paper,
        room.store,
        room.folder,
        room.trail,
        room.desk,
        person_of(request),
        codes=codes,
    )
    await room.hub.steering.paper_opened(opened)
    return _done(request)


async def _envelope(request: Request, place: int) -> Envelope:
    number = await form_text(request, f"number_{place}")
    official = await form_text(request, f"official_{place}")
    return Envelope(
        number=int(number) if number in set(map(str, ENVELOPES)) else 0,
        official=official,
        code=await form_text(request, f"code_{place}"),
    )


def _page(request: Request, error: ExamError | None) -> Response:
    room = context_of(request)
    state = room.hub.state
    roles = person_of(request).roles
    return render(
        request,
        "opening.html",
        status=409 if error else 200,
        error=error,
        title=state.title,
        state=str(state.clock.state),
        state_title=SITTING_TITLES[state.clock.state],
        is_opened=state.opened is not None,
        planned_at=_planned_at(state.not_before_utc_ms),
        is_early=(state.not_before_utc_ms or 0) > room.clock.utc_ms(),
        brought_by=room.desk.brought_by(),
        envelopes=ENVELOPES,
        used_envelopes=error is not None and request.url.path.endswith("envelopes"),
        can_bring=Role.IT in roles,
        can_type=Role.CHIEF in roles,
    )


def _planned_at(utc_ms: int | None) -> str:
    if utc_ms is None:
        return ""
    return f"{datetime.fromtimestamp(utc_ms / 1000, UTC).astimezone():%Y-%m-%d %H:%M}"


def _refused(request: Request, error: ExamError) -> Response:
    if wants_json(request):
        raise error
    return _page(request, error)


def _done(request: Request) -> Response:
    if wants_json(request):
        state = context_of(request).hub.state
        return JSONResponse(
            {"ok": True, "state": str(state.clock.state), "is_opened": state.opened is not None}
        )
    return RedirectResponse("/opening", status_code=303)
