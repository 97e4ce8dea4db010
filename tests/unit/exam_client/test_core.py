"""One session's talk with the room, message by message."""

import errno

import msgspec
import pytest

from exam_client import limits
from exam_client.session.closing import Phase
from exam_client.session.resume import Stage
from exam_client.session.snapshot import SavedState
from exam_core.crypto.sealing import generate_identity, recipient_of, seal
from exam_core.errors import InputError, StateError
from exam_core.formats.journal_entries import (
    SubmitReason,
)
from exam_core.formats.paper_package import verify_package
from exam_core.model.identifiers import ImageId, ItemId, PartId
from exam_core.model.responses import TextResponse
from exam_core.model.states import SessionState, SittingState
from exam_core.protocol import messages, orders
from tests.support import builders
from tests.support.core_steps import (
    EARLIER,
    ITEM,
    P1,
    P5,
    begun,
    choice_of,
    has_paper,
    phase_of,
    put_segment,
    record,
    saved_state,
)
from tests.support.kiosk_process import KioskProcess
from tests.support.pictures import png
from tests.support.refusals import refuses


def test_stages_are_told_once_a_connection() -> None:
    """The room hears of every step, and again after a new connection."""
    kiosk = KioskProcess(stage=Stage.LOGGED_IN)
    kiosk.connect()
    kiosk.settle()

    kiosk.core.attempt.confirm()
    kiosk.settle()
    kiosk.core.attempt.rules_read()
    kiosk.settle()
    kiosk.connect()
    kiosk.settle()

    assert kiosk.session.stages == ["confirmed", "rules_read", "confirmed", "rules_read"]


def test_steps_come_in_order() -> None:
    """The rules cannot be read before the person is confirmed, nor anything twice."""
    attempt = KioskProcess(stage=Stage.LOGGED_IN).core.attempt

    with refuses(StateError, "session.state"):
        attempt.rules_read()
    attempt.confirm()
    with refuses(StateError, "session.state"):
        attempt.confirm()


def test_nothing_is_said_before_the_room_answered() -> None:
    """Before Attached there is nothing to send."""
    kiosk = KioskProcess()

    assert kiosk.core.next_message() is None
    assert kiosk.core.heartbeat() == messages.Heartbeat(unsynced=0)


def test_no_answers_before_the_paper_is_open() -> None:
    """Without the form's key nothing can be recorded, marked or submitted."""
    attempt = KioskProcess().core.attempt

    with refuses(StateError, "session.state"):
        attempt.record(P1, choice_of("A"))
    with refuses(StateError, "session.state"):
        attempt.flag(ITEM, is_flagged=True)
    with refuses(StateError, "session.state"):
        attempt.submit()
    attempt.pending_collected()
    assert attempt.closing.phase is Phase.OPEN


def test_a_refused_attach_is_noted_and_forgotten_on_the_next() -> None:
    """Why an attach was refused can be asked until the next one."""
    kiosk = KioskProcess()
    kiosk.session.token = "another"

    kiosk.connect()
    kiosk.settle()

    assert kiosk.core.attach_refusal is not None
    assert kiosk.core.attach_refusal.code == "session.token"
    kiosk.core.attach_message()
    assert kiosk.core.attach_refusal is None


def test_the_paper_waits_for_the_package() -> None:
    """Keys that come before the sealed paper are kept until it is here."""
    kiosk = begun()
    late = KioskProcess(package=None)
    late.begin()
    assert has_paper(late) == (True, False)

    assert kiosk.package is not None
    late.core.attempt.package_arrived(kiosk.package)

    assert has_paper(late) == (False, True)


def test_a_package_that_the_key_does_not_open_is_asked_for_again() -> None:
    """A wrong package is an alarm and is wanted anew; the right one opens the paper."""
    other = verify_package(builders.package(paper_id="P-OTHER"), builders.root())
    kiosk = KioskProcess(package=other)

    kiosk.begin()

    attempt = kiosk.core.attempt
    assert attempt.wants_package
    assert list(attempt.alarms) == ["package.altered"]
    attempt.package_arrived(verify_package(builders.package(), builders.root()))
    assert attempt.paper is not None


def test_the_pictures_of_the_form_are_opened_with_it() -> None:
    """In memory, for the screen; a picture that was exchanged keeps the paper shut."""
    content, name, identity = png(), ImageId("1f" * 16), generate_identity()
    plain = builders.form()
    first = msgspec.structs.replace(plain.items[0], images=(builders.image(name),))
    form = msgspec.structs.replace(
        plain,
        items=(first, *plain.items[1:]),
        image_seals=(builders.image_seal(name, content, identity),),
    )
    packages = [
        verify_package(
            builders.package(form, sealed_images=[(name, seal(inside, [recipient_of(identity)]))]),
            builders.root(),
        )
        for inside in (content, b"another")
    ]
    kiosk, shut = (KioskProcess(package=one) for one in packages)

    kiosk.begin()
    shut.begin()

    assert kiosk.core.attempt.paper is not None
    assert kiosk.core.attempt.paper.images == {name: content}
    assert shut.core.attempt.paper is None
    assert list(shut.core.attempt.alarms) == ["package.altered"]


# Answering


def test_responses_are_kept_here_and_then_on_the_server() -> None:
    """A response is on disk at once, and on the server when the room has said so."""
    kiosk = begun()
    kiosk.cut()

    record(kiosk)
    assert saved_state(kiosk) is SavedState.KEPT_HERE
    assert kiosk.core.upload.unsynced == 1

    kiosk.connect()
    kiosk.settle()
    assert saved_state(kiosk) is SavedState.ON_SERVER
    assert kiosk.core.upload.unsynced == 0


def test_a_full_disk_is_said_until_the_server_has_it() -> None:
    """What neither disk nor server holds is called not kept; the alarm stands meanwhile."""
    kiosk = begun()
    kiosk.files.fault = lambda _call, name, _path: (
        OSError(errno.ENOSPC, "full") if name in {"write", "create"} else None
    )

    record(kiosk)
    assert saved_state(kiosk) is SavedState.NOT_KEPT
    assert kiosk.core.journal.failure is not None

    kiosk.settle()
    assert saved_state(kiosk) is SavedState.ON_SERVER


def test_what_cannot_belong_to_the_paper_is_refused() -> None:
    """Unknown parts and items and responses that do not fit leave nothing in the journal."""
    kiosk = begun()
    before = len(kiosk.core.journal.frames(kiosk.core.journal.segment_id))
    attempt = kiosk.core.attempt

    with refuses(InputError, "client.part"):
        attempt.record(PartId("zz"), choice_of("A"))
    with refuses(InputError, "client.part"):
        attempt.flag(ItemId("zz"), is_flagged=True)
    with refuses(InputError, "response.misfit"):
        attempt.record(P5, choice_of("A"))

    assert len(kiosk.core.journal.frames(kiosk.core.journal.segment_id)) == before


def test_marks_are_kept_like_responses() -> None:
    """A review mark is journalled, synced and found again."""
    kiosk = begun()
    kiosk.core.attempt.flag(ITEM, is_flagged=True)
    kiosk.settle()
    kiosk.kill()
    kiosk.begin()

    paper = kiosk.core.attempt.paper
    assert paper is not None
    assert paper.answers.flagged == {ITEM}
    assert paper.saved_flags() == {ITEM: SavedState.ON_SERVER}


def test_what_the_room_calls_impossible_is_told_while_it_matters() -> None:
    """A refused response reaches the candidate before the end and nobody after it."""
    kiosk = begun()
    refused = messages.Refused(code="response.misfit", message="不符")

    kiosk.say(refused)
    kiosk.core.attempt.submit()
    kiosk.say(refused, messages.Refused(code="sitting.state", message="已归档"))

    assert kiosk.refusals == ["response.misfit", "sitting.state"]


# Time


def test_time_up_closes_with_what_was_typed() -> None:
    """At the deadline typed text is asked for, recorded, and then the session closes."""
    kiosk = KioskProcess(collects=True)
    kiosk.room.time_left_ms = 1_000
    kiosk.begin()
    kiosk.advance(999)
    assert phase_of(kiosk) is Phase.OPEN

    kiosk.advance(1)
    kiosk.advance(1)
    assert kiosk.asked_for_pending == 1
    assert phase_of(kiosk) is Phase.COLLECTING
    kiosk.core.attempt.record(P5, TextResponse(text="写到这里"))
    kiosk.core.attempt.pending_collected()
    kiosk.settle()

    assert phase_of(kiosk) is Phase.CONFIRMED
    assert kiosk.core.attempt.closing.reason is SubmitReason.TIME_UP
    assert P5 in kiosk.session.content().responses
    with refuses(StateError, "client.closed"):
        kiosk.core.attempt.record(P5, TextResponse(text="再写"))


def test_a_window_that_hangs_does_not_stop_the_end() -> None:
    """When nobody says that typed text was collected the session closes all the same."""
    kiosk = KioskProcess(collects=True)
    kiosk.room.time_left_ms = 1_000
    kiosk.begin()
    kiosk.advance(1_000)

    kiosk.advance(limits.collect_pending_ms_max)

    assert phase_of(kiosk) is Phase.SUBMITTED


def test_a_hold_stops_the_clock_and_a_begin_during_it_does_not_start_it() -> None:
    """While the room is held no time passes, also for a kiosk that restarts in it."""
    kiosk = begun()
    kiosk.room.state = SittingState.HELD
    kiosk.say(kiosk.room.clock(kiosk.session))
    assert kiosk.core.attempt.clock.deadline_ms is None

    begin = orders.Begin(
        form_number=kiosk.session.form_number,
        form_identity=kiosk.session.form_identity,
        journal_key=kiosk.session.journal_key,
        time_left_ms=5,
        resume_recipients=(),
    )
    kiosk.order(begin)

    assert kiosk.core.attempt.clock.frozen_left_ms == 5
    kiosk.advance(10_000)
    assert phase_of(kiosk) is Phase.OPEN


# The end


@pytest.mark.parametrize(("said", "reason"), [("time_up", "time_up"), ("strange", "proctor")])
def test_the_room_ends_a_session(said: str, reason: str) -> None:
    """An end from the room submits for its reason; an unknown one counts as the proctor's."""
    kiosk = begun()

    kiosk.order(orders.End(reason=said))

    assert kiosk.core.attempt.closing.reason == reason
    assert phase_of(kiosk) is Phase.CONFIRMED


@pytest.mark.parametrize(("left_ms", "reason"), [(0, "time_up"), (9, "proctor")])
def test_a_session_that_is_closed_there_closes_here(left_ms: int, reason: str) -> None:
    """When the clock says that the session is closed the kiosk closes too."""
    kiosk = begun()
    kiosk.session.state = SessionState.CLOSED
    kiosk.room.time_left_ms = left_ms

    kiosk.say(kiosk.room.clock(kiosk.session))

    assert kiosk.core.attempt.closing.reason == reason


def test_an_end_before_the_keys_is_an_end() -> None:
    """Ended while waiting: closed without a receipt, said once."""
    kiosk = KioskProcess()
    kiosk.connect()

    kiosk.order(orders.End(reason="proctor"), orders.End(reason="time_up"))

    assert phase_of(kiosk) is Phase.ENDED
    assert kiosk.core.attempt.closing.reason is SubmitReason.PROCTOR


def test_an_end_just_before_the_keys_still_submits() -> None:
    """A kiosk that restarts at the very end is told so first, and submits when the keys come."""
    kiosk = begun()
    record(kiosk)
    kiosk.settle()
    kiosk.kill()
    kiosk.session.is_present = False  # so the keys do not come at once
    kiosk.connect()
    kiosk.order(orders.End(reason="time_up"))
    assert phase_of(kiosk) is Phase.ENDED

    kiosk.begin()

    assert phase_of(kiosk) is Phase.CONFIRMED
    assert kiosk.core.attempt.closing.reason is SubmitReason.TIME_UP
    assert kiosk.session.receipt is not None


def test_the_submit_is_said_again_after_a_lost_connection() -> None:
    """Until the room has confirmed, every connection says the submit once."""
    kiosk = begun()
    kiosk.core.attempt.submit()
    kiosk.send_up()
    kiosk.cut()
    assert phase_of(kiosk) is Phase.SUBMITTED

    kiosk.connect()
    kiosk.settle()

    assert phase_of(kiosk) is Phase.CONFIRMED
    assert kiosk.core.attempt.resume.is_confirmed


def test_the_submit_waits_for_its_frame() -> None:
    """A submit whose segment the room refuses is never said."""
    kiosk = begun()
    kiosk.core.attempt.submit()
    kiosk.core.upload.blocked.add(kiosk.core.journal.segment_id)

    assert kiosk.core.next_message() is None


def test_a_submitted_session_is_found_again() -> None:
    """After a restart the receipt is there, before and after the room confirmed it."""
    kiosk = begun()
    kiosk.cut()
    kiosk.core.attempt.submit()
    place = kiosk.core.attempt.closing.place
    kiosk.kill()
    assert (phase_of(kiosk), kiosk.core.attempt.closing.place) == (Phase.SUBMITTED, place)

    kiosk.connect()
    kiosk.settle()
    kiosk.kill()

    assert (phase_of(kiosk), kiosk.core.attempt.closing.place) == (Phase.CONFIRMED, place)
    assert place is not None
    assert kiosk.session.receipt == place.receipt


def test_a_submit_entry_without_a_note_of_it_is_found_in_the_journal() -> None:
    """A kiosk killed between the submit entry and its note finds the entry and writes no more."""
    kiosk = KioskProcess()
    frames = put_segment(kiosk, 0, 1, 2, submit=True)

    kiosk.begin()

    assert kiosk.core.attempt.closing.reason is SubmitReason.CANDIDATE
    assert list(kiosk.core.journal.frames(kiosk.core.journal.segment_id)) == []
    assert len(kiosk.core.journal.frames(EARLIER)) == len(frames)


def test_a_receipt_from_the_room_is_found_among_the_frames() -> None:
    """A session that the room closed before the keys came shows the receipt of a frame here."""
    kiosk = begun()
    kiosk.core.attempt.submit()
    kiosk.settle()
    receipt = kiosk.session.receipt
    resume = kiosk.core.attempt.resume
    forgotten = type(resume)(
        **{name: getattr(resume, name) for name in resume.__struct_fields__[:8]}
    )
    kiosk.core.attempt._ports.save_resume(forgotten)
    kiosk.kill()
    kiosk.connect()
    kiosk.settle()
    assert receipt is not None

    kiosk.order(orders.Submitted(receipt=receipt))

    assert kiosk.core.attempt.closing.place is not None
    assert kiosk.core.attempt.closing.place.receipt == receipt
    assert kiosk.core.attempt.alarms == {}


def test_another_receipt_is_an_alarm() -> None:
    """A receipt that differs, or that no frame here has, is never accepted in silence."""
    kiosk = begun()
    kiosk.order(orders.Submitted(receipt="0000"))
    assert list(kiosk.core.attempt.alarms) == ["receipt.mismatch"]
    assert phase_of(kiosk) is Phase.OPEN

    other = begun()
    other.core.attempt.submit()
    own = other.core.attempt.closing.place
    other.core.on_message(other.room.order(other.session, orders.Submitted(receipt="0000")))
    assert list(other.core.attempt.alarms) == ["receipt.mismatch"]
    assert other.core.attempt.closing.place == own

    third = begun()
    third.say(messages.Refused(code="submit.receipt", message="不一致"))
    assert list(third.core.attempt.alarms) == ["receipt.mismatch"]


# Damage and disagreement
