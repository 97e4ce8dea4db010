"""The proctor is told how the disk stands, and the alarm goes when the trouble is over."""

import asyncio

from exam_core.limits import MIB
from exam_server.room.core import SERVER
from exam_server.room.disk_care import DiskCare
from exam_server.room.reserve import RESERVE_NAME, DiskWatch
from exam_server.room.views import room_view
from exam_server.store import room as tables
from exam_server.store.frames import count_refused
from tests.support import builders
from tests.support.live_room import LiveRoom, live_room
from tests.support.room_world import RoomWorld

RESERVE = 4 * MIB


class Watched:
    """A running room beside a disk that has as much space as the test says."""

    def __init__(self, live: LiveRoom) -> None:
        self.live = live
        self.space = 100 * MIB
        folder = live.world.folder.path
        self.reserve = folder / RESERVE_NAME
        watch = DiskWatch(folder, live.clock, reserve_bytes=RESERVE, free_of=lambda _: self.free)
        self.care = DiskCare(live.room.hub.core, watch)

    @property
    def free(self) -> int:
        """Of the space, what the reserve does not hold."""
        return self.space - (self.reserve.stat().st_size if self.reserve.exists() else 0)

    async def look(self, space: int) -> tuple[list[str], str]:
        """Look with so much space; the alarms of the server, and the words on the page."""
        self.space = space
        await self.care.look()
        core = self.live.room.hub.core
        await core.finish()
        codes = [one.code for one in core.state.alarms if one.seat_id == SERVER]
        return codes, str(room_view(core.state, core.now_ms())["storage_problem"])


def test_the_alarm_comes_with_the_state_and_settles_by_itself(world: RoomWorld) -> None:
    """Low, out of space, and well again: nobody has to settle anything or start anew."""

    async def play() -> None:
        async with live_room(world) as live:
            watched = Watched(live)
            assert await watched.look(100 * MIB) == ([], "")

            codes, words = await watched.look(2 * RESERVE)
            assert codes == ["storage.low"]
            assert "磁盘空间不多了" in words

            codes, words = await watched.look(RESERVE)
            assert codes == ["storage.low", "storage.reserve"]
            assert "保留空间" in words
            assert not watched.reserve.exists()

            assert await watched.look(100 * MIB) == ([], "")
            assert watched.reserve.exists()
            with live.room.store.transaction() as db:
                assert tables.list_alarms(db, 10) == []

    asyncio.run(play())


def test_evidence_leaves_its_space_to_answers(world: RoomWorld) -> None:
    """Without the reserve a refused frame is told of, and not kept."""

    async def play() -> None:
        async with live_room(world) as live:
            hub = live.room.hub
            watched = Watched(live)
            hub.disk = watched.care
            await watched.look(100 * MIB)
            hub._keep_refused(builders.SEGMENT_ID, 0, b"frame", "journal.frame")
            await hub.core.finish()
            await watched.look(RESERVE)
            hub._keep_refused(builders.SEGMENT_ID, 1, b"frame", "journal.frame")
            await hub.core.finish()
            with live.room.store.transaction() as db:
                assert count_refused(db) == 1

    asyncio.run(play())


def test_a_folder_that_does_not_answer_is_told_of(world: RoomWorld) -> None:
    """The watch goes on: the next look may find it again."""

    async def play() -> None:
        async with live_room(world) as live:
            hub = live.room.hub

            def gone(_folder: object) -> int:
                raise OSError(5, "gone")

            watch = DiskWatch(world.folder.path, live.clock, reserve_bytes=RESERVE, free_of=gone)
            looking = asyncio.create_task(DiskCare(hub.core, watch).look_each_second())
            async with asyncio.timeout(10):
                while not hub.state.storage_problem:  # noqa: ASYNC110  set by the task
                    await asyncio.sleep(0.01)
            assert not looking.done()
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    asyncio.run(play())
