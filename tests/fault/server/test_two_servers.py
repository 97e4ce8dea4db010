"""Two servers by mistake: one database, or one folder copied; no answer is lost, one may speak."""

import asyncio
import os
import shutil
import signal
from contextlib import closing
from pathlib import Path

import pytest

from exam_core.errors import StateError
from exam_core.protocol.messages import ServerMessage
from exam_core.protocol.orders import ORDER_REPLAYED, What
from exam_server.store import frames as frame_tables
from exam_server.store.engine import Store
from tests.support import builders
from tests.support.fork_server import ForkedServer, ForkServer
from tests.support.kiosk_driver import KioskDriver
from tests.support.room_fixtures import copied_room
from tests.support.room_world import RoomWorld
from tests.support.writing_room import WritingRoom, missing_from

pytestmark = pytest.mark.faults


def other_folder(world: RoomWorld, place: Path) -> RoomWorld:
    """The room's data folder on another machine; what the URL says stays."""
    place.mkdir()
    return copied_room(world, place / "data")


def test_a_server_that_slept_acknowledges_nothing(
    postgres_world: RoomWorld, tmp_path: Path, fork_server: ForkServer
) -> None:
    """Stopped under load, another takes over, it wakes: nothing of it counts, and it ends."""
    old = ForkedServer(postgres_world.folder, fork_server)
    stand_by = other_folder(postgres_world, tmp_path / "stand-by")
    new = ForkedServer(stand_by.folder, fork_server)

    async def play() -> None:
        room = WritingRoom(postgres_world, old)
        await room.everybody_writes()
        load = [asyncio.create_task(room.write_until_cut(one)) for one in room.drivers]
        async with asyncio.timeout(60):
            while room.acknowledged < 400:  # noqa: ASYNC110  what comes over sockets
                await asyncio.sleep(0.01)
        assert old.process is not None
        os.kill(old.process.pid, signal.SIGSTOP)
        with pytest.raises(AssertionError, match=r"database\.in_use"):
            await asyncio.to_thread(new.start)
        await asyncio.to_thread(new.start, take_over=True)
        kept = frames(postgres_world)
        os.kill(old.process.pid, signal.SIGCONT)
        await asyncio.gather(*load)  # it lets go of every kiosk
        assert await asyncio.to_thread(old.process.wait, 30) == 2
        assert frames(postgres_world) == kept
        with closing(Store(postgres_world.folder.database_url())) as store:
            assert missing_from(store, room.drivers) == 0
        room.server = new
        for driver in room.drivers:
            driver.kiosk_url = new.kiosk_url
        await room.open()
        for driver in room.drivers:
            await room.hand_in(driver)
            await driver.close()

    try:
        asyncio.run(play())
        assert "server.fenced" in (postgres_world.folder.path.parent / "server.log").read_text()
        assert new.stop() == 0
    finally:
        for server in (old, new):
            if server.process and server.process.poll() is None:
                server.kill()


class Wary(KioskDriver):
    """A kiosk that does what a real one does with an order that is not new: nothing."""

    replayed = 0

    def _obeyed(self, message: ServerMessage) -> ServerMessage | What:
        try:
            return super()._obeyed(message)
        except StateError as error:
            if error.code != ORDER_REPLAYED:
                raise
            self.replayed += 1
            return message


def test_a_copied_folder_costs_no_answer(world: RoomWorld, fork_server: ForkServer) -> None:
    """Copied in the middle of the exam and started twice, a kiosk goes from one to the other.

    What one acknowledged the other gets too, because it is told what is lacking and asks for it.
    Both count their starts alike, so the kiosk obeys only the one that is ahead, and says so.
    """
    first = ForkedServer(world.folder, fork_server)
    copy = other_folder(world, world.folder.path.parent / "copied-later")
    second = ForkedServer(copy.folder, fork_server)

    async def come(driver: Wary) -> int:
        """Attach; how many acknowledged frames this server had never seen."""
        known = driver.saved[driver.segment_id].frames
        (held,) = (await driver.reattach()).held
        if held.frames < len(driver.frames[driver.segment_id]):
            await driver.wait_saved()
        return known - held.frames

    async def play() -> None:
        room = WritingRoom(world, first)
        await room.start()
        driver = await begun(room)
        await room.write(driver)
        assert await asyncio.to_thread(first.stop) == 0
        shutil.rmtree(copy.folder.path)
        shutil.copytree(world.folder.path, copy.folder.path)
        await room.start()
        await asyncio.to_thread(second.start)
        for server in (first, second, first, second):
            driver.kiosk_url = server.kiosk_url
            lacked = await come(driver)
            assert lacked or server is first
            await room.write(driver)
            await driver.close()
        assert driver.replayed > 0
        with closing(Store(copy.folder.database_url())) as store:
            assert missing_from(store, [driver]) == 0
        room.server = second
        await room.open()
        await come(driver)
        await driver.save(builders.session_submitted())
        await driver.close()

    try:
        asyncio.run(play())
    finally:
        for server in (first, second):
            if server.process and server.process.poll() is None:
                server.kill()


async def begun(room: WritingRoom) -> Wary:
    """The first candidate's kiosk, writing."""
    driver = Wary(room.world.roster[0].seat_id, room.world.folder)
    driver.kiosk_url = room.server.kiosk_url
    codes, room_code = await asyncio.to_thread(room._join_codes)
    await driver.enrol(room.server.console_url, codes[driver.seat_id])
    await driver.fetch_package(builders.root())
    assert (await driver.log_in(room.world.roster[0], room_code)).status_code == 200
    room.drivers.append(driver)
    await driver.attach()
    await room.open()
    await room.begin()
    await driver.wait_begin()
    await driver.save()
    return driver


def frames(world: RoomWorld) -> int:
    """How many frames the database has, as somebody who asks for nothing but that."""
    with closing(Store(world.folder.database_url())) as store, store.transaction() as db:
        return frame_tables.count_frames(db)
