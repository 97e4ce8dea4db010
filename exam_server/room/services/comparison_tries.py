"""How often a comparison may be begun: who stands between guesses one number with each begin.

A commitment that is never revealed counts as much as any other. What is refused does not count,
so a seat is free again ten minutes after the first of its commitments. Not safe for threads.
"""

from collections import deque

from exam_core import limits as core_limits
from exam_core.model.identifiers import SeatId
from exam_server import limits


class CompareTries:
    """The begins of the last ten minutes, of each seat and of all together."""

    def __init__(self) -> None:
        self._begun: deque[tuple[int, SeatId]] = deque()
        self._many: dict[SeatId, int] = {}
        self._unreported: list[SeatId] = []

    def take(self, seat_id: SeatId, now_ms: int) -> bool:
        """Count one more begin of this seat; False when there were too many."""
        self._forget_old(now_ms)
        own = sum(seat == seat_id for _, seat in self._begun)
        if own < limits.comparisons_seat_max and len(self._begun) < limits.comparisons_room_max:
            self._begun.append((now_ms, seat_id))
            return True
        if seat_id not in self._many:
            self._unreported.append(seat_id)
        self._many[seat_id] = now_ms
        return False

    def many(self, now_ms: int) -> list[SeatId]:
        """The seats that were refused within the last ten minutes, sorted."""
        self._forget_old(now_ms)
        return sorted(self._many)

    def unreported(self) -> list[SeatId]:
        """The seats that began to be refused since this was asked last."""
        found, self._unreported = self._unreported, []
        return found

    def _forget_old(self, now_ms: int) -> None:
        oldest = now_ms - core_limits.join_code_life_ms
        while self._begun and self._begun[0][0] <= oldest:
            self._begun.popleft()
        for seat_id in [seat for seat, at_ms in self._many.items() if at_ms <= oldest]:
            del self._many[seat_id]
