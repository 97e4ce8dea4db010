"""The button with which staff have the data folder copied to another disk while the exam runs."""

from datetime import UTC, datetime
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute

from exam_core.errors import StateError
from exam_server.accounts.roles import Role
from exam_server.room.backup.holding import BACKUP_PLACE
from exam_server.room.web.context import RoomContext, context_of
from exam_server.web.permissions import GuardedRoute, done_by, person_of, wants_json

PATH = "/staff/backup"
KEEPERS = (Role.IT, Role.STAFF)


def backup_routes() -> list[BaseRoute]:
    """The routes of this module."""
    return [GuardedRoute(PATH, make_backup, permission=done_by(*KEEPERS), methods=["POST"])]


async def make_backup(request: Request) -> Response:
    """Begin a backup; the staff page says later what became of it.

    Errors: 409 backup.place, backup.running.
    """
    room = context_of(request)
    place = folder_for_backups(room)
    if place is None:
        raise StateError(BACKUP_PLACE, "没有设定备份文件夹")
    at = datetime.fromtimestamp(room.clock.utc_ms() / 1000, UTC).strftime("%Y%m%d-%H%M%S")
    out = place / f"{room.hub.state.sitting_id}-{at}"
    room.backups.make(out, person_of(request).name)
    if wants_json(request):
        return JSONResponse({"ok": True, "out": str(out)})
    return RedirectResponse("/staff", status_code=303)


def folder_for_backups(room: RoomContext) -> Path | None:
    """Where backups go, if that was set."""
    name = room.folder.config().backup_folder
    return Path(name) if name else None
