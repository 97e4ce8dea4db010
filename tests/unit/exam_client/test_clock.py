"""The candidate's time: the server says what is left, the monotonic clock carries it on."""

from exam_client.session.clock import SessionClock


def test_a_clock_that_was_never_set_knows_nothing() -> None:
    """Before the server spoke there is no deadline, nothing left, and time is not up."""
    clock = SessionClock()

    assert (clock.deadline_ms, clock.frozen_left_ms, clock.worked_ms(99)) == (None, None, 0)
    assert not clock.is_up(10**9)


def test_a_running_clock_has_a_deadline() -> None:
    """The deadline is the moment of the message plus what was left then."""
    clock = SessionClock()

    clock.set(now_ms=1_000, time_left_ms=500, is_running=True)

    assert (clock.deadline_ms, clock.frozen_left_ms) == (1_500, None)
    assert not clock.is_up(1_499)
    assert clock.is_up(1_500)
    assert clock.worked_ms(1_200) == 200


def test_a_held_clock_stands() -> None:
    """While the room is held nothing passes, and the rest is there when it resumes."""
    clock = SessionClock()
    clock.set(now_ms=0, time_left_ms=1_000, is_running=True)

    clock.set(now_ms=400, time_left_ms=600, is_running=False)

    assert (clock.deadline_ms, clock.frozen_left_ms) == (None, 600)
    assert clock.worked_ms(9_999) == 400
    assert not clock.is_up(9_999)
    clock.set(now_ms=10_000, time_left_ms=600, is_running=True)
    assert clock.deadline_ms == 10_600
    assert clock.worked_ms(10_100) == 500


def test_working_time_never_goes_back() -> None:
    """A resumed session starts from what was worked before; a smaller claim changes nothing."""
    clock = SessionClock()
    clock.start_from(5_000)
    clock.start_from(-1)
    clock.set(now_ms=100, time_left_ms=1, is_running=True)

    assert clock.worked_ms(100) == 5_000
    assert clock.worked_ms(50) == 5_000
    assert clock.worked_ms(150) == 5_050


def test_less_than_nothing_is_nothing() -> None:
    """A negative rest from the server is time up, not a deadline in the past."""
    clock = SessionClock()

    clock.set(now_ms=10, time_left_ms=-5, is_running=True)

    assert clock.deadline_ms == 10
    assert clock.is_up(10)


def test_a_stopped_clock_counts_no_more() -> None:
    """After the session is closed working time stays as it was."""
    clock = SessionClock()
    clock.set(now_ms=0, time_left_ms=1_000, is_running=True)

    clock.stop(300)

    assert clock.worked_ms(900) == 300
    assert clock.deadline_ms is None
