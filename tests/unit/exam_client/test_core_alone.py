"""A kiosk that starts while the server is away goes on with a resume code, and loses nothing."""

import random

import pytest

from exam_client.session.closing import Phase
from exam_client.session.resume import ClockNote
from exam_client.session.snapshot import SavedState
from exam_core.errors import ExamError, InputError, IntegrityError, StateError
from exam_core.formats.journal_entries import SubmitReason
from exam_core.formats.resume_file import CODES_OF_SEAT
from exam_core.model.states import SittingState
from exam_core.protocol import orders
from tests.support import builders
from tests.support.core_steps import (
    P1,
    P5,
    begun,
    choice_of,
    has_paper,
    phase_of,
    record,
    responses_of,
    saved_state,
)
from tests.support.kiosk_process import DEVICE_KEY, FOLDER, KioskProcess
from tests.support.refusals import refuses

LEFT_MS = 3_600_000


def left_of(kiosk: KioskProcess) -> int:
    """What is left of the time at the seat."""
    return kiosk.core.time_left_ms


def test_answers_before_during_and_after_are_all_there() -> None:
    """Killed, opened with a code, answered, and the server came back: the last answer holds."""
    kiosk = begun()
    record(kiosk, "A")
    kiosk.settle()
    kiosk.cut()
    record(kiosk, "B")  # the server never saw it
    kiosk.kill()
    assert has_paper(kiosk) == (False, False)

    kiosk.go_on_alone(kiosk.resume_code(1))

    assert responses_of(kiosk) == {P1: choice_of("B")}
    assert saved_state(kiosk) is SavedState.KEPT_HERE
    record(kiosk, "C")
    kiosk.connect()
    kiosk.settle()
    assert saved_state(kiosk) is SavedState.ON_SERVER
    assert kiosk.session.content().responses == {P1: choice_of("C")}
    kiosk.core.attempt.submit()
    kiosk.settle()
    assert phase_of(kiosk) is Phase.CONFIRMED
    assert kiosk.session.violations == []


@pytest.mark.parametrize("seed", range(12))
def test_several_starts_without_the_server_keep_their_order(seed: int) -> None:
    """What was said last holds, whatever names the segments drew, also after a power cut."""
    rng = random.Random(seed)  # noqa: S311  a test's choice
    kiosk = begun()
    record(kiosk, "A")
    kiosk.settle()
    kiosk.cut()
    for number, letter in enumerate("BCD", 1):
        if rng.random() < 0.5:
            kiosk.kill()
        else:
            kiosk.lose_power(rng)
        kiosk.go_on_alone(kiosk.resume_code(number))
        assert responses_of(kiosk) == {P1: choice_of(" ABCD"[number])}
        record(kiosk, letter)
    kiosk.kill()
    kiosk.connect()
    kiosk.settle()

    assert responses_of(kiosk) == {P1: choice_of("D")}
    assert kiosk.session.content().responses == {P1: choice_of("D")}
    assert kiosk.session.violations == []


def test_a_code_opens_once() -> None:
    """The next start asks for the next code; after the last one only the server can help."""
    kiosk = begun()
    kiosk.cut()
    for number in range(1, CODES_OF_SEAT + 1):
        kiosk.kill()
        locked = kiosk.keeping.locked()
        assert locked is not None
        assert locked.ticket.code_number == number
        for wrong in set(range(1, CODES_OF_SEAT + 1)) - {number}:
            with refuses(IntegrityError, "resume.code"):
                kiosk.go_on_alone(kiosk.resume_code(wrong))
        kiosk.go_on_alone(kiosk.resume_code(number))
        with pytest.raises(ExamError, match=r"resume\."):
            kiosk.keeping.unlock(kiosk.resume_code(number))
    kiosk.kill()

    assert kiosk.keeping.locked() is None
    with refuses(StateError, "resume.none"):
        kiosk.go_on_alone(kiosk.resume_code(1))
    kiosk.connect()
    kiosk.settle()
    assert has_paper(kiosk) == (False, True)
    assert kiosk.keeping.locked() is None  # the server's coming back gives no fresh codes


def test_wrong_device_and_wrong_code_are_refused_in_every_combination() -> None:
    """The device key alone, the code alone, and neither open nothing."""
    kiosk = begun()
    kiosk.cut()
    right, wrong = kiosk.resume_code(1), kiosk.resume_code(2)
    for device, code, refusal in (
        (DEVICE_KEY, wrong, "resume.code"),
        (builders.OPENING_IDENTITY, right, "resume.none"),
        (builders.OPENING_IDENTITY, wrong, "resume.none"),
    ):
        kiosk.files.put(FOLDER.device_key, device.encode())
        kiosk.kill()
        with pytest.raises(ExamError, match=refusal.replace(".", r"\.")):
            kiosk.go_on_alone(code)
        assert kiosk.core.attempt.paper is None
    assert kiosk.disk_alarms.count("resume.device") >= 2
    kiosk.files.put(FOLDER.device_key, DEVICE_KEY.encode())
    with refuses(InputError, "resume.code_group"):
        kiosk.go_on_alone("11111 " + right[6:])
    with refuses(InputError, "resume.code_shape"):
        kiosk.go_on_alone(right[:-1])
    kiosk.go_on_alone(right)
    assert kiosk.core.attempt.paper is not None


def test_time_goes_on_while_the_program_was_dead() -> None:
    """In the same boot the monotonic clock tells; the server corrects it when it is back."""
    kiosk = begun()
    kiosk.advance(60_000)
    kiosk.cut()
    kiosk.advance(30_000)
    kiosk.kill()
    kiosk.now_ms += 45_000

    kiosk.go_on_alone(kiosk.resume_code(1))

    assert left_of(kiosk) == LEFT_MS - 135_000
    kiosk.advance(5_000)
    assert left_of(kiosk) == LEFT_MS - 140_000
    kiosk.room.time_left_ms = 1_000_000
    kiosk.connect()
    kiosk.settle()
    assert left_of(kiosk) == 1_000_000


def test_after_another_boot_the_journal_says_how_much_was_worked() -> None:
    """How long the machine was off nobody here knows, and the candidate is not charged for it."""
    kiosk = begun()
    kiosk.cut()
    kiosk.advance(100_000)
    record(kiosk, "A")
    kiosk.advance(50_000)
    kiosk.lose_power(random.Random(1))  # noqa: S311  a test's choice
    kiosk.now_ms = 7

    kiosk.go_on_alone(kiosk.resume_code(1))

    assert left_of(kiosk) == LEFT_MS - 100_000


def test_a_room_that_was_held_stays_held() -> None:
    """Time stands until the server says otherwise."""
    kiosk = begun()
    kiosk.room.state = SittingState.HELD
    kiosk.say(kiosk.room.clock(kiosk.session))
    kiosk.cut()
    kiosk.advance(600_000)
    kiosk.kill()

    kiosk.go_on_alone(kiosk.resume_code(1))

    kiosk.advance(600_000)
    assert left_of(kiosk) == LEFT_MS
    assert kiosk.core.sitting_state is SittingState.HELD


def test_time_that_ran_out_alone_closes_the_session_here() -> None:
    """The submit entry is in the journal and reaches the server later."""
    kiosk = begun()
    record(kiosk, "A")
    kiosk.cut()
    kiosk.kill()
    kiosk.go_on_alone(kiosk.resume_code(1))
    kiosk.advance(LEFT_MS + 1)

    assert phase_of(kiosk) is Phase.SUBMITTED
    assert kiosk.core.attempt.closing.reason is SubmitReason.TIME_UP
    kiosk.connect()
    kiosk.settle()
    assert kiosk.session.content().responses == {P1: choice_of("A")}
    assert phase_of(kiosk) is Phase.CONFIRMED


def test_nothing_is_left_to_open_once_the_session_was_handed_in() -> None:
    """Also when the server has not confirmed it yet."""
    kiosk = begun()
    assert kiosk.keeping.locked() is not None
    kiosk.cut()
    kiosk.core.attempt.submit()

    assert FOLDER.sealed_resume.name not in kiosk.files.names(FOLDER.path)
    kiosk.kill()
    assert kiosk.keeping.locked() is None


def test_no_plain_key_and_no_stem_lies_on_the_disk() -> None:
    """Neither the form's identity nor the journal key, in any spelling, nor a word of the paper."""
    kiosk = begun()
    record(kiosk, "A")
    kiosk.cut()
    kiosk.kill()
    kiosk.go_on_alone(kiosk.resume_code(1))
    disk = b"\0".join(kiosk.files.contents().values())
    key = kiosk.session.journal_key

    for secret in (
        builders.FORM_IDENTITY.encode(),
        builders.FORM_IDENTITY.lower().encode(),
        key,
        key.hex().encode(),
        kiosk.resume_code(1).encode(),
        kiosk.resume_code(2).encode(),
        builders.form().items[0].parts[0].stem.encode(),
    ):
        assert secret not in disk


def test_with_the_server_there_no_code_is_used() -> None:
    """A start with the server present asks nobody and leaves the codes as they are."""
    kiosk = begun()
    for _ in range(CODES_OF_SEAT + 1):
        kiosk.kill()
        kiosk.connect()
        kiosk.settle()
    locked = kiosk.keeping.locked()

    assert locked is not None
    assert locked.ticket.code_number == 1
    assert P5 not in responses_of(kiosk)


def test_a_paper_that_is_gone_cannot_be_opened() -> None:
    """The code is not used up by that."""
    kiosk = begun()
    kiosk.cut()
    kiosk.kill()
    names = kiosk.files.names(FOLDER.package)
    saved = {name: kiosk.files.read(FOLDER.package / name, 10**9) for name in names}
    for name in names:
        kiosk.files.remove(FOLDER.package / name)
    with refuses(StateError, "resume.package"):
        kiosk.go_on_alone(kiosk.resume_code(1))

    for name, data in saved.items():
        kiosk.files.put(FOLDER.package / name, data)
    kiosk.go_on_alone(kiosk.resume_code(1))
    assert kiosk.core.attempt.paper is not None


def test_a_note_of_the_time_is_written_only_when_it_says_something_new() -> None:
    """What a message takes to come is nothing new; a hold, extra time or another boot is."""
    note = ClockNote(boot_id="a", at_ms=0, worked_ms=0, left_ms=100_000, is_running=True)

    assert note.is_near(
        ClockNote(boot_id="a", at_ms=50_000, worked_ms=0, left_ms=49_000, is_running=True)
    )
    for other in (
        ClockNote(boot_id="b", at_ms=0, worked_ms=0, left_ms=100_000, is_running=True),
        ClockNote(boot_id="a", at_ms=0, worked_ms=0, left_ms=100_000, is_running=False),
        ClockNote(boot_id="a", at_ms=0, worked_ms=0, left_ms=103_000, is_running=True),
    ):
        assert not note.is_near(other)
    nobody = ClockNote(boot_id="", at_ms=0, worked_ms=0, left_ms=100_000, is_running=True)
    assert nobody.left_at(60_000, boot_id="", last_entry_ms=0) == 100_000
    assert note.left_at(60_000, boot_id="a", last_entry_ms=0) == 40_000
    assert note.left_at(200_000, boot_id="a", last_entry_ms=0) == 0


def test_orders_after_the_server_is_back_are_obeyed() -> None:
    """The extra time that was granted meanwhile counts."""
    kiosk = begun()
    kiosk.cut()
    kiosk.kill()
    kiosk.go_on_alone(kiosk.resume_code(1))
    kiosk.connect()
    kiosk.settle()
    kiosk.room.extra_ms = 600_000
    kiosk.room.time_left_ms = LEFT_MS + 600_000
    kiosk.say(kiosk.room.clock(kiosk.session))

    assert left_of(kiosk) == LEFT_MS + 600_000
    kiosk.order(orders.End(reason="proctor"))
    assert phase_of(kiosk) is Phase.CONFIRMED
