"""`serve --workers`: kiosks connect to other processes, which may die; the room decides alone."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest

from exam_server.store.engine import Store
from tests.support.fork_server import ForkedProcess, ForkedServer, ForkServer
from tests.support.kiosk_driver import KioskDriver
from tests.support.room_world import RoomWorld, ServerProcess
from tests.support.scale import times
from tests.support.writing_room import CUT, WritingRoom, missing_from

pytestmark = pytest.mark.faults

KILLS = 3


class WithWorkers(ForkedServer):
    """A server that is started with two workers."""

    def _spawn(self, arguments: list[str], log: Path) -> ForkedProcess:
        return super()._spawn([*arguments, "--workers", "2"], log)


def workers_of(server: ServerProcess) -> list[int]:
    """The process numbers of a server's workers."""
    assert server.process is not None
    told = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(server.process.pid)],
        check=True,
        capture_output=True,
        text=True,
    )
    return [int(number) for number in told.stdout.split()]


async def come_again(work: Callable[[], Awaitable[None]]) -> None:
    """Try until no worker is in the way that is just being started."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await work()
            except CUT:
                await asyncio.sleep(0.05)


async def forever(room: WritingRoom, driver: KioskDriver) -> None:
    """Write, and come again when the connection is cut."""
    while True:
        await room.write_until_cut(driver)
        await asyncio.sleep(0.02)


def test_sqlite_has_one_process(world: RoomWorld, fork_server: ForkServer) -> None:
    """Workers need a database that several processes may write."""
    with pytest.raises(AssertionError, match=r"serve\.database"):
        WithWorkers(world.folder, fork_server).start()


def test_killed_workers_lose_nothing_acknowledged(
    postgres_world: RoomWorld, fork_server: ForkServer
) -> None:
    """Under load one worker after the other is killed; kiosks come again and hand in."""
    server = WithWorkers(postgres_world.folder, fork_server)

    async def play() -> None:
        room = WritingRoom(postgres_world, server)
        await room.everybody_writes()

        async def write_on() -> None:
            await asyncio.gather(*(forever(room, one) for one in room.drivers))

        load = asyncio.create_task(write_on())
        for _ in range(KILLS):
            seen = room.acknowledged
            async with asyncio.timeout(30):
                while room.acknowledged < seen + 200 or len(workers_of(server)) < 2:
                    assert not load.done()
                    await asyncio.sleep(0.02)
            os.kill(workers_of(server)[0], signal.SIGKILL)
        load.cancel()
        await asyncio.gather(load, return_exceptions=True)
        for driver in room.drivers:
            await driver.close()
        with closing(Store(postgres_world.folder.database_url())) as store:
            assert missing_from(store, room.drivers) == 0
        for driver in room.drivers:
            await come_again(lambda: room.attached(driver))  # noqa: B023  awaited at once
            await room.hand_in(driver)
            await driver.close()

    try:
        asyncio.run(play())
        assert server.stop() == 0
    finally:
        if server.process and server.process.poll() is None:
            server.kill()


@pytest.mark.parametrize("kind", [ForkedServer, WithWorkers])
def test_a_room_killed_on_postgresql_loses_nothing_acknowledged(
    postgres_world: RoomWorld, fork_server: ForkServer, kind: type[ForkedServer]
) -> None:
    """With and without workers, which end with it: every acknowledged frame is there."""
    server = kind(postgres_world.folder, fork_server)
    kills = times(3)

    async def play() -> int:
        room = WritingRoom(postgres_world, server)
        await room.everybody_writes()
        for _ in range(kills):
            seen = room.acknowledged
            load = [asyncio.create_task(room.write_until_cut(one)) for one in room.drivers]
            async with asyncio.timeout(30):
                while room.acknowledged < seen + 100:  # noqa: ASYNC110  over sockets
                    await asyncio.sleep(0.01)
            server.kill()
            await asyncio.gather(*load)
            with closing(Store(postgres_world.folder.database_url())) as store:
                assert missing_from(store, room.drivers) == 0
            await room.start()
        await room.open()
        for driver in room.drivers:
            await room.hand_in(driver)
            await driver.close()
        return room.acknowledged

    try:
        acknowledged = asyncio.run(play())
        assert server.stop() == 0
    finally:
        if server.process and server.process.poll() is None:
            server.kill()
    print(f"{acknowledged} frames acknowledged, 0 lost")  # noqa: T201
    print(f"campaign postgres_kills {kills}")  # noqa: T201  compared with tests/campaigns.toml
