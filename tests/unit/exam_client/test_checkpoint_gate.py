"""The kiosk as a witness: it keeps each state of the room's log that it was shown, once."""

import pytest

from exam_client.session.checkpoint_gate import CheckpointGate
from exam_core.crypto.signing import public_key_of
from exam_core.errors import ExamError
from exam_core.formats.checkpoint import Checkpoint, room_origin, sign_checkpoint
from exam_core.formats.journal_entries import CheckpointSeen
from exam_core.model.identifiers import SittingId
from exam_core.protocol import messages
from tests.support import builders
from tests.support.core_steps import begun, record
from tests.support.kiosk_process import KioskProcess


def note(
    size: int,
    *,
    head: str = "ab",
    sitting_id: SittingId = builders.SITTING_ID,
    forged: bool = False,
) -> str:
    """The room's checkpoint over so many lines."""
    state = Checkpoint(
        origin=room_origin(builders.CENTRE_ID, sitting_id),
        size=size,
        root="00" * 32,
        head=head * 32,
    )
    return sign_checkpoint(state, builders.SETTER if forged else builders.CENTRE_KEY)


def show(kiosk: KioskProcess, *notes: str) -> None:
    """The room sends these checkpoints."""
    for one in notes:
        kiosk.core.on_message(messages.Checkpointed(note=one))


def seen(kiosk: KioskProcess) -> list[str]:
    """The checkpoints in the journal as the room has it."""
    kiosk.settle()
    return [
        entry.note
        for segment_id in kiosk.session.frames
        for entry in kiosk.session.entries(segment_id)
        if isinstance(entry, CheckpointSeen)
    ]


def test_each_checkpoint_is_kept_once() -> None:
    """However often it is shown; and it is no response."""
    kiosk = begun()
    record(kiosk)
    show(kiosk, note(3), note(3), note(5))

    assert seen(kiosk) == [note(3), note(5)]
    assert kiosk.core.attempt.paper
    assert len(kiosk.core.attempt.paper.answers.responses) == 1
    assert kiosk.core.attempt.alarms == {}


def test_what_was_shown_before_the_paper_is_kept_when_it_opens() -> None:
    """The journal cannot be written before; nothing is lost."""
    kiosk = KioskProcess()
    show(kiosk, note(3), note(4))
    kiosk.begin()

    assert seen(kiosk) == [note(3), note(4)]


def test_nothing_is_written_after_the_end() -> None:
    """The submit entry stays the last one."""
    kiosk = begun()
    kiosk.core.attempt.submit()
    show(kiosk, note(3))

    assert seen(kiosk) == []


def test_a_restarted_kiosk_keeps_it_again() -> None:
    """The new segment says what this start was shown."""
    kiosk = begun()
    show(kiosk, note(3))
    kiosk.settle()
    kiosk.kill()
    kiosk.begin()
    show(kiosk, note(3))

    assert seen(kiosk) == [note(3), note(3)]


@pytest.mark.parametrize(
    ("second", "code"),
    [
        (note(4), "checkpoint.fell"),
        (note(5, head="cd"), "checkpoint.fell"),
        (note(9, forged=True), "note.signature"),
        (note(9, sitting_id=SittingId("S2")), "checkpoint.origin"),
        ("nonsense", "checkpoint.malformed"),
    ],
)
def test_a_log_that_shrinks_or_is_another_one_alarms(second: str, code: str) -> None:
    """It is not kept, a person is told, and the exam goes on."""
    kiosk = begun()
    show(kiosk, note(5), second, note(6))

    assert seen(kiosk) == [note(5), note(6)]
    assert set(kiosk.core.attempt.alarms) == {code}


def test_the_gate_alone_says_what_is_new() -> None:
    """A refused note changes nothing for the next one."""
    gate = CheckpointGate(
        centre_key=public_key_of(builders.CENTRE_KEY), centre_id=builders.CENTRE_ID
    )
    assert gate.take(note(2), builders.SITTING_ID)
    with pytest.raises(ExamError, match=r"checkpoint\.fell"):
        gate.take(note(1), builders.SITTING_ID)

    assert not gate.take(note(2), builders.SITTING_ID)
    assert gate.take(note(3), builders.SITTING_ID)
