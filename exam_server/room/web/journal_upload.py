"""The page on which staff bring journal files from a machine that cannot deliver them itself."""

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from exam_core.errors import CODES, ExamError, InputError, declare
from exam_server import limits
from exam_server.accounts.roles import Role
from exam_server.folder import FILE_TOO_LARGE
from exam_server.room.uploads import Brought, JournalFile
from exam_server.room.web.context import context_of
from exam_server.web.pages import render, status_of_refusal
from exam_server.web.permissions import (
    GuardedRoute,
    done_by,
    form_of,
    person_of,
    readable_by,
    wants_json,
)

UPLOAD_FILES = declare(
    "upload.files", "请选择原机作答文件夹中的 .exj 文件，可以多选；一次太多时分几次上传。"
)

PATH = "/staff/journals"
BRINGERS = (Role.STAFF, Role.CHIEF, Role.IT)


def journal_upload_routes() -> list[BaseRoute]:
    """The routes of this module."""
    return [
        GuardedRoute(PATH, show_upload, permission=readable_by(*BRINGERS)),
        GuardedRoute(
            PATH,
            upload,
            permission=done_by(*BRINGERS),
            methods=["POST"],
            max_body_size=limits.journal_upload_bytes_max,
            max_files=limits.journal_upload_files_max,
        ),
    ]


async def show_upload(request: Request) -> Response:
    """What to bring, and where it lies on the old machine's disk."""
    return _page(request, [], None)


async def upload(request: Request) -> Response:
    """Form: `journals` (several files). Each is answered by itself.

    Errors: 400 upload.files, file.too_large, 409 sitting.state, 507 saving.paper_shut.
    """
    uploads = context_of(request).hub.uploads
    brought: list[Brought] = []
    try:
        for one in await _files(request):
            file = JournalFile(name=one.filename or "—", content=await _content(one))
            brought.append(await uploads.take(person_of(request), file))
    except ExamError as error:
        if wants_json(request):
            raise
        return _page(request, brought, error)
    if wants_json(request):
        return JSONResponse({"ok": True, "files": [_shown(one) for one in brought]})
    return _page(request, brought, None)


async def _files(request: Request) -> list[UploadFile]:
    form = await form_of(request)
    files = [
        one for one in form.getlist("journals") if isinstance(one, UploadFile) and one.filename
    ]
    if not files:
        raise InputError(UPLOAD_FILES, "没有选择文件")
    return files


async def _content(file: UploadFile) -> bytes:
    content = await file.read(limits.journal_file_bytes_max + 1)
    if len(content) > limits.journal_file_bytes_max:
        raise InputError(FILE_TOO_LARGE, f"{file.filename} 超出作答文件的大小")
    return content


def _page(request: Request, brought: list[Brought], error: ExamError | None) -> Response:
    return render(
        request,
        "journal_upload.html",
        status=status_of_refusal(error) if error else 200,
        brought=[_shown(one) for one in brought],
        error=error,
        can_bring=bool(person_of(request).roles & {*BRINGERS}),
    )


def _shown(brought: Brought) -> dict[str, object]:
    return {
        "name": brought.name,
        "seat_id": brought.seat_id,
        "frames": brought.frames,
        "added": brought.added,
        "refusals": [
            {"code": code, "message": message, "advice": CODES.get(code, "")}
            for code, message in brought.refusals
        ],
    }
