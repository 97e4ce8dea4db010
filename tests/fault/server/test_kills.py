"""`exam-server serve` is killed again and again through a whole day: nothing acknowledged is lost.

Fifty kills a room: while kiosks attach, while the paper is opened, at the start, under load, while
everybody hands in, and while the results are fixed.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from exam_core.formats.results_bundle import open_content
from exam_core.protocol.messages import Refused
from tests.support import builders
from tests.support.fork_server import ForkedServer, ForkServer
from tests.support.kiosk_driver import KioskDriver
from tests.support.room_world import RoomWorld
from tests.support.scale import short_or_long
from tests.support.writing_room import WritingRoom, lost_frames, until_cut

pytestmark = pytest.mark.faults

ROOMS = short_or_long(3, 100)
KILLS_ATTACHING, KILLS_OPENING, KILLS_STARTING = 2, 2, 2
KILLS_WRITING, KILLS_HANDING_IN, KILLS_FIXING = 36, 5, 3
KILLS = 50
_OPENED_AGAIN_EVERY = 5  # the other times frames are kept unchecked


class KilledDay:
    """One sitting whose server is killed at moments that the seed decides."""

    def __init__(self, world: RoomWorld, server: ForkedServer, scratch: Path, seed: int) -> None:
        self.room = WritingRoom(world, server)
        self._world = world
        self._server = server
        self._scratch = scratch
        self._dice = random.Random(seed)  # noqa: S311  moments to kill at, the same every run
        self.kills = 0

    async def kill_during(
        self, work: Callable[[KioskDriver], Awaitable[object]], *, within_s: float
    ) -> None:
        """Kill while every kiosk does this; look at the data; start again."""
        await self.kill_beside(*(work(one) for one in self.room.drivers), within_s=within_s)

    async def kill_beside(self, *works: Awaitable[object], within_s: float) -> None:
        """The same beside any work."""
        tasks = [asyncio.ensure_future(until_cut(one)) for one in works]
        await asyncio.sleep(self._dice.uniform(0, within_s))
        self._server.kill()
        self.kills += 1
        await asyncio.gather(*tasks)
        for driver in self.room.drivers:
            await driver.close()
        assert lost_frames(self._world.folder, self.room.drivers, self._scratch) == 0
        await self.room.start()

    async def until_everybody_writes(self) -> None:
        """Killed before there is anything to lose but log-ins, segments and the opened paper."""
        room = self.room
        await room.start()
        await room.seat_everybody()
        for _ in range(KILLS_ATTACHING):
            await self.kill_during(_attach_without_end, within_s=0.05)
        for _ in range(KILLS_OPENING):
            await self.kill_beside(room.open(), within_s=0.15)
        for _ in range(KILLS_STARTING):
            await room.open()
            await self.kill_beside(room.begin(), within_s=0.15)
        await room.open()
        await room.begin()
        for driver in room.drivers:
            await room.attached(driver)

    async def write(self) -> None:
        """Killed under load, also with the paper shut and while it is opened again."""
        for kill in range(KILLS_WRITING):
            opening = [self.room.open()] if kill % _OPENED_AGAIN_EVERY == 0 else []
            writing = [self.room.write_until_cut(one) for one in self.room.drivers]
            await self.kill_beside(*writing, *opening, within_s=0.2)

    async def hand_in(self) -> None:
        """Killed while everybody hands in; at the end everybody has the right receipt."""
        for _ in range(KILLS_HANDING_IN):
            await self.room.open()
            await self.kill_during(self.room.hand_in, within_s=0.1)
        await self.room.open()
        for driver in self.room.drivers:
            await self.room.hand_in(driver)
            assert not [one for one in driver.seen if isinstance(one, Refused)]
            await driver.close()

    async def fix_results(self) -> None:
        """Killed while the results are fixed; what is fixed at last has every frame."""
        with self.room.console("wang") as proctor:
            assert proctor.post("/proctor/end", {"confirm": "end"}).json()["state"] == "ended"
        for _ in range(KILLS_FIXING):
            await self.kill_beside(asyncio.to_thread(self._fix), within_s=0.1)
        self._fix()
        sealed = self._world.folder.sealed_results_file.read_bytes()
        content = open_content(sealed, builders.GRADING_IDENTITY)
        held = {
            segment.segment_id: segment.frames
            for session in content.sessions
            for segment in session.segments
        }
        for driver in self.room.drivers:
            for segment_id, frames in driver.frames.items():
                assert held[segment_id] == tuple(frames)

    def _fix(self) -> None:
        with self.room.console("zhao") as staff:
            assert staff.post("/results/fix").status_code in (200, 303)


async def _attach_without_end(driver: KioskDriver) -> None:
    while True:
        await driver.attach(segment_id=driver.segment_id)


@asynccontextmanager
async def stopped_in_the_end(server: ForkedServer) -> AsyncIterator[None]:
    """Whatever happens, the server does not outlive the block; a good end stops it well."""
    try:
        yield
        assert await asyncio.to_thread(server.stop) == 0
    finally:
        if server.process and server.process.poll() is None:
            server.kill()


@pytest.mark.parametrize("number", range(ROOMS))
def test_fifty_kills_of_a_day_lose_nothing_acknowledged(
    world: RoomWorld, fork_server: ForkServer, tmp_path: Path, number: int
) -> None:
    """After each kill the database has every acknowledged frame; at the end the results do."""
    scratch = tmp_path / "copy"
    scratch.mkdir()
    server = ForkedServer(world.folder, fork_server)
    day = KilledDay(world, server, scratch, seed=20261122 + number)

    async def play() -> None:
        async with stopped_in_the_end(server):
            await day.until_everybody_writes()
            await day.write()
            await day.hand_in()
            await day.fix_results()

    asyncio.run(play())
    assert day.kills == KILLS
    acknowledged = day.room.acknowledged
    assert acknowledged > KILLS * len(day.room.drivers)
    print(f"{day.kills} kills, {acknowledged} frames acknowledged, 0 lost")  # noqa: T201  shown
    print(f"campaign server_kills {day.kills}")  # noqa: T201  compared with tests/campaigns.toml
