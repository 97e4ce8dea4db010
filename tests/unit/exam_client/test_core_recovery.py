"""One session's talk with the room after damage, gaps and lost histories."""

import errno

import pytest

from exam_client import limits
from exam_client.journal.recovery import content_of
from exam_client.journal.segment_file import segment_path
from exam_client.session.closing import Phase
from exam_client.session.snapshot import SavedState
from exam_core.model.responses import TextResponse
from exam_core.protocol import messages
from tests.support import builders
from tests.support.core_steps import (
    EARLIER,
    P1,
    P5,
    begun,
    choice_of,
    phase_of,
    put_segment,
    record,
    responses_of,
    saved_state,
)
from tests.support.kiosk_process import FOLDER, KioskProcess


def test_answers_behind_damage_are_said_again() -> None:
    """Entries that damage cut off from the chain count, and reach the room in a new segment."""
    kiosk = KioskProcess()
    put_segment(kiosk, 0, 2)

    kiosk.begin()
    kiosk.settle()

    assert responses_of(kiosk) == {P1: choice_of("C")}
    assert kiosk.session.content().responses == {P1: choice_of("C")}
    assert "journal.damaged" in kiosk.core.attempt.alarms
    assert saved_state(kiosk) is SavedState.ON_SERVER


def test_answers_behind_damage_are_kept_here_until_then() -> None:
    """An entry behind damage that does not need saying again is still on this disk."""
    kiosk = KioskProcess()
    put_segment(kiosk, 0, 2)
    kiosk.begin()
    paper = kiosk.core.attempt.paper
    assert paper is not None
    stranded = paper._journal.stranded(EARLIER)
    assert stranded == {2}

    paper.answers.part_places[P1] = (paper._ranks[EARLIER], 2)

    assert saved_state(kiosk) is SavedState.KEPT_HERE


def test_a_submit_entry_behind_damage_is_made_again() -> None:
    """A lost submit entry that was shown is replaced, with a new receipt and an alarm."""
    kiosk = begun()
    record(kiosk)
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
    kiosk = begun()
    record(kiosk)
    kiosk.settle()
    segment_id = kiosk.core.journal.segment_id
    path = segment_path(FOLDER.session(builders.SESSION_ID), segment_id, 1)
    content = kiosk.files.contents()[path]
    kiosk.files.put(path, content[:-1] + bytes([content[-1] ^ 1]))
    kiosk.kill()

    kiosk.begin()

    assert responses_of(kiosk) == {P1: choice_of("A")}
    assert kiosk.session.violations == []


def test_the_paper_does_not_wait_for_ever() -> None:
    """When the room does not send back what it has, the paper opens after a while without it."""
    kiosk = begun()
    record(kiosk)
    kiosk.settle()
    kiosk.session.mute_restores = True
    kiosk.files.remove(
        segment_path(FOLDER.session(builders.SESSION_ID), kiosk.core.journal.segment_id, 1)
    )
    kiosk.kill()
    kiosk.begin()
    assert kiosk.core.attempt.paper is None
    kiosk.advance(limits.restore_wait_ms_max)
    assert responses_of(kiosk) == {}

    kiosk.session.mute_restores = False
    kiosk.connect()
    kiosk.settle()

    assert responses_of(kiosk) == {P1: choice_of("A")}


def test_a_gap_is_healed_by_attaching_again() -> None:
    """When the room says that frames are missing the kiosk asks what it has and goes on."""
    kiosk = begun()
    record(kiosk)

    kiosk.say(messages.Refused(code="journal.gap", message="有缺"))

    assert kiosk.core.upload.unsynced == 0
    assert kiosk.session.violations == []


@pytest.mark.parametrize("code", ["journal.conflict", "journal.frame"])
def test_a_refused_segment_is_left_and_its_answers_said_again(code: str) -> None:
    """When the room can take no more of a segment, another one says what is missing."""
    kiosk = begun()
    record(kiosk, "A")
    kiosk.settle()
    kiosk.session.refuse_saves_with = code
    record(kiosk, "B")
    first = kiosk.core.journal.segment_id
    kiosk.send_up()
    kiosk.session.refuse_saves_with = None

    kiosk.settle()

    assert kiosk.core.journal.segment_id != first
    assert kiosk.session.content().responses == {P1: choice_of("B")}
    assert code in kiosk.core.attempt.alarms
    assert kiosk.session.violations == []


def test_a_refused_earlier_segment_only_raises_an_alarm() -> None:
    """A refusal of another segment than the own leaves the own alone."""
    kiosk = begun()
    own = kiosk.core.journal.segment_id

    kiosk.say(messages.Refused(code="journal.conflict", message="冲突", segment_id=EARLIER))

    assert kiosk.core.journal.segment_id == own
    assert list(kiosk.core.attempt.alarms) == ["journal.conflict"]


def test_a_room_with_another_history_is_found_out() -> None:
    """Heads that differ are an alarm; what only we have is said in a new segment."""
    kiosk = begun()
    record(kiosk, "A")
    kiosk.settle()
    own = kiosk.core.journal.segment_id
    wrong = messages.HeldFrames(segment_id=own, frames=1, head=bytes(32))

    record(kiosk, "B")
    kiosk.say(kiosk.room.saved(kiosk.session, wrong))

    assert "sync.head" in kiosk.core.attempt.alarms
    assert kiosk.core.journal.segment_id != own
    assert kiosk.session.content().responses == {P1: choice_of("B")}


def test_a_room_that_has_more_of_our_segment_than_we_is_found_out() -> None:
    """Nobody but us writes our segment: a longer one in the room means another history."""
    kiosk = begun()
    record(kiosk, "A")
    own = kiosk.core.journal.segment_id
    held = messages.HeldFrames(segment_id=own, frames=9, head=bytes(32))

    kiosk.say(
        messages.Attached(
            epochs=dict(kiosk.session.epochs),
            held=(held,),
            proofs=(kiosk.room.saved(kiosk.session, held).proof,),
        )
    )

    assert "sync.head" in kiosk.core.attempt.alarms
    assert kiosk.session.content().responses == {P1: choice_of("A")}


@pytest.mark.parametrize("registers_held", [True, False])
def test_a_segment_begun_but_never_attached_is_later_than_all_others(
    registers_held: bool,
) -> None:
    """Answers of a segment that the room never heard of hold, and reach it one way or another."""
    kiosk = begun()
    kiosk.room.registers_held = registers_held
    record(kiosk, "A")
    kiosk.settle()
    kiosk.core.journal.roll_over()
    assert kiosk.core.attempt.paper is not None
    kiosk.core.attempt.merge()
    record(kiosk, "B")
    kiosk.kill()

    kiosk.begin()
    kiosk.settle()

    assert responses_of(kiosk) == {P1: choice_of("B")}
    assert kiosk.session.content().responses == {P1: choice_of("B")}


def test_forged_frames_are_an_alarm() -> None:
    """Frames from the room that the key does not prove change nothing."""
    kiosk = begun()
    record(kiosk)
    forged = tuple(builders.frames(key=bytes(32), segment_id=EARLIER))

    kiosk.say(messages.Restore(segment_id=EARLIER, first_seq=0, frames=forged))

    assert list(kiosk.core.attempt.alarms) == ["journal.restore"]
    assert responses_of(kiosk) == {P1: choice_of("A")}


def test_a_failed_note_does_not_stop_the_exam() -> None:
    """When `resume.json` cannot be written the submit still goes on."""
    kiosk = begun()
    kiosk.files.fault = lambda _call, name, _path: (
        OSError(errno.EIO, "made to fail") if name == "replace" else None
    )

    kiosk.core.attempt.submit()
    kiosk.settle()

    assert phase_of(kiosk) is Phase.CONFIRMED


def test_no_file_holds_the_paper_or_a_response() -> None:
    """After a whole session nothing on disk tells of stems, choices or responses."""
    kiosk = begun()
    kiosk.core.attempt.record(P5, TextResponse(text="机密作答"))
    kiosk.core.attempt.submit()
    kiosk.settle()

    everything = b"".join(kiosk.files.contents().values())
    for secret in ("机密作答", "下列哪一项", "选项A", "i5.1", kiosk.session.form_identity):
        assert secret.encode() not in everything
    assert kiosk.session.journal_key not in everything
    assert kiosk.session.journal_key.hex().encode() not in everything
