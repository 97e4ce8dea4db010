"""The connection to PostgreSQL is lost, also in the middle of a commit: the room goes on."""

import asyncio
import contextlib
from collections.abc import Iterator

import msgspec
import pytest
from sqlalchemy import create_engine, text
from websockets.exceptions import ConnectionClosed

from exam_core.errors import StorageError
from exam_core.model.states import SessionState, SittingEvent, SittingState
from exam_core.protocol.messages import Refused
from exam_core.protocol.orders import Clock
from exam_server.room.live import CLOSE_LATER
from tests.support import builders
from tests.support.cut_proxy import Cut, CutProxy, cut_proxy
from tests.support.kiosk_driver import KioskDriver
from tests.support.live_room import WANG, LiveRoom, live_room
from tests.support.refusals import refuses
from tests.support.room_world import RoomWorld
from tests.support.scale import times
from tests.support.scenes import session_of, stored, until
from tests.support.writing_room import CUT, WritingRoom, missing_from

pytestmark = pytest.mark.faults


@pytest.fixture
def proxy(postgres_world: RoomWorld) -> Iterator[CutProxy]:
    """What the room's connections go through."""
    folder = postgres_world.folder
    with cut_proxy(folder.config().database_url) as (proxy, url):
        folder.write_config(msgspec.structs.replace(folder.config(), database_url=url))
        yield proxy


async def cut_off(driver: KioskDriver) -> None:
    """The connection ends with "come again", and nothing is acknowledged."""
    before = driver.saved[driver.segment_id].frames
    with pytest.raises(ConnectionClosed) as closing:
        await driver.wait_saved()
    assert closing.value.rcvd
    assert closing.value.rcvd.code == CLOSE_LATER
    assert driver.saved[driver.segment_id].frames == before


async def back(live: LiveRoom, driver: KioskDriver) -> None:
    """The kiosk comes again until the room takes frames."""
    await until(lambda: live.room.hub.writer.failure is None)
    attached = await driver.reattach()
    if any(held.frames < len(driver.frames[held.segment_id]) for held in attached.held):
        await driver.wait_saved()


@pytest.mark.parametrize("cut", [Cut.BEFORE, Cut.AFTER])
@pytest.mark.parametrize("is_open", [True, False])
def test_a_commit_of_unknown_outcome_is_settled(
    postgres_world: RoomWorld, proxy: CutProxy, cut: Cut, *, is_open: bool
) -> None:
    """Nothing of it is acknowledged; what turns out to be kept counts, the rest comes again."""

    async def scene() -> None:
        async with live_room(postgres_world) as live:
            await live.start()
            driver = await live.writing()
            await live.room.hub.core.finish()
            if not is_open:
                live.room.hub.state.opened = None
            proxy.cut = cut
            driver.append(builders.response_recorded("i1.1"))
            driver.append(builders.response_recorded("elsewhere"))
            await driver.send_frames(driver.segment_id, 1)
            await cut_off(driver)
            await back(live, driver)
            assert stored(live, driver) == driver.frames[driver.segment_id]
            await driver.save(builders.response_recorded("i2.1", "B"))
            if not is_open:
                await live.open()
            session = session_of(live, driver)
            await until(lambda: session.tally.answered == 2)
            await driver.submit()
            assert session.state is SessionState.CLOSED
            assert stored(live, driver) == driver.frames[driver.segment_id]
            assert proxy.cuts == 1

    asyncio.run(scene())


@pytest.mark.parametrize("cut", [Cut.BEFORE, Cut.AFTER])
def test_an_act_of_unknown_outcome_is_settled(
    postgres_world: RoomWorld, proxy: CutProxy, cut: Cut
) -> None:
    """The page and the kiosks follow what the database holds; the act can be repeated or stands."""

    async def scene() -> None:
        async with live_room(postgres_world) as live:
            await live.start()
            driver = await live.writing()
            await live.room.hub.core.finish()
            proxy.cut = cut
            with refuses(StorageError, "database.unreachable"):
                await live.room.hub.course.change_sitting(SittingEvent.HOLD, WANG)
            await until(lambda: live.room.hub.reopening.settled == live.room.store.losses)
            held = cut is Cut.AFTER
            state = live.room.hub.state
            assert state.clock.state is (SittingState.HELD if held else SittingState.RUNNING)
            if not held:
                await live.room.hub.course.change_sitting(SittingEvent.HOLD, WANG)
            while (await driver.expect(Clock)).sitting_state is not SittingState.HELD:
                pass
            await back(live, driver)
            await driver.save(builders.response_recorded("i1.1"))

    asyncio.run(scene())


def test_connections_ended_under_load_lose_nothing(postgres_world: RoomWorld) -> None:
    """Every connection of the room is ended again and again; the server needs no restart."""
    losses = times(8)
    engine = create_engine(
        postgres_world.folder.config().database_url, isolation_level="AUTOCOMMIT"
    )
    end_all = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )

    async def scene() -> None:
        async with live_room(postgres_world) as live:
            await live.start()
            drivers = [await live.writing(serial) for serial in (1, 2, 3)]
            room = WritingRoom(postgres_world, None)  # type: ignore[arg-type]  # nobody starts it
            room.drivers = drivers
            load = [asyncio.create_task(_forever(room, one)) for one in drivers]
            for _ in range(losses):
                seen = room.acknowledged
                async with asyncio.timeout(30):
                    while room.acknowledged < seen + 100:  # noqa: ASYNC110  over sockets
                        await asyncio.sleep(0.01)
                with engine.connect() as connection:
                    connection.execute(end_all)
            await until(lambda: live.room.hub.writer.failure is None)
            for one in load:
                one.cancel()
            await asyncio.gather(*load, return_exceptions=True)
            assert missing_from(live.room.store, drivers) == 0
            for driver in drivers:
                await driver.close()
                await back(live, driver)
                await driver.submit()
                assert not [one for one in driver.seen if _is_harm(one)]
            print(f"{room.acknowledged} frames acknowledged, 0 lost")  # noqa: T201
            print(f"campaign database_losses {losses}")  # noqa: T201  the runner reads it

    asyncio.run(scene())
    engine.dispose()


async def _forever(room: WritingRoom, driver: KioskDriver) -> None:
    while True:
        with contextlib.suppress(*CUT):
            await room.write_until_cut(driver)
        await asyncio.sleep(0.05)


def _is_harm(message: object) -> bool:
    """A refusal that blames the kiosk; "come again" does not."""
    return isinstance(message, Refused) and not message.code.startswith(("database", "storage"))
