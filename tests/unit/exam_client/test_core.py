"""One session's talk with the room, message by message."""

import errno

import pytest

from exam_client import limits
from exam_client.journal.recovery import content_of
from exam_client.journal.segment_file import segment_path
from exam_client.session.closing import Phase
from exam_client.session.resume import Stage
from exam_client.session.snapshot import SavedState
from exam_core.errors import InputError, StateError
from exam_core.formats.journal import SegmentWriter
from exam_core.formats.journal_entries import (
    SegmentStarted,
    SessionSubmitted,
    SubmitReason,
    encode_entry,
)
from exam_core.formats.paper_package import verify_package
from exam_core.model.identifiers import ItemId, PartId, SegmentId
from exam_core.model.responses import ChoiceResponse, TextResponse
from exam_core.model.states import SessionState, SittingState
from exam_core.protocol import messages
from tests.support import builders
from tests.support.kiosk_process import FOLDER, KioskProcess
from tests.support.refusals import refuses

P1, P5 = PartId("i1.1"), PartId("i5.1")
ITEM = ItemId("i1")
EARLIER = SegmentId("11" * 16)


def _choice(letter: str) -> ChoiceResponse:
    return ChoiceResponse(
        choice_ids=(builders.choice(letter, choice_id=f"i1.1-{letter}").choice_id,)
    )


def _begun() -> KioskProcess:
    kiosk = KioskProcess()
    kiosk.begin()
    return kiosk


def _record(kiosk: KioskProcess, letter: str = "A") -> None:
    kiosk.core.attempt.record(P1, _choice(letter))


def _responses(kiosk: KioskProcess) -> dict[PartId, object]:
    paper = kiosk.core.attempt.paper
    return {} if paper is None else dict(paper.answers.responses)


def _saved(kiosk: KioskProcess) -> SavedState | None:
    paper = kiosk.core.attempt.paper
    return None if paper is None else paper.saved_parts().get(P1)


def _phase(kiosk: KioskProcess) -> Phase:
    return kiosk.core.attempt.closing.phase


def _has_paper(kiosk: KioskProcess) -> tuple[bool, bool]:
    """Whether the package is wanted, and whether the paper is open."""
    return kiosk.core.attempt.wants_package, kiosk.core.attempt.paper is not None


def _put_segment(kiosk: KioskProcess, *numbers: int, submit: bool = False) -> list[bytes]:
    """An earlier segment of this session with a response, of which only some frames are left."""
    writer = SegmentWriter(kiosk.session.journal_key, EARLIER)
    started = SegmentStarted(
        at_ms=0,
        session_id=builders.SESSION_ID,
        manifest_sha256=kiosk.package.manifest_sha256 if kiosk.package else "",
        form_number=kiosk.session.form_number,
    )
    last = (
        SessionSubmitted(at_ms=3, reason=SubmitReason.CANDIDATE, heads={}, nonce="00" * 16)
        if submit
        else builders.response_recorded("i1.1", "C", at_ms=3)
    )
    entries = (started, builders.response_recorded("i1.1", "B", at_ms=2), last)
    frames = [writer.append(encode_entry(entry)) for entry in entries]
    left = [frames[number] for number in numbers]
    folder = FOLDER.session(builders.SESSION_ID)
    kiosk.files.put(segment_path(folder, EARLIER, 1), content_of(EARLIER, left))
    kiosk.kill()
    return frames


# Before the paper


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
        attempt.record(P1, _choice("A"))
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
    kiosk = _begun()
    late = KioskProcess(package=None)
    late.begin()
    assert _has_paper(late) == (True, False)

    assert kiosk.package is not None
    late.core.attempt.package_arrived(kiosk.package)

    assert _has_paper(late) == (False, True)


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


# Answering


def test_responses_are_kept_here_and_then_on_the_server() -> None:
    """A response is on disk at once, and on the server when the room has said so."""
    kiosk = _begun()
    kiosk.cut()

    _record(kiosk)
    assert _saved(kiosk) is SavedState.KEPT_HERE
    assert kiosk.core.upload.unsynced == 1

    kiosk.connect()
    kiosk.settle()
    assert _saved(kiosk) is SavedState.ON_SERVER
    assert kiosk.core.upload.unsynced == 0


def test_a_full_disk_is_said_until_the_server_has_it() -> None:
    """What neither disk nor server holds is called not kept; the alarm stands meanwhile."""
    kiosk = _begun()
    kiosk.files.fault = lambda _call, name, _path: (
        OSError(errno.ENOSPC, "full") if name in {"write", "create"} else None
    )

    _record(kiosk)
    assert _saved(kiosk) is SavedState.NOT_KEPT
    assert kiosk.core.journal.failure is not None

    kiosk.settle()
    assert _saved(kiosk) is SavedState.ON_SERVER


def test_what_cannot_belong_to_the_paper_is_refused() -> None:
    """Unknown parts and items and responses that do not fit leave nothing in the journal."""
    kiosk = _begun()
    before = len(kiosk.core.journal.frames(kiosk.core.journal.segment_id))
    attempt = kiosk.core.attempt

    with refuses(InputError, "client.part"):
        attempt.record(PartId("zz"), _choice("A"))
    with refuses(InputError, "client.part"):
        attempt.flag(ItemId("zz"), is_flagged=True)
    with refuses(InputError, "response.misfit"):
        attempt.record(P5, _choice("A"))

    assert len(kiosk.core.journal.frames(kiosk.core.journal.segment_id)) == before


def test_marks_are_kept_like_responses() -> None:
    """A review mark is journalled, synced and found again."""
    kiosk = _begun()
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
    kiosk = _begun()
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
    assert _phase(kiosk) is Phase.OPEN

    kiosk.advance(1)
    kiosk.advance(1)
    assert kiosk.asked_for_pending == 1
    assert _phase(kiosk) is Phase.COLLECTING
    kiosk.core.attempt.record(P5, TextResponse(text="写到这里"))
    kiosk.core.attempt.pending_collected()
    kiosk.settle()

    assert _phase(kiosk) is Phase.CONFIRMED
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

    assert _phase(kiosk) is Phase.SUBMITTED


def test_a_hold_stops_the_clock_and_a_begin_during_it_does_not_start_it() -> None:
    """While the room is held no time passes, also for a kiosk that restarts in it."""
    kiosk = _begun()
    kiosk.room.state = SittingState.HELD
    kiosk.say(kiosk.room.clock(kiosk.session))
    assert kiosk.core.attempt.clock.deadline_ms is None

    begin = messages.Begin(
        form_number=kiosk.session.form_number,
        form_identity=kiosk.session.form_identity,
        journal_key=kiosk.session.journal_key,
        time_left_ms=5,
    )
    kiosk.say(begin)

    assert kiosk.core.attempt.clock.frozen_left_ms == 5
    kiosk.advance(10_000)
    assert _phase(kiosk) is Phase.OPEN


# The end


@pytest.mark.parametrize(("said", "reason"), [("time_up", "time_up"), ("strange", "proctor")])
def test_the_room_ends_a_session(said: str, reason: str) -> None:
    """An end from the room submits for its reason; an unknown one counts as the proctor's."""
    kiosk = _begun()

    kiosk.say(messages.End(reason=said))

    assert kiosk.core.attempt.closing.reason == reason
    assert _phase(kiosk) is Phase.CONFIRMED


@pytest.mark.parametrize(("left_ms", "reason"), [(0, "time_up"), (9, "proctor")])
def test_a_session_that_is_closed_there_closes_here(left_ms: int, reason: str) -> None:
    """When the clock says that the session is closed the kiosk closes too."""
    kiosk = _begun()
    kiosk.session.state = SessionState.CLOSED
    kiosk.room.time_left_ms = left_ms

    kiosk.say(kiosk.room.clock(kiosk.session))

    assert kiosk.core.attempt.closing.reason == reason


def test_an_end_before_the_keys_is_an_end() -> None:
    """Ended while waiting: closed without a receipt, said once."""
    kiosk = KioskProcess()
    kiosk.connect()

    kiosk.say(messages.End(reason="proctor"), messages.End(reason="time_up"))

    assert _phase(kiosk) is Phase.ENDED
    assert kiosk.core.attempt.closing.reason is SubmitReason.PROCTOR


def test_an_end_just_before_the_keys_still_submits() -> None:
    """A kiosk that restarts at the very end is told so first, and submits when the keys come."""
    kiosk = _begun()
    _record(kiosk)
    kiosk.settle()
    kiosk.kill()
    kiosk.connect()
    kiosk._down.insert(2, messages.End(reason="time_up"))

    kiosk.settle()

    assert _phase(kiosk) is Phase.CONFIRMED
    assert kiosk.core.attempt.closing.reason is SubmitReason.TIME_UP
    assert kiosk.session.receipt is not None


def test_the_submit_is_said_again_after_a_lost_connection() -> None:
    """Until the room has confirmed, every connection says the submit once."""
    kiosk = _begun()
    kiosk.core.attempt.submit()
    kiosk.send_up()
    kiosk.cut()
    assert _phase(kiosk) is Phase.SUBMITTED

    kiosk.connect()
    kiosk.settle()

    assert _phase(kiosk) is Phase.CONFIRMED
    assert kiosk.core.attempt.resume.is_confirmed


def test_the_submit_waits_for_its_frame() -> None:
    """A submit whose segment the room refuses is never said."""
    kiosk = _begun()
    kiosk.core.attempt.submit()
    kiosk.core.upload.blocked.add(kiosk.core.journal.segment_id)

    assert kiosk.core.next_message() is None


def test_a_submitted_session_is_found_again() -> None:
    """After a restart the receipt is there, before and after the room confirmed it."""
    kiosk = _begun()
    kiosk.cut()
    kiosk.core.attempt.submit()
    place = kiosk.core.attempt.closing.place
    kiosk.kill()
    assert (_phase(kiosk), kiosk.core.attempt.closing.place) == (Phase.SUBMITTED, place)

    kiosk.connect()
    kiosk.settle()
    kiosk.kill()

    assert (_phase(kiosk), kiosk.core.attempt.closing.place) == (Phase.CONFIRMED, place)
    assert place is not None
    assert kiosk.session.receipt == place.receipt


def test_a_submit_entry_without_a_note_of_it_is_found_in_the_journal() -> None:
    """A kiosk killed between the submit entry and its note finds the entry and writes no more."""
    kiosk = KioskProcess()
    frames = _put_segment(kiosk, 0, 1, 2, submit=True)

    kiosk.begin()

    assert kiosk.core.attempt.closing.reason is SubmitReason.CANDIDATE
    assert list(kiosk.core.journal.frames(kiosk.core.journal.segment_id)) == []
    assert len(kiosk.core.journal.frames(EARLIER)) == len(frames)


def test_a_receipt_from_the_room_is_found_among_the_frames() -> None:
    """A session that the room closed before the keys came shows the receipt of a frame here."""
    kiosk = _begun()
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

    kiosk.say(messages.Submitted(receipt=receipt))

    assert kiosk.core.attempt.closing.place is not None
    assert kiosk.core.attempt.closing.place.receipt == receipt
    assert kiosk.core.attempt.alarms == {}


def test_another_receipt_is_an_alarm() -> None:
    """A receipt that differs, or that no frame here has, is never accepted in silence."""
    kiosk = _begun()
    kiosk.say(messages.Submitted(receipt="0000"))
    assert list(kiosk.core.attempt.alarms) == ["receipt.mismatch"]
    assert _phase(kiosk) is Phase.OPEN

    other = _begun()
    other.core.attempt.submit()
    own = other.core.attempt.closing.place
    other.core.on_message(messages.Submitted(receipt="0000"))
    assert list(other.core.attempt.alarms) == ["receipt.mismatch"]
    assert other.core.attempt.closing.place == own

    third = _begun()
    third.say(messages.Refused(code="submit.receipt", message="不一致"))
    assert list(third.core.attempt.alarms) == ["receipt.mismatch"]


# Damage and disagreement


def test_answers_behind_damage_are_said_again() -> None:
    """Entries that damage cut off from the chain count, and reach the room in a new segment."""
    kiosk = KioskProcess()
    _put_segment(kiosk, 0, 2)

    kiosk.begin()
    kiosk.settle()

    assert _responses(kiosk) == {P1: _choice("C")}
    assert kiosk.session.content().responses == {P1: _choice("C")}
    assert "journal.damaged" in kiosk.core.attempt.alarms
    assert _saved(kiosk) is SavedState.ON_SERVER


def test_answers_behind_damage_are_kept_here_until_then() -> None:
    """An entry behind damage that does not need saying again is still on this disk."""
    kiosk = KioskProcess()
    _put_segment(kiosk, 0, 2)
    kiosk.begin()
    paper = kiosk.core.attempt.paper
    assert paper is not None
    stranded = paper._journal.stranded(EARLIER)
    assert stranded == {2}

    paper.answers.part_places[P1] = (paper._ranks[EARLIER], 2)

    assert _saved(kiosk) is SavedState.KEPT_HERE


def test_a_submit_entry_behind_damage_is_made_again() -> None:
    """A lost submit entry that was shown is replaced, with a new receipt and an alarm."""
    kiosk = _begun()
    _record(kiosk)
    kiosk.cut()
    kiosk.core.attempt.submit()
    first = kiosk.core.attempt.closing.place
    assert first is not None
    folder = FOLDER.session(builders.SESSION_ID)
    path = segment_path(folder, first.segment_id, 1)
    frames = list(kiosk.core.journal.frames(first.segment_id))
    kiosk.files.put(path, content_of(first.segment_id, [frames[0], *frames[2:]]))
    kiosk.session.mute_restores = True
    kiosk.session.frames[first.segment_id] = kiosk.session.frames[first.segment_id][:1]
    kiosk.kill()
    kiosk.begin()
    kiosk.advance(limits.restore_wait_ms_max)
    kiosk.settle()

    second = kiosk.core.attempt.closing.place
    assert second is not None
    assert second.receipt != first.receipt
    assert kiosk.session.receipt == second.receipt
    assert "client.receipt_changed" in kiosk.core.attempt.alarms
    assert kiosk.session.content().submitted is not None


def test_frames_that_were_wrongly_claimed_come_back() -> None:
    """A last frame that turns out bad is claimed anew, and the room sends it back."""
    kiosk = _begun()
    _record(kiosk)
    kiosk.settle()
    segment_id = kiosk.core.journal.segment_id
    path = segment_path(FOLDER.session(builders.SESSION_ID), segment_id, 1)
    content = kiosk.files.contents()[path]
    kiosk.files.put(path, content[:-1] + bytes([content[-1] ^ 1]))
    kiosk.kill()

    kiosk.begin()

    assert _responses(kiosk) == {P1: _choice("A")}
    assert kiosk.session.violations == []


def test_the_paper_does_not_wait_for_ever() -> None:
    """When the room does not send back what it has, the paper opens after a while without it."""
    kiosk = _begun()
    _record(kiosk)
    kiosk.settle()
    kiosk.session.mute_restores = True
    kiosk.files.remove(
        segment_path(FOLDER.session(builders.SESSION_ID), kiosk.core.journal.segment_id, 1)
    )
    kiosk.kill()
    kiosk.begin()
    assert kiosk.core.attempt.paper is None
    kiosk.advance(limits.restore_wait_ms_max)
    assert _responses(kiosk) == {}

    kiosk.session.mute_restores = False
    kiosk.connect()
    kiosk.settle()

    assert _responses(kiosk) == {P1: _choice("A")}


def test_a_gap_is_healed_by_attaching_again() -> None:
    """When the room says that frames are missing the kiosk asks what it has and goes on."""
    kiosk = _begun()
    _record(kiosk)

    kiosk.say(messages.Refused(code="journal.gap", message="有缺"))

    assert kiosk.core.upload.unsynced == 0
    assert kiosk.session.violations == []


@pytest.mark.parametrize("code", ["journal.conflict", "journal.frame"])
def test_a_refused_segment_is_left_and_its_answers_said_again(code: str) -> None:
    """When the room can take no more of a segment, another one says what is missing."""
    kiosk = _begun()
    _record(kiosk, "A")
    kiosk.settle()
    kiosk.session.refuse_saves_with = code
    _record(kiosk, "B")
    first = kiosk.core.journal.segment_id
    kiosk.send_up()
    kiosk.session.refuse_saves_with = None

    kiosk.settle()

    assert kiosk.core.journal.segment_id != first
    assert kiosk.session.content().responses == {P1: _choice("B")}
    assert code in kiosk.core.attempt.alarms
    assert kiosk.session.violations == []


def test_a_refused_earlier_segment_only_raises_an_alarm() -> None:
    """A refusal of another segment than the own leaves the own alone."""
    kiosk = _begun()
    own = kiosk.core.journal.segment_id

    kiosk.say(messages.Refused(code="journal.conflict", message="冲突", segment_id=EARLIER))

    assert kiosk.core.journal.segment_id == own
    assert list(kiosk.core.attempt.alarms) == ["journal.conflict"]


def test_a_room_with_another_history_is_found_out() -> None:
    """Heads that differ are an alarm; what only we have is said in a new segment."""
    kiosk = _begun()
    _record(kiosk, "A")
    kiosk.settle()
    own = kiosk.core.journal.segment_id
    wrong = messages.Saved(segment_id=own, frames=1, head=bytes(32))

    _record(kiosk, "B")
    kiosk.say(wrong)

    assert "sync.head" in kiosk.core.attempt.alarms
    assert kiosk.core.journal.segment_id != own
    assert kiosk.session.content().responses == {P1: _choice("B")}


def test_a_room_that_has_more_of_our_segment_than_we_is_found_out() -> None:
    """Nobody but us writes our segment: a longer one in the room means another history."""
    kiosk = _begun()
    _record(kiosk, "A")
    own = kiosk.core.journal.segment_id
    held = messages.HeldFrames(segment_id=own, frames=9, head=bytes(32))

    kiosk.say(
        messages.Attached(
            epochs=dict(kiosk.session.epochs),
            held=(held,),
            sitting_state=SittingState.RUNNING,
            session_state=SessionState.INTERACTING,
        )
    )

    assert "sync.head" in kiosk.core.attempt.alarms
    assert kiosk.session.content().responses == {P1: _choice("A")}


@pytest.mark.parametrize("registers_held", [True, False])
def test_a_segment_begun_but_never_attached_is_later_than_all_others(
    registers_held: bool,
) -> None:
    """Answers of a segment that the room never heard of hold, and reach it one way or another."""
    kiosk = _begun()
    kiosk.room.registers_held = registers_held
    _record(kiosk, "A")
    kiosk.settle()
    kiosk.core.journal.roll_over()
    assert kiosk.core.attempt.paper is not None
    kiosk.core.attempt.merge()
    _record(kiosk, "B")
    kiosk.kill()

    kiosk.begin()
    kiosk.settle()

    assert _responses(kiosk) == {P1: _choice("B")}
    assert kiosk.session.content().responses == {P1: _choice("B")}


def test_forged_frames_are_an_alarm() -> None:
    """Frames from the room that the key does not prove change nothing."""
    kiosk = _begun()
    _record(kiosk)
    forged = tuple(builders.frames(key=bytes(32), segment_id=EARLIER))

    kiosk.say(messages.Restore(segment_id=EARLIER, first_seq=0, frames=forged))

    assert list(kiosk.core.attempt.alarms) == ["journal.restore"]
    assert _responses(kiosk) == {P1: _choice("A")}


def test_a_failed_note_does_not_stop_the_exam() -> None:
    """When `resume.json` cannot be written the submit still goes on."""
    kiosk = _begun()
    kiosk.files.fault = lambda _call, name, _path: (
        OSError(errno.EIO, "made to fail") if name == "replace" else None
    )

    kiosk.core.attempt.submit()
    kiosk.settle()

    assert _phase(kiosk) is Phase.CONFIRMED


def test_no_file_holds_the_paper_or_a_response() -> None:
    """After a whole session nothing on disk tells of stems, choices or responses."""
    kiosk = _begun()
    kiosk.core.attempt.record(P5, TextResponse(text="机密作答"))
    kiosk.core.attempt.submit()
    kiosk.settle()

    everything = b"".join(kiosk.files.contents().values())
    for secret in ("机密作答", "下列哪一项", "选项A", "i5.1", kiosk.session.form_identity):
        assert secret.encode() not in everything
    assert kiosk.session.journal_key not in everything
    assert kiosk.session.journal_key.hex().encode() not in everything
