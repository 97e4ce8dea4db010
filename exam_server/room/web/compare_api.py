"""Enrolment by comparing a number: the kiosk's requests and the staff's answer."""

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute

from exam_core.errors import InputError
from exam_core.limits import http_body_bytes_max
from exam_core.protocol import VERSION
from exam_core.protocol.http import (
    CompareReply,
    CompareRequest,
    CompareResult,
    CompareReveal,
    CompareWait,
    decode_body,
    encode_body,
)
from exam_server.pacing import COMPARE, ENROL, Pace
from exam_server.room.kiosks import PROTOCOL_VERSION
from exam_server.room.services.enrolment import KioskRequest, issue_certificate, require_seat
from exam_server.room.web.context import RoomContext, context_of
from exam_server.room.web.proctor import ENROLLERS
from exam_server.web.permissions import (
    MACHINE,
    Endpoint,
    GuardedRoute,
    done_by,
    form_text,
    person_of,
    readable_by,
    wants_json,
)


def compare_routes() -> list[BaseRoute]:
    """The routes of this module, all on the console port."""
    return [
        _machine("/v1/enrol/commit", commit, COMPARE),
        _machine("/v1/enrol/reveal", reveal, ENROL),
        _machine("/v1/enrol/result", result, ENROL),
        GuardedRoute("/kiosks/waiting", send_waiting, permission=readable_by(*ENROLLERS)),
        GuardedRoute("/kiosks/agree", agree, permission=done_by(*ENROLLERS), methods=["POST"]),
        GuardedRoute("/kiosks/differ", differ, permission=done_by(*ENROLLERS), methods=["POST"]),
    ]


async def commit(request: Request) -> Response:
    """POST /v1/enrol/commit: a kiosk begins.

    Errors: 400 enrol.request, protocol.malformed, protocol.version, seat.unknown; 409
    compare.many.
    """
    body = decode_body(await request.body(), CompareRequest)
    if body.protocol != VERSION:
        raise InputError(PROTOCOL_VERSION, f"协议版本应为 {VERSION}")
    room = context_of(request)
    await asyncio.to_thread(require_seat, room.store, body.seat_id)
    try:
        request_id, nonce = room.comparisons.commit(body.seat_id, body.commitment)
    finally:
        for seat_id in room.comparisons.unreported():
            await asyncio.to_thread(room.trail.record, "comparisons_many", subject=seat_id)
    return _json(encode_body(CompareReply(request_id=request_id, server_nonce=nonce)))


async def reveal(request: Request) -> Response:
    """POST /v1/enrol/reveal: the kiosk says what it committed to; it waits from then on.

    Errors: 400 compare.commitment, enrol.request, signing.key, protocol.malformed; 409
    compare.gone.
    """
    body = decode_body(await request.body(), CompareReveal)
    kiosk = KioskRequest(
        seat_id=body.seat_id,
        csr_pem=body.csr_pem,
        signing_key=body.signing_key,
        signing_proof=body.signing_proof,
    )
    context_of(request).comparisons.reveal(body.request_id, kiosk, body.nonce)
    return _json(encode_body(CompareResult(certificate_pem="")))


async def result(request: Request) -> Response:
    """POST /v1/enrol/result: the certificate, empty while nobody has compared.

    Errors: 409 compare.gone, compare.refused.
    """
    body = decode_body(await request.body(), CompareWait)
    pem = context_of(request).comparisons.certificate(body.request_id)
    return _json(encode_body(CompareResult(certificate_pem=pem)))


async def send_waiting(request: Request) -> Response:
    """GET /kiosks/waiting: the kiosks that show a number now, and where too many began."""
    room = context_of(request)
    return JSONResponse(
        {"waiting": waiting_of(room), "too_many": "、".join(room.comparisons.too_many())}
    )


async def agree(request: Request) -> Response:
    """Form: `request_id`, `number`. The kiosk shows this number; it is enrolled.

    Errors: 409 compare.gone, compare.number; 400 enrol.request.
    """
    room = context_of(request)
    request_id = await form_text(request, "request_id")
    kiosk_request = room.comparisons.agreed(request_id, await form_text(request, "number"))
    pem, kiosk = await asyncio.to_thread(
        issue_certificate,
        room.store,
        room.folder,
        room.trail,
        room.clock,
        request=kiosk_request,
        enrolled_by=person_of(request).name,
    )
    room.comparisons.issued(request_id, pem)
    room.hub.kiosks.enrolled(kiosk)
    return _answer(request)


async def differ(request: Request) -> Response:
    """Form: `request_id`. The kiosk shows another number; it is refused, and the log says so.

    Errors: 409 compare.gone.
    """
    room = context_of(request)
    seat_id = room.comparisons.refuse(await form_text(request, "request_id"))
    await asyncio.to_thread(
        room.trail.record,
        "kiosk_refused",
        actors=(person_of(request).name,),
        subject=seat_id,
    )
    return _answer(request)


def waiting_of(room: RoomContext) -> list[dict[str, object]]:
    """The waiting kiosks as the page shows them."""
    enrolled = {kiosk.seat_id for kiosk in room.hub.state.kiosks.values()}
    return [
        {
            "request_id": one.request_id,
            "seat_id": one.seat_id,
            "number": one.number,
            "is_enrolled": one.seat_id in enrolled,
        }
        for one in room.comparisons.to_compare()
    ]


def _machine(path: str, endpoint: Endpoint, pace: Pace) -> GuardedRoute:
    return GuardedRoute(
        path,
        endpoint,
        permission=MACHINE,
        methods=["POST"],
        max_body_size=http_body_bytes_max,
        pace=pace,
    )


def _answer(request: Request) -> Response:
    if wants_json(request):
        return JSONResponse({"ok": True})
    return RedirectResponse("/kiosks", status_code=303)


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json")
