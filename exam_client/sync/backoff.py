"""How long to wait before the next try: longer each time, never long, never all at once."""

from collections.abc import Callable

from exam_client import limits


class Backoff:
    """Delays with full jitter, so that three hundred kiosks do not come back together.

    Source: M. Brooker, Exponential Backoff and Jitter (AWS Architecture Blog, 2015), "full jitter".

    Args:
        draw: A random number from 0 up to, not including, 1.
    """

    def __init__(self, draw: Callable[[], float]) -> None:
        self._draw = draw
        self._most_s = limits.reconnect_first_s

    def next_delay_s(self) -> float:
        """The delay before the next try."""
        delay_s = self._draw() * self._most_s
        self._most_s = min(2 * self._most_s, limits.reconnect_most_s)
        return delay_s

    def reset(self) -> None:
        """A try succeeded."""
        self._most_s = limits.reconnect_first_s
