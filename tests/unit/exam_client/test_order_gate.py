"""Orders at the kiosk: each is obeyed once, whatever is played again, and the journal says so."""

import errno

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from exam_client.session.closing import Phase
from exam_core.formats.journal_entries import OrderKind, OrderTaken
from exam_core.model.identifiers import SeatId, SessionId
from exam_core.model.states import SessionState, SittingState
from exam_core.protocol import messages, orders
from tests.support import builders
from tests.support.core_steps import P1, begun, choice_of, phase_of, record, responses_of
from tests.support.kiosk_process import FOLDER, KioskProcess
from tests.support.scale import times


def taken(kiosk: KioskProcess) -> list[tuple[OrderKind, str]]:
    """The orders in the journal as the room has it."""
    kiosk.settle()
    return [
        (entry.what, entry.issued_by)
        for segment_id in kiosk.session.frames
        for entry in kiosk.session.entries(segment_id)
        if isinstance(entry, OrderTaken)
    ]


def state_of(kiosk: KioskProcess) -> tuple[object, ...]:
    """All that an order could change."""
    core = kiosk.core
    clock, closing = core.attempt.clock, core.attempt.closing
    return (
        core.sitting_state,
        core.session_state,
        core.is_present,
        clock.deadline_ms,
        clock.frozen_left_ms,
        closing.phase,
        closing.place,
        core.attempt.paper is None,
        [len(core.journal.frames(one)) for one in core.journal.segment_ids],
    )


def test_what_changes_the_candidates_time_is_in_the_journal() -> None:
    """Begin, hold, resume, extra time and end leave an entry each, with who caused it."""
    kiosk = begun()
    for state, extra_ms in (
        (SittingState.HELD, 0),
        (SittingState.RUNNING, 0),
        (SittingState.RUNNING, 60_000),
        (SittingState.RUNNING, 60_000),  # a clock that is told again
    ):
        kiosk.room.state, kiosk.room.extra_ms = state, extra_ms
        kiosk.say(kiosk.room.clock(kiosk.session))
    kiosk.order(orders.End(reason="proctor"))

    assert taken(kiosk) == [
        (kind, "wang")
        for kind in (
            OrderKind.BEGIN,
            OrderKind.HOLD,
            OrderKind.RESUME,
            OrderKind.EXTRA_TIME,
            OrderKind.END,
        )
    ]


def test_nothing_is_noted_after_the_submit_entry() -> None:
    """What comes after the end changes nothing, and the journal stays closed."""
    kiosk = begun()
    kiosk.core.attempt.submit()
    kiosk.settle()
    before = state_of(kiosk)

    kiosk.order(orders.End(reason="proctor"))
    kiosk.room.state = SittingState.HELD
    kiosk.say(kiosk.room.clock(kiosk.session))

    assert taken(kiosk) == [(OrderKind.BEGIN, "wang")]
    assert state_of(kiosk)[5:] == before[5:]


def test_an_end_that_came_before_the_keys_is_noted_when_the_paper_opens() -> None:
    """The journal is shut until the keys come; the orders wait for it."""
    kiosk = KioskProcess()
    kiosk.connect()
    kiosk.settle()
    kiosk.order(orders.End(reason="time_up"))

    kiosk.begin()

    assert taken(kiosk) == [(OrderKind.END, "wang"), (OrderKind.BEGIN, "wang")]
    assert phase_of(kiosk) is Phase.CONFIRMED


@pytest.mark.parametrize("kind", ["seat", "session", "signature", "altered", "malformed"])
def test_what_is_no_order_for_us_does_nothing(kind: str) -> None:
    """Each is refused with its own code, which stands as an alarm."""
    kiosk = begun()
    session, room = kiosk.session, kiosk.room
    end = orders.End(reason="time_up")
    if kind == "seat":
        session.seat_id = SeatId("A02")
        message, code = room.order(session, end), "order.other"
    elif kind == "session":
        session.session_id = SessionId("ff" * 16)
        message, code = room.order(session, end), "order.other"
        session.session_id = builders.SESSION_ID
    elif kind == "signature":
        order = orders.open_order(room.order(session, end), builders.centre().signing_key)
        message, code = orders.sign_order(order, builders.STRANGER), "order.signature"
    else:
        true = room.order(session, end)
        spoilt = true.order.replace(b"time_up", b"proctor") if kind == "altered" else b"{}"
        message, code = messages.Ordered(order=spoilt, signature=true.signature), "order.signature"
    before = state_of(kiosk)

    kiosk.core.on_message(message)

    assert state_of(kiosk) == before
    assert list(kiosk.core.attempt.alarms) == [code]


def test_a_killed_kiosk_remembers_what_it_obeyed() -> None:
    """The mark is on disk before the order has an effect."""
    kiosk = begun()
    hold = kiosk.room.order(kiosk.session, _clock(SittingState.HELD))
    kiosk.say(hold)
    kiosk.say(kiosk.room.clock(kiosk.session))
    kiosk.kill()
    before = state_of(kiosk)

    kiosk.core.on_message(hold)

    assert state_of(kiosk) == before
    assert list(kiosk.core.attempt.alarms) == ["order.replayed"]


def _clock(state: SittingState) -> orders.Clock:
    return orders.Clock(
        sitting_state=state,
        session_state=SessionState.INTERACTING,
        is_present=True,
        time_left_ms=1_000,
        extra_ms=0,
    )


def test_a_bad_disk_does_not_end_the_exam() -> None:
    """A mark that cannot be written or read is an alarm or a line in the log, no more."""
    kiosk = begun()
    kiosk.files.fault = lambda _call, name, _path: (
        OSError(errno.ENOSPC, "full") if name == "replace" else None
    )
    kiosk.room.state = SittingState.HELD
    kiosk.say(kiosk.room.clock(kiosk.session))
    assert kiosk.core.sitting_state is SittingState.HELD
    kiosk.files.fault = None
    kiosk.files.put(FOLDER.orders, b"damaged")
    kiosk.kill()

    kiosk.connect()
    kiosk.settle()

    assert kiosk.core.sitting_state is SittingState.HELD
    assert kiosk.gate_alarms == ["client.orders"]


def test_a_room_that_was_restarted_is_obeyed_at_once() -> None:
    """A new start of the server counts from 1 again, above all orders of the start before."""
    kiosk = begun()
    kiosk.room.boot, kiosk.room.counter = 2, 0
    kiosk.room.state = SittingState.HELD

    kiosk.say(kiosk.room.clock(kiosk.session))

    assert kiosk.core.sitting_state is SittingState.HELD
    assert kiosk.core.attempt.alarms == {}


STEPS = ("answer", "hold", "run", "extra", "kill", "end", "restart")


@given(
    steps=st.lists(st.sampled_from(STEPS), max_size=8),
    plays=st.lists(st.tuples(st.integers(0, 8), st.integers(0, 40)), min_size=1, max_size=8),
)
@settings(max_examples=times(60), deadline=None)
def test_no_recorded_order_has_an_effect_again(
    steps: list[str], plays: list[tuple[int, int]]
) -> None:
    """Whatever was recorded in an exam and is played later, nothing at the kiosk changes."""
    kiosk = KioskProcess()
    recorded: list[messages.Ordered] = []
    issue = kiosk.room.order

    def record_order(*args: object) -> messages.Ordered:
        recorded.append(issue(*args))  # type: ignore[arg-type]  # as it was called
        return recorded[-1]

    kiosk.room.order = record_order  # type: ignore[assignment, method-assign]  # the line is tapped
    kiosk.begin()
    for number, step in enumerate([*steps, "answer"]):
        _do(kiosk, step)
        kiosk.settle()
        for at, which in plays:
            if at == number:
                before = state_of(kiosk)
                kiosk.core.on_message(recorded[which % len(recorded)])
                assert state_of(kiosk) == before


def _do(kiosk: KioskProcess, step: str) -> None:
    room = kiosk.room
    match step:
        case "answer":
            if kiosk.core.attempt.closing.is_writable and kiosk.core.attempt.paper:
                record(kiosk)
        case "hold" | "run":
            room.state = SittingState.HELD if step == "hold" else SittingState.RUNNING
        case "extra":
            room.extra_ms += 60_000
        case "kill":
            kiosk.kill()
            kiosk.connect()
        case "end":
            kiosk.order(orders.End(reason="proctor"))
        case _:
            room.boot, room.counter = room.boot + 1, 0
    if step in {"hold", "run", "extra"}:
        kiosk.say(room.clock(kiosk.session))


def test_a_candidate_who_was_moved_goes_on_at_another_machine() -> None:
    """The old machine submits nothing; the new one has every answer and orders of its own."""
    old, new = begun(), KioskProcess()
    record(old, "B")
    old.settle()
    old.order(orders.End(reason=orders.MOVED))
    assert old.core.is_moved
    assert phase_of(old) is Phase.OPEN
    assert taken(old) == [(OrderKind.BEGIN, "wang")]

    old.session.token = new.session.token  # as its log-in gave it
    new.room, new.session = old.room, old.session
    new.connect()
    new.settle()

    assert responses_of(new) == {P1: choice_of("B")}
    assert new.core.attempt.alarms == {}
    record(new, "C")
    new.settle()
    assert new.session.content().responses == {P1: choice_of("C")}
    assert new.session.violations == []
