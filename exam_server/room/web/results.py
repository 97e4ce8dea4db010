"""The results page: results are fixed, two officials sign what both see, the file is fetched."""

import asyncio

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute

from exam_core import limits as core_limits
from exam_core.crypto.signing import key_id
from exam_core.errors import ExamError, IntegrityError
from exam_core.formats.officials import OFFICIAL_KEY
from exam_core.model.states import OVER_STATES, SittingState
from exam_server import limits
from exam_server.accounts.roles import RESULTS_SIGNERS
from exam_server.room.services import results
from exam_server.room.services.results_draft import ResultsDraft
from exam_server.room.views import SITTING_TITLES
from exam_server.room.web.context import RoomContext, context_of
from exam_server.web.pages import render
from exam_server.web.permissions import (
    GuardedRoute,
    done_by,
    form_text,
    person_of,
    readable_by,
    wants_json,
)


def results_routes() -> list[BaseRoute]:
    """The routes of this module."""
    sign_here = done_by(*RESULTS_SIGNERS)
    return [
        GuardedRoute("/results", show_results, permission=readable_by(*RESULTS_SIGNERS)),
        GuardedRoute("/results/fix", fix, permission=sign_here, methods=["POST"]),
        GuardedRoute("/results/sign", sign, permission=sign_here, methods=["POST"]),
        GuardedRoute("/results/export", export, permission=sign_here, methods=["POST"]),
    ]


async def show_results(request: Request) -> Response:
    """The page with the next step; for scripts how far it went."""
    room = context_of(request)
    draft = await asyncio.to_thread(results.read_draft, room.store, room.folder)
    if wants_json(request):
        return JSONResponse(_state(room, draft))
    return _page(request, draft, None)


async def fix(request: Request) -> Response:
    """Fixes and seals the results: nothing more is taken afterwards.

    Errors: 409 sitting.state, session.state, centre.officials.
    """
    room = context_of(request)
    person = person_of(request)
    try:
        draft = await room.hub.steering.fix_results(
            lambda: results.fix_results(room.store, room.folder, room.trail, actors=(person.name,))
        )
    except ExamError as error:
        return await _refused(request, error)
    return _done(request, draft)


async def sign(request: Request) -> Response:
    """Form: `key_file` (upload), `passphrase`, `digest`. One official signs; takes a second.

    Errors: 422 official.key, 409 official.unknown, official.signed, official.same_person,
    results.digest_shown, sitting.state.
    """
    room = context_of(request)
    person = person_of(request)
    try:
        form = await request.form()
        upload = form.get("key_file")
        if not isinstance(upload, UploadFile):
            raise IntegrityError(OFFICIAL_KEY, "没有选择签名密钥文件")
        draft = await asyncio.to_thread(
            results.bring_signature,
            room.store,
            room.folder,
            room.trail,
            results.Signer(account=person.name, session_key=person.session_key),
            digest=await form_text(request, "digest"),
            key_file=await upload.read(limits.opening_key_bytes_max),
            passphrase=await form_text(request, "passphrase"),
        )
        if len(draft.signed_by) >= core_limits.officials_min:
            await room.hub.steering.close(_exporter(room))
    except ExamError as error:
        return await _refused(request, error)
    return _done(request, draft)


async def export(request: Request) -> Response:
    """Gives the .examresults file, once two officials signed.

    Errors: 409 sitting.state.
    """
    room = context_of(request)
    bundle = await room.hub.steering.close(_exporter(room))
    name = f"{room.centre.centre_id}.examresults"
    return Response(
        bundle,
        media_type="application/octet-stream",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _exporter(room: RoomContext) -> results.Exporter:
    return lambda: results.export_results(room.store, room.folder, room.trail)


def _state(room: RoomContext, draft: ResultsDraft | None) -> dict[str, object]:
    return {
        "state": str(room.hub.state.clock.state),
        "digest": draft.digest if draft else "",
        "signed_by": [one.official.name for one in draft.signed_by] if draft else [],
    }


def _page(request: Request, draft: ResultsDraft | None, error: ExamError | None) -> Response:
    room = context_of(request)
    state = room.hub.state.clock.state
    name = person_of(request).name
    signed = {one.official.signing_key: one for one in draft.signed_by} if draft else {}
    return render(
        request,
        "results.html",
        status=409 if error else 200,
        error=error,
        title=room.hub.state.title,
        state_title=SITTING_TITLES[state],
        is_over=state in OVER_STATES,
        is_closed=state is SittingState.CLOSED,
        draft=draft,
        digest_groups=_groups(draft.digest) if draft else "",
        log_groups=_groups(draft.manifest.audit_head) if draft else "",
        officials=[
            {
                "name": official.name,
                "office": official.office,
                "key_id": key_id(official.signing_key)[:16],
                "account": signed[official.signing_key].account
                if official.signing_key in signed
                else "",
            }
            for official in room.folder.centre().officials
        ],
        needed=core_limits.officials_min,
        has_signed=any(one.account == name for one in signed.values()),
    )


async def _refused(request: Request, error: ExamError) -> Response:
    if wants_json(request):
        raise error
    room = context_of(request)
    draft = await asyncio.to_thread(results.read_draft, room.store, room.folder)
    return _page(request, draft, error)


def _done(request: Request, draft: ResultsDraft) -> Response:
    if wants_json(request):
        return JSONResponse({"ok": True} | _state(context_of(request), draft))
    return RedirectResponse("/results", status_code=303)


def _groups(digest: str) -> str:
    return " ".join(digest[at : at + 4] for at in range(0, len(digest), 4))
