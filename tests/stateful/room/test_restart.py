"""The server restarts in the middle of a sitting; nothing is lost and time goes on."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection as DatabaseConnection

from exam_core.formats.journal import SegmentWriter
from exam_core.formats.journal_entries import encode_entry
from exam_core.model.states import SessionState, SittingEvent, SittingState
from exam_core.protocol.messages import Refused, Save
from exam_core.protocol.orders import Begin, Clock
from exam_server import limits
from exam_server.room.live import CLOSE_LATER
from exam_server.store.engine import Store
from tests.support import builders
from tests.support.fake_clock import FakeClock
from tests.support.kiosk_driver import KioskDriver
from tests.support.live_room import WANG, LiveRoom, live_room
from tests.support.room_world import RoomWorld
from tests.support.scenes import closed_with, session_of, until

DURATION_MS = 5_400_000


def moved(driver: KioskDriver, live: LiveRoom) -> None:
    """The kiosk finds the server at its new port."""
    driver.kiosk_url = live.kiosk_url
    live.drivers.append(driver)


def test_a_sitting_goes_on_after_a_restart(any_world: RoomWorld) -> None:
    """Saves are taken while the paper is shut, checked when it is open, and count."""

    async def play() -> None:
        async with live_room(any_world) as live:
            await live.start()
            driver = await live.writing()
            await driver.save(builders.response_recorded("i1.1"))
            live.clock.advance(30_000)
            await live.room.hub.course.tick()

        # Another process: its monotonic clock says something else.
        async with live_room(any_world, FakeClock(monotonic_ms=5, utc_ms=live.clock.utc)) as live:
            moved(driver, live)
            assert live.room.hub.state.clock.state is SittingState.RUNNING
            driver.append(builders.response_recorded("i2.1", "B"))
            driver.append(builders.response_recorded("elsewhere"))
            await driver.reattach()
            clock = await driver.expect(Clock)
            assert clock.time_left_ms == DURATION_MS - 30_000
            await driver.wait_saved()
            await driver.save(builders.session_submitted())
            assert session_of(live, driver).tally.answered == 0
            assert not any(isinstance(one, Begin) for one in driver.seen)

            waiting = asyncio.create_task(driver.send_submit())
            await live.open()
            assert await waiting
            session = session_of(live, driver)
            assert session.tally.answered == 2
            assert session.state is SessionState.CLOSED
            assert live.room.hub.state.alarms[0].code == "response.unknown_part"

        async with live_room(any_world) as live:
            moved(driver, live)
            session = session_of(live, driver)
            assert (session.state, bool(session.receipt)) == (SessionState.CLOSED, True)
            await driver.reattach()
            assert await driver.send_submit() == session.receipt

    asyncio.run(play())


def test_a_candidate_who_had_not_begun_begins_after_the_paper_is_opened_again(
    world: RoomWorld,
) -> None:
    """Presence and the sitting's state are remembered; the key is not."""

    async def play() -> None:
        async with live_room(world) as live:
            await live.start()
            await live.writing(1)
            late = await live.logged_in(2)
        async with live_room(world) as live:
            moved(late, live)
            await late.attach()
            reply = await late.room()
            assert reply.session_state is None
            await live.room.hub.steering.mark_present(WANG, late.seat_id)
            await live.open()
            await late.wait_begin()
            await late.save(builders.response_recorded("i1.1"))
            assert (await late.room()).session_state is SessionState.INTERACTING

    asyncio.run(play())


def test_forged_frames_sent_while_the_paper_is_shut_are_found_when_it_opens(
    any_world: RoomWorld,
) -> None:
    """They were kept unchecked; they get their flag and the proctor an alarm."""

    async def play() -> None:
        async with live_room(any_world) as live:
            await live.start()
            driver = await live.writing()
        async with live_room(any_world) as live:
            moved(driver, live)
            await driver.reattach()
            forger = SegmentWriter(bytes(32), driver.segment_id, builders.KIOSK)
            forged = [forger.append(b"{}") for _ in range(2)]
            await driver.send(Save(segment_id=driver.segment_id, first_seq=1, frames=(forged[1],)))
            driver.frames[driver.segment_id].append(forged[1])
            assert driver.writer
            driver.writer.seq, driver.writer.head = 2, _head(driver)
            await driver.wait_saved()
            await live.open()
            assert live.room.hub.state.known_flags == {(driver.segment_id, 1, "journal.frame")}
            async with asyncio.timeout(20):
                while not live.room.hub.state.alarms:  # noqa: ASYNC110  written by another task
                    await asyncio.sleep(0.005)

    asyncio.run(play())


def _head(driver: KioskDriver) -> bytes:
    return driver._held(driver.segment_id).head


def test_a_kiosk_that_wrote_while_the_server_was_away_brings_all_its_segments(
    any_world: RoomWorld,
) -> None:
    """Segments the server never heard of get epochs in the order the kiosk made them."""

    async def play() -> None:
        async with live_room(any_world) as live:
            await live.start()
            driver = await live.writing()
            first = driver.segment_id
            await driver.save(builders.response_recorded("i1.1", "A"))
        assert driver.begin
        second = builders.SEGMENT_ID
        writer = SegmentWriter(driver.begin.journal_key, second, builders.KIOSK)
        driver.frames[second] = [
            writer.append(encode_entry(entry))
            for entry in (
                builders.segment_started(
                    session_id=driver.log_in_reply.session_id,  # type: ignore[union-attr]
                    manifest_sha256=driver.package.manifest_sha256,  # type: ignore[union-attr]
                    form_number=driver.begin.form_number,
                ),
                builders.response_recorded("i1.1", "D"),
            )
        ]
        async with live_room(any_world) as live:
            moved(driver, live)
            attached = await driver.attach()
            assert attached.epochs == {first: 1, second: 2, driver.segment_id: 3}
            await driver.send_frames(second, 0)
            await live.open()
            await driver.wait_begin()
            await driver.save()
            assert session_of(live, driver).tally.answered == 1
            assert not [one for one in driver.seen if isinstance(one, Refused)]

    asyncio.run(play())


def test_grace_begins_anew_when_the_server_stopped_within_it(world: RoomWorld) -> None:
    """A session still open in an ended sitting is closed after a new grace."""

    async def play() -> None:
        async with live_room(world) as live:
            await live.start()
            driver = await live.writing()
            await driver.close()
            await live.room.hub.course.change_sitting(SittingEvent.END, WANG)
        async with live_room(world) as live:
            assert session_of(live, driver).state is SessionState.INTERACTING
            live.clock.advance(limits.return_wait_ms)
            await live.room.hub.course.tick()
            await live.room.hub.core.finish()
            assert session_of(live, driver).state is SessionState.CLOSED

    asyncio.run(play())


class _Waiting:
    """The real store, whose commits wait until they may go on."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.may_go = threading.Event()

    @contextmanager
    def connection(self) -> Iterator[DatabaseConnection]:
        assert self.may_go.wait(20)
        with self._store.connection() as connection:
            yield connection


def test_opening_closes_no_session_whose_submit_entry_is_not_on_disk(world: RoomWorld) -> None:
    """It came while the paper was shut and is still being written when the two people open."""

    async def play() -> None:
        async with live_room(world) as live:
            await live.start()
            driver = await live.writing()
        async with live_room(world) as live:
            moved(driver, live)
            await driver.reattach()
            disk = _Waiting(live.room.store)
            live.room.hub.writer._store = disk  # type: ignore[assignment]
            session = session_of(live, driver)
            driver.append(builders.session_submitted())
            await driver.send_frames(driver.segment_id, 1)
            await until(lambda: session.ledgers[driver.segment_id].frames == 2)
            await live.open()
            await live.room.hub.core.finish()
            assert (session.state, session.receipt) == (SessionState.INTERACTING, "")
            disk.may_go.set()
            await driver.wait_saved()
            assert await driver.send_submit() == session.receipt

    asyncio.run(play())


@pytest.mark.parametrize(
    ("limit", "value"), [("unchecked_frames_max", 4), ("unchecked_bytes_max", 1_000)]
)
def test_only_so_much_is_taken_unchecked(
    world: RoomWorld, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    """The rest is refused until the paper is open; then the kiosk brings it, and all counts."""
    monkeypatch.setattr(limits, limit, value)

    async def play() -> None:
        async with live_room(world) as live:
            await live.start()
            driver = await live.writing()
        async with live_room(world) as live:
            moved(driver, live)
            await driver.reattach()
            session = session_of(live, driver)
            await driver.save(builders.response_recorded("i1.1"))
            for letter in "ABCD":
                driver.append(builders.response_recorded("i2.1", letter))
            await driver.send_frames(driver.segment_id, 2)
            assert await closed_with(driver) == CLOSE_LATER
            refused = [(one.code, one.seq) for one in driver.seen if isinstance(one, Refused)]
            assert refused == [("saving.paper_shut", 2)]
            assert session.ledgers[driver.segment_id].frames == 2

            await live.open()
            await driver.reattach()
            await driver.wait_saved()
            assert session.tally.answered == 2

    asyncio.run(play())
