"""Two servers by mistake: one database, or one folder copied; no answer is lost, one may speak."""

import asyncio
import os
import signal
from contextlib import closing
from pathlib import Path

import pytest

from exam_server.store import frames as frame_tables
from exam_server.store.engine import Store
from tests.support.fork_server import ForkedServer, ForkServer
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


def frames(world: RoomWorld) -> int:
    """How many frames the database has, as somebody who asks for nothing but that."""
    with closing(Store(world.folder.database_url())) as store, store.transaction() as db:
        return frame_tables.count_frames(db)
