"""The kiosk's HTTP requests: answers become values, everything else one of our errors."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

import httpx2
import msgspec
import pytest

from exam_client import limits
from exam_client.sync.room_http import RoomHttp
from exam_core import limits as core_limits
from exam_core.errors import ExamError, InputError, StateError, TransportError
from exam_core.model.identifiers import AdmissionNumber, SeatId
from exam_core.model.states import SittingState
from exam_core.protocol import VERSION
from exam_core.protocol.http import LogInRequest, Problem, RoomReply, encode_body
from tests.support import builders
from tests.support.refusals import refuses

_T = TypeVar("_T")
ROOM = RoomReply(
    protocol=VERSION,
    centre_id=builders.CENTRE_ID,
    sitting_id=builders.SITTING_ID,
    title="业务技能比武",
    seat_id=SeatId("A01"),
    sitting_state=SittingState.PREPARED,
    duration_ms=60_000,
    package_sha256="",
)
LOG_IN = LogInRequest(
    admission_number=AdmissionNumber("20260001"), id_number="1", room_code="123456"
)


def _ask(
    answer: Callable[[httpx2.Request], httpx2.Response], ask: Callable[[RoomHttp], Awaitable[_T]]
) -> _T:
    """Send one request to a room that answers so."""

    async def run() -> _T:
        async with RoomHttp("https://room", ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)) as room:
            await room._client.aclose()
            room._client = httpx2.AsyncClient(
                transport=httpx2.MockTransport(answer), base_url="https://room"
            )
            return await ask(room)

    return asyncio.run(run())


class Sink:
    """A download in memory."""

    def __init__(self, data: bytes = b"") -> None:
        self.data = data
        self.start = len(data)

    def restart(self) -> None:
        """Forget."""
        self.data = b""

    def write(self, data: bytes) -> None:
        """Append."""
        self.data += data


def _fetch(sink: Sink) -> Callable[[RoomHttp], Awaitable[None]]:
    return lambda room: room.package(sink, sha256="digest")


def _same(reply: httpx2.Response, _request: httpx2.Request) -> httpx2.Response:
    return reply


def test_an_answer_is_a_value() -> None:
    """The room's facts and the package come back as they were sent."""
    assert _ask(lambda _: httpx2.Response(200, content=encode_body(ROOM)), RoomHttp.room) == ROOM
    sink = Sink()
    _ask(lambda _: httpx2.Response(200, content=b"EXPK1\n"), _fetch(sink))
    assert sink.data == b"EXPK1\n"


@pytest.mark.parametrize(
    ("status", "family"), [(400, InputError), (409, StateError), (403, StateError)]
)
def test_a_refusal_keeps_code_message_and_family(status: int, family: type[ExamError]) -> None:
    """What the room refused is raised as its own family, also for a download."""
    problem = Problem(code="login.refused", message="登录信息不对", advice="请核对")

    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(status, content=encode_body(problem))

    with pytest.raises(family, match=r"login\.refused: 登录信息不对"):
        _ask(answer, lambda room: room.log_in(LOG_IN))
    with pytest.raises(family, match=r"login\.refused"):
        _ask(answer, _fetch(Sink()))


def test_no_answer_is_worth_another_try() -> None:
    """A broken connection and a server's page of its own are both `room.away`."""

    def broken(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("no route", request=request)

    for answer in (broken, lambda _: httpx2.Response(502, content=b"<html>")):
        with refuses(TransportError, "room.away"):
            _ask(answer, RoomHttp.room)
        with refuses(TransportError, "room.away"):
            _ask(answer, _fetch(Sink()))


def test_answers_that_cannot_be_are_refused() -> None:
    """Other shapes, other versions and endless answers are refused."""
    other = msgspec.structs.replace(ROOM, protocol=VERSION + 1)
    endless = b" " * (core_limits.http_body_bytes_max + 1)
    replies = [
        httpx2.Response(200, content=content) for content in (b"{}", encode_body(other), endless)
    ]
    for reply in replies:
        with refuses(InputError, "room.answer"):
            _ask(partial(_same, reply), RoomHttp.room)


def test_an_endless_package_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A download stops at the limit."""
    monkeypatch.setattr(limits, "package_bytes_max", 3)

    with refuses(InputError, "room.answer"):
        _ask(lambda _: httpx2.Response(200, content=b"1234"), _fetch(Sink()))


def test_a_cut_download_goes_on_where_it_stopped() -> None:
    """The room is asked for the rest of this very file, and its answer is appended."""
    asked = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append((request.headers.get("range"), request.headers.get("if-range")))
        return httpx2.Response(206, content=b"56")

    sink = Sink(b"1234")
    _ask(answer, _fetch(sink))

    assert sink.data == b"123456"
    assert asked == [("bytes=4-", '"digest"')]


def test_a_room_with_another_file_sends_it_whole() -> None:
    """What was here is forgotten; nothing is asked for when nothing is missing."""
    sink = Sink(b"1234")
    _ask(lambda _: httpx2.Response(200, content=b"new"), _fetch(sink))
    assert sink.data == b"new"

    whole = Sink(b"1234")
    _ask(lambda _: httpx2.Response(416), _fetch(whole))
    assert whole.data == b"1234"


def test_a_part_that_nobody_asked_for_is_refused() -> None:
    """A first request takes a whole file or nothing."""
    sink = Sink()
    with pytest.raises(ExamError):
        _ask(lambda _: httpx2.Response(206, content=b"56"), _fetch(sink))
    assert sink.data == b""
