"""Calls of the running server fail as a broken disk lets them fail: EIO, ENOSPC, half writes.

Nothing is acknowledged that is not on the disk; a failed sync is never tried again as if nothing
had happened; the proctor sees it; and what the kiosks kept is taken after the designed answer.
"""

import asyncio
import errno
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from exam_core.protocol.messages import Refused, Saved
from tests.support import builders
from tests.support.disk_shim import Action, Call, DiskShim
from tests.support.fork_server import ForkServer
from tests.support.kiosk_driver import KioskDriver
from tests.support.room_world import Console, RoomWorld
from tests.support.writing_room import WritingRoom, lost_frames, writing_room

pytestmark = pytest.mark.faults

TRIES_MAX = 20


async def send_some(driver: KioskDriver) -> None:
    """A save that nobody waits for; it takes several pages of the database."""
    for _ in range(120):
        driver.append(builders.response_recorded("i1.1", "C"))
    known = driver.saved[driver.segment_id].frames
    await driver.send_frames(driver.segment_id, known)


async def refusals(driver: KioskDriver) -> set[str]:
    """What was refused until the server closed the connection; nothing was acknowledged."""
    with pytest.raises(ConnectionClosed):
        await driver.expect(Saved)
    return {one.code for one in driver.seen if isinstance(one, Refused)}


def shown_problem(room: WritingRoom) -> str:
    """What the proctor's page says of the storage."""
    with room.console("wang") as proctor:
        return problem_seen_by(proctor)


def problem_seen_by(proctor: Console) -> str:
    """The same for somebody who is signed in."""
    return str(proctor.get("/proctor/state").json()["room"]["storage_problem"])


@pytest.mark.parametrize("call", [Call.WRITE, Call.SYNC], ids=["write", "sync"])
def test_a_failed_call_of_a_commit_stops_the_saving_until_a_restart(
    world: RoomWorld, shimmed_servers: ForkServer, shim: DiskShim, tmp_path: Path, call: Call
) -> None:
    """One call fails and every later one would succeed: still nothing is acknowledged by hope."""
    folder = world.folder.path

    async def fail_at(room: WritingRoom, number: int) -> bool:
        first, second = room.drivers[:2]
        with shim.armed(
            Action.FAIL, under=folder, ending="-wal", calls=call, nth=number, error=errno.EIO,
            times=1,
        ):  # fmt: skip
            await send_some(first)
            if not await is_refused(first):
                return False  # another commit came first, as that of the clock, and failed instead
            assert shim.hits == 1
        await refusals(second)  # its connection is closed too, so that it comes again
        assert "storage.failed" in await asyncio.to_thread(shown_problem, room)
        await send_again_and_be_refused(second)
        room.server.kill()
        assert lost_frames(world.folder, room.drivers, tmp_path) == 0
        await room.start()
        await room.open()
        for driver in (first, second):
            await room.attached(driver)
            await driver.close()
            driver.seen.clear()
        for driver in room.drivers:
            await room.attached(driver)
        return True

    async def is_refused(driver: KioskDriver) -> bool:
        try:
            await driver.wait_saved()
        except ConnectionClosed:
            return True
        return False

    async def send_again_and_be_refused(driver: KioskDriver) -> None:
        driver.append(builders.response_recorded("i1.1", "D"))
        await driver.reattach()
        assert "storage.failed" in await refusals(driver)

    async def play() -> int:
        async with writing_room(world, shimmed_servers) as room:
            numbers = (1,) if call is Call.SYNC else (1, 2, 5)
            for number in numbers:
                tries = 1
                while not await fail_at(room, number):
                    tries += 1
                    assert tries < TRIES_MAX
            return len(numbers)

    failed = asyncio.run(play())
    assert failed
    print(f"campaign disk_errors {failed}")  # noqa: T201  the runner reads it


def test_a_write_without_space_is_taken_up_again_without_a_restart(
    world: RoomWorld, shimmed_servers: ForkServer, shim: DiskShim, tmp_path: Path
) -> None:
    """Nothing is acknowledged while calls say ENOSPC; then the kiosk comes again and is heard."""
    folder = world.folder.path

    async def play() -> None:
        async with writing_room(world, shimmed_servers) as room:
            driver = room.drivers[0]
            with room.console("wang") as proctor:  # nobody can sign in while nothing is written
                with shim.armed(Action.FAIL, under=folder, calls=Call.WRITE, error=errno.ENOSPC):
                    await send_some(driver)
                    await refusals(driver)
                    assert lost_frames(world.folder, room.drivers, tmp_path) == 0
                    assert "storage.full" in await asyncio.to_thread(problem_seen_by, proctor)
                await room.attached(driver)
                await room.write(driver)

    asyncio.run(play())
    print("campaign disk_errors 1")  # noqa: T201  the runner reads it


def test_half_a_write_is_completed(
    world: RoomWorld, shimmed_servers: ForkServer, shim: DiskShim, tmp_path: Path
) -> None:
    """A system may write less than it was asked to; what is acknowledged then is whole."""

    async def play() -> None:
        async with writing_room(world, shimmed_servers) as room:
            with shim.armed(Action.SHORT_WRITE, under=world.folder.path, calls=Call.WRITE):
                for driver in room.drivers:
                    await room.write(driver)
                assert shim.hits
            room.server.kill()
            assert lost_frames(world.folder, room.drivers, tmp_path) == 0
            await room.start()

    asyncio.run(play())
    print("campaign disk_errors 1")  # noqa: T201  the runner reads it


@pytest.mark.parametrize(
    ("call", "error"),
    [(Call.WRITE, errno.ENOSPC), (Call.WRITE, errno.EIO), (Call.SYNC, errno.EIO)],
    ids=["write-ENOSPC", "write-EIO", "sync-EIO"],
)
def test_an_act_that_the_log_cannot_tell_of_does_not_happen(
    world: RoomWorld, shimmed_servers: ForkServer, shim: DiskShim, call: Call, error: int
) -> None:
    """The line of the audit log fails: the act is undone, and can be done when the disk is well."""

    async def play() -> None:
        async with writing_room(world, shimmed_servers) as room:
            await asyncio.to_thread(hold_twice, room)
            room.server.kill()
            await room.start()  # which holds the log against its chain and its checkpoints
            with room.console("wang") as proctor:
                assert proctor.get("/proctor/state").json()["room"]["state"] == "held"

    def hold_twice(room: WritingRoom) -> None:
        with room.console("wang") as proctor:
            with shim.armed(
                Action.FAIL, under=world.folder.path, ending="audit.jsonl", calls=call, error=error
            ):
                assert proctor.post("/proctor/hold").status_code >= 500
                assert shim.hits
                assert proctor.get("/proctor/state").json()["room"]["state"] == "running"
            assert proctor.post("/proctor/hold").json()["state"] == "held"

    asyncio.run(play())
    print("campaign disk_errors 1")  # noqa: T201  the runner reads it
