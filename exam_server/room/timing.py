"""The room's clock: working time that has passed, by the monotonic clock alone.

Pure: the present moment is an argument. After a restart of the server it goes on from the last
value written, and the time in which the server was away has passed, too: the kiosks went on alone
(ADR 0012). Only what the machine's own monotonic clock bears out is counted.
"""

from dataclasses import dataclass, replace

from exam_core.model.states import SittingState
from exam_server.clock import ClockReading

_WALL_CLOCK_BELIEVED_MS = 24 * 3_600_000
"""A longer absence than a day, by the wall clock, says that somebody set the clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """How long the server was away while the sitting ran.

    Attributes:
        counted_ms: What surely passed, and counts as working time.
        seemingly_ms: All of it, by the wall clock where nothing better is known; None when that
            clock was set meanwhile.
    """

    counted_ms: int
    seemingly_ms: int | None


def absence_between(noted: ClockReading, now: ClockReading) -> Absence:
    """The time between the last reading before the server went and the first after it came.

    The same start of the machine: exactly what its monotonic clock says. Another start, or another
    machine that took over: no clock that can be trusted knows, so nothing counts.
    """
    if noted.boot_id and noted.boot_id == now.boot_id:
        away_ms = max(0, now.monotonic_ms - noted.monotonic_ms)
        return Absence(counted_ms=away_ms, seemingly_ms=away_ms)
    by_wall_ms = now.utc_ms - noted.utc_ms
    is_likely = 0 <= by_wall_ms <= _WALL_CLOCK_BELIEVED_MS
    return Absence(counted_ms=0, seemingly_ms=by_wall_ms if is_likely else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class SittingClock:
    """Where the clock stood at one moment.

    Attributes:
        state: The clock runs only while the sitting is running.
        elapsed_ms: Working time that had passed at `as_of_ms` of the monotonic clock.
    """

    state: SittingState
    duration_ms: int
    elapsed_ms: int
    as_of_ms: int

    def elapsed_at(self, now_ms: int) -> int:
        """Working time that has passed."""
        if self.state is not SittingState.RUNNING:
            return self.elapsed_ms
        return self.elapsed_ms + max(0, now_ms - self.as_of_ms)

    def overtime_at(self, now_ms: int, extra_ms: int = 0) -> int:
        """How long ago time was up; negative while there is time left."""
        return self.elapsed_at(now_ms) - self.duration_ms - extra_ms

    def left_at(self, now_ms: int, extra_ms: int = 0) -> int:
        """Time left of a session with `extra_ms` granted; never negative."""
        return max(0, -self.overtime_at(now_ms, extra_ms))

    def entered(self, state: SittingState, now_ms: int) -> "SittingClock":
        """The clock after the sitting changed to `state` now."""
        return SittingClock(
            state=state,
            duration_ms=self.duration_ms,
            elapsed_ms=self.elapsed_at(now_ms),
            as_of_ms=now_ms,
        )

    def extended(self, duration_ms: int) -> "SittingClock":
        """The same clock, of a sitting that lasts so long from now on."""
        return replace(self, duration_ms=duration_ms)
