"""Who is looking at which response: so that two markers never meet the same one.

A claim runs out by itself, so an abandoned response returns to the queue. It decides nothing
about marks (their sequence does), so losing all claims at a restart loses no work. In memory, by
the monotonic clock; the caller sees to it that one thread at a time is here.
"""

from exam_server.clock import Clock
from exam_server.marking import limits
from grading.marking import MarkerId, TaskId


class Claims:
    """The live claims; a marker has one at most."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._claims: dict[TaskId, tuple[MarkerId, int]] = {}

    def hold(self, task_id: TaskId, marker_id: MarkerId) -> None:
        """Take or prolong a claim; another one of this marker ends."""
        for other in [one for one, (who, _) in self._claims.items() if who == marker_id]:
            del self._claims[other]
        self._claims[task_id] = (marker_id, self._clock.monotonic_ms() + limits.claim_life_ms)

    def release(self, task_id: TaskId) -> None:
        """End the claim on a task, if there is one."""
        self._claims.pop(task_id, None)

    def holder(self, task_id: TaskId) -> MarkerId | None:
        """Who holds a task."""
        self._drop_old()
        claim = self._claims.get(task_id)
        return claim[0] if claim else None

    def held_by(self, marker_id: MarkerId) -> TaskId | None:
        """What a marker holds."""
        self._drop_old()
        return next((one for one, (who, _) in self._claims.items() if who == marker_id), None)

    def held_by_others(self, marker_id: MarkerId) -> frozenset[TaskId]:
        """What everybody else holds."""
        self._drop_old()
        return frozenset(one for one, (who, _) in self._claims.items() if who != marker_id)

    def _drop_old(self) -> None:
        now = self._clock.monotonic_ms()
        self._claims = {one: claim for one, claim in self._claims.items() if claim[1] > now}
