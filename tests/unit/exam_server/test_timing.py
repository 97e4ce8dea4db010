"""The room's clock counts working time only."""

from hypothesis import given
from hypothesis import strategies as st

from exam_core.model.states import SittingState
from exam_server.room.timing import SittingClock


def clock(state: SittingState, elapsed_ms: int = 0) -> SittingClock:
    """A clock of 60 seconds, read at moment 1000."""
    return SittingClock(state=state, duration_ms=60_000, elapsed_ms=elapsed_ms, as_of_ms=1_000)


def test_time_passes_only_while_the_sitting_runs() -> None:
    """Opened, held and ended sittings keep their elapsed time."""
    for state in SittingState:
        passed = clock(state, 5_000).elapsed_at(11_000)
        assert passed == (15_000 if state is SittingState.RUNNING else 5_000)


def test_time_left_is_never_negative_and_counts_extra_time() -> None:
    """A session with extra time still has it when the others are over."""
    running = clock(SittingState.RUNNING)

    assert running.left_at(62_000) == 0
    assert running.left_at(62_000, extra_ms=5_000) == 4_000
    assert running.overtime_at(62_000) == 1_000


def test_a_restart_goes_on_from_the_last_value_written() -> None:
    """Whatever the new process' monotonic clock says, only time seen by it is added."""
    before = clock(SittingState.RUNNING).elapsed_at(31_000)
    after = SittingClock(
        state=SittingState.RUNNING, duration_ms=60_000, elapsed_ms=before, as_of_ms=7
    )

    assert after.left_at(7) == 30_000
    assert after.left_at(1_007) == 29_000


@given(st.lists(st.tuples(st.sampled_from(SittingState), st.integers(0, 10_000)), max_size=20))
def test_elapsed_time_is_the_sum_of_the_running_spans(
    spans: list[tuple[SittingState, int]],
) -> None:
    """However the sitting goes back and forth, only running spans count."""
    now, counted = 1_000, 0
    ticking = clock(SittingState.PREPARED)
    for state, span in spans:
        ticking = ticking.entered(state, now)
        now += span
        counted += span if state is SittingState.RUNNING else 0
    assert ticking.elapsed_at(now) == counted


def test_a_monotonic_clock_that_stands_takes_nothing_back() -> None:
    """A reading before the anchor counts as no time."""
    assert clock(SittingState.RUNNING, 500).elapsed_at(0) == 500
