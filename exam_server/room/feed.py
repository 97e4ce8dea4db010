"""What everybody who watches the seat map is sent: made once, however many watch.

A room of thousands of seats is looked at a few seats at a time, so that saves pass between; what
changed since the last look is encoded once. Nothing is looked at while nobody watches. Event loop
only.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec

from exam_core.model.identifiers import SeatId
from exam_server import limits
from exam_server.room.live import RoomState
from exam_server.room.views import View, room_view, seat_view

_PATCHES_KEPT = 20
"""Ten seconds; a browser that is further behind gets everything anew."""


class SeatFeed:
    """The seat map as watchers have it.

    Args:
        state: The running room.
        now_ms: The monotonic clock.
        health: How the server is doing; part of the head of the page.
        on_error: Told what went wrong in a look; the next one comes all the same.
    """

    def __init__(
        self,
        state: RoomState,
        now_ms: Callable[[], int],
        *,
        health: Callable[[], View],
        on_error: Callable[[Exception], None],
    ) -> None:
        self._state = state
        self._now_ms = now_ms
        self._health = health
        self._on_error = on_error
        self._head: View = {}
        self._seats: dict[SeatId, View] = {}
        self._patches: deque[tuple[int, bytes]] = deque(maxlen=_PATCHES_KEPT)
        self._looks = 0
        self._fresh_from = 0  # looks before this one are from before the present watchers
        self._watchers = 0
        self._looking: asyncio.Task[None] | None = None
        self._looked = asyncio.Event()

    def head(self) -> View:
        """The head of the page now."""
        return {**room_view(self._state, self._now_ms()), "health": self._health()}

    async def seats(self) -> list[View]:
        """All seats now, for a page that is not kept up to date."""
        views: list[View] = []
        now_ms = self._now_ms()
        alarms = Counter(alarm.seat_id for alarm in self._state.alarms)
        for place, seat in enumerate(list(self._state.seats.values()), 1):
            views.append(seat_view(self._state, seat, now_ms=now_ms, alarms=alarms[seat.seat_id]))
            if place % limits.seats_viewed_at_once == 0:
                await asyncio.sleep(0)
        return views

    @contextmanager
    def watching(self) -> Iterator[None]:
        """The room is looked at again and again as long as one such block lasts."""
        self._watchers += 1
        if self._looking is None:
            self._fresh_from = self._looks + 1
            self._looking = asyncio.create_task(self._look_on())
        try:
            yield
        finally:
            self._watchers -= 1
            if not self._watchers and self._looking is not None:
                self._looking.cancel()
                self._looking = None

    async def after(self, look: int) -> tuple[int, bytes]:
        """Wait for the next look after this one, from 0; for who watches.

        Returns:
            Its number, and what has changed since, as JSON; everything for who has seen none or
            is too far behind; nothing when nothing has changed.
        """
        while self._looks < max(look + 1, self._fresh_from):
            await self._looked.wait()
        missed = [one for one in self._patches if one[0] > look]
        if look == 0 or len(missed) < self._looks - look:
            return self._looks, _patch(self._head, list(self._seats.values()))
        return missed[0]

    async def _look_on(self) -> None:
        while True:
            try:
                await self._look()
            except Exception as error:  # noqa: BLE001  the page goes on with the next look
                self._on_error(error)
            await asyncio.sleep(limits.event_interval_ms / 1000)

    async def _look(self) -> None:
        changed = []
        for view in await self.seats():
            seat_id = SeatId(str(view["seat_id"]))
            if self._seats.get(seat_id) != view:
                self._seats[seat_id] = view
                changed.append(view)
        head, before = self.head(), self._head
        self._head = head
        self._looks += 1
        self._patches.append((self._looks, _patch(head if head != before else None, changed)))
        self._looked.set()
        self._looked = asyncio.Event()


def _patch(head: View | None, seats: list[View]) -> bytes:
    patch: dict[str, object] = {}
    if head is not None:
        patch["room"] = head
    if seats:
        patch["seats"] = seats
    return msgspec.json.encode(patch) if patch else b""
