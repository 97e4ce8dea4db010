"""The HTTP requests of a kiosk; see `exam_core.protocol.http` and docs/spec/lan-protocol.md."""

import asyncio
import re

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, WebSocketRoute

from exam_core.errors import InputError, declare
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
from exam_server.pacing import ENROL, SEAT
from exam_server.room.kiosks import PROTOCOL_VERSION
from exam_server.room.services.enrolment import KioskRequest, issue_certificate
from exam_server.room.web.context import context_of, seat_of
from exam_server.room.web.kiosk_socket import run_session
from exam_server.web.permissions import MACHINE, GuardedRoute

PACKAGE_RANGE = declare("package.range", "请在该机位重新下载试卷包；反复出现请技术人员核查该机位。")

PACKAGE_END = declare("package.end", "试卷包已下载完；请在该机位重新启动考试程序。")
_RANGE = re.compile(r"bytes=(\d{1,18})-(\d{0,18})")


def kiosk_routes() -> list[BaseRoute]:
    """The routes of the kiosk port; each asks for an allowed client certificate."""
    return [
        GuardedRoute("/v1/room", show_room, permission=MACHINE, pace=SEAT),
        GuardedRoute(
            "/v1/log-in",
            log_in,
            permission=MACHINE,
            methods=["POST"],
            max_body_size=http_body_bytes_max,
            pace=SEAT,
        ),
        GuardedRoute("/v1/package", send_package, permission=MACHINE, pace=SEAT),
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
            pace=ENROL,
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
    """GET /v1/package: the whole sealed package, or one range; its SHA-256 is the ETag.

    Errors: 400 package.range, 416 package.end.
    """
    seat_of(request)
    room = context_of(request)
    digest = room.hub.state.package_sha256
    tag = f'"{digest}"'
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers={"ETag": tag})
    path = room.folder.package_file(digest)
    if request.headers.get("if-range", tag) == tag:
        _check_range(request.headers.get("range"), path.stat().st_size)
    return FileResponse(
        path,
        media_type="application/octet-stream",
        headers={"ETag": tag},
    )


def _check_range(wanted: str | None, size: int) -> None:
    """Refuse what is not one range of the file.

    RFC 9110, 14.2 lets a server refuse many or tiny ranges: each would be a part of its own.
    """
    if wanted is None:
        return
    found = _RANGE.fullmatch(wanted)
    first, last = (int(found[1]), int(found[2] or size)) if found else (0, -1)
    if last < first < size:
        raise InputError(PACKAGE_RANGE, "一次只能请求试卷包的一段")
    if first >= size:
        raise InputError(PACKAGE_END, "试卷包没有这一段")


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json")
