"""The room's clock: working time that has passed, by the monotonic clock alone.

Pure: the present moment is an argument. After a restart it goes on from the last value written.
"""

from dataclasses import dataclass, replace

from exam_core.model.states import SittingState


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
