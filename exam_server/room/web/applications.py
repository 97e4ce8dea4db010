"""The two web applications of the room: one for kiosks, one for people."""

from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from exam_core.errors import ExamError
from exam_core.protocol.http import encode_body, problem_of
from exam_server.accounts.pairs import PairDesk
from exam_server.accounts.people import People
from exam_server.accounts.roles import RESULTS_SIGNERS, Role
from exam_server.room.web import pair_acts
from exam_server.room.web.backup_page import backup_routes
from exam_server.room.web.compare_api import compare_routes
from exam_server.room.web.context import RoomContext
from exam_server.room.web.journal_upload import journal_upload_routes
from exam_server.room.web.kiosk_api import enrol_routes, kiosk_routes
from exam_server.room.web.kiosk_list import kiosk_list_routes
from exam_server.room.web.opening import opening_routes
from exam_server.room.web.pair_acts import PAIRING
from exam_server.room.web.proctor import ENROLLERS, WATCHERS, proctor_routes
from exam_server.room.web.record_sheet import record_sheet_routes
from exam_server.room.web.results import results_routes
from exam_server.room.web.staff import READERS, staff_routes
from exam_server.web.application import build_application, leave, refusal_of, unhurried
from exam_server.web.pages import MenuEntry, status_of_refusal
from exam_server.web.pairs import PATH as PAIRS_PATH
from exam_server.web.pairs import PairBoard

_HERE = Path(__file__).parent


def build_kiosk_application(room: RoomContext) -> Starlette:
    """What a kiosk can ask for; refusals are JSON."""
    application = Starlette(
        routes=kiosk_routes(),
        exception_handlers={
            ExamError: _refuse,
            HTTPException: _refuse_http,
            ClientDisconnect: leave,
        },
    )
    application.state.room = room
    return application


def build_console_application(room: RoomContext, people: People) -> Starlette:
    """The pages, and enrolment, which comes before a kiosk has a certificate."""
    application = build_application(
        title=f"贡院考场 · {room.centre.name}",
        people=people,
        menu=(
            MenuEntry(path="/proctor", label="监考", roles=frozenset(WATCHERS)),
            MenuEntry(path="/kiosks", label="机位", roles=frozenset(ENROLLERS)),
            MenuEntry(path="/opening", label="启封", roles=frozenset({Role.IT, Role.CHIEF})),
            MenuEntry(path="/staff", label="考务", roles=frozenset(READERS)),
            MenuEntry(path=PAIRS_PATH, label="两人确认", roles=frozenset(PAIRING)),
            MenuEntry(path="/staff/record-sheet", label="记录单", roles=frozenset(READERS)),
            MenuEntry(path="/results", label="结果", roles=frozenset(RESULTS_SIGNERS)),
            MenuEntry(path="/staff/audit", label="审计日志", roles=frozenset(READERS)),
        ),
        routes=[
            *enrol_routes(),
            *proctor_routes(),
            *kiosk_list_routes(),
            *compare_routes(),
            *opening_routes(),
            *staff_routes(),
            *backup_routes(),
            *journal_upload_routes(),
            *record_sheet_routes(),
            *results_routes(),
            *pair_acts.routes(),
        ],
        folder=_HERE,
        on_sign_in=lambda name, is_let_in: room.trail.record(
            "signed_in" if is_let_in else "sign_in_refused", actors=(name,)
        ),
    )
    application.state.room = room
    desk = PairDesk(people, room.clock)
    application.state.pairs = PairBoard(desk, room.trail, pair_acts.acts())
    return application


async def _refuse(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ExamError), "registered for ExamError only"  # noqa: S101  narrows
    status = 403 if error.code == "kiosk.unknown" else status_of_refusal(error)
    body = encode_body(problem_of(error))
    return unhurried(Response(body, status_code=status, media_type="application/json"), error)


async def _refuse_http(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    problem = problem_of(refusal_of(status))
    return Response(encode_body(problem), status_code=status, media_type="application/json")
