"""The disk fails under the server: it stops acknowledging, says so, and loses nothing."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection
from websockets.exceptions import ConnectionClosed

from exam_core.errors import StorageError
from exam_core.protocol.acknowledgements import AckBook
from exam_core.protocol.messages import Refused, Saved
from exam_server import limits
from exam_server.folder import STORAGE_FAILED, STORAGE_FULL
from exam_server.room.saving.writer import Batch, FrameWriter
from exam_server.store.engine import Store
from exam_server.store.frame_log import FrameLog
from tests.support import builders
from tests.support.kiosk_driver import KioskDriver
from tests.support.live_room import WANG, LiveRoom, live_room
from tests.support.room_world import RoomWorld

ACKS = AckBook(builders.CENTRE_KEY, sitting_id=builders.SITTING_ID, boot=1)

pytestmark = pytest.mark.faults


class FailingStore:
    """A store whose next commits fail; everything else is the real one's."""

    def __init__(self, store: Store, code: str, failures: int) -> None:
        self._store = store
        self._code = code
        self.failures = failures

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Fails at the commit, after the statements ran."""
        with self._store.connection() as connection:
            yield connection
            if self.failures:
                self.failures -= 1
                raise StorageError(self._code, "磁盘故障")

    def close(self) -> None:
        """The real one's."""
        self._store.close()


def break_disk(live: LiveRoom, code: str, failures: int = 1) -> FailingStore:
    """Let the writer's next commits fail."""
    failing = FailingStore(live.room.store, code, failures)
    live.room.hub.writer._store = failing  # type: ignore[assignment]
    return failing


async def refused_then_closed(driver: KioskDriver) -> list[str]:
    """Read until the connection is closed; what was refused, and no acknowledgement among it."""
    with pytest.raises(ConnectionClosed):
        await driver.expect(Saved)
    return [one.code for one in driver.seen if isinstance(one, Refused)]


def test_a_full_disk_is_survived_without_a_restart(world: RoomWorld) -> None:
    """Nothing is acknowledged while it is full; afterwards the kiosk comes again."""

    async def play() -> None:
        async with live_room(world) as live:
            await live.start()
            driver = await live.writing()
            break_disk(live, STORAGE_FULL)
            driver.append(builders.response_recorded("i1.1"))
            await driver.send_frames(driver.segment_id, 1)
            await refused_then_closed(driver)
            state = live.room.hub.state
            assert "storage.full" in state.storage_problem
            await live.room.hub.core.finish()
            await live.room.hub.steering.settle_alarm(WANG, state.alarms[-1].alarm_id)
            assert state.storage_problem == ""

            attached = await driver.reattach()
            assert attached.held[0].frames == 1
            await driver.wait_saved()
            await driver.submit()

    asyncio.run(play())


def test_any_other_failure_stops_the_saving_for_good(world: RoomWorld) -> None:
    """What a failed sync left behind is unknown: the server takes nothing until it is restarted."""

    async def play() -> None:
        async with live_room(world) as live:
            await live.start()
            driver, other = await live.writing(1), await live.writing(2)
            break_disk(live, STORAGE_FAILED)
            driver.append(builders.response_recorded("i1.1"))
            await driver.send_frames(driver.segment_id, 1)
            await refused_then_closed(driver)
            with pytest.raises(ConnectionClosed):
                await other.expect(Saved)
            for kiosk in (driver, other):
                kiosk.append(builders.response_recorded("i1.1", "B"))
                await kiosk.reattach()
                assert await refused_then_closed(kiosk) == ["storage.failed"]
            assert live.room.hub.state.alarms[-1].code == "storage.failed"
        async with live_room(world) as live:
            for kiosk in (driver, other):
                kiosk.kiosk_url = live.kiosk_url
                await kiosk.reattach()
                await kiosk.wait_saved()
                await kiosk.close()

    asyncio.run(play())


def test_batches_queued_behind_a_failed_one_fail_with_it(world: RoomWorld) -> None:
    """They follow frames that are not there; later batches are taken again after a full disk."""

    async def play() -> None:
        failures: list[StorageError] = []
        store = Store(world.folder.database_url())
        failing: Store = FailingStore(store, STORAGE_FULL, 1)  # type: ignore[assignment]
        writer = FrameWriter(failing, FrameLog({}), ACKS, failures.append)
        durable: list[int] = []

        def put(number: int) -> None:
            flag = (builders.SEGMENT_ID, number, "x")
            writer.put(Batch(frames=(), flags=(flag,), on_durable=lambda _: durable.append(number)))

        for number in (1, 2, 3):
            put(number)
        writer.start()
        async with asyncio.timeout(10):
            while not failures:  # noqa: ASYNC110  set by the writer's call
                await asyncio.sleep(0.001)
        put(4)
        await writer.stop()
        store.close()
        assert durable == [4]
        assert [failure.code for failure in failures] == ["storage.full"]
        assert writer.failure is None

    asyncio.run(play())


class StoreFailingLate(FailingStore):
    """Its first commit fails, but not before it is let."""

    def __init__(self, store: Store) -> None:
        super().__init__(store, STORAGE_FULL, 1)
        self.may_fail = threading.Event()

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Waits first."""
        self.may_fail.wait(20)
        with super().connection() as connection:
            yield connection


def test_what_was_queued_while_a_commit_failed_is_not_taken_by_the_next(world: RoomWorld) -> None:
    """It follows frames that are not there, though it is written by itself and could be."""

    async def play() -> None:
        failures: list[StorageError] = []
        store = StoreFailingLate(Store(world.folder.database_url()))
        writer = FrameWriter(store, FrameLog({}), ACKS, failures.append)  # type: ignore[arg-type]
        durable: list[int] = []

        async def put(number: int) -> None:
            flag = (builders.SEGMENT_ID, number, "x")
            writer.put(Batch(frames=(), flags=(flag,), on_durable=lambda _: durable.append(number)))
            await asyncio.sleep(0)  # it is handed over

        writer.start()
        await put(1)
        async with asyncio.timeout(10):
            while not writer._queue.empty():  # noqa: ASYNC110  the thread takes it
                await asyncio.sleep(0.001)
        await put(2)
        store.may_fail.set()
        async with asyncio.timeout(10):
            while not failures:  # noqa: ASYNC110  set by the writer's call
                await asyncio.sleep(0.001)
        await put(3)
        await writer.stop()
        store.close()
        assert durable == [3]

    asyncio.run(play())


def test_an_unexpected_error_of_the_driver_is_a_storage_failure(world: RoomWorld) -> None:
    """Two frames at one place would be our own mistake; they are not acknowledged either."""

    async def play() -> None:
        failures: list[StorageError] = []
        store = Store(world.folder.database_url())
        writer = FrameWriter(store, FrameLog({}), ACKS, failures.append)
        writer.start()
        flag = (builders.SEGMENT_ID, 1, "x")
        writer.put(Batch(frames=(), flags=(flag, flag), on_durable=lambda _: None))
        async with asyncio.timeout(10):
            while not failures:  # noqa: ASYNC110  set by the writer's call
                await asyncio.sleep(0.001)
        with pytest.raises(StorageError, match=r"storage\.failed"):
            writer.put(Batch(frames=(), flags=(), on_durable=lambda _: None))
        await writer.stop()
        store.close()

    asyncio.run(play())


def test_a_full_queue_drops_nothing(world: RoomWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for room first waits; what was handed over all the same is written."""
    monkeypatch.setattr(limits, "save_queue_rows_max", 1)

    async def play() -> None:
        store = Store(world.folder.database_url())
        writer = FrameWriter(store, FrameLog({}), ACKS, lambda _: None)
        durable: list[int] = []
        for number in range(5):
            flag = (builders.SEGMENT_ID, number, "x")
            writer.put(
                Batch(
                    frames=(),
                    flags=(flag,),
                    on_durable=lambda _, number=number: durable.append(number),  # type: ignore[misc]
                )
            )
        assert not writer.has_room
        writer.start()
        await writer.stop()
        store.close()
        assert durable == list(range(5))
        assert writer.has_room

    asyncio.run(play())


def test_a_long_queue_makes_senders_wait(world: RoomWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded; the queue is written and then there is room again."""
    monkeypatch.setattr(limits, "save_queue_rows_max", 1)

    async def play() -> None:
        async with live_room(world) as live:
            await live.start()
            driver = await live.writing()
            for letter in "ABCD" * 20:
                driver.append(builders.response_recorded("i1.1", letter))
            await driver.save()

    asyncio.run(play())
