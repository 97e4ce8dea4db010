"""Which screen is up, and what it may know."""

import errno

import pytest

from exam_client import limits
from exam_client.session.resume import Stage
from exam_client.session.snapshot import Connection, KioskSnapshot, SavedState, Screen
from exam_client.session.view import SeatState, make_snapshot
from exam_core.formats.journal_entries import SubmitReason
from exam_core.model.identifiers import ItemId, PartId, SeatId
from exam_core.model.responses import TextResponse
from exam_core.model.states import SittingState
from exam_core.protocol import VERSION, orders
from exam_core.protocol.http import RoomReply
from tests.support import builders
from tests.support.kiosk_process import PACKAGE, KioskProcess

SEAT_ID = SeatId("A01")


def _room() -> RoomReply:
    return RoomReply(
        protocol=VERSION,
        centre_id=builders.CENTRE_ID,
        sitting_id=builders.SITTING_ID,
        title="业务技能比武",
        seat_id=SEAT_ID,
        sitting_state=SittingState.OPENED,
        duration_ms=5_400_000,
        package_sha256="",
    )


def _seat() -> SeatState:
    return SeatState(
        seat_id=SEAT_ID, is_enrolled=True, room=_room(), is_room_heard=True, package=PACKAGE
    )


def _shown(kiosk: KioskProcess, seat: SeatState | None = None) -> KioskSnapshot:
    return make_snapshot(seat or _seat(), kiosk.core, kiosk.now_ms)


def test_before_anything_is_known_the_seat_starts() -> None:
    """Without a certificate, without the room, and with both."""
    seat = SeatState(seat_id=SEAT_ID)
    assert make_snapshot(seat, None, 0).screen is Screen.NOT_ENROLLED
    seat.is_enrolled = True
    first = make_snapshot(seat, None, 0)
    assert (first.screen, first.connection, first.sitting) == (
        Screen.STARTING,
        Connection.AWAY,
        None,
    )
    seat.room, seat.is_room_heard = _room(), True
    second = make_snapshot(seat, None, 0)
    assert (second.screen, second.connection) == (Screen.LOG_IN, Connection.ONLINE)
    assert second.sitting is not None
    assert (second.sitting.title, second.sitting.paper_title) == ("业务技能比武", "")
    assert second.sitting_state is SittingState.OPENED
    seat.is_lost = True
    assert make_snapshot(seat, None, 0).screen is Screen.PROBLEM


def test_the_package_tells_the_rules() -> None:
    """Title and scoring note of the paper come from the signed package."""
    sitting = make_snapshot(_seat(), None, 0).sitting

    assert sitting is not None
    assert sitting.scoring_note == PACKAGE.manifest.scoring_note
    assert sitting.paper_title == PACKAGE.manifest.title


@pytest.mark.parametrize(
    ("stage", "screen"),
    [
        (Stage.LOGGED_IN, Screen.CONFIRM),
        (Stage.CONFIRMED, Screen.RULES),
        (Stage.RULES_READ, Screen.WAITING),
    ],
)
def test_the_stages_lead_to_the_paper(stage: Stage, screen: Screen) -> None:
    """Before the paper the stage decides; the paper does not jump over a stage."""
    kiosk = KioskProcess(stage=stage)
    assert _shown(kiosk).screen is screen

    kiosk.begin()

    assert _shown(kiosk).screen is (Screen.PAPER if screen is Screen.WAITING else screen)


def test_a_seat_that_is_lost_shows_why() -> None:
    """A session that was taken over elsewhere ends on the problem screen, with its alarms."""
    kiosk = KioskProcess()
    seat = _seat()
    seat.is_lost = True
    kiosk.core.attempt.alarm("session.superseded", "会话已在另一程序中继续")

    shown = _shown(kiosk, seat)

    assert shown.screen is Screen.PROBLEM
    assert [alarm.code for alarm in shown.alarms] == ["session.superseded"]


def test_a_session_is_shown_whole() -> None:
    """Candidate, form, responses, marks and time are all in one value."""
    kiosk = KioskProcess()
    kiosk.begin()
    attempt = kiosk.core.attempt
    attempt.record(PartId("i5.1"), TextResponse(text="答"))
    attempt.flag(ItemId("i1"), is_flagged=True)
    before = _shown(kiosk)
    kiosk.settle()

    after = _shown(kiosk)

    assert before.saved is SavedState.KEPT_HERE
    assert (after.saved, after.unsynced) == (SavedState.ON_SERVER, 0)
    assert after.saved_parts == {PartId("i5.1"): SavedState.ON_SERVER}
    assert after.responses == {PartId("i5.1"): TextResponse(text="答")}
    assert after.flagged == {ItemId("i1")}
    assert after.form is not None
    assert after.candidate is not None
    assert after.candidate.name == "考生1"
    assert after.sitting_state is SittingState.RUNNING
    assert after.time_left_ms(1_000) == 3_599_000
    assert after.time_left_ms(10**9) == 0


def test_frozen_time_is_shown_while_the_room_is_held() -> None:
    """While the clock stands the rest is a number, not a deadline."""
    kiosk = KioskProcess()
    kiosk.begin()
    kiosk.room.state = SittingState.HELD
    kiosk.say(kiosk.room.clock(kiosk.session))

    shown = _shown(kiosk)

    assert shown.deadline_monotonic_ms is None
    assert shown.time_left_ms(10**9) == 3_600_000


def test_a_disk_that_keeps_nothing_is_an_alarm() -> None:
    """The worst state among all entries is the overall one, and the disk's failure an alarm."""
    kiosk = KioskProcess()
    kiosk.begin()
    kiosk.files.fault = lambda _call, _name, _path: OSError(errno.EIO, "made to fail")
    kiosk.core.attempt.record(PartId("i5.1"), TextResponse(text="答"))

    shown = _shown(kiosk)

    assert shown.saved is SavedState.NOT_KEPT
    assert [alarm.code for alarm in shown.alarms] == ["journal.disk"]
    assert shown.alarms[0].advice


def test_handing_in_is_shown_step_by_step() -> None:
    """Submitting while the room is asked, the receipt when it answered or does not answer."""
    kiosk = KioskProcess()
    kiosk.begin()
    kiosk.core.attempt.submit()
    waiting = _shown(kiosk)
    assert (waiting.screen, waiting.is_closed_offline) == (Screen.SUBMITTING, True)
    assert waiting.frozen_time_left_ms is None

    kiosk.advance(limits.submit_wait_ms_max)
    assert _shown(kiosk).screen is Screen.RECEIPT
    kiosk.settle()

    done = _shown(kiosk)
    assert (done.screen, done.is_closed_offline) == (Screen.RECEIPT, False)
    assert done.receipt == kiosk.session.receipt
    assert done.close_reason is SubmitReason.CANDIDATE


def test_collecting_is_already_submitting() -> None:
    """While typed text is collected the paper is shut for the candidate."""
    kiosk = KioskProcess(collects=True)
    kiosk.begin()

    kiosk.order(orders.End(reason="proctor"))

    assert _shown(kiosk).screen is Screen.SUBMITTING


def test_without_the_room_the_receipt_is_shown_at_once() -> None:
    """Closed here and not there: the receipt is shown and says so."""
    kiosk = KioskProcess()
    kiosk.begin()
    kiosk.cut()
    kiosk.core.attempt.submit()

    shown = _shown(kiosk)

    assert (shown.screen, shown.is_closed_offline) == (Screen.RECEIPT, True)
    assert shown.connection is Connection.AWAY


def test_a_session_that_only_ended_has_no_receipt() -> None:
    """Ended before the paper: the last screen without a receipt."""
    kiosk = KioskProcess()
    kiosk.connect()
    kiosk.order(orders.End(reason="proctor"))

    shown = _shown(kiosk)

    assert (shown.screen, shown.receipt) == (Screen.RECEIPT, None)
    assert shown.close_reason is SubmitReason.PROCTOR
