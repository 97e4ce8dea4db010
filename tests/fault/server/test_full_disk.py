"""A real file system runs full under the server: answers are kept as long as the reserve lasts.

Another file fills the disk to the last byte, and goes again; the server is never restarted.
"""

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from exam_core.limits import MIB
from exam_server.room.folder import RoomFolder
from exam_server.room.reserve import RESERVE_NAME
from tests.support.fork_server import ForkServer
from tests.support.room_world import Console, RoomWorld
from tests.support.writing_room import CUT, WritingRoom, lost_frames, writing_room

pytestmark = pytest.mark.faults

DISK_MIB = 40
RESERVE_MIB = 4
SAVES_AT_LEAST = 12  # 400 kB, with all that belongs to them, of four MiB


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own."""
    if os.geteuid() != 0:
        pytest.fail("a full disk needs root: it mounts a file system")
    mount = tmp_path / "disk"
    mount.mkdir()
    options = f"size={DISK_MIB}m"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(mount)], check=True)
    try:
        yield mount
    finally:
        subprocess.run(["umount", "-l", str(mount)], check=True)


@pytest.fixture
def small_world(world: RoomWorld, small_disk: Path) -> RoomWorld:
    """The prepared room on it."""
    folder = RoomFolder(small_disk / "data")
    shutil.copytree(world.folder.path, folder.path)
    folder.write_config(msgspec.structs.replace(folder.config(), reserve_mib=RESERVE_MIB))
    return replace(world, folder=folder)


def fill(disk: Path) -> Path:
    """Another file takes all that is left."""
    file = disk / "film.mkv"
    with file.open("ab", buffering=0) as film, suppress(OSError):
        while film.write(bytes(64 << 10)):
            pass
    with file.open("ab", buffering=0) as film, suppress(OSError):
        while film.write(bytes(512)):
            pass
    return file


async def seen(proctor: Console, codes: set[str]) -> dict[str, Any]:
    """The room as the proctor's page has it, once it has these alarms of the disk, or none.

    That space is low may have been told before: the other file did not fill it in one moment.
    """
    async with asyncio.timeout(20):
        while True:
            reply = await asyncio.to_thread(proctor.get, "/proctor/state")
            room: dict[str, Any] = reply.json()["room"]
            found = {one["code"] for one in room["alarms"]} & _CODES
            if codes <= found and bool(codes) == bool(found):
                return room
            await asyncio.sleep(0.1)


_CODES = {"storage.low", "storage.reserve", "storage.full"}


def test_answers_are_kept_while_the_reserve_lasts_and_again_afterwards(
    small_world: RoomWorld, small_disk: Path, fork_server: ForkServer, tmp_path: Path
) -> None:
    """Full, used up, emptied: every acknowledged frame is there, and the alarms settle."""
    reserve = small_world.folder.path / RESERVE_NAME
    scratch = tmp_path / "copy"
    scratch.mkdir()

    async def play() -> None:
        async with writing_room(small_world, fork_server) as room:
            driver = room.drivers[0]
            assert reserve.stat().st_blocks * 512 >= RESERVE_MIB * MIB
            with room.console("wang") as proctor:
                film = fill(small_disk)
                for _ in range(SAVES_AT_LEAST):  # acknowledged, over the same connection
                    await room.write(driver)
                shown = await seen(proctor, {"storage.reserve"})
                assert "保留空间" in shown["storage_problem"]
                assert not reserve.exists()
                await asyncio.to_thread(_sign_in_and_out, room)

                fill(small_disk)
                with suppress(TimeoutError, *CUT):
                    async with asyncio.timeout(20):
                        while True:
                            await room.write(driver)
                shown = await seen(proctor, {"storage.reserve", "storage.full"})
                assert lost_frames(small_world.folder, room.drivers, scratch) == 0

                film.unlink()
                shown = await seen(proctor, set())
                assert shown["storage_problem"] == ""
                assert reserve.stat().st_size == RESERVE_MIB * MIB
                for one in room.drivers:
                    await room.attached(one)
                    await room.write(one)
        actions = [
            json.loads(line)["action"]
            for line in small_world.folder.audit_file.read_text().splitlines()
        ]
        assert actions.count("alarm_settled") >= 1
        assert lost_frames(small_world.folder, room.drivers, scratch) == 0

    asyncio.run(play())


def test_a_server_that_died_on_a_full_disk_starts_on_its_reserve(
    small_world: RoomWorld, small_disk: Path, fork_server: ForkServer
) -> None:
    """The start itself writes; nobody can clean the disk through a server that does not run."""

    async def play() -> None:
        async with writing_room(small_world, fork_server) as room:
            room.server.kill()
            fill(small_disk)
            await room.start()
            await room.open()
            for driver in room.drivers:
                await room.attached(driver)
                await room.write(driver)

    asyncio.run(play())


def _sign_in_and_out(room: WritingRoom) -> None:
    with room.console("li") as console:
        assert console.get("/").status_code in (200, 303)
