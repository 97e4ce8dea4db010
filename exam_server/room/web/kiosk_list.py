"""The page of the kiosks that may connect, and taking one off the list."""

import asyncio
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute

from exam_server.room.services.enrolment import EnrolledKiosk, revoke_kiosk
from exam_server.room.web.compare_api import waiting_of
from exam_server.room.web.context import context_of
from exam_server.room.web.proctor import ENROLLERS
from exam_server.web.pages import render_large
from exam_server.web.permissions import (
    GuardedRoute,
    done_by,
    form_text,
    person_of,
    readable_by,
    wants_json,
)

_FINGERPRINT_SHOWN = 16


def kiosk_list_routes() -> list[BaseRoute]:
    """The routes of this module."""
    return [
        GuardedRoute("/kiosks", show_kiosks, permission=readable_by(*ENROLLERS)),
        GuardedRoute("/kiosks/revoke", revoke, permission=done_by(*ENROLLERS), methods=["POST"]),
    ]


async def show_kiosks(request: Request) -> Response:
    """Every seat with its kiosk, if it has one: fingerprint, when and by whom, connected."""
    room = context_of(request)
    connected = {
        session.connection.kiosk.fingerprint
        for session in room.hub.state.sessions.values()
        if session.connection
    }
    by_seat = {kiosk.seat_id: kiosk for kiosk in room.hub.state.kiosks.values()}
    return await render_large(
        request,
        "kiosks.html",
        kiosks=[_line(by_seat[one], connected) for one in room.hub.state.seats if one in by_seat],
        missing=[seat_id for seat_id in room.hub.state.seats if seat_id not in by_seat],
        waiting=waiting_of(room),
        too_many="、".join(room.comparisons.too_many()),
        can_revoke=bool(person_of(request).roles & {*ENROLLERS}),
    )


async def revoke(request: Request) -> Response:
    """Form: `fingerprint`, `reason`. The kiosk's connection is closed at once.

    Errors: 400 kiosk.reason, kiosk.unknown.
    """
    room = context_of(request)
    kiosk = await asyncio.to_thread(
        revoke_kiosk,
        room.store,
        room.trail,
        person_of(request),
        fingerprint=await form_text(request, "fingerprint"),
        reason=await form_text(request, "reason"),
    )
    room.hub.kiosks.revoked(kiosk)
    if wants_json(request):
        return JSONResponse({"ok": True, "seat_id": kiosk.seat_id})
    return RedirectResponse("/kiosks", status_code=303)


def _line(kiosk: EnrolledKiosk, connected: set[str]) -> dict[str, str]:
    at = datetime.fromtimestamp(kiosk.issued_utc_ms / 1000, UTC).astimezone()
    return {
        "seat_id": kiosk.seat_id,
        "fingerprint": kiosk.fingerprint,
        "shown": kiosk.fingerprint[:_FINGERPRINT_SHOWN],
        "enrolled_at": at.strftime("%m-%d %H:%M:%S"),
        "enrolled_by": kiosk.enrolled_by,
        "is_connected": "1" if kiosk.fingerprint in connected else "",
    }
