"""The proctor page: the seat map, live, and the buttons that conduct the sitting.

Each POST answers a script with JSON and a person's form with the way back to the page.
"""

import asyncio
from collections.abc import AsyncIterator

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import BaseRoute

from exam_core.errors import InputError, declare
from exam_core.model.identifiers import SeatId
from exam_core.model.states import SittingEvent
from exam_server.accounts.roles import Role
from exam_server.room.services.conduct import EXTRA_TIME
from exam_server.room.services.enrolment import SEAT_UNKNOWN
from exam_server.room.web.context import context_of
from exam_server.web.pages import render, render_large
from exam_server.web.permissions import (
    GuardedRoute,
    done_by,
    form_text,
    person_of,
    present_person,
    readable_by,
    wants_json,
)

CONFIRM = declare("page.confirm", "此操作不能撤销；请在确认框中再次确认。")

WATCHERS = (Role.PROCTOR, Role.CHIEF, Role.STAFF, Role.IT)
CONDUCTORS = (Role.PROCTOR, Role.CHIEF)
ENROLLERS = (Role.PROCTOR, Role.CHIEF, Role.IT)


def proctor_routes() -> list[BaseRoute]:
    """The routes of this module."""
    watch = readable_by(*WATCHERS)
    conduct = done_by(*CONDUCTORS)
    return [
        GuardedRoute("/proctor", show_seats, permission=watch),
        GuardedRoute("/proctor/state", send_state, permission=watch),
        GuardedRoute("/proctor/events", send_events, permission=watch),
        GuardedRoute("/proctor/present", mark_present, permission=conduct, methods=["POST"]),
        GuardedRoute("/proctor/unlock", unlock_seat, permission=conduct, methods=["POST"]),
        GuardedRoute("/proctor/start", start, permission=conduct, methods=["POST"]),
        GuardedRoute("/proctor/hold", hold, permission=conduct, methods=["POST"]),
        GuardedRoute("/proctor/resume", resume, permission=conduct, methods=["POST"]),
        GuardedRoute("/proctor/end", end, permission=conduct, methods=["POST"]),
        GuardedRoute("/proctor/extra-time", grant_time, permission=conduct, methods=["POST"]),
        GuardedRoute("/proctor/swap", swap, permission=conduct, methods=["POST"]),
        GuardedRoute("/proctor/alarms/settle", settle, permission=conduct, methods=["POST"]),
        GuardedRoute(
            "/proctor/join-codes", make_codes, permission=done_by(*ENROLLERS), methods=["POST"]
        ),
    ]


async def show_seats(request: Request) -> Response:
    """The page; scripts keep it up to date."""
    room = context_of(request)
    roles = person_of(request).roles
    seats = await room.hub.feed.seats()
    return await render_large(
        request,
        "proctor.html",
        room=room.hub.feed.head(),
        seats=seats,
        room_code=room.hub.state.room_code,
        title=room.hub.state.title,
        can_conduct=bool(roles & {*CONDUCTORS}),
        can_enrol=bool(roles & {*ENROLLERS}),
    )


async def send_state(request: Request) -> Response:
    """GET /proctor/state: the whole room as JSON, for scripts."""
    room = context_of(request)
    feed = room.hub.feed
    seats = await feed.seats()
    state = {"room": feed.head(), "room_code": room.hub.state.room_code, "seats": seats}
    return Response(msgspec.json.encode(state), media_type="application/json")


async def send_events(request: Request) -> Response:
    """GET /proctor/events: server-sent events; first everything, then what changed.

    Who watches is active; the stream ends when the person is signed in no longer.
    """
    return StreamingResponse(_events(request), media_type="text/event-stream")


async def mark_present(request: Request) -> Response:
    """Form: `seat_id`, or `all` = 1 for everyone logged in."""
    is_all = await form_text(request, "all") == "1"
    seat_id = await form_text(request, "seat_id")
    if not is_all and not seat_id:
        raise InputError(SEAT_UNKNOWN, "没有指定机位")
    steering = context_of(request).hub.steering
    confirmed = await steering.mark_present(person_of(request), None if is_all else SeatId(seat_id))
    return _done(request, confirmed=confirmed)


async def unlock_seat(request: Request) -> Response:
    """Form: `seat_id`."""
    seat_id = SeatId(await form_text(request, "seat_id"))
    await context_of(request).hub.steering.unlock_seat(person_of(request), seat_id)
    return _done(request)


async def start(request: Request) -> Response:
    """Starts the sitting; no fields."""
    return await _change(request, SittingEvent.START)


async def hold(request: Request) -> Response:
    """Stops the clock for everybody; no fields."""
    return await _change(request, SittingEvent.HOLD)


async def resume(request: Request) -> Response:
    """Lets the clock go on; no fields."""
    return await _change(request, SittingEvent.RESUME)


async def end(request: Request) -> Response:
    """Form: `confirm` = end. Ends the sitting for everybody."""
    if await form_text(request, "confirm") != "end":
        raise InputError(CONFIRM, "结束考试需要确认")
    return await _change(request, SittingEvent.END)


async def grant_time(request: Request) -> Response:
    """Form: `seat_id`, `minutes`, `reason`."""
    minutes = await form_text(request, "minutes")
    if not (minutes.isascii() and minutes.isdecimal()):
        raise InputError(EXTRA_TIME, "补时应为整数分钟")
    await context_of(request).hub.steering.grant_extra_time(
        person_of(request),
        SeatId(await form_text(request, "seat_id")),
        extra_ms=int(minutes[:6]) * 60_000,
        reason=await form_text(request, "reason"),
    )
    return _done(request)


async def swap(request: Request) -> Response:
    """Form: `seat_id`, `to_seat_id`, `reason`. The candidate goes on at the other machine.

    Errors: 400 seat.unknown, swap.reason, 409 swap.target, swap.closed, swap.many, sitting.state.
    """
    await context_of(request).hub.steering.swap_machine(
        (person_of(request).name,),
        seat_id=SeatId(await form_text(request, "seat_id")),
        to_seat_id=SeatId(await form_text(request, "to_seat_id")),
        reason=await form_text(request, "reason"),
    )
    return _done(request)


async def settle(request: Request) -> Response:
    """Form: `alarm_id`."""
    number = await form_text(request, "alarm_id")
    if number.isascii() and number.isdecimal():
        await context_of(request).hub.steering.settle_alarm(person_of(request), int(number[:18]))
    return _done(request)


async def make_codes(request: Request) -> Response:
    """Form: `seat_id`, or `all` = 1 for every seat without a kiosk. Gives the codes once."""
    room = context_of(request)
    seats = room.hub.state.seats
    seat_id = SeatId(await form_text(request, "seat_id"))
    if await form_text(request, "all") == "1":
        wanted = [seat.seat_id for seat in seats.values() if not seat.is_enrolled]
    elif seat_id in seats:
        wanted = [seat_id]
    else:
        raise InputError(SEAT_UNKNOWN, f"没有机位 {seat_id[:20]}")
    person = person_of(request)
    codes = {one: room.codes.make(one, made_by=person.name) for one in wanted}
    await asyncio.to_thread(
        room.trail.record,
        "join_codes_made",
        actors=(person.name,),
        seats=" ".join(sorted(codes)),
    )
    if wants_json(request):
        return JSONResponse({"codes": codes})
    return render(request, "join_codes.html", codes=codes)


async def _change(request: Request, event: SittingEvent) -> Response:
    await context_of(request).hub.course.change_sitting(event, person_of(request))
    return _done(request)


def _done(request: Request, **facts: object) -> Response:
    if wants_json(request):
        state = context_of(request).hub.state.clock.state
        return JSONResponse({"ok": True, "state": str(state), **facts})
    return RedirectResponse("/proctor", status_code=303)


async def _events(request: Request) -> AsyncIterator[bytes]:
    feed, stopping = context_of(request).hub.feed, context_of(request).hub.stopping
    stopped = asyncio.create_task(stopping.wait())
    look = 0
    try:
        with feed.watching():
            while present_person(request):
                coming = asyncio.create_task(feed.after(look))
                await asyncio.wait({coming, stopped}, return_when=asyncio.FIRST_COMPLETED)
                if stopping.is_set():
                    coming.cancel()
                    return
                look, patch = coming.result()
                yield b"data: " + patch + b"\n\n" if patch else b": still here\n\n"
    finally:
        stopped.cancel()
