"""The HTTP requests of a kiosk; see `exam_core.protocol.http` and docs/spec/lan-protocol.md."""

import asyncio

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, WebSocketRoute

from exam_core.errors import InputError
from exam_core.limits import http_body_bytes_max
from exam_core.model.states import SessionState
from exam_core.protocol import VERSION
from exam_core.protocol.http import (
    EnrolReply,
    EnrolRequest,
    LogInRequest,
    RoomReply,
    decode_body,
    encode_body,
)
from exam_server.room.kiosks import PROTOCOL_VERSION
from exam_server.room.services.enrolment import KioskRequest, issue_certificate
from exam_server.room.web.context import context_of, seat_of
from exam_server.room.web.kiosk_socket import run_session
from exam_server.web.permissions import MACHINE, GuardedRoute


def kiosk_routes() -> list[BaseRoute]:
    """The routes of the kiosk port; each asks for an allowed client certificate."""
    return [
        GuardedRoute("/v1/room", show_room, permission=MACHINE),
        GuardedRoute(
            "/v1/log-in",
            log_in,
            permission=MACHINE,
            methods=["POST"],
            max_body_size=http_body_bytes_max,
        ),
        GuardedRoute("/v1/package", send_package, permission=MACHINE),
        WebSocketRoute("/v1/session", run_session),
    ]


def enrol_routes() -> list[BaseRoute]:
    """The one kiosk route of the console port."""
    return [
        GuardedRoute(
            "/v1/enrol",
            enrol,
            permission=MACHINE,
            methods=["POST"],
            max_body_size=http_body_bytes_max,
        )
    ]


async def enrol(request: Request) -> Response:
    """POST /v1/enrol: the certificate of a seat, for its one-time join code.

    Errors: 400 enrol.code, enrol.request, signing.key, protocol.malformed, protocol.version,
    seat.unknown.
    """
    body = decode_body(await request.body(), EnrolRequest)
    if body.protocol != VERSION:
        raise InputError(PROTOCOL_VERSION, f"协议版本应为 {VERSION}")
    room = context_of(request)
    made_by = room.codes.take(body.seat_id, body.join_code)
    pem, kiosk = await asyncio.to_thread(
        issue_certificate,
        room.store,
        room.folder,
        room.trail,
        room.clock,
        request=KioskRequest(
            seat_id=body.seat_id,
            csr_pem=body.csr_pem,
            signing_key=body.signing_key,
            signing_proof=body.signing_proof,
        ),
        enrolled_by=made_by,
    )
    room.hub.kiosks.enrolled(kiosk)
    return _json(encode_body(EnrolReply(certificate_pem=pem)))


async def show_room(request: Request) -> Response:
    """GET /v1/room: what a kiosk may know before anybody logged in."""
    seat_id = seat_of(request)
    room = context_of(request)
    state = room.hub.state
    session = state.seats[seat_id].session
    has_begun = session is not None and session.state is SessionState.INTERACTING
    return _json(
        encode_body(
            RoomReply(
                protocol=VERSION,
                centre_id=room.centre.centre_id,
                sitting_id=state.sitting_id,
                title=state.title,
                seat_id=seat_id,
                sitting_state=state.clock.state,
                duration_ms=state.clock.duration_ms,
                package_sha256=state.package_sha256,
                session_state=session.state if session and has_begun else None,
            )
        )
    )


async def log_in(request: Request) -> Response:
    """POST /v1/log-in: a session for the candidate at this seat.

    Errors: 400 login.refused, 409 login.seat_locked, login.already_active, login.wrong_seat,
    login.closed.
    """
    seat_id = seat_of(request)
    body = decode_body(await request.body(), LogInRequest)
    return _json(encode_body(await context_of(request).hub.kiosks.log_in(body, seat_id)))


async def send_package(request: Request) -> Response:
    """GET /v1/package: the whole sealed package; its SHA-256 is the ETag."""
    seat_of(request)
    room = context_of(request)
    digest = room.hub.state.package_sha256
    tag = f'"{digest}"'
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers={"ETag": tag})
    return FileResponse(
        room.folder.package_file(digest),
        media_type="application/octet-stream",
        headers={"ETag": tag},
    )


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json")
