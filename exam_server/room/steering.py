"""What people do to the running room from the pages.

Event loop only; permissions were checked at the route.
"""

import asyncio
from collections.abc import Callable

from exam_core.errors import InputError, StateError
from exam_core.model.identifiers import SeatId
from exam_core.model.states import SESSION_STATE, SessionState, SittingState
from exam_server.accounts.people import Person
from exam_server.room.core import RoomCore
from exam_server.room.course import Course
from exam_server.room.intake import Intake
from exam_server.room.live import LiveSeat
from exam_server.room.services import conduct
from exam_server.room.services.enrolment import SEAT_UNKNOWN
from exam_server.room.services.opening import OpenedPaper


class Steering:
    """The actions of proctors, openers and staff."""

    def __init__(self, core: RoomCore, course: Course, intake: Intake) -> None:
        self._core = core
        self._state = core.state
        self._course = course
        self._intake = intake

    async def paper_opened(self, opened: OpenedPaper) -> None:
        """Two people opened the paper; frames that came while it was shut are checked now."""
        async with self._core.turn:
            self._state.opened = opened
            if self._state.clock.state is SittingState.PREPARED:
                self._core.enter(SittingState.OPENED)
            for session in self._state.sessions.values():
                session.checkers.clear()
                self._intake.check_unchecked(session)
                await asyncio.sleep(0)  # saves of others go on between
        await self._course.begin_due()

    async def mark_present(self, person: Person, seat_id: SeatId | None) -> int:
        """Confirm presence at one seat, or of everyone logged in; returns how many were new.

        Raises:
            InputError: `seat.unknown`.
            StateError: `presence.no_session`.
        """
        async with self._core.turn:
            confirmed = await self._core.in_thread(
                conduct.mark_present,
                self._core.store,
                self._core.trail,
                person,
                seat_id=seat_id,
            )
            for seat in self._state.seats.values():
                if seat.admission_number in confirmed:
                    seat.is_present = True
                    if seat.session:
                        self._core.send_clock(seat.session)
        await self._course.begin_due()
        return len(confirmed)

    async def unlock_seat(self, person: Person, seat_id: SeatId) -> None:
        """Let a locked seat try again.

        Raises:
            InputError: `seat.unknown`.
        """
        async with self._core.turn:
            seat = self._seat(seat_id)
            await self._core.in_thread(
                conduct.unlock_seat, self._core.store, self._core.trail, person, seat_id
            )
            seat.failed_tries = 0
            seat.is_locked = False

    async def grant_extra_time(
        self, person: Person, seat_id: SeatId, *, extra_ms: int, reason: str
    ) -> None:
        """Give the candidate at a seat more time.

        Raises:
            InputError: `extra_time.range`, `seat.unknown`.
            StateError: `presence.no_session`; `session.state`, when time was up already.
        """
        async with self._core.turn:
            session = self._seat(seat_id).session
            if session is None:
                raise StateError(conduct.PRESENCE_EARLY, "该座位的考生尚未登录")
            if session.end_sent_at_ms is not None:
                raise StateError(SESSION_STATE, "该考生正在收卷，不能补时")
            session.extra_ms = await self._core.in_thread(
                conduct.grant_extra_time,
                self._core.store,
                self._core.trail,
                person,
                session_id=session.session_id,
                extra_ms=extra_ms,
                reason=reason,
            )
            self._core.send_clock(session)

    async def settle_alarm(self, person: Person, alarm_id: int) -> None:
        """A person has looked at an alarm."""
        async with self._core.turn:
            await self._core.in_thread(
                conduct.settle_alarm, self._core.store, self._core.trail, person, alarm_id
            )
            self._core.alarm_settled(alarm_id)

    async def export(self, make_results: Callable[[], bytes]) -> bytes:
        """Run the export while nothing else changes; the sitting is closed when it returns.

        Raises:
            StateError: `session.state`, while a session is still being collected.
        """
        async with self._core.turn:
            still_open = sum(
                session.state in {SessionState.INTERACTING, SessionState.SUSPENDED}
                for session in self._state.sessions.values()
            )
            if still_open and self._state.clock.state is SittingState.ENDED:
                raise StateError(SESSION_STATE, f"还有 {still_open} 名考生正在收卷，请稍候再导出")
            results = await self._core.in_thread(make_results)
            self._core.enter(SittingState.CLOSED)
            return results

    def _seat(self, seat_id: SeatId) -> LiveSeat:
        seat = self._state.seats.get(seat_id)
        if seat is None:
            raise InputError(SEAT_UNKNOWN, f"没有座位 {seat_id[:20]}")
        return seat
