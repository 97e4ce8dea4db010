"""The attack of the log's owner: a new history under the real key; the kiosks convict it."""

from dataclasses import replace

import msgspec

from exam_core.crypto.signing import public_key_of
from exam_core.formats.audit_evidence import LogReport, SeenNote
from exam_core.formats.canonical import encode_canonical
from exam_core.formats.journal_entries import CheckpointSeen
from exam_core.formats.journal_reading import HeldSegment, read_session
from exam_core.model.states import SittingEvent
from exam_core.protocol.messages import Checkpointed
from exam_server import limits
from tests.support.audit_logs import SignedLog, chained, re_signed, read_entries
from tests.support.kiosk_driver import KioskDriver
from tests.support.live_room import WANG, LiveRoom
from tests.support.room_world import RoomWorld
from tests.support.scenes import run, session_of, stored


async def keep_checkpoint(live: LiveRoom, driver: KioskDriver) -> str:
    """The kiosk writes the latest checkpoint into its journal, once it is sent."""
    note = ""
    while note != live.room.trail.latest_checkpoint():
        note = (await driver.expect(Checkpointed)).note
    await driver.save(CheckpointSeen(at_ms=1, note=note))
    return note


def carried(live: LiveRoom, driver: KioskDriver) -> list[SeenNote]:
    """What the kiosk's journal says that it saw, as it lies in the room's database."""
    session = session_of(live, driver)
    facts = live.room.hub.state.facts_of(session)
    assert facts
    segment = HeldSegment(
        segment_id=driver.segment_id,
        epoch=1,
        signing_key=public_key_of(driver.signing_key),
        frames=stored(live, driver),
    )
    notes = read_session(facts, [segment]).checkpoints
    return [SeenNote(seen_by=f"机位 {driver.seat_id}", note=note) for note in notes]


def new_history(log: SignedLog, number: int) -> SignedLog:
    """The owner changes a line, chains the rest anew and signs every checkpoint again."""
    lines = list(log.lines)
    entry = read_entries(lines)[number - 1]
    changed = msgspec.structs.replace(entry, actors=("nobody",))
    lines[number - 1] = encode_canonical(changed)
    return re_signed(replace(log, lines=chained(lines, number)))


def test_kiosks_convict_the_owner_of_the_log(world: RoomWorld) -> None:
    """Who granted extra time is rewritten after the exam, with the real key: the range is named."""
    reports: list[LogReport] = []
    granted: list[int] = []
    sizes: list[int] = []

    async def scene(live: LiveRoom) -> None:
        room = live.room
        await live.start()
        await room.hub.core.finish()
        driver = await live.writing()
        for extra_ms in (60_000, 120_000):
            await room.hub.steering.grant_extra_time(
                WANG, driver.seat_id, extra_ms=extra_ms, reason="设备故障"
            )
            live.clock.advance(limits.checkpoint_interval_ms)
            await room.hub.course.tick()
            await room.hub.core.finish()
            note = await keep_checkpoint(live, driver)
            sizes.append(int(note.split("\n")[1]))
        await driver.submit()
        await room.hub.core.finish()
        await room.hub.course.change_sitting(SittingEvent.END, WANG)
        await room.hub.core.finish()
        now = room.trail.snapshot()
        log = SignedLog(
            lines=now.lines,
            notes=now.checkpoints,
            origin=now.checkpoints[0].split("\n")[0],
            key=world.folder.signing_key(),
        )
        seen = carried(live, driver)
        assert len(seen) == 2
        granted.extend(
            one.n for one in read_entries(now.lines) if one.action == "extra_time_granted"
        )
        forged = new_history(log, granted[1])
        reports.extend([log.examine(seen), forged.examine(), forged.examine(seen)])

    run(world, scene)

    honest, unnoticed, convicted = reports
    assert honest.findings == ()
    assert unnoticed.findings == ()  # key, chain and checkpoints are in order
    (finding,) = convicted.findings
    assert finding.code == "audit.contradicted"
    assert finding.seen_by == "机位 A01"
    assert (finding.first_line, finding.last_line) == (sizes[0] + 1, sizes[1])
    assert finding.first_line <= granted[1] <= finding.last_line
