"""A whole room does the same thing at once: few commits, everybody by themselves, saves go on.

The kiosks here are the sending sides of connections, without sockets: the whole way with TLS is
measured by `make bench-server`.
"""

import asyncio
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from exam_core.errors import ExamError
from exam_core.model.identifiers import SegmentId
from exam_core.model.roster import Candidate
from exam_core.model.states import SessionState, SittingEvent
from exam_core.protocol import VERSION
from exam_core.protocol.http import LogInReply, LogInRequest
from exam_core.protocol.messages import Attach, Attached, Ordered, ServerMessage
from exam_core.protocol.orders import Begin, Clock, End, What, open_order
from exam_server import limits
from exam_server.room.live import Connection
from exam_server.room.services.enrolment import EnrolledKiosk
from tests.support import builders
from tests.support.live_room import WANG, LiveRoom, live_room
from tests.support.room_fixtures import copied_room
from tests.support.room_world import RoomWorld, make_room

KIOSKS = 100


class NoLine:
    """Leads nowhere: what a seat was sent, it notes itself."""

    def write(self, message: bytes) -> None:
        """Drop it."""

    def close(self, code: int) -> None:
        """There is nothing to close."""


class Seat(Connection):
    """One kiosk's connection, and what the server sent on it."""

    sent_since_pass = 0
    """By all of them, since the loop last came round."""

    def __init__(self, live: LiveRoom, candidate: Candidate, says: Attach) -> None:
        super().__init__(
            EnrolledKiosk(
                fingerprint=candidate.seat_id,
                seat_id=candidate.seat_id,
                signing_key=builders.KIOSK.public_key,
                enrolled_by="wang",
                issued_utc_ms=0,
            ),
            NoLine(),
        )
        self._centre_key = live.room.centre.signing_key
        self.sent: list[ServerMessage] = []
        self.says = says

    def send(self, message: ServerMessage) -> None:
        """Note the message beside sending it."""
        Seat.sent_since_pass += 1
        self.sent.append(message)
        super().send(message)

    def orders(self) -> list[What]:
        """The orders so far."""
        ordered = [one for one in self.sent if isinstance(one, Ordered)]
        return [open_order(one, self._centre_key).what for one in ordered]


@pytest.fixture(scope="module")
def large_room(tmp_path_factory: pytest.TempPathFactory) -> RoomWorld:
    """A room of a hundred seats; do not change it."""
    return make_room(tmp_path_factory.mktemp("large") / "data", seats=KIOSKS)


@pytest.fixture
def world(large_room: RoomWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RoomWorld:
    """A copy of it; no group of changes runs out of time on a busy machine."""
    monkeypatch.setattr(limits, "group_work_ms_max", 60_000)
    return copied_room(large_room, tmp_path / "data")


async def log_in(live: LiveRoom, candidate: Candidate, room_code: str) -> LogInReply:
    """One log-in, as the route asks for it."""
    request = LogInRequest(
        admission_number=candidate.admission_number,
        id_number=candidate.id_number,
        room_code=room_code,
    )
    return await live.room.hub.kiosks.log_in(request, candidate.seat_id)


async def seated(live: LiveRoom) -> list[Seat]:
    """Everybody logged in and attached, at once."""
    roster = live.world.roster
    replies = await asyncio.gather(*(log_in(live, one, live.room_code) for one in roster))
    seats = [
        Seat(
            live,
            one,
            Attach(
                protocol=VERSION,
                session_id=reply.session_id,
                token=reply.token,
                segment_id=SegmentId(secrets.token_hex(16)),
                held=(),
            ),
        )
        for one, reply in zip(roster, replies, strict=True)
    ]
    await asyncio.gather(*(live.room.hub.kiosks.attach(one, one.says) for one in seats))
    return seats


@contextmanager
def most_sent_at_once() -> Iterator[list[int]]:
    """How many messages were sent between two rounds of the loop, at most."""
    most = [0]
    Seat.sent_since_pass = 0

    async def watch() -> None:
        while True:
            most[0] = max(most[0], Seat.sent_since_pass)
            Seat.sent_since_pass = 0
            await asyncio.sleep(0)

    watching = asyncio.create_task(watch())
    try:
        yield most
    finally:
        watching.cancel()


def test_everybody_logs_in_at_once(world: RoomWorld) -> None:
    """Wrong ones among them are refused alone and counted; a few commits do it all."""

    async def play() -> None:
        async with live_room(world) as live:
            wrong = [log_in(live, one, "000000x") for one in world.roster[:40]]
            right = [log_in(live, one, live.room_code) for one in world.roster]
            ends = await asyncio.gather(*wrong, *right, return_exceptions=True)

            refused = [one.code for one in ends if isinstance(one, ExamError)]
            assert refused == ["login.refused"] * 40
            replies = [one for one in ends if isinstance(one, LogInReply)]
            assert len({one.session_id for one in replies}) == KIOSKS
            state = live.room.hub.state
            assert {one.failed_tries for one in state.seats.values()} == {0}
            assert live.room.hub.core.changes.groups <= 3
            actions = [
                line.split(b'"action":"')[1].split(b'"')[0] for line in live.room.trail.lines()
            ]
            assert actions.count(b"log_in_refused") == 40
            assert actions.count(b"logged_in") == KIOSKS
            assert live.room.trail.examine().findings == ()

    asyncio.run(play())


def test_a_room_starts_in_one_commit_and_saves_pass_between_the_orders(world: RoomWorld) -> None:
    """Each kiosk is handed its key once, then its clock; the loop comes round all the time."""

    async def play() -> None:
        async with live_room(world) as live:
            hub = live.room.hub
            seats = await seated(live)
            assert hub.core.changes.groups <= 4
            await live.open()
            await hub.steering.mark_present(WANG, None)
            before = {id(one): len(one.orders()) for one in seats}
            groups = hub.core.changes.groups
            with most_sent_at_once() as most:
                await hub.course.change_sitting(SittingEvent.START, WANG)
            assert hub.core.changes.groups == groups
            assert most[0] <= 3 * limits.told_at_once
            for seat in seats:
                begin, clock = seat.orders()[before[id(seat)] :]
                assert isinstance(begin, Begin)
                assert isinstance(clock, Clock)
                assert clock.session_state is SessionState.INTERACTING

            with most_sent_at_once() as most:
                await hub.course.change_sitting(SittingEvent.END, WANG)
            assert most[0] <= 3 * limits.told_at_once
            assert all(isinstance(seat.orders()[-2], End) for seat in seats)
            live.clock.advance(limits.grace_ms)
            await hub.course.tick()
            await hub.core.finish()
            assert {one.state for one in hub.state.sessions.values()} == {SessionState.CLOSED}
            assert hub.core.changes.groups <= groups + 3

    asyncio.run(play())


def test_coming_back_after_a_restart_costs_no_commit(world: RoomWorld) -> None:
    """Nothing is new: an attach waits for nobody, not even for who holds the turn."""

    async def play() -> None:
        async with live_room(world) as live:
            before = await seated(live)
        async with live_room(world) as live:
            hub = live.room.hub
            pairs = zip(world.roster, before, strict=True)
            back = [Seat(live, candidate, seat.says) for candidate, seat in pairs]
            async with asyncio.timeout(20), hub.core.turn:
                await asyncio.gather(*(hub.kiosks.attach(one, one.says) for one in back))
            assert hub.core.changes.groups == 0
            assert all(isinstance(one.sent[0], Attached) for one in back)
            assert all(one.connection is not None for one in hub.state.sessions.values())

    asyncio.run(play())
