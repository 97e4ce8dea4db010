"""The course of a sitting with a clock that the test sets: begin, hold, time up, end."""

import pytest

from exam_core.errors import StorageError
from exam_core.formats.journal_entries import SubmitReason
from exam_core.formats.results_bundle import (
    open_results,
)
from exam_core.model.states import SessionState, SittingEvent, SittingState
from exam_core.protocol.messages import Refused
from exam_core.protocol.orders import Begin, Clock, End
from exam_server import limits
from exam_server.folder import STORAGE_FULL
from exam_server.room.services import conduct
from tests.support import builders
from tests.support.live_room import WANG, LiveRoom
from tests.support.room_world import RoomWorld
from tests.support.scenes import run, session_of, state_of, until
from tests.support.signed_results import export

DURATION_MS = 5_400_000


def test_the_key_of_the_form_comes_with_presence_and_start_and_not_before(
    world: RoomWorld,
) -> None:
    """Log-in, opening, start: none of them alone brings Begin."""

    async def scene(live: LiveRoom) -> None:
        driver = await live.logged_in()
        await driver.attach()
        await driver.stage("confirmed")
        await driver.stage("rules_read")
        await live.start()
        await driver.heartbeat()
        while (await driver.expect(Clock)).sitting_state is not SittingState.RUNNING:
            pass
        await driver.heartbeat()
        assert not (await driver.expect(Clock)).is_present
        assert not any(isinstance(message, Begin) for message in driver.seen)

        await live.room.hub.steering.mark_present(WANG, driver.seat_id)
        form = await driver.wait_begin()
        assert driver.begin
        assert form.form_number == driver.begin.form_number
        assert driver.begin.time_left_ms == DURATION_MS

    run(world, scene)


def test_time_up_ends_the_session_and_the_answers_typed_by_then_count(
    world: RoomWorld,
) -> None:
    """End is sent; the kiosk submits within the grace; the sitting ends by itself."""

    async def scene(live: LiveRoom) -> None:
        await live.start()
        driver, slow = await live.writing(1), await live.writing(2)
        await live.room.hub.steering.grant_extra_time(
            WANG, slow.seat_id, extra_ms=60_000, reason="设备故障"
        )
        live.clock.advance(DURATION_MS - 1)
        await live.room.hub.course.tick()
        assert not any(isinstance(one, End) for one in driver.seen)
        live.clock.advance(1)
        await live.room.hub.course.tick()
        assert (await driver.expect(End)).reason == "time_up"
        await driver.submit(SubmitReason.TIME_UP)
        assert state_of(live) is SittingState.RUNNING

        live.clock.advance(60_000)
        await live.room.hub.course.tick()
        assert (await slow.expect(End)).reason == "time_up"
        assert state_of(live) is SittingState.ENDED
        await slow.submit(SubmitReason.TIME_UP)

    run(world, scene)


def test_a_hold_stops_everybodys_clock(world: RoomWorld) -> None:
    """And resuming goes on with the same time left."""

    async def scene(live: LiveRoom) -> None:
        await live.start()
        driver = await live.writing()
        live.clock.advance(10_000)
        await live.room.hub.course.change_sitting(SittingEvent.HOLD, WANG)
        live.clock.advance(500_000)
        await driver.heartbeat(3)
        await driver.heartbeat(3)
        held = [await driver.expect(Clock) for _ in range(3)][-1]
        assert held.sitting_state is SittingState.HELD
        assert held.time_left_ms == DURATION_MS - 10_000
        session = live.room.hub.state.seats[driver.seat_id].session
        assert session
        assert session.unsynced == 3
        await driver.save(builders.response_recorded("i1.1"))  # what was typed before the hold
        await live.room.hub.course.change_sitting(SittingEvent.RESUME, WANG)
        live.clock.advance(1_000)
        assert live.room.hub.core.time_left_ms(session) == DURATION_MS - 11_000

    run(world, scene)


def test_the_end_closes_sessions_that_never_began(world: RoomWorld) -> None:
    """Who logged in without being present is absent in the results."""

    async def scene(live: LiveRoom) -> None:
        waiting = await live.logged_in(2)
        await waiting.attach()
        await live.start()
        driver = await live.writing(1)
        await driver.save(builders.response_recorded("i1.1", "B"))
        await live.room.hub.course.change_sitting(SittingEvent.END, WANG)
        assert (await driver.expect(End)).reason == "proctor"
        await driver.submit(SubmitReason.PROCTOR)

        bundle = await export(live)
        manifest, content = open_results(
            bundle, builders.GRADING_IDENTITY, live.room.folder.centre()
        )
        counts = manifest.counts
        assert (counts.rostered, counts.submitted, counts.unsubmitted, counts.absent) == (
            4,
            1,
            0,
            3,
        )
        (session,) = content.sessions
        assert session.segments[0].frames == tuple(driver.frames[driver.segment_id])
        assert live.room.hub.state.clock.state is SittingState.CLOSED
        await driver.send_frames(driver.segment_id, 0)
        assert (await driver.expect(Refused)).code == "sitting.state"
        assert await export(live) == bundle

    run(world, scene)


def test_a_full_disk_does_not_hide_the_end(
    world: RoomWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The working time cannot be written down; the kiosks are told all the same."""

    def fail(*_: object) -> None:
        raise StorageError(STORAGE_FULL, "磁盘已满")

    async def scene(live: LiveRoom) -> None:
        await live.start()
        driver, slow = await live.writing(1), await live.writing(2)
        await live.room.hub.steering.grant_extra_time(
            WANG, slow.seat_id, extra_ms=60_000, reason="设备故障"
        )
        with monkeypatch.context() as broken:
            broken.setattr(conduct, "persist_elapsed", fail)
            live.clock.advance(DURATION_MS)
            with pytest.raises(StorageError):
                await live.room.hub.course.tick()
            assert (await driver.expect(End)).reason == "time_up"
            live.clock.advance(limits.grace_ms)
            with pytest.raises(StorageError):
                await live.room.hub.course.tick()
            await until(lambda: session_of(live, driver).state is SessionState.CLOSED)

    run(world, scene)
