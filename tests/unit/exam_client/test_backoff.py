"""Waiting before the next try."""

from exam_client import limits
from exam_client.sync.backoff import Backoff


def test_delays_double_up_to_the_limit_and_start_over() -> None:
    """The range doubles from try to try, never exceeds the limit, and shrinks on success."""
    backoff = Backoff(lambda: 1.0)

    delays = [backoff.next_delay_s() for _ in range(8)]
    backoff.reset()

    assert delays[:3] == [0.25, 0.5, 1.0]
    assert delays[-1] == limits.reconnect_most_s
    assert backoff.next_delay_s() == limits.reconnect_first_s


def test_delays_are_jittered_down_to_nothing() -> None:
    """The drawn number scales the delay, so kiosks do not come back together."""
    draws = iter((0.0, 0.5))
    backoff = Backoff(lambda: next(draws))

    assert [backoff.next_delay_s(), backoff.next_delay_s()] == [0.0, 0.25]
