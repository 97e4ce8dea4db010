"""Real kiosk engines against the real server over lines that break: nothing is lost or promised.

A history is what one seed does to one kiosk's line during a short exam: cuts, stalls of one way or
both, half-open connections, delays, bytes in small pieces, Saves sent twice or out of order; and
the server is killed in between. A day plays twenty histories at once, each with its own line.

The kiosk's time limits are a tenth of the product's, and so are the breaks: a stall of 1.2 s is
longer than pings, heartbeats and handshakes may take, as half an hour is in the product. What
time does meanwhile is `test_half_an_hour_away`'s. Packets are lost in a namespace of its own.
"""

import asyncio
import os
import random
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from exam_client import limits as client_limits
from exam_client.config import KioskFacts
from exam_client.enrolment import enrol
from exam_client.journal.files import RealFileSystem
from exam_client.session import Connection, SavedState, Screen
from exam_client.sync.backoff import Backoff
from exam_client.sync.link import Link
from exam_core.protocol.messages import KioskMessage, Save
from tests.support.bad_line import BadLine
from tests.support.fork_server import ForkedServer, ForkServer
from tests.support.hostile_peer import place
from tests.support.live_room import WANG, live_room
from tests.support.network_day import History, NetworkDay, install_kiosk
from tests.support.room_world import RoomWorld, make_room
from tests.support.scale import short_or_long

pytestmark = [pytest.mark.faults, pytest.mark.loopback]

HISTORIES_A_DAY = 20
DAYS = short_or_long(1, 50)
SEED = int(os.environ.get("NETWORK_SEED", "1"))

SHORT = {
    "ping_interval_s": 0.5,
    "ping_timeout_s": 0.5,
    "open_timeout_s": 1.0,
    "http_timeout_s": 2.0,
    "close_timeout_s": 0.1,
    "reconnect_first_s": 0.05,
    "reconnect_most_s": 0.5,
    "room_poll_s": 0.3,
}


@pytest.fixture
def _unruly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short limits, and Saves that are sent twice or after their successors."""
    for name, value in SHORT.items():
        monkeypatch.setattr(client_limits, name, value)
    dice = random.Random(SEED)  # noqa: S311  replays
    plain = Link.send

    async def later(link: Link, message: KioskMessage) -> None:
        await asyncio.sleep(0.05)
        with suppress(Exception):  # the connection is gone: so is the message
            await plain(link, message)

    held: set[asyncio.Task[None]] = set()

    async def send(link: Link, message: KioskMessage) -> None:
        luck = dice.random()
        if isinstance(message, Save) and luck < 0.05:
            task = asyncio.create_task(later(link, message))
            held.add(task)
            task.add_done_callback(held.discard)
            return
        await plain(link, message)
        if isinstance(message, Save) and luck < 0.15:
            await plain(link, message)

    monkeypatch.setattr(Link, "send", send)


@pytest.mark.usefixtures("_unruly")
@pytest.mark.parametrize("day", range(DAYS))
def test_every_answer_arrives_whatever_the_lines_do(day: int, tmp_path: Path) -> None:
    """Twenty lines break, the server is killed: no claim was false, receipts and answers agree."""
    world = make_room(tmp_path / "data", seats=HISTORIES_A_DAY)
    with ForkServer() as forking:
        server = ForkedServer(world.folder, forking)
        try:
            played = NetworkDay(world, server, tmp_path, SEED + day)
            asyncio.run(played.play())
        finally:
            if server.process and server.process.poll() is None:
                server.kill()
    assert played.reconnects >= HISTORIES_A_DAY
    print(f"campaign network_histories {len(played.histories)}")  # noqa: T201  the runner reads it


def test_a_fifth_of_all_packets_is_lost(tmp_path: Path) -> None:
    """Two kiosks on a loopback that drops 20 % of everything sit their exam all the same."""
    command = [
        "unshare",
        "-n",
        sys.executable,
        "-m",
        "tests.support.lossy_day",
        str(tmp_path),
        "2",
        "20",
    ]
    done = subprocess.run(command, capture_output=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr.decode()[-2_000:]
    counted = done.stdout.decode().splitlines()[-1].split()
    assert counted[:3] == ["kiosks", "2", "lost_packets"]
    assert int(counted[3]) >= 50


def test_half_an_hour_away(
    world: RoomWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both clocks go on for 30 minutes while nothing gets through; answers and time are right."""
    for name, value in SHORT.items():
        monkeypatch.setattr(client_limits, name, value)

    async def play() -> None:
        async with live_room(world) as live:
            await live.start()
            line = BadLine(random.Random(1), lambda: place(live.kiosk_url))  # noqa: S311  replays
            await line.open()
            facts = KioskFacts(
                kiosk_url=f"https://127.0.0.1:{line.port}",
                console_url=live.console_url,
                seat_id=live.candidate().seat_id,
            )
            config = install_kiosk(world, tmp_path / "kiosk", facts)
            code = live.room.codes.make(facts.seat_id, made_by="wang")
            await enrol(RealFileSystem(), config, code)
            one = History(
                seed=1,
                candidate=live.candidate(),
                line=line,
                config=config,
                breaks=0,
                clock_ms=live.clock.monotonic_ms,
            )
            try:
                await one.sit_down(live.room_code)
                await live.room.hub.steering.mark_present(WANG, facts.seat_id)
                await one.until(lambda now: now.screen is Screen.PAPER, "paper")
                for _ in range(5):
                    one.answer()
                await one.until(lambda now: not now.unsynced, "saved")
                line.up.clear()
                line.down.clear()
                for _ in range(6):
                    one.answer()
                    live.clock.advance(5 * 60_000)
                    await one.until(lambda now: now.connection is Connection.AWAY, "away")
                await one.until(lambda now: now.unsynced >= 6, "kept here")
                assert one.now.time_left_ms(live.clock.monotonic_ms()) == 60 * 60_000
                line.heal()
                await one.until(lambda now: not now.unsynced, "all on the server")
                assert set(one.now.saved_parts.values()) == {SavedState.ON_SERVER}
                assert one.now.time_left_ms(live.clock.monotonic_ms()) == 60 * 60_000
                one.engine.submit()
                await one.until(lambda now: bool(now.receipt), "receipt")
            finally:
                await asyncio.to_thread(one.engine.stop)
                await line.close()

    asyncio.run(play())


def test_three_hundred_kiosks_come_back_spread_over_five_seconds() -> None:
    """After a restart of three seconds the busiest second sees fewer than half of them."""
    dice = random.Random(SEED)  # noqa: S311  replays
    arrivals = []
    for _ in range(300):
        backoff, at_s = Backoff(dice.random), 0.0
        while at_s < 3:
            at_s += backoff.next_delay_s()
        arrivals.append(at_s)
    busiest = max(sum(first <= one < first + 1 for one in arrivals) for first in arrivals)
    print(f"busiest second {busiest} of 300, the last after {max(arrivals) - 3:.1f} s")  # noqa: T201
    assert busiest < 150
    assert max(arrivals) < 8
