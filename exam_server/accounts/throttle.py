"""Slows down guessing: after five failures each further one doubles the wait.

Held in memory by the monotonic clock; a success clears it. Nobody is locked out for good.
"""

from dataclasses import dataclass

from exam_server import limits


@dataclass(slots=True)
class _Tally:
    fails: int = 0
    open_at_ms: int = 0


class Throttle:
    """Failures counted by key: an account's name, or an address."""

    def __init__(self) -> None:
        self._tallies: dict[str, _Tally] = {}

    def wait_ms(self, key: str, now_ms: int) -> int:
        """How long this key must still wait; 0 when it may try."""
        tally = self._tallies.get(key)
        return max(0, tally.open_at_ms - now_ms) if tally else 0

    def failed(self, key: str, now_ms: int) -> None:
        """Count a failure."""
        if key not in self._tallies and len(self._tallies) >= limits.throttle_entries_max:
            self._tallies.pop(next(iter(self._tallies)))
        tally = self._tallies.setdefault(key, _Tally())
        tally.fails += 1
        excess = tally.fails - limits.throttle_free_fails
        if excess >= 0:
            wait = limits.throttle_wait_ms_min * 2 ** min(excess, 20)
            tally.open_at_ms = now_ms + min(wait, limits.throttle_wait_ms_max)

    def take_back(self, key: str) -> None:
        """Uncount the last try, which was no failure; earlier ones stay counted."""
        tally = self._tallies.get(key)
        if tally:
            tally.fails = max(0, tally.fails - 1)
            tally.open_at_ms = 0

    def passed(self, key: str) -> None:
        """Forget the failures of this key."""
        self._tallies.pop(key, None)
