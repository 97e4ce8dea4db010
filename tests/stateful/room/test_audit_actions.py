"""A scripted exam leaves exactly the lines that it should, and two names where two people act."""

from exam_core.formats.audit_log import AuditEntry
from exam_core.model.states import SittingEvent
from tests.support.audit_logs import read_entries
from tests.support.live_room import WANG, LiveRoom
from tests.support.room_world import RoomWorld
from tests.support.scenes import run
from tests.support.signed_results import export

PAIRS = {
    "paper_opened",
    "paper_reopened",
    "opening_refused",
    "room_time_extended",
    "log_set_aside",
    "results_exported",
}
"""Actions that leave one line with two names."""

SCRIPT = [
    "kiosk_enrolled",
    "logged_in",
    "seat_unlocked",
    "opening_key_brought",
    "paper_opened",
    "checkpoint_taken",
    "sitting_start",
    "checkpoint_taken",
    "presence_confirmed",
    "sessions_begun",
    "sitting_hold",
    "sitting_resume",
    "extra_time_granted",
    "room_time_extended",
    "session_submitted",
    "sitting_end",
    "checkpoint_taken",
    "results_fixed",
    "checkpoint_taken",
    "results_signed",
    "results_signed",
    "results_exported",
    "checkpoint_taken",
]


def test_a_scripted_exam_leaves_exactly_its_lines(world: RoomWorld) -> None:
    """Expected and actual actions are the same, in the same order."""
    found: list[AuditEntry] = []

    async def scene(live: LiveRoom) -> None:
        room = live.room
        steering, course, core = room.hub.steering, room.hub.course, room.hub.core
        before = len(room.trail.lines())
        driver = await live.logged_in()
        await driver.attach()
        await steering.unlock_seat(WANG, driver.seat_id)
        await live.start()
        await core.finish()
        await steering.mark_present(WANG, driver.seat_id)
        await driver.wait_begin()
        await course.change_sitting(SittingEvent.HOLD, WANG)
        await course.change_sitting(SittingEvent.RESUME, WANG)
        session = room.hub.state.seats[driver.seat_id].session
        assert session
        await steering.grant_extra_time(WANG, driver.seat_id, extra_ms=60_000, reason="设备故障")
        await steering.extend_sitting(("wang", "zhang"), extra_ms=60_000, reason="停电")
        await driver.submit()
        await core.finish()
        await course.change_sitting(SittingEvent.END, WANG)
        await core.finish()
        await export(live)
        found.extend(read_entries(room.trail.lines()[before:]))

    run(world, scene)

    assert [one.action for one in found] == SCRIPT
    for entry in found:
        assert len(entry.actors) == (2 if entry.action in PAIRS else 1), entry.action
        assert all(entry.actors)
