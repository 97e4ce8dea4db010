"""Frames from before a start are checked in the background; old repeats are compared on disk."""

import asyncio

import pytest

from exam_core.errors import StateError, StorageError
from exam_core.formats.journal import SegmentWriter
from exam_core.formats.journal_entries import encode_entry
from exam_core.model.identifiers import SeatId
from exam_core.model.states import SessionState
from exam_core.protocol.messages import Refused, Save, Saved
from exam_server import limits
from exam_server.room.saving.upkeep import Upkeep
from exam_server.store import frames as frame_tables
from exam_server.store.engine import DATABASE_UNREACHABLE
from exam_server.store.frame_log import FrameLog
from tests.support import builders
from tests.support.kiosk_driver import KioskDriver
from tests.support.live_room import LiveRoom, live_room
from tests.support.refusals import refuses
from tests.support.room_world import RoomWorld
from tests.support.scenes import flags, session_of, stored, until


def moved(driver: KioskDriver, live: LiveRoom) -> None:
    """The kiosk finds the server at its new port."""
    driver.kiosk_url = live.kiosk_url
    live.drivers.append(driver)


async def written(live: LiveRoom, serial: int = 1, count: int = 60) -> KioskDriver:
    """A kiosk whose candidate has answered many times."""
    driver = await live.writing(serial)
    for at in range(count):
        driver.append(builders.response_recorded(("i1.1", "i2.1")[at % 2], "AB"[at // 2 % 2]))
    await driver.save()
    return driver


def test_a_start_reads_no_frame_until_the_paper_is_open(world: RoomWorld) -> None:
    """It knows how far each segment is held; what was answered follows from the background."""

    async def play() -> None:
        async with live_room(world) as live:
            await live.start()
            driver = await written(live)
            await driver.save(builders.response_recorded("elsewhere"))
            before = session_of(live, driver).ledgers[driver.segment_id].durable_frames
            answered = session_of(live, driver).tally.answered
        async with live_room(world) as live:
            session = session_of(live, driver)
            assert session.ledgers[driver.segment_id].durable_frames == before
            assert (len(session.unchecked), session.is_behind) == (0, True)
            await live.open()
            assert not session.is_behind
            assert session.tally.answered == answered
            assert session.ledgers[driver.segment_id].answered == before.frames
            assert len(flags(live)) == 1

    asyncio.run(play())


def test_saves_while_a_session_is_behind_are_checked_behind_the_old_frames(
    world: RoomWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are acknowledged at once; the submit entry among them closes the session in the end."""
    monkeypatch.setattr(limits, "catching_up_frames", 1)
    monkeypatch.setattr(limits, "frames_read_max", 7)

    async def play() -> None:
        async with live_room(world) as live:
            await live.start()
            driver = await written(live)
        async with live_room(world) as live:
            moved(driver, live)
            session = session_of(live, driver)
            opened = await asyncio.to_thread(live._open)
            await live.room.hub.steering.paper_opened(opened)
            assert session.is_behind
            driver.append(builders.response_recorded("i3.1"))
            driver.append(builders.session_submitted())
            driver.append(builders.response_recorded("i1.1"))
            await driver.attach(segment_id=driver.segment_id)
            await driver.send_frames(driver.segment_id, 61)
            await driver.wait_saved()
            await until(lambda: session.state is SessionState.CLOSED)
            assert session.tally.answered == 3
            assert flags(live) == {(63, "response.after_end")}

    asyncio.run(play())


def test_who_hands_in_is_checked_before_others(
    world: RoomWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The receipt comes while the frames of others are still waiting."""
    monkeypatch.setattr(limits, "catching_up_frames", 1)
    monkeypatch.setattr(limits, "catching_up_pause_s", 0.05)

    async def play() -> None:
        async with live_room(world) as live:
            await live.start()
            first, second = await written(live, 1, 100), await written(live, 2, 100)
        async with live_room(world) as live:
            moved(second, live)
            await second.reattach()
            second.append(builders.session_submitted())
            await second.send_frames(second.segment_id, 101)
            await second.wait_saved()
            opened = await asyncio.to_thread(live._open)
            await live.room.hub.steering.paper_opened(opened)
            await second.send_submit()
            assert session_of(live, first).is_behind
            assert session_of(live, second).state is SessionState.CLOSED

    asyncio.run(play())


def test_a_session_that_cannot_be_read_does_not_stop_the_others(world: RoomWorld) -> None:
    """The proctor sees an alarm; who waits for it is told why."""

    async def play() -> None:
        async with live_room(world) as live:
            await live.start()
            first, second = await written(live, 1, 5), await written(live, 2, 5)
        async with live_room(world) as live:
            broken = session_of(live, first)
            place = broken.old_frames[first.segment_id]
            lost = frame_tables.Place(place.frames + 1, place.head, place.last_frame_no)
            broken.old_frames[first.segment_id] = lost
            opened = await asyncio.to_thread(live._open)
            await live.room.hub.steering.paper_opened(opened)
            hub = live.room.hub
            await hub.catching_up.caught_up(session_of(live, second))
            await until(lambda: any(one.code == "storage.frames" for one in hub.state.alarms))
            assert broken.is_behind

    asyncio.run(play())


def test_a_database_that_comes_back_is_read_again(
    world: RoomWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proctor is told; the session catches up later without anybody asking."""
    monkeypatch.setattr(limits, "catching_up_retry_s", 0.01)

    async def play() -> None:
        async with live_room(world) as live:
            await live.start()
            driver = await written(live, 1, 5)
        async with live_room(world) as live:
            behind, catching_up = session_of(live, driver), live.room.hub.catching_up
            read, failures = catching_up._read_step, ["first"]

            def fails_once(step: frame_tables.Step) -> tuple[list[bytes], frame_tables.Step]:
                if failures:
                    failures.clear()
                    raise StorageError(DATABASE_UNREACHABLE, "连不上数据库")
                return read(step)

            monkeypatch.setattr(catching_up, "_read_step", fails_once)
            opened = await asyncio.to_thread(live._open)
            await live.room.hub.steering.paper_opened(opened)
            await until(lambda: not behind.is_behind)
            assert [one.code for one in live.room.hub.state.alarms] == [DATABASE_UNREACHABLE]

    asyncio.run(play())


def test_old_frames_that_come_again_are_compared_with_the_disk(
    world: RoomWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same bytes are acknowledged again; other bytes are a conflict with an alarm."""
    monkeypatch.setattr(limits, "frames_read_max", 9)

    async def play() -> None:
        async with live_room(world) as live:
            await live.start()
            driver = await written(live, count=80)
            own = driver.frames[driver.segment_id]
            assert session_of(live, driver).ledgers[driver.segment_id].forgotten(0, 81) > 20

            driver.append(builders.response_recorded("i3.1"))
            await driver.send_frames(driver.segment_id, 0)
            await driver.wait_saved()
            assert stored(live, driver) == own

            await driver.send(
                Save(segment_id=driver.segment_id, first_seq=3, frames=tuple(own[3:6]))
            )
            assert (await driver.expect(Saved)).frames == len(own)
            assert driver.begin
            other = SegmentWriter(driver.begin.journal_key, driver.segment_id, builders.KIOSK)
            forged = [other.append(encode_entry(builders.response_recorded())) for _ in range(6)]
            await driver.send(
                Save(segment_id=driver.segment_id, first_seq=3, frames=(*own[3:5], forged[5]))
            )
            refused = await driver.expect(Refused)
            assert (refused.code, refused.seq) == ("journal.conflict", 5)
            await until(lambda: bool(live.room.hub.state.alarms))
            assert live.room.hub.state.alarms[0].code == "journal.conflict"
            assert stored(live, driver) == own

    asyncio.run(play())


def test_a_machine_is_not_swapped_under_a_submit_entry_that_nobody_has_read(
    world: RoomWorld,
) -> None:
    """The old frames of the candidate are checked first."""

    async def play() -> None:
        async with live_room(world) as live:
            await live.start()
            driver = await written(live, count=5)
        async with live_room(world) as live:
            moved(driver, live)
            await driver.reattach()
            driver.append(builders.session_submitted())
            await driver.send_frames(driver.segment_id, 6)
            await driver.wait_saved()
            opened = await asyncio.to_thread(live._open)
            await live.room.hub.steering.paper_opened(opened)
            with refuses(StateError, "swap.closed"):
                await live.room.hub.steering.swap_machine(
                    ("wang",), seat_id=driver.seat_id, to_seat_id=SeatId("A02"), reason="坏了"
                )
            await live.room.hub.catching_up.caught_up(session_of(live, driver))  # at once

    asyncio.run(play())


def test_a_clean_stop_leaves_nothing_to_scan(world: RoomWorld) -> None:
    """The last thing the writer does is to write places down."""

    async def play() -> None:
        async with live_room(world) as live:
            await live.start()
            await written(live, count=30)
        async with live_room(world) as live:
            with live.room.store.connection() as connection:
                places, scanned = frame_tables.load_places(connection)
            assert (scanned, sum(one.frames for one in places.values())) == (0, 31)

    asyncio.run(play())


def test_places_and_the_log_are_written_when_nothing_waits(
    world: RoomWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Later when frames wait, but not much later."""
    monkeypatch.setattr(limits, "frames_unplaced_max", 10)

    async def play() -> None:
        async with live_room(world) as live:
            await live.start()
            driver = await written(live, count=1)
            store = live.room.store
            number = session_of(live, driver).ledgers[driver.segment_id].segment_no
            with store.connection() as connection:
                log = FrameLog.load(connection)
            upkeep = Upkeep(store, log)
            checkpoints: list[int] = []
            monkeypatch.setattr(store, "checkpoint", lambda: checkpoints.append(1))

            def unplaced() -> int:
                with store.connection() as connection:
                    return frame_tables.load_places(connection)[1]

            def append(count: int) -> None:
                place = log.place(number)
                assert place
                rows = [
                    (number, seq, b"frame", 0, place.head)
                    for seq in range(place.frames, place.frames + count)
                ]
                with store.connection() as connection:
                    appended = log.append(connection, rows, [])
                log.committed(appended)

            append(10)
            upkeep.after_commit(0, is_idle=False)
            assert not log.is_place_overdue
            assert log.is_place_due
            upkeep.after_commit(0, is_idle=True)
            assert (unplaced(), log.is_place_due) == (0, False)
            append(40)
            upkeep.after_commit(0, is_idle=False)
            assert unplaced() == 0

            assert not checkpoints
            upkeep.after_commit(limits.log_bytes_idle, is_idle=False)
            assert not checkpoints
            upkeep.after_commit(0, is_idle=True)
            assert len(checkpoints) == 1
            upkeep.after_commit(limits.log_bytes_max, is_idle=False)
            assert len(checkpoints) == 2

    asyncio.run(play())
