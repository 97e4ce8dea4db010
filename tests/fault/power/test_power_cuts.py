"""The power is cut under a writing server: whatever was acknowledged is on the disk.

A real server writes to an ext4 whose every write is known; afterwards the disk is put together as
cuts at many moments may have left it, and the server is started on it.
"""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import SQLAlchemyError

from exam_core.errors import StorageError
from exam_core.model.identifiers import SegmentId
from exam_server.room.folder import RoomFolder
from tests.support.fork_server import ForkedServer, ForkServer
from tests.support.kiosk_driver import KioskDriver
from tests.support.power_disk import Cuts, PowerDisk, why_impossible
from tests.support.room_world import RoomWorld
from tests.support.scale import short_or_long
from tests.support.writing_room import WritingRoom, acknowledged_frames, lost_frames

pytestmark = pytest.mark.faults

SITTINGS = short_or_long(1, 20)
CUTS_A_SITTING = short_or_long(60, 100)
CUTS_WITHOUT_SYNC = 12
SAVES = 12


class MarkedRoom:
    """A room on the disk whose kiosks and people leave a mark for all that they are told."""

    def __init__(self, world: RoomWorld, disk: PowerDisk, servers: ForkServer) -> None:
        self._disk = disk
        folder = RoomFolder(disk.mount / "data")
        shutil.copytree(world.folder.path, folder.path)
        disk.sync()
        self.world = RoomWorld(
            folder=folder,
            opening_key=world.opening_key,
            delivery=world.delivery,
            roster=world.roster,
        )
        self.server = ForkedServer(folder, servers)
        self.room = WritingRoom(self.world, self.server)
        self._holds = 0

    async def write(self) -> None:
        """A sitting: saves, holds, a stop with its checkpoint, a kill, a hand-in."""
        room = self.room
        try:
            await room.everybody_writes()
            await self._save(room.drivers)
            await asyncio.to_thread(self._hold_and_resume)
            for driver in room.drivers:
                await driver.close()
            assert await asyncio.to_thread(self.server.stop) == 0
            await room.start()
            await self._save(room.drivers, is_new=True)
            self.server.kill()
            await room.start()
            await room.open()
            await self._save(room.drivers, is_new=True)
            await room.hand_in(room.drivers[0])
            self._mark()
        finally:
            self.server.kill()
            for driver in room.drivers:
                await driver.close()

    async def _save(self, drivers: list[KioskDriver], *, is_new: bool = False) -> None:
        async def all_saves(driver: KioskDriver) -> None:
            if is_new:
                await self.room.attached(driver)
            for _ in range(SAVES):
                await self.room.write(driver)
                self._mark()

        await asyncio.gather(*(all_saves(one) for one in drivers))

    def _hold_and_resume(self) -> None:
        with self.room.console("wang") as proctor:
            for act in ("hold", "resume") * 2:
                assert proctor.post(f"/proctor/{act}").status_code == 200
                self._holds += act == "hold"
                self._mark()

    def _mark(self) -> None:
        frames = acknowledged_frames(self.room.drivers)
        self._disk.mark(json.dumps({"frames": frames, "holds": self._holds}))


@pytest.mark.parametrize("sitting", range(SITTINGS))
def test_what_was_acknowledged_survives_a_power_cut(
    world: RoomWorld, tmp_path: Path, sitting: int
) -> None:
    """Every acknowledged frame and every act told is there, and the server starts."""
    with ForkServer() as servers:
        lost, cuts, acknowledged = cut_through(
            world, servers, tmp_path / "cuts", cuts=CUTS_A_SITTING, seed=sitting
        )
    assert lost == 0
    print(f"{cuts} power cuts, up to {acknowledged} frames acknowledged, 0 lost")  # noqa: T201  shown
    print(f"campaign power_cuts {cuts}")  # noqa: T201  the runner reads it


def test_the_rig_finds_a_server_that_does_not_sync(world: RoomWorld, tmp_path: Path) -> None:
    """Without the database's sync acknowledged frames are lost, and the rig says so."""
    fault = {"FAULT": "the room acknowledges what only the page cache has"}
    with ForkServer(environment=fault) as servers:
        lost, _, _ = cut_through(
            world, servers, tmp_path / "0", cuts=CUTS_WITHOUT_SYNC, seed=1, is_started=False
        )
    assert lost > 0


def cut_through(
    world: RoomWorld,
    servers: ForkServer,
    folder: Path,
    *,
    cuts: int,
    seed: int,
    is_started: bool = True,
) -> tuple[int, int, int]:
    """One sitting and its cuts: frames and acts lost, cuts made, frames acknowledged at most."""
    if why_impossible():
        pytest.fail(why_impossible())
    folder.mkdir()
    disk = PowerDisk(folder)
    with disk.mounted():
        marked = MarkedRoom(world, disk, servers)
        asyncio.run(marked.write())
        shutil.copy(marked.world.folder.path.parent / "server.log", folder)
    drivers = marked.room.drivers
    acknowledged = marked.room.acknowledged
    power = Cuts(disk.events(), folder, seed)
    lost = made = 0
    for moment in power.moments(cuts):
        told = json.loads(power.words_before(moment)[-1])
        with power.mounted(moment):
            data = RoomFolder(power.mount / "data")
            lost += _lost(data, drivers, told, folder)
            if is_started:
                server = ForkedServer(data, servers)
                server.start()
                server.kill()
        made += 1
    return lost, made, acknowledged


def _lost(data: RoomFolder, drivers: list[KioskDriver], told: dict[str, Any], scratch: Path) -> int:
    frames: dict[SegmentId, int] = told["frames"]
    try:
        missing = lost_frames(data, drivers, scratch, acknowledged=frames)
    except (StorageError, SQLAlchemyError):  # not even a database is left
        missing = sum(frames.values())
    lines = data.audit_file.read_text(errors="replace").splitlines()
    held = sum('"action":"sitting_hold"' in line for line in lines)
    return missing + max(0, int(told["holds"]) - held)
