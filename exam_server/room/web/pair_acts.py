"""The room's acts that need two people, each with how it is asked and what it then does."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from exam_core.errors import InputError, StateError
from exam_core.model.identifiers import SeatId
from exam_core.model.states import SITTING_STATE
from exam_server.accounts.pairs import Pair
from exam_server.accounts.roles import Role
from exam_server.room.services.conduct import EXTENDABLE, EXTRA_TIME, check_extra_time
from exam_server.room.services.enrolment import SEAT_UNKNOWN
from exam_server.room.services.swaps import check_reason
from exam_server.room.web.context import context_of
from exam_server.web.pairs import PairAct, board_of, done, pair_routes
from exam_server.web.permissions import GuardedRoute, done_by, form_text

PAIRING = (Role.CHIEF, Role.PROCTOR, Role.STAFF, Role.IT)
"""Who may see what waits for a second person; who may confirm, each act says."""

EXTEND = "room_time_extended"
SWAP = "machine_swapped"

_MINUTE_MS = 60_000


def routes() -> list[BaseRoute]:
    """The page of the acts, and the forms by which they are asked."""
    conduct = done_by(Role.CHIEF, Role.PROCTOR)
    return [
        *pair_routes(PAIRING),
        GuardedRoute("/pairs/extend", ask_to_extend, permission=conduct, methods=["POST"]),
        GuardedRoute("/pairs/swap", ask_to_swap, permission=conduct, methods=["POST"]),
    ]


def acts() -> list[PairAct]:
    """What two people can do together on the pages."""
    return [
        PairAct(
            action=EXTEND,
            title="全场补时",
            labels={"minutes": "补时（分钟）", "reason": "理由"},
            confirmers=frozenset({Role.CHIEF, Role.PROCTOR}),
            run=_extend,
        ),
        PairAct(
            action=SWAP,
            title="换机",
            labels={"to_seat_id": "换到机位", "reason": "理由"},
            confirmers=frozenset({Role.CHIEF, Role.PROCTOR}),
            run=_swap,
        ),
    ]


async def ask_to_extend(request: Request) -> Response:
    """Form: `minutes`, `reason`, `password`.

    Errors: 400 extra_time.range, 409 sitting.state, 401 access.refused.
    """
    state = context_of(request).hub.state
    minutes, reason = await form_text(request, "minutes"), await form_text(request, "reason")
    if not (minutes.isascii() and minutes.isdecimal()):
        raise InputError(EXTRA_TIME, "补时应为整数分钟")
    check_extra_time(int(minutes[:6]) * _MINUTE_MS, reason)
    if state.clock.state not in EXTENDABLE:
        raise StateError(SITTING_STATE, "开考之后、结束之前才能全场补时")
    return await board_of(request).ask(
        request, EXTEND, subject=state.sitting_id, details={"minutes": minutes, "reason": reason}
    )


async def ask_to_swap(request: Request) -> Response:
    """Form: `seat_id`, `to_seat_id`, `reason`, `password`.

    Errors: 400 seat.unknown, swap.reason, 401 access.refused.
    """
    seats = context_of(request).hub.state.seats
    named = [await form_text(request, field) for field in ("seat_id", "to_seat_id")]
    for one in named:
        if one not in seats:
            raise InputError(SEAT_UNKNOWN, f"没有机位 {one[:20]}")
    reason = await form_text(request, "reason")
    check_reason(reason)
    return await board_of(request).ask(
        request, SWAP, subject=named[0], details={"to_seat_id": named[1], "reason": reason}
    )


async def _swap(request: Request, pair: Pair) -> Response:
    details = pair.request.details
    await context_of(request).hub.steering.swap_machine(
        pair.actors,
        seat_id=SeatId(pair.request.subject),
        to_seat_id=SeatId(details["to_seat_id"]),
        reason=details["reason"],
    )
    return done(request)


async def _extend(request: Request, pair: Pair) -> Response:
    details = pair.request.details
    await context_of(request).hub.steering.extend_sitting(
        pair.actors,
        extra_ms=int(details["minutes"]) * _MINUTE_MS,
        reason=details["reason"],
    )
    return done(request)
