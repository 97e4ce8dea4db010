"""What people do to the running room from the pages.

Event loop only; permissions were checked at the route.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from exam_core.errors import InputError, StateError
from exam_core.model.identifiers import SeatId
from exam_core.model.states import FIXED_STATES, SESSION_STATE, SessionState, SittingState
from exam_core.protocol.orders import MOVED, End
from exam_server.accounts.people import Person
from exam_server.room.catching_up import CatchingUp
from exam_server.room.core import RoomCore
from exam_server.room.course import Course
from exam_server.room.live import CLOSE_LATER, CLOSE_REFUSED, LiveSeat, LiveSession
from exam_server.room.room_log import CheckpointReason
from exam_server.room.services import alarms, conduct, swaps
from exam_server.room.services.enrolment import SEAT_UNKNOWN
from exam_server.room.services.opening import OpenedPaper
from exam_server.room.services.results import state_on_disk

_T = TypeVar("_T")
_DURABLE_LOOK_S = 0.005


class Steering:
    """The actions of proctors, openers and staff."""

    def __init__(self, core: RoomCore, course: Course, catching_up: CatchingUp) -> None:
        self._core = core
        self._state = core.state
        self._course = course
        self._catching_up = catching_up
        self._exporting = asyncio.Lock()

    async def paper_opened(self, opened: OpenedPaper) -> None:
        """Two people opened the paper; frames that came before are checked from now on."""
        async with self._core.turn:
            if self._state.opened is None:
                for session in self._state.sessions.values():
                    session.checkers.clear()
            self._state.opened = opened
            self._course.paper_opened()
            is_first = self._state.clock.state is SittingState.PREPARED
            if is_first:
                self._core.enter(SittingState.OPENED)
        if is_first:
            await self._core.tell_all()
        self._catching_up.paper_opened()
        await self._core.take_checkpoint(CheckpointReason.OPENING)
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
            numbers = frozenset(confirmed)
            seats = [
                one
                for one in self._state.seats.values()
                if one.admission_number in numbers
                or (one.seat_id == seat_id and not one.is_present)
            ]  # the seat that was named also when an earlier commit was not heard of
            for seat in seats:
                seat.is_present = True
        await self._core.tell_each(
            [seat.session for seat in seats if seat.session],
            lambda one: self._core.send_clock(one, issued_by=person.name),
        )
        await self._course.begin_due(person)
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
                raise StateError(conduct.PRESENCE_EARLY, "该机位的考生尚未登录")
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
            self._core.send_clock(session, issued_by=person.name)

    async def extend_sitting(self, actors: tuple[str, str], *, extra_ms: int, reason: str) -> None:
        """Give the whole room more time, as two people agreed; every kiosk is told.

        Raises:
            InputError: `extra_time.range`.
            StateError: `sitting.state`.
        """
        async with self._core.turn:
            duration_ms = await self._core.in_thread(
                conduct.extend_sitting,
                self._core.store,
                self._core.trail,
                actors,
                extra_ms=extra_ms,
                reason=reason,
            )
            self._state.clock = self._state.clock.extended(duration_ms)
        await self._core.tell_all(issued_by="、".join(actors))

    async def swap_machine(
        self, actors: tuple[str, ...], *, seat_id: SeatId, to_seat_id: SeatId, reason: str
    ) -> None:
        """Seat a candidate at another machine; the old one is told, and is out at once.

        See `services.swaps.swap_machine`.

        Raises:
            InputError: `seat.unknown`, `swap.reason`.
            StateError: `swap.target`, `swap.closed`, `swap.many`, `sitting.state`.
        """
        if candidate := self._seat(seat_id).session:
            await self._catching_up.caught_up(candidate)  # who has handed in stays
        async with self._core.turn:
            seat, session = self._seat(seat_id), self._seat(seat_id).session
            elapsed_ms = self._state.clock.elapsed_at(self._core.now_ms())
            if session and (session.end_sent_at_ms is not None or session.submit_entry):
                raise StateError(swaps.SWAP_CLOSED, "该考生正在收卷")
            await self._core.in_thread(
                swaps.swap_machine,
                self._core.store,
                self._core.trail,
                actors,
                seat_id=seat_id,
                to_seat_id=to_seat_id,
                reason=reason,
                elapsed_ms=elapsed_ms,
            )
            self._state.seats[to_seat_id].take_candidate_of(seat)
            if session:
                self._move(session, to_seat_id, elapsed_ms, "、".join(actors))
        await self._core.take_checkpoint(CheckpointReason.SWAP)

    def _move(
        self, session: LiveSession, to_seat_id: SeatId, elapsed_ms: int, issued_by: str
    ) -> None:
        self._core.order(session, End(reason=MOVED), issued_by=issued_by)
        former, session.connection = session.connection, None
        if former:
            former.close(CLOSE_REFUSED)
        session.seat_id = to_seat_id
        session.token_sha256 = ""
        if session.state is SessionState.INTERACTING and session.moved_at_ms is None:
            session.moved_at_ms = elapsed_ms

    async def settle_alarm(self, person: Person, alarm_id: int) -> None:
        """A person has looked at an alarm."""
        async with self._core.turn:
            await self._core.in_thread(
                alarms.settle_alarm, self._core.store, self._core.trail, person, alarm_id
            )
            self._core.alarm_settled(alarm_id)

    async def fix_results(self, make_results: Callable[[], _T]) -> _T:
        """Make the results while nothing else changes; the sitting is sealed when it returns.

        Whatever was acknowledged, before or meanwhile, is in the results: saves are refused from
        the start, and what was taken until then is on disk before the results are made. After an
        attempt that failed the sitting is ended, as before, and kiosks are told to come again.

        Raises:
            StateError: `session.state`, while a session is still being collected.
        """
        async with self._exporting:
            async with self._core.turn:
                if self._state.clock.state is not SittingState.ENDED:
                    return await self._core.in_thread(make_results)  # fixed, or says what is wrong
                self._refuse_while_open()
                # In memory only, and without a word to the kiosks: this is what saving looks at.
                self._show(SittingState.SEALED)
            try:
                await self._taken_is_durable()
                await self._catching_up.all_caught_up()  # who has handed in unseen, too
                await self._core.finish()  # who has just handed in gets the receipt
                async with self._core.turn:
                    await self._refuse_without_receipt()
                    results = await self._core.in_thread(make_results)
                    self._core.enter(SittingState.SEALED)
                await self._core.tell_all()
            except BaseException:
                await self._take_again()
                raise
            return results

    async def close(self, make_bundle: Callable[[], bytes]) -> bytes:
        """Give the signed bundle; the sitting is closed when it returns."""
        async with self._exporting, self._core.turn:
            bundle = await self._core.in_thread(make_bundle)
            if self._state.clock.state is not SittingState.CLOSED:
                self._core.enter(SittingState.CLOSED)
        await self._core.tell_all()
        return bundle

    def _refuse_while_open(self) -> None:
        still_open = sum(
            session.state in {SessionState.INTERACTING, SessionState.SUSPENDED}
            for session in self._state.sessions.values()
        )
        if still_open:
            raise StateError(SESSION_STATE, f"还有 {still_open} 名考生正在收卷，请稍候再导出")

    async def _refuse_without_receipt(self) -> None:
        """A receipt that is given after the export would be missing in the results."""
        waiting = sum(
            session.submit_entry is not None and not session.receipt
            for session in self._state.sessions.values()
        )
        if waiting:
            raise StateError(SESSION_STATE, f"还有 {waiting} 名考生正在收卷，请稍候再导出")

    async def _taken_is_durable(self) -> None:
        """Return when every frame that was taken is on disk and answered, or was given up."""
        while any(  # noqa: ASYNC110  the writer knows no waiters; an export can wait a moment
            ledger.durable != ledger.frames
            for session in self._state.sessions.values()
            for ledger in session.ledgers.values()
        ):
            await asyncio.sleep(_DURABLE_LOOK_S)

    async def _take_again(self) -> None:
        """After results that could not be made: go on as the database says."""
        # When it cannot be asked, nothing is taken until the next attempt: the safe side.
        state = await self._core.in_thread(state_on_disk, self._core.store)
        if state in FIXED_STATES:
            self._core.enter(state)
            await self._core.tell_all()
            return
        self._show(SittingState.ENDED)
        for session in self._state.sessions.values():
            session.close_all(CLOSE_LATER)

    def _show(self, state: SittingState) -> None:
        self._state.clock = self._state.clock.entered(state, self._core.now_ms())

    def _seat(self, seat_id: SeatId) -> LiveSeat:
        seat = self._state.seats.get(seat_id)
        if seat is None:
            raise InputError(SEAT_UNKNOWN, f"没有机位 {seat_id[:20]}")
        return seat
