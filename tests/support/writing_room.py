"""A room of a real server and kiosks that write; the server may be killed at any moment.

Everybody keeps what was acknowledged, so that a test can hold it against any copy of the data.
"""

import asyncio
import itertools
import shutil
from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from pathlib import Path

import httpx2
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from exam_core.model.identifiers import SegmentId
from exam_server.room.folder import RoomFolder
from exam_server.store import frames as frame_tables
from exam_server.store.engine import Store, sqlite_url
from tests.support import builders
from tests.support.fork_server import ForkedServer, ForkServer
from tests.support.kiosk_driver import KioskDriver
from tests.support.room_world import Console, RoomWorld, ServerProcess, open_paper

CUT = (ConnectionClosed, InvalidHandshake, OSError, httpx2.TransportError)
"""What a peer sees of a server that is gone."""

FRAMES_A_SAVE = 8


class WritingRoom:
    """Kiosks at every seat of a room, and the people who run it."""

    def __init__(self, world: RoomWorld, server: ServerProcess) -> None:
        self.world = world
        self.server = server
        self.drivers: list[KioskDriver] = []
        self._handed_in: set[SegmentId] = set()
        self._letters = itertools.cycle("ABCD")

    async def start(self) -> None:
        """Start the server, again or for the first time; kiosks will find it."""
        await asyncio.to_thread(self.server.start)
        for driver in self.drivers:
            driver.kiosk_url = self.server.kiosk_url

    async def seat_everybody(self) -> None:
        """Enrol, log in, attach: the room waits for its paper."""
        codes, room_code = await asyncio.to_thread(self._join_codes)
        for candidate in self.world.roster:
            driver = KioskDriver(candidate.seat_id, self.world.folder)
            driver.kiosk_url = self.server.kiosk_url
            await driver.enrol(self.server.console_url, codes[candidate.seat_id])
            await driver.fetch_package(builders.root())
            assert (await driver.log_in(candidate, room_code)).status_code == 200
            self.drivers.append(driver)
            await driver.attach()

    async def open(self) -> None:
        """The two people open the paper."""
        await asyncio.to_thread(open_paper, self.server, self.world)

    async def begin(self) -> None:
        """Mark everybody present and start, unless that is done already."""
        await asyncio.to_thread(self._begin)

    async def everybody_writes(self) -> None:
        """From a fresh server to a first acknowledged frame at every seat."""
        await self.start()
        await self.seat_everybody()
        await self.open()
        await self.begin()
        for driver in self.drivers:
            await driver.wait_begin()
            await driver.save()

    async def attached(self, driver: KioskDriver) -> None:
        """Connect again; nothing that was acknowledged is missing, the rest is sent and kept."""
        attached = await driver.reattach()
        for held in attached.held:
            known = driver.saved.get(held.segment_id)
            assert known is None or held.frames >= known.frames, "acknowledged, and lost"
        if driver.writer is None:
            await driver.wait_begin()
            await driver.save()
        elif any(self._lacks(driver, held.frames) for held in attached.held):
            await driver.wait_saved()

    def _lacks(self, driver: KioskDriver, frames: int) -> bool:
        return frames < len(driver.frames[driver.segment_id])

    async def write(self, driver: KioskDriver) -> None:
        """One save, acknowledged."""
        entries = [
            builders.response_recorded("i1.1", next(self._letters)) for _ in range(FRAMES_A_SAVE)
        ]
        await driver.save(*entries)

    async def write_until_cut(self, driver: KioskDriver) -> None:
        """Come again and save without pause until the server is gone."""
        try:
            await self.attached(driver)
            while True:
                await self.write(driver)
        except CUT:
            await driver.close()

    async def hand_in(self, driver: KioskDriver) -> None:
        """Submit, or go on with a submit whose answer never came."""
        await self.attached(driver)
        if driver.segment_id not in self._handed_in:
            self._handed_in.add(driver.segment_id)
            await driver.submit()
        else:
            await driver.send_submit()

    @property
    def acknowledged(self) -> int:
        """Frames that some kiosk was told are kept."""
        return sum(acknowledged_frames(self.drivers).values())

    @contextmanager
    def console(self, name: str) -> Iterator[Console]:
        """A person's browser session."""
        with closing(Console(self.server.console_url, self.world.folder.authority_file)) as console:
            assert console.sign_in(name).status_code == 303
            yield console

    def _join_codes(self) -> tuple[dict[str, str], str]:
        with self.console("wang") as proctor:
            codes = proctor.post("/proctor/join-codes", {"all": "1"}).json()["codes"]
            return codes, proctor.get("/proctor/state").json()["room_code"]

    def _begin(self) -> None:
        with self.console("wang") as proctor:
            assert proctor.post("/proctor/present", {"all": "1"}).status_code == 200
            if proctor.get("/proctor/state").json()["room"]["state"] != "running":
                assert proctor.post("/proctor/start").json()["state"] == "running"


def lost_frames(
    folder: RoomFolder,
    drivers: Sequence[KioskDriver],
    scratch: Path,
    *,
    acknowledged: Mapping[SegmentId, int] | None = None,
) -> int:
    """Acknowledged frames that the database does not have, byte for byte.

    A copy is opened: the recovery of the file itself is left to the server. Whatever is held
    beyond must be what the kiosk sent.

    Args:
        folder: Where the database is.
        drivers: The kiosks, with all they ever sent.
        scratch: An empty folder for the copy.
        acknowledged: How many frames of each segment; without it, what the kiosks know now.
    """
    for file in folder.path.glob("room.db*"):
        if not file.name.endswith("-shm"):
            shutil.copyfile(file, scratch / file.name)
    store = Store(sqlite_url(scratch / "room.db"))
    try:
        return missing_from(store, drivers, acknowledged=acknowledged)
    finally:
        store.close()
        for file in scratch.glob("room.db*"):
            file.unlink()


def missing_from(
    store: Store,
    drivers: Sequence[KioskDriver],
    *,
    acknowledged: Mapping[SegmentId, int] | None = None,
) -> int:
    """The same of a database that is open."""
    if acknowledged is None:
        acknowledged = acknowledged_frames(drivers)
    lost = 0
    with store.transaction() as db:
        for driver in drivers:
            for segment_id, own in driver.frames.items():
                held = frame_tables.read_frames(db, segment_id)
                missing = _missing(held, own[: acknowledged.get(segment_id, 0)])
                assert missing or held == own[: len(held)]
                lost += missing
    return lost


def acknowledged_frames(drivers: Sequence[KioskDriver]) -> dict[SegmentId, int]:
    """How many frames of each segment the kiosks were told are kept."""
    return {
        segment_id: saved.frames for driver in drivers for segment_id, saved in driver.saved.items()
    }


def _missing(held: list[bytes], acknowledged: list[bytes]) -> int:
    return sum(
        place >= len(held) or held[place] != frame for place, frame in enumerate(acknowledged)
    )


async def until_cut(work: Awaitable[object]) -> None:
    """Something that the server's end may cut short."""
    with suppress(*CUT):
        await work


@asynccontextmanager
async def writing_room(world: RoomWorld, servers: ForkServer) -> AsyncIterator[WritingRoom]:
    """A running room whose server stops well in the end."""
    server = ForkedServer(world.folder, servers)
    room = WritingRoom(world, server)
    try:
        await room.everybody_writes()
        yield room
        for driver in room.drivers:
            await driver.close()
        assert await asyncio.to_thread(server.stop) == 0
    finally:
        if server.process and server.process.poll() is None:
            server.kill()
