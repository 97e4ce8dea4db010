"""The room signs the state of its log, hands it to the kiosks, and looks at it before it starts."""

import msgspec
import pytest

from exam_core.errors import ExamError, StorageError
from exam_core.formats.audit_log import verify_lines
from exam_core.formats.canonical import encode_canonical
from exam_core.formats.checkpoint import open_checkpoint, room_origin
from exam_core.formats.journal_entries import SubmitReason
from exam_core.model.states import SittingEvent
from exam_core.protocol.messages import Checkpointed
from exam_server import limits
from exam_server.folder import STORAGE_FULL
from exam_server.room.room_log import CheckpointReason, open_room_log
from exam_server.room.serve import open_store
from tests.support import builders
from tests.support.audit_logs import chained, read_entries
from tests.support.fake_clock import FakeClock
from tests.support.kiosk_driver import KioskDriver
from tests.support.live_room import WANG, LiveRoom
from tests.support.room_world import RoomWorld
from tests.support.scenes import run
from tests.support.signed_results import export


def reasons(live: LiveRoom) -> list[str]:
    """Why checkpoints were taken, in order, as the log tells."""
    entries = read_entries(live.room.trail.lines())
    return [one.details["reason"] for one in entries if one.action == "checkpoint_taken"]


async def shown(live: LiveRoom, driver: KioskDriver, count: int) -> list[int]:
    """How many lines the next checkpoints cover that the kiosk is sent."""
    origin = room_origin(builders.CENTRE_ID, builders.SITTING_ID)
    key = live.room.centre.signing_key
    notes = [one.note for one in driver.seen if isinstance(one, Checkpointed)]
    while len(notes) < count:
        notes.append((await driver.expect(Checkpointed)).note)
    return [open_checkpoint(note, origin=origin, key=key).size for note in notes]


def test_every_turn_of_the_exam_is_signed_and_reaches_the_kiosks(world: RoomWorld) -> None:
    """Import, opening, start, five minutes, swap, end and export; each kiosk sees what comes."""

    async def scene(live: LiveRoom) -> None:
        core = live.room.hub.core
        driver = await live.logged_in()
        await driver.attach()
        await live.start()
        await live.room.hub.steering.mark_present(WANG, driver.seat_id)
        await driver.wait_begin()
        live.clock.advance(limits.checkpoint_interval_ms)
        await live.room.hub.course.tick()
        await core.finish()
        await core.take_checkpoint(CheckpointReason.SWAP)
        await driver.submit()
        await core.finish()
        await live.room.hub.course.change_sitting(SittingEvent.END, WANG)
        await core.finish()
        known = await shown(live, driver, 6)
        assert known == sorted(known)

        room = live.room
        await export(live)

        assert reasons(live) == [
            "package_imported",
            "paper_opened",
            "sitting_started",
            "interval",
            "machine_swapped",
            "sitting_ended",
            "results_fixed",
            "results_exported",
        ]
        assert room.trail.examine().findings == ()

    run(world, scene)


def test_an_idle_room_takes_no_checkpoints(world: RoomWorld) -> None:
    """After five minutes without a line there is nothing to sign."""

    async def scene(live: LiveRoom) -> None:
        before = len(reasons(live))
        for _ in range(2):
            live.room.trail.record("signed_in", actors=("wang",))
            for _ in range(2):
                live.clock.advance(limits.checkpoint_interval_ms)
                live.room.hub.core.checkpoint_when_due()
                await live.room.hub.core.finish()
        live.clock.advance(limits.checkpoint_interval_ms - 1)
        live.room.trail.record("signed_in", actors=("wang",))
        live.room.hub.core.checkpoint_when_due()
        await live.room.hub.core.finish()

        assert reasons(live)[before:] == ["interval", "interval"]

    run(world, scene)


def test_a_kiosk_that_attaches_is_shown_the_latest(world: RoomWorld) -> None:
    """Whatever it missed while it was away."""

    async def scene(live: LiveRoom) -> None:
        await live.open()
        driver = await live.logged_in()
        await driver.attach()
        first = await driver.expect(Checkpointed)

        assert first.note == live.room.trail.latest_checkpoint()

    run(world, scene)


def test_a_disk_that_keeps_no_checkpoint_alarms_and_the_exam_goes_on(
    world: RoomWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The start has happened, the proctor is told, and the next checkpoint is tried again."""

    def fail(*_: object, **__: object) -> None:
        raise StorageError(STORAGE_FULL, "磁盘已满")

    async def scene(live: LiveRoom) -> None:
        await live.open()
        before = live.room.trail.checkpoints()
        with monkeypatch.context() as broken:
            broken.setattr(live.room.trail, "take_checkpoint", fail)
            await live.room.hub.course.change_sitting(SittingEvent.START, WANG)
            await live.room.hub.core.finish()
        assert [alarm.code for alarm in live.room.hub.state.alarms] == ["storage.full"]
        assert live.room.trail.checkpoints() == before
        driver = await live.writing()
        await driver.submit(SubmitReason.CANDIDATE)
        await live.room.hub.core.take_checkpoint(CheckpointReason.INTERVAL)
        assert len(live.room.trail.checkpoints()) == len(before) + 1

    run(world, scene)


def open_log(world: RoomWorld) -> None:
    """What every start does first."""
    store = open_store(world.folder)
    try:
        open_room_log(world.folder, store, FakeClock())
    finally:
        store.close()


def test_a_log_that_does_not_fit_its_checkpoints_stops_the_start(world: RoomWorld) -> None:
    """Even when its chain holds: the place is named, and nothing is written over."""
    file = world.folder.audit_file
    open_log(world)
    lines = file.read_bytes().splitlines()
    changed = msgspec.structs.replace(read_entries(lines)[1], subject="somebody else")
    lines = list(chained([lines[0], encode_canonical(changed), *lines[2:]], 2))
    assert verify_lines(lines)
    file.write_bytes(b"".join(line + b"\n" for line in lines))
    before = file.read_bytes()

    with pytest.raises(ExamError) as caught:
        open_log(world)

    assert caught.value.code == "audit.checkpoint"
    assert "检查点" in caught.value.message
    assert file.read_bytes() == before
