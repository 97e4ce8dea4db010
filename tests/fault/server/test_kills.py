"""`exam-server serve` is killed under load, again and again: no acknowledged frame is lost."""

import asyncio
import itertools
import random

import pytest
from websockets.exceptions import ConnectionClosed

from exam_core.protocol.messages import Refused
from exam_server.store import room as tables
from exam_server.store.engine import Store
from tests.support import builders
from tests.support.kiosk_driver import KioskDriver
from tests.support.room_world import (
    RoomWorld,
    ServerProcess,
    open_paper,
    sign_in,
)
from tests.support.scale import times

pytestmark = pytest.mark.faults

KILLS = 20
SEATS = 4


async def seat_everybody(server: ServerProcess, world: RoomWorld) -> list[KioskDriver]:
    """Enrol, log in, attach, open, start: everybody writes."""
    proctor = sign_in(server, world, "wang")
    codes = proctor.post("/proctor/join-codes", {"all": "1"}).json()["codes"]
    room_code = proctor.get("/proctor/state").json()["room_code"]
    drivers = []
    for candidate in world.roster:
        driver = KioskDriver(candidate.seat_id, world.folder)
        driver.kiosk_url = server.kiosk_url
        await driver.enrol(server.console_url, codes[candidate.seat_id])
        await driver.fetch_package(builders.root())
        assert (await driver.log_in(candidate, room_code)).status_code == 200
        await driver.attach()
        drivers.append(driver)
    open_paper(server, world)
    assert proctor.post("/proctor/present", {"all": "1"}).json()["confirmed"] == SEATS
    assert proctor.post("/proctor/start").json()["state"] == "running"
    proctor.close()
    for driver in drivers:
        await driver.wait_begin()
        await driver.save()
    return drivers


async def write_until_cut(driver: KioskDriver, letters: "itertools.cycle[str]") -> None:
    """Save without pause until the server is gone."""
    try:
        await driver.reattach()
        if driver.saved[driver.segment_id].frames < len(driver.frames[driver.segment_id]):
            await driver.wait_saved()
        while True:
            await driver.save(
                *(builders.response_recorded("i1.1", next(letters)) for _ in range(5))
            )
    except (ConnectionClosed, OSError):
        await driver.close()


def lost_frames(world: RoomWorld, drivers: list[KioskDriver]) -> int:
    """Acknowledged frames that the database does not have, byte for byte."""
    store = Store(world.folder.database_url())
    lost = 0
    with store.transaction() as db:
        for driver in drivers:
            held = tables.read_frames(db, driver.segment_id)
            acked = driver.saved[driver.segment_id].frames
            own = driver.frames[driver.segment_id]
            lost += sum(place >= len(held) or held[place] != own[place] for place in range(acked))
            assert held == own[: len(held)]
    store.close()
    return lost


@pytest.mark.parametrize("sitting", range(times(1)))
def test_twenty_kills_under_load_lose_nothing_acknowledged(world: RoomWorld, sitting: int) -> None:
    """After each kill the database has every acknowledged frame; at the end all of them count."""
    dice = random.Random(20261122 + sitting)  # noqa: S311  moments to kill at, the same every run
    server = ServerProcess(world.folder)
    letters = itertools.cycle("ABCD")

    async def one_kill(drivers: list[KioskDriver]) -> None:
        load = [asyncio.create_task(write_until_cut(one, letters)) for one in drivers]
        await asyncio.sleep(dice.uniform(0.05, 0.4))
        server.kill()
        await asyncio.gather(*load)

    async def play() -> int:
        server.start()
        drivers = await seat_everybody(server, world)
        for driver in drivers:
            await driver.close()
        acked = 0
        for kill in range(KILLS):
            await one_kill(drivers)
            assert lost_frames(world, drivers) == 0
            server.start()
            for driver in drivers:
                driver.kiosk_url = server.kiosk_url
            if kill % 5 == 0:
                open_paper(server, world)  # the other times frames are kept unchecked
            acked = sum(one.saved[one.segment_id].frames for one in drivers)
        open_paper(server, world)
        for driver in drivers:
            await driver.reattach()
            await driver.submit()
            assert not [one for one in driver.seen if isinstance(one, Refused)]
            await driver.close()
        return acked

    try:
        acked = asyncio.run(play())
        assert server.stop() == 0
    finally:
        if server.process and server.process.poll() is None:
            server.kill()
    assert acked > KILLS * SEATS
    print(f"{acked} frames acknowledged, 0 lost")  # noqa: T201  the runner reads it
    print(f"campaign server_kills {KILLS}")  # noqa: T201  compared with tests/campaigns.toml
