"""The candidate's time at this seat: told by the server, carried on by the monotonic clock.

No wall clock anywhere. While the server is away the clock goes on as it last was.
"""


class SessionClock:
    """What is left of the working time, and how much has been worked.

    Attributes:
        is_running: Whether time passes for this candidate.
    """

    def __init__(self) -> None:
        self.is_running = False
        self._left_ms: int | None = None
        self._worked_ms = 0
        self._set_at_ms = 0

    def start_from(self, worked_ms: int) -> None:
        """Say how much had been worked when the clock is first set; never lowers it."""
        self._worked_ms = max(self._worked_ms, worked_ms)

    def set(self, *, now_ms: int, time_left_ms: int, is_running: bool) -> None:
        """The server says what is left at this moment and whether time passes."""
        self._worked_ms = self.worked_ms(now_ms)
        self._left_ms = max(0, time_left_ms)
        self._set_at_ms = now_ms
        self.is_running = is_running

    def stop(self, now_ms: int) -> None:
        """Time passes no more: the session is closed."""
        self._worked_ms = self.worked_ms(now_ms)
        self._set_at_ms = now_ms
        self.is_running = False

    def worked_ms(self, now_ms: int) -> int:
        """Working time so far; never goes back."""
        return self._worked_ms + (max(0, now_ms - self._set_at_ms) if self.is_running else 0)

    @property
    def deadline_ms(self) -> int | None:
        """When time is up, by the monotonic clock; None while it stands or was never set."""
        if self._left_ms is None or not self.is_running:
            return None
        return self._set_at_ms + self._left_ms

    @property
    def frozen_left_ms(self) -> int | None:
        """What is left while the clock stands; None while it runs or was never set."""
        return None if self.is_running else self._left_ms

    def is_up(self, now_ms: int) -> bool:
        """Whether time is up."""
        deadline_ms = self.deadline_ms
        return deadline_ms is not None and now_ms >= deadline_ms
