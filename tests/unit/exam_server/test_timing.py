"""The room's clock counts working time only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_core.model.states import SittingState
from exam_server.clock import ClockReading, SystemClock, read_clocks
from exam_server.room.absence import is_told, minutes_of, words_for
from exam_server.room.timing import Absence, SittingClock, absence_between


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


MINUTE_MS = 60_000


def reading(boot: str, monotonic_min: int, utc_min: int = 0) -> ClockReading:
    """What the clocks said, in minutes."""
    return ClockReading(
        boot_id=boot, monotonic_ms=monotonic_min * MINUTE_MS, utc_ms=utc_min * MINUTE_MS
    )


YEARS_MIN = 10 * 365 * 24 * 60


@pytest.mark.parametrize(
    ("noted", "now", "counted_min", "seemingly_min"),
    [
        (reading("a", 100, 500), reading("a", 120, 520), 20, 20),
        (reading("a", 100, 500), reading("a", 120, 500 + YEARS_MIN), 20, 20),
        (reading("a", 100, YEARS_MIN), reading("a", 120, 0), 20, 20),
        (reading("a", 100, 500), reading("b", 3, 520), 0, 20),
        (reading("a", 100, 500), reading("b", 90_000, 520), 0, 20),
        (reading("a", 100, 500), reading("b", 3, 500 + YEARS_MIN), 0, None),
        (reading("a", 100, YEARS_MIN), reading("b", 3, 0), 0, None),
        (reading("", 0, 0), reading("b", 3, 520), 0, 520),
        (reading("a", 100, 500), reading("", 3, 520), 0, 20),
        (reading("a", 100, 500), reading("a", 90, 520), 0, 0),
    ],
    ids=[
        "only the program was away",
        "and somebody set the wall clock forwards by years",
        "or back by years",
        "the machine was started anew",
        "another machine took over that was on for long",
        "or its wall clock was set forwards by years",
        "or back by years, as with a dead battery",
        "a database from before there were readings",
        "a system that tells no start from another",
        "a monotonic clock that went back counts nothing",
    ],
)
def test_an_absence_counts_what_the_monotonic_clock_bears_out(
    noted: ClockReading, now: ClockReading, counted_min: int, seemingly_min: int | None
) -> None:
    """The wall clock is shown to people and decides nothing."""
    absence = absence_between(noted, now)

    assert absence.counted_ms == counted_min * MINUTE_MS
    assert absence.seemingly_ms == (None if seemingly_min is None else seemingly_min * MINUTE_MS)


def test_the_machines_clocks_are_read_together() -> None:
    """The monotonic clock goes on between two readings of one start of the machine."""
    clock = SystemClock()
    first, second = read_clocks(clock), read_clocks(clock)

    assert first.boot_id == second.boot_id
    assert first.monotonic_ms <= second.monotonic_ms


@pytest.mark.parametrize(
    ("absence", "told", "words", "minutes"),
    [
        (Absence(counted_ms=9_999, seemingly_ms=9_999), False, "10 秒", 1),
        (Absence(counted_ms=1_213_000, seemingly_ms=1_213_000), True, "20 分 13 秒，已计入", 21),
        (Absence(counted_ms=0, seemingly_ms=1_200_000), True, "约 20 分 0 秒", 20),
        (Absence(counted_ms=0, seemingly_ms=5_000), False, "约 5 秒", 1),
        (Absence(counted_ms=0, seemingly_ms=None), True, "时长不明", 1),
    ],
)
def test_people_are_told_in_one_sentence(
    absence: Absence,
    told: bool,
    words: str,
    minutes: int,
) -> None:
    """How long, and what counts; a short absence is not worth an alarm."""
    assert is_told(absence) is told
    assert words in words_for(absence)
    assert minutes_of(absence) == minutes


def test_no_absence_is_not_told() -> None:
    """The sitting did not run."""
    assert not is_told(None)
