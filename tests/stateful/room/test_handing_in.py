"""Handing in, in time and late: when the receipt is given, and what counts after it."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection as DatabaseConnection

from exam_core.errors import StorageError
from exam_core.formats.journal import receipt_of
from exam_core.formats.journal_entries import SubmitReason
from exam_core.model.states import SessionState, SittingEvent
from exam_core.protocol.messages import Refused, Saved, Submit
from exam_core.protocol.orders import Clock, Submitted
from exam_server import limits
from exam_server.folder import STORAGE_FULL
from exam_server.room.live import CLOSE_LATER
from exam_server.room.services import conduct
from exam_server.store.engine import Store
from tests.support import builders
from tests.support.kiosk_driver import KioskDriver
from tests.support.live_room import WANG, LiveRoom
from tests.support.room_world import RoomWorld
from tests.support.scenes import closed_with, code_of, flags, run, session_of, until


def test_handing_in_closes_the_session_and_later_responses_do_not_count(
    world: RoomWorld,
) -> None:
    """The receipt is the kiosk's own; asking again gives it again."""

    async def scene(live: LiveRoom) -> None:
        await live.start()
        driver = await live.writing()
        await driver.save(builders.response_recorded("i1.1"))
        receipt = await driver.submit()
        assert receipt == await driver.send_submit()
        await driver.save(builders.response_recorded("i1.1", "B"))

        refused = [one.code for one in driver.seen if isinstance(one, Refused)]
        assert refused == ["response.after_end"]
        assert flags(live) == {(3, "response.after_end")}
        session = live.room.hub.state.seats[driver.seat_id].session
        assert session
        assert (session.state, session.receipt) == (SessionState.CLOSED, receipt)
        await driver.close()
        await until(lambda: session.connection is None)
        reply = await driver.log_in(live.candidate(), live.room_code)
        assert code_of(reply) == "login.closed"

    run(world, scene)


def test_a_submit_without_its_entry_is_refused(world: RoomWorld) -> None:
    """Neither for a frame that did not come nor for one that is no submit entry."""

    async def scene(live: LiveRoom) -> None:
        await live.start()
        driver = await live.writing()
        await driver.send(_submit(driver))
        assert (await driver.expect(Refused)).code == "submit.no_entry"
        driver.append(builders.session_submitted())
        await driver.send(_submit(driver))
        assert (await driver.expect(Refused)).code == "journal.gap"

    run(world, scene)


def _submit(driver: KioskDriver) -> Submit:
    frame = driver.frames[driver.segment_id][-1]
    return Submit(
        segment_id=driver.segment_id,
        seq=len(driver.frames[driver.segment_id]) - 1,
        receipt=receipt_of(frame),
    )


def test_a_wrong_receipt_raises_the_alarm(world: RoomWorld) -> None:
    """Kiosk and server must have the same submit entry."""

    async def scene(live: LiveRoom) -> None:
        await live.start()
        driver = await live.writing()
        await driver.submit()
        await driver.send(Submit(segment_id=driver.segment_id, seq=1, receipt="0000"))
        assert (await driver.expect(Refused)).code == "submit.receipt"

    run(world, scene)


def test_a_kiosk_that_says_nothing_is_closed_after_the_grace_and_may_still_send(
    world: RoomWorld,
) -> None:
    """What it had is kept as late, with one alarm; with its submit entry the receipt is given."""

    async def scene(live: LiveRoom) -> None:
        await live.start()
        driver = await live.writing()
        await driver.close()
        await live.room.hub.course.change_sitting(SittingEvent.END, WANG)
        session = live.room.hub.state.seats[driver.seat_id].session
        assert session
        live.clock.advance(limits.grace_ms)
        await live.room.hub.course.tick()
        await until(lambda: session.state is SessionState.CLOSED)
        assert (session.close_reason, session.receipt) == ("proctor", "")

        driver.append(builders.response_recorded("i1.1"))
        await driver.reattach()
        assert (await driver.expect(Clock)).session_state is SessionState.CLOSED
        await driver.wait_saved()
        await driver.submit(SubmitReason.PROCTOR)
        assert flags(live) == {(1, "response.late"), (2, "response.late")}
        assert session.receipt
        await live.room.hub.core.finish()
        alarms = [(one.seat_id, one.code) for one in live.room.hub.state.alarms]
        assert alarms == [(driver.seat_id, "response.late")]

    run(world, scene)


def test_a_kiosk_that_was_off_at_the_end_hands_in_when_it_comes_back(world: RoomWorld) -> None:
    """It gets its key once more, to open its journal; the receipt is given on each later attach."""

    async def scene(live: LiveRoom) -> None:
        await live.start()
        driver = await live.writing()
        await driver.save(builders.response_recorded("i1.1"))
        await driver.close()
        await live.room.hub.course.change_sitting(SittingEvent.END, WANG)
        live.clock.advance(limits.grace_ms)
        await live.room.hub.course.tick()
        await live.room.hub.core.finish()

        await driver.attach()
        assert (await driver.expect(Clock)).session_state is SessionState.CLOSED
        await driver.wait_begin()
        assert (await driver.expect(Clock)).session_state is SessionState.CLOSED
        receipt = await driver.submit(SubmitReason.PROCTOR)
        await driver.close()
        await driver.reattach()
        assert (await driver.expect(Submitted)).receipt == receipt

    run(world, scene)


class _SecondFails:
    """The real store; each commit waits for its turn, and the second meets a full disk."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.turns = (threading.Event(), threading.Event())
        self.begun = 0

    @contextmanager
    def connection(self) -> Iterator[DatabaseConnection]:
        number = self.begun
        self.begun += 1
        assert self.turns[number].wait(20)
        if number == 1:
            raise StorageError(STORAGE_FULL, "磁盘已满")
        with self._store.connection() as connection:
            yield connection


def test_no_receipt_is_given_for_a_submit_entry_that_is_not_on_disk(world: RoomWorld) -> None:
    """Not by the commit of the frames before it, and not when its own commit fails."""

    async def scene(live: LiveRoom) -> None:
        await live.start()
        driver = await live.writing()
        session = session_of(live, driver)
        writer = live.room.hub.writer
        disk = _SecondFails(live.room.store)
        writer._store = disk  # type: ignore[assignment]
        driver.append(builders.response_recorded("i1.1"))
        await driver.send_frames(driver.segment_id, 1)
        await until(lambda: disk.begun == 1)
        driver.append(builders.session_submitted())
        await driver.send_frames(driver.segment_id, 2)
        await driver.send(_submit(driver))
        await until(lambda: bool(session.wanted_receipt))

        disk.turns[0].set()
        assert (await driver.expect(Saved)).frames == 2
        await until(lambda: disk.begun == 2)
        await live.room.hub.core.finish()
        assert (session.state, session.receipt) == (SessionState.INTERACTING, "")
        disk.turns[1].set()
        assert await closed_with(driver) == CLOSE_LATER
        assert not any(isinstance(one, Submitted) for one in driver.seen)
        assert (session.state, session.receipt) == (SessionState.INTERACTING, "")

        writer._store = live.room.store
        await driver.reattach()
        await driver.wait_saved()
        assert await driver.send_submit() == session.receipt

    run(world, scene)


def test_a_closing_that_failed_is_tried_again(
    world: RoomWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The submit entry is durable; the candidate does not wait for the end of the time."""
    failures = [StorageError(STORAGE_FULL, "磁盘已满") for _ in range(2)]
    close_session = conduct.close_session

    def close_at_last(*args: Any, **kwargs: Any) -> None:
        if failures:
            raise failures.pop()
        close_session(*args, **kwargs)

    async def scene(live: LiveRoom) -> None:
        await live.start()
        driver = await live.writing()
        monkeypatch.setattr(conduct, "close_session", close_at_last)
        await driver.save(builders.session_submitted())
        await driver.send(_submit(driver))
        async with asyncio.timeout(20):
            while failures:
                await live.room.hub.core.finish()
                await live.room.hub.course.tick()
        await live.room.hub.core.finish()
        await live.room.hub.course.tick()
        assert (await driver.expect(Submitted)).receipt == session_of(live, driver).receipt

    run(world, scene)
