"""The candidates' time goes on evenly over a restart of the server, whatever the clocks say."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest

from exam_client.session.clock import SessionClock
from exam_core.formats.journal_entries import SubmitReason
from exam_core.model.identifiers import SeatId
from exam_core.model.states import SessionState, SittingEvent, SittingState
from exam_core.protocol.messages import Refused
from exam_core.protocol.orders import Clock, End
from exam_server import limits
from exam_server.room.absence import SERVER_AWAY
from exam_server.store import frames as frame_tables
from tests.support import builders
from tests.support.fake_clock import FakeClock
from tests.support.kiosk_driver import KioskDriver
from tests.support.live_room import WANG, LiveRoom, live_room
from tests.support.room_world import RoomWorld, make_room
from tests.support.scenes import session_of, until

DURATION_MS = 5_400_000
MINUTE_MS = 60_000
YEAR_MS = 365 * 24 * 60 * MINUTE_MS


@dataclass(frozen=True, kw_only=True)
class Case:
    """How the server went and came back, and what of it counts."""

    boot: str
    monotonic_ms: int
    utc_jump_ms: int
    counted_ms: int


CASES = {
    "only the program": Case(
        boot="a", monotonic_ms=1_000_000 + 21 * MINUTE_MS, utc_jump_ms=0, counted_ms=20 * MINUTE_MS
    ),
    "and the wall clock jumped forwards": Case(
        boot="a",
        monotonic_ms=1_000_000 + 21 * MINUTE_MS,
        utc_jump_ms=10 * YEAR_MS,
        counted_ms=20 * MINUTE_MS,
    ),
    "and the wall clock jumped back": Case(
        boot="a",
        monotonic_ms=1_000_000 + 21 * MINUTE_MS,
        utc_jump_ms=-26 * YEAR_MS,
        counted_ms=20 * MINUTE_MS,
    ),
    "the machine": Case(boot="b", monotonic_ms=2 * MINUTE_MS, utc_jump_ms=0, counted_ms=0),
}


def moved(driver: KioskDriver, live: LiveRoom) -> None:
    """The kiosk finds the server at its new port."""
    driver.kiosk_url = live.kiosk_url
    live.drivers.append(driver)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_passed_while_the_server_was_away_has_passed(world: RoomWorld, case: Case) -> None:
    """A kiosk that went on alone sees its time go on without a jump; the proctor is told."""

    async def play() -> None:
        before = FakeClock(boot="a")
        own = SessionClock()  # the kiosk's, on the same time line
        async with live_room(world, before) as live:
            await live.start()
            driver = await live.writing()
            await live.room.hub.steering.grant_extra_time(
                WANG, driver.seat_id, extra_ms=MINUTE_MS, reason="设备故障"
            )
            before.advance(MINUTE_MS)
            await live.room.hub.course.tick()
            left_ms = live.room.hub.core.time_left_ms(session_of(live, driver))
            own.set(now_ms=before.now, time_left_ms=left_ms, is_running=True)

        back = FakeClock(
            case.monotonic_ms, before.utc + 20 * MINUTE_MS + case.utc_jump_ms, boot=case.boot
        )
        async with live_room(world, back) as live:
            moved(driver, live)
            await driver.reattach()
            clock = await driver.expect(Clock)
            assert clock.time_left_ms == left_ms - case.counted_ms
            if case.boot == "a":
                assert own.deadline_ms == back.now + clock.time_left_ms
            assert clock.extra_ms == MINUTE_MS
            await live.room.hub.core.finish()
            alarms = [one for one in live.room.hub.state.alarms if one.code == SERVER_AWAY]
            assert len(alarms) == 1
            async with live.signed_in("wang") as http:
                page = (await http.get("/proctor")).text
                assert "给全场补时" in page
                assert "/pairs?minutes=20&amp;" in page
                offered = await http.get("/pairs", params={"minutes": "20"})
                assert 'value="20"' in offered.text

    asyncio.run(play())


def test_a_room_that_was_held_loses_nothing(world: RoomWorld) -> None:
    """Time stood for everybody; nobody is told of an absence."""

    async def play() -> None:
        before = FakeClock(boot="a")
        async with live_room(world, before) as live:
            await live.start()
            driver = await live.writing()
            before.advance(MINUTE_MS)
            await live.room.hub.course.tick()
            await live.room.hub.course.change_sitting(SittingEvent.HOLD, WANG)
        async with live_room(world, FakeClock(before.now + 20 * MINUTE_MS, boot="a")) as live:
            moved(driver, live)
            assert live.room.hub.state.absence is None
            session = session_of(live, driver)
            assert live.room.hub.core.time_left_ms(session) == DURATION_MS - MINUTE_MS

            # Held for long, gone on for a moment, killed before the next tick: the reading of the
            # moment when it went on counts, not the last one before the pause.
            live.clock.advance(30 * MINUTE_MS)
            await live.room.hub.course.change_sitting(SittingEvent.RESUME, WANG)
            resumed_at = live.clock.now
        async with live_room(world, FakeClock(resumed_at + MINUTE_MS, boot="a")) as live:
            session = session_of(live, driver)
            assert live.room.hub.core.time_left_ms(session) == DURATION_MS - 2 * MINUTE_MS

    asyncio.run(play())


def test_a_swap_under_way_gets_the_absence_back(tmp_path: Path) -> None:
    """The candidate was between two machines: all of that time is returned at the new seat."""
    world = make_room(tmp_path / "data", spare_seats=("S01",))

    async def play() -> None:
        before = FakeClock(boot="a")
        async with live_room(world, before) as live:
            await live.start()
            await live.writing(1)
            spare = await live.kiosk_at(SeatId("S01"))
            before.advance(MINUTE_MS)
            await live.room.hub.steering.swap_machine(
                (WANG.name,), seat_id=SeatId("A01"), to_seat_id=spare.seat_id, reason="黑屏"
            )
            await live.room.hub.course.tick()
        async with live_room(world, FakeClock(before.now + 20 * MINUTE_MS, boot="a")) as live:
            moved(spare, live)
            reply = await spare.log_in(live.candidate(1), live.room_code)
            assert reply.status_code == 200, reply.text
            await spare.attach()
            await live.open()
            await live.room.hub.steering.mark_present(WANG, spare.seat_id)
            await spare.wait_begin()
            session = session_of(live, spare)
            assert session.extra_ms == 20 * MINUTE_MS
            assert live.room.hub.core.time_left_ms(session) == DURATION_MS - MINUTE_MS

    asyncio.run(play())


def test_nobody_is_closed_before_the_kiosks_are_back(world: RoomWorld) -> None:
    """Time ran out meanwhile: hand-ins that were made alone come first, and none is late."""

    async def play() -> None:
        before = FakeClock(boot="a")
        async with live_room(world, before) as live:
            await live.start()
            alone, gone = await live.writing(1), await live.writing(2)
            before.advance(DURATION_MS - MINUTE_MS)
            await live.room.hub.course.tick()
        alone.append(builders.response_recorded("i1.1"))
        alone.append(builders.session_submitted(reason=SubmitReason.TIME_UP))
        async with live_room(world, FakeClock(before.now + 20 * MINUTE_MS, boot="a")) as live:
            hub = live.room.hub
            await live.open()
            await hub.course.tick()
            assert hub.state.clock.state is SittingState.RUNNING
            live.clock.advance(limits.return_wait_ms - 1)
            await hub.course.tick()
            moved(alone, live)
            await alone.reattach()
            assert await alone.send_submit()
            assert not any(isinstance(one, Refused | End) for one in alone.seen)
            assert session_of(live, alone).close_reason == SubmitReason.TIME_UP
            with live.room.store.transaction() as db:
                assert frame_tables.read_flags(db) == set()

            live.clock.advance(1)
            await hub.course.tick()  # now the server ends what is left
            live.clock.advance(limits.grace_ms)
            await hub.course.tick()
            await until(lambda: session_of(live, gone).state is SessionState.CLOSED)

    asyncio.run(play())
