"""The server is killed at each system call with which it changes its files.

Before the call, after it, or with half of a write done; then the database opens, has all that was
acknowledged, and the exam goes on. The calls are those of a save, of a hand-in, of a stop (with
its checkpoint) and of a start (with its recovery).
"""

import asyncio
import itertools
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from tests.support import builders
from tests.support.disk_shim import Action, Call, DiskShim
from tests.support.fork_server import ForkedServer, ForkServer
from tests.support.room_world import RoomWorld
from tests.support.scale import short_or_long
from tests.support.writing_room import WritingRoom, lost_frames, until_cut

pytestmark = pytest.mark.faults

MODES = (Action.KILL_BEFORE, Action.KILL_TORN, Action.KILL_AFTER)
ROUNDS = short_or_long(1, 4)
FRAMES_OF_A_LARGE_SAVE = 150
_CALLS = "write,pwrite64,writev,pwritev,fsync,fdatasync,sync_file_range,ftruncate,fallocate"


class CallKills:
    """A room, killed at one call after the other."""

    def __init__(
        self, world: RoomWorld, servers: ForkServer, shim: DiskShim, scratch: Path
    ) -> None:
        self.server = ForkedServer(world.folder, servers)
        self.room = WritingRoom(world, self.server)
        self._world = world
        self._shim = shim
        self._scratch = scratch
        self._scratch.mkdir()
        self._modes = itertools.cycle(MODES)
        self.kills: list[Call] = []

    async def at_each_call_of(
        self, work: Callable[[], Awaitable[object]], *, step: int = 1, in_memory: bool = True
    ) -> None:
        """Do the work, killed at its first call, again at its second, until it is done.

        Args:
            work: What is done; `until_cut` is put around it.
            step: In a short run only every so manieth call.
            in_memory: Whether the server is started again and a kiosk connects after each kill.
        """
        for number in itertools.count(1, short_or_long(step, 1)):
            if not await self.at_call_of(work, number, in_memory=in_memory):
                return

    async def at_call_of(
        self, work: Callable[[], Awaitable[object]], number: int, *, in_memory: bool = True
    ) -> bool:
        """The same once; whether there were that many calls, so that it was killed."""
        with self._shim.armed(next(self._modes), under=self._world.folder.path, nth=number):
            await until_cut(work())
            if not self._shim.hits:
                return False
        assert self.server.process is not None
        assert await asyncio.to_thread(self.server.process.wait, 20) == -signal.SIGKILL
        self.kills.append(self._shim.last_hit)
        assert lost_frames(self._world.folder, self.room.drivers, self._scratch) == 0
        if in_memory:
            await self.room.start()
            await self.room.attached(self.room.drivers[0])
        return True

    @asynccontextmanager
    async def everybody_writes(self) -> AsyncIterator[None]:
        """A running room; at the end it takes one more answer of everybody and stops well."""
        try:
            await self.room.everybody_writes()
            yield
            for driver in self.room.drivers:
                await self.room.attached(driver)
                await driver.close()
            assert await asyncio.to_thread(self.server.stop) == 0
        finally:
            for driver in self.room.drivers:
                await driver.close()
            if self.server.process and self.server.process.poll() is None:
                self.server.kill()

    def tell(self) -> None:
        """How many, for the runner; every test kills at a write."""
        assert Call.WRITE in self.kills
        print(f"campaign syscall_kills {len(self.kills)}")  # noqa: T201  the runner reads it


@pytest.fixture
def killed(
    world: RoomWorld, shimmed_servers: ForkServer, shim: DiskShim, tmp_path: Path
) -> CallKills:
    """A room of its own."""
    return CallKills(world, shimmed_servers, shim, tmp_path / "copy")


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_killed_at_each_call_of_a_save(killed: CallKills, _round: int) -> None:
    """Of one frame and of many: what was acknowledged before is there, and the next goes on."""

    async def save(frames: int) -> None:
        await killed.room.drivers[0].save(
            *(builders.response_recorded("i1.1", "B") for _ in range(frames))
        )

    async def play() -> None:
        async with killed.everybody_writes():
            await killed.at_each_call_of(lambda: save(1))
            await killed.at_each_call_of(lambda: save(FRAMES_OF_A_LARGE_SAVE), step=2)

    asyncio.run(play())
    killed.tell()


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_killed_at_each_call_of_a_hand_in(killed: CallKills, _round: int) -> None:
    """The receipt comes in the end, and it is that of the frame which was sent first."""

    async def play() -> None:
        async with killed.everybody_writes():
            for number, driver in enumerate(killed.room.drivers):
                nth = 1 + ROUNDS * number + _round
                await killed.at_call_of(lambda one=driver: killed.room.hand_in(one), nth)  # type: ignore[misc]
                await killed.room.open()  # only then is it known which frame is a submit entry
                await killed.room.hand_in(driver)

    asyncio.run(play())
    killed.tell()


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_killed_at_each_call_of_a_start_and_of_a_stop(killed: CallKills, _round: int) -> None:
    """Recovery may be killed as often as one likes; so may the checkpoint of a stop."""

    async def start() -> None:
        with suppress(AssertionError):  # it did not start: it was killed
            await killed.room.start()

    async def stop() -> None:
        await asyncio.to_thread(killed.server.stop)

    async def play() -> None:
        async with killed.everybody_writes():
            killed.server.kill()
            await killed.at_each_call_of(start, step=2, in_memory=False)
            await killed.at_each_call_of(stop, step=3)
            await killed.room.start()

    asyncio.run(play())
    killed.tell()


def test_every_call_that_the_kernel_sees_can_be_killed_at(
    killed: CallKills, shim: DiskShim
) -> None:
    """The calls are chosen in front of libc; what strace sees of a save is no more than that."""
    folder = str(killed.room.world.folder.path)

    async def play() -> None:
        async with killed.everybody_writes():
            driver = killed.room.drivers[0]
            assert killed.server.process is not None
            tracer = await asyncio.create_subprocess_exec(
                "strace", "-f", "-y", "-qq", "-e", f"trace={_CALLS}",
                "-p", str(killed.server.process.pid),
                stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            try:
                assert tracer.stderr is not None
                traced: list[bytes] = []
                while not any(folder.encode() in one for one in traced):  # it is attached now
                    await killed.room.write(driver)
                    traced = await _lines_so_far(tracer.stderr)
                with shim.armed(Action.COUNT, under=Path(folder), calls=Call.ANY & ~Call.NAME):
                    await killed.room.write(driver)
                    traced = await _lines_so_far(tracer.stderr)
                seen = shim.seen
            finally:
                tracer.terminate()
                await tracer.wait()
            ours = [
                line for line in traced if folder.encode() in line and b"unfinished" not in line
            ]
            assert seen > 0
            assert len(ours) <= seen, ours

    asyncio.run(play())


async def _lines_so_far(stream: asyncio.StreamReader) -> list[bytes]:
    lines = []
    with suppress(TimeoutError):
        while True:
            async with asyncio.timeout(0.3):
                lines.append(await stream.readline())
    return lines
