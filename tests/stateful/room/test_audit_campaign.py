"""Ten thousand edits of the log of a real exam: each is found, and its place is named."""

from dataclasses import replace
from itertools import islice

import pytest

from exam_core.model.states import SittingEvent
from exam_server import limits
from tests.support.audit_logs import SignedLog, attacks, chained, is_found, re_signed
from tests.support.live_room import WANG, LiveRoom
from tests.support.room_world import RoomWorld
from tests.support.scale import times
from tests.support.scenes import run
from tests.support.signed_results import export

EDITS = 10_000


@pytest.fixture
def log(world: RoomWorld) -> SignedLog:
    """The log of an exam from import to export, with its checkpoints."""
    found: list[SignedLog] = []

    async def scene(live: LiveRoom) -> None:
        room = live.room
        drivers = [await live.logged_in(serial) for serial in (1, 2)]
        for driver in drivers:
            await driver.attach()
        await live.start()
        for driver in drivers:
            await room.hub.steering.mark_present(WANG, driver.seat_id)
            await driver.wait_begin()
        live.clock.advance(limits.checkpoint_interval_ms)
        await room.hub.course.tick()
        await room.hub.core.finish()
        for driver in drivers:
            await driver.submit()
        await room.hub.course.change_sitting(SittingEvent.END, WANG)
        await room.hub.core.finish()
        await export(live)
        now = room.trail.snapshot()
        origin = now.checkpoints[0].split("\n")[0]
        key = world.folder.signing_key()
        found.append(SignedLog(lines=now.lines, notes=now.checkpoints, origin=origin, key=key))

    run(world, scene)
    return found[0]


def test_every_edit_of_a_real_log_is_found_and_placed(log: SignedLog) -> None:
    """Bytes, fields, chains written anew, cuts, swaps, repeats, and every harm to checkpoints."""
    assert log.examine().findings == ()
    fork = re_signed(replace(log, lines=chained(log.lines[1:], 1)))
    elsewhere = re_signed(replace(log, origin=log.origin.replace("/room", "x/room")))
    edits = times(times(EDITS))  # a hundred times as many in the long run

    for attack in islice(attacks(log, [fork, elsewhere], seed=20261123), edits):
        assert is_found(attack, attack.log.examine()), attack

    print(f"campaign audit_edits {edits}")  # noqa: T201  the runner reads it
