"""The course of the sitting: start, hold, resume, end, time up; sessions begin and close.

Event loop only. Time is the room's working time on the monotonic clock.
"""

from exam_core.formats.journal_entries import SubmitReason
from exam_core.formats.resume_file import resume_recipients
from exam_core.model.identifiers import SessionId
from exam_core.model.states import SessionState, SittingEvent, SittingState
from exam_core.protocol.orders import Begin, End
from exam_server import limits
from exam_server.accounts.audit import SYSTEM
from exam_server.accounts.people import Person
from exam_server.room.core import RoomCore
from exam_server.room.intake import Intake
from exam_server.room.live import LiveSession
from exam_server.room.room_log import CheckpointReason
from exam_server.room.services import conduct, swaps
from exam_server.room.services.opening import OpenedPaper, paper_is_shut
from exam_server.store.room import ABSENT

_BEGUN_STATES = frozenset({SittingState.RUNNING, SittingState.HELD, SittingState.ENDED})

_CHECKPOINTS = {
    SittingEvent.START: CheckpointReason.START,
    SittingEvent.END: CheckpointReason.END,
}


class Course:
    """Takes sitting and sessions from state to state."""

    def __init__(self, core: RoomCore) -> None:
        self._core = core
        self._state = core.state
        self._closing: set[SessionId] = set()
        self.intake: Intake | None = None

    async def change_sitting(self, event: SittingEvent, person: Person | None) -> None:
        """Start, hold, resume or end; everybody is told. `person` is None when time is up.

        Raises:
            StateError: `sitting.state`; `opening.never`, `opening.no_key` without an open paper.
        """
        async with self._core.turn:
            if event is SittingEvent.START and self._state.opened is None:
                raise paper_is_shut(self._state.clock.state)
            now = self._core.now_ms()
            after = await self._core.in_thread(
                conduct.change_sitting,
                self._core.store,
                self._core.trail,
                event,
                person=person,
                elapsed_ms=self._state.clock.elapsed_at(now),
            )
            if event is SittingEvent.END:
                self._end_all(now, person)
            self._core.enter(after, changed_by=person.name if person else SYSTEM)
        if event in _CHECKPOINTS:
            self._core.spawn(self._core.take_checkpoint(_CHECKPOINTS[event]))
        await self.begin_due(person)

    async def begin_due(self, person: Person | None = None) -> None:
        """Hand the form's key to whoever is present, attached and due.

        Also to who had begun and was closed without a submit entry: the kiosk opens its journal
        with it and hands in what it has.
        """
        async with self._core.turn:
            opened, sitting = self._state.opened, self._state.clock.state
            if opened is None or sitting not in _BEGUN_STATES:
                return
            waiting = [
                session
                for session in self._state.sessions.values()
                if session.connection
                and not session.connection.has_begun
                and self._state.seats[session.seat_id].is_present
            ]
            if sitting is SittingState.RUNNING:
                await self._begin([one for one in waiting if one.state is SessionState.INITIAL])
            for session in waiting:
                if session.lacks_submit:
                    await self._go_on(session)
                    self._send_begin(session, opened, issued_by=person.name if person else "")

    async def tick(self) -> None:
        """What time brings; called every second. What needs the disk comes last: it may be full."""
        now = self._core.now_ms()
        clock = self._state.clock
        sessions = list(self._state.sessions.values())
        for session in sessions:
            self.close_submitted(session)  # again, when it failed before
            if session.state is SessionState.INTERACTING:
                self._end_when_due(session, now)
        has_time = any(
            session.state is not SessionState.CLOSED
            and clock.overtime_at(now, self._core.extra_ms(session, now)) < 0
            for session in sessions
        )
        if clock.state is SittingState.RUNNING and clock.overtime_at(now) >= 0 and not has_time:
            await self.change_sitting(SittingEvent.END, None)
        self._core.checkpoint_when_due()
        if self._state.clock.state is SittingState.RUNNING:
            await self._core.in_thread(
                conduct.persist_elapsed, self._core.store, clock.elapsed_at(now)
            )

    def send_end_again(self, session: LiveSession) -> None:
        """Tell a kiosk that attached after the end."""
        if session.end_sent_at_ms is not None and session.state is SessionState.INTERACTING:
            self._core.order(session, End(reason=session.end_reason), issued_by=session.ended_by)

    def close_submitted(self, session: LiveSession) -> None:
        """Close the session, once, if its submit entry is on disk and has no receipt yet."""
        entry = session.submit_entry
        if entry and session.awaits_receipt and session.session_id not in self._closing:
            self._closing.add(session.session_id)
            self._core.spawn(self._close(session, entry.reason, entry.receipt))

    async def _begin(self, sessions: list[LiveSession]) -> None:
        if not sessions:
            return
        await self._core.in_thread(
            conduct.begin_sessions,
            self._core.store,
            self._core.trail,
            [session.session_id for session in sessions],
            at_ms=self._state.clock.elapsed_at(self._core.now_ms()),
        )
        for session in sessions:
            session.state = SessionState.INTERACTING

    async def _go_on(self, session: LiveSession) -> None:
        """A candidate who changed machines is about to see the paper again."""
        if session.moved_at_ms is not None:
            session.extra_ms = await self._core.in_thread(
                swaps.go_on,
                self._core.store,
                self._core.trail,
                session.session_id,
                elapsed_ms=self._state.clock.elapsed_at(self._core.now_ms()),
            )
            session.moved_at_ms = None

    def _send_begin(self, session: LiveSession, opened: OpenedPaper, *, issued_by: str) -> None:
        facts = self._state.facts_of(session)
        if session.connection is None or facts is None:
            return
        session.connection.has_begun = True
        self._core.order(
            session,
            Begin(
                form_number=session.form_number,
                form_identity=opened.identities[session.form_number],
                journal_key=facts.journal_key,
                time_left_ms=self._core.time_left_ms(session),
                resume_recipients=resume_recipients(
                    opened.journal_secret,
                    sitting_id=self._state.sitting_id,
                    seat_id=session.seat_id,
                ),
            ),
            issued_by=issued_by,
        )
        self._core.send_clock(session)

    def _end_all(self, now: int, person: Person | None) -> None:
        reason = SubmitReason.PROCTOR if person else SubmitReason.TIME_UP
        for session in self._state.sessions.values():
            if session.state is SessionState.INITIAL:
                session.state = SessionState.CLOSED
                session.close_reason = ABSENT
            elif session.state is SessionState.INTERACTING and session.end_sent_at_ms is None:
                self._send_end(session, now, reason, person.name if person else SYSTEM)

    def _end_when_due(self, session: LiveSession, now: int) -> None:
        is_up = self._state.clock.overtime_at(now, self._core.extra_ms(session, now)) >= 0
        if session.end_sent_at_ms is None and is_up:
            self._send_end(session, now, SubmitReason.TIME_UP, SYSTEM)
        sent_at = session.end_sent_at_ms
        is_over = sent_at is not None and now - sent_at >= limits.grace_ms
        if is_over and session.session_id not in self._closing:
            self._closing.add(session.session_id)
            self._core.spawn(self._close(session, session.end_reason, ""))

    def _send_end(
        self, session: LiveSession, now: int, reason: SubmitReason, ended_by: str
    ) -> None:
        session.end_sent_at_ms = now
        session.end_reason = reason
        session.ended_by = ended_by
        self._core.order(session, End(reason=reason), issued_by=ended_by)

    async def _close(self, session: LiveSession, reason: SubmitReason, receipt: str) -> None:
        try:
            async with self._core.turn:
                clock = self._state.clock
                elapsed = clock.elapsed_at(self._core.now_ms())
                await self._core.in_thread(
                    conduct.close_session,
                    self._core.store,
                    self._core.trail,
                    session.session_id,
                    reason=reason,
                    receipt=receipt,
                    at_ms=min(elapsed, clock.duration_ms + session.extra_ms),
                )
                session.state = SessionState.CLOSED
                session.close_reason = reason
                session.receipt = receipt
        finally:
            self._closing.discard(session.session_id)
        if self.intake:
            self.intake.answer_wanted(session)
        self._core.send_clock(session)
        self.close_submitted(session)  # its entry became durable meanwhile
