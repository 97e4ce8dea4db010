"""The course of the sitting: start, hold, resume, end, time up; sessions begin and close.

Event loop only. Time is the room's working time on the monotonic clock.
"""

import asyncio
from collections.abc import Callable
from functools import partial

from exam_core.crypto.sealing import Recipient
from exam_core.errors import StateError
from exam_core.formats.journal_entries import SubmitReason
from exam_core.formats.resume_file import resume_recipients
from exam_core.model.identifiers import SeatId, SessionId
from exam_core.model.states import SessionState, SittingEvent, SittingState
from exam_core.protocol.orders import Begin, End
from exam_server import limits
from exam_server.accounts.audit import SYSTEM
from exam_server.accounts.audit_draft import AuditRecorder
from exam_server.accounts.people import Person
from exam_server.room.core import RoomCore
from exam_server.room.live import LiveSession
from exam_server.room.room_log import CheckpointReason
from exam_server.room.services import conduct, swaps
from exam_server.room.services.opening import paper_is_shut
from exam_server.store.engine import Db
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
        self._recipients: dict[SeatId, tuple[Recipient, ...]] = {}
        self.on_closed: Callable[[LiveSession], None] = lambda _: None

    async def change_sitting(self, event: SittingEvent, person: Person | None) -> None:
        """Start, hold, resume or end; everybody is told. `person` is None when time is up.

        Raises:
            StateError: `sitting.state`; `opening.never`, `opening.no_key` without an open paper.
        """
        ending: set[SessionId] = set()
        async with self._core.turn:
            if event is SittingEvent.START and self._state.opened is None:
                raise paper_is_shut(self._state.clock.state)
            reading = self._core.reading()
            now = reading.monotonic_ms
            after = await self._core.in_thread(
                conduct.change_sitting,
                self._core.store,
                self._core.trail,
                event,
                person=person,
                elapsed_ms=self._state.clock.elapsed_at(now),
                reading=reading,
                known=self._state.clock.state,
            )
            if event is SittingEvent.END:
                ending = self._end_all(now, person)
            self._core.enter(after, changed_by=person.name if person else SYSTEM)
            due = await self._let_begin()
        issued_by = person.name if person else ""

        def tell(session: LiveSession) -> None:
            if session.session_id in ending:
                self.send_end_again(session)
            if session.session_id not in due or not self._send_begin(session, issued_by=issued_by):
                self._core.send_clock(session)

        await self._core.tell_each(self._state.sessions.values(), tell)
        if event in _CHECKPOINTS:
            self._core.spawn(self._core.take_checkpoint(_CHECKPOINTS[event]))

    async def begin_due(self, person: Person | None = None) -> None:
        """Hand the form's key to whoever is present, attached and due.

        Also to who had begun and was closed without a submit entry: the kiosk opens its journal
        with it and hands in what it has.
        """
        async with self._core.turn:
            due = await self._let_begin()
        issued_by = person.name if person else ""
        await self._core.tell_each(
            [one for one in self._state.sessions.values() if one.session_id in due],
            lambda one: self._send_begin(one, issued_by=issued_by),
        )

    async def begin_when_due(self, session: LiveSession) -> None:
        """The same for one kiosk that has just attached."""
        if not self._awaits_begin(session):
            return
        if session.state is SessionState.INITIAL:
            try:
                await self._core.changes.make(
                    lambda db, log: self._begin_in([session.session_id], db, log),
                    lambda _: self._show_begun([session]),
                )
            except StateError:
                return  # begun with the others meanwhile, or the room does not run any more
        if session.moved_at_ms is not None:
            await self._core.changes.make(
                lambda db, log: self._go_on_in(session, db, log),
                lambda extra_ms: _show_gone_on(session, extra_ms),
            )
        self._send_begin(session, issued_by="")

    def paper_opened(self) -> None:
        """Derive in the quiet what each kiosk gets with its key, so that the start is short."""
        self._recipients.clear()
        self._core.spawn(self._prepare())

    async def tick(self) -> None:
        """What time brings; called every second. What needs the disk comes last: it may be full."""
        now = self._core.now_ms()
        clock = self._state.clock
        # Just back: kiosks are still coming with what they have, also with their hand-ins, and a
        # person may want to give time back. Those that are here know themselves when time is up.
        is_resting = now < self._state.ends_nothing_before_ms
        has_time = False
        for place, session in enumerate(list(self._state.sessions.values()), 1):
            self.close_submitted(session)  # again, when it failed before
            if session.state is SessionState.INTERACTING and not is_resting:
                self._end_when_due(session, now)
            if not has_time and session.state is not SessionState.CLOSED:
                has_time = clock.overtime_at(now, self._core.extra_ms(session, now)) < 0
            if place % limits.looked_at_once == 0:
                await asyncio.sleep(0)  # saves go on between
        is_up = clock.overtime_at(now) >= 0 and not has_time and not is_resting
        if clock.state is SittingState.RUNNING and is_up:
            await self.change_sitting(SittingEvent.END, None)
        self._core.checkpoint_when_due()
        if self._state.clock.state is SittingState.RUNNING:
            await self.persist_elapsed()

    async def persist_elapsed(self) -> None:
        """Write the working time down; without the turn, which may be held for long."""
        reading = self._core.reading()
        elapsed = self._state.clock.elapsed_at(reading.monotonic_ms)
        await self._core.in_thread(conduct.persist_elapsed, self._core.store, elapsed, reading)

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

    def _awaits_begin(self, session: LiveSession) -> bool:
        state, connection = self._state, session.connection
        if state.opened is None or connection is None or connection.has_begun:
            return False
        if not state.seats[session.seat_id].is_present:
            return False
        if session.state is SessionState.INITIAL:
            return state.clock.state is SittingState.RUNNING
        return state.clock.state in _BEGUN_STATES and session.lacks_submit

    async def _let_begin(self) -> set[SessionId]:
        """All who are due begin, in one transaction; the turn is held. Returns who gets the key."""
        due = [one for one in self._state.sessions.values() if self._awaits_begin(one)]
        beginning = [one for one in due if one.state is SessionState.INITIAL]
        if beginning:
            ids = [one.session_id for one in beginning]
            await self._core.changes.make_in_turn(lambda db, log: self._begin_in(ids, db, log))
            self._show_begun(beginning)
        for session in due:
            if session.moved_at_ms is not None:
                extra_ms = await self._core.changes.make_in_turn(partial(self._go_on_in, session))
                _show_gone_on(session, extra_ms)
        return {one.session_id for one in due}

    def _begin_in(self, session_ids: list[SessionId], db: Db, log: AuditRecorder) -> None:
        at_ms = self._state.clock.elapsed_at(self._core.now_ms())
        conduct.begin_sessions(db, log, session_ids, at_ms=at_ms)

    def _go_on_in(self, session: LiveSession, db: Db, log: AuditRecorder) -> int:
        """A candidate who changed machines is about to see the paper again."""
        elapsed_ms = self._state.clock.elapsed_at(self._core.now_ms())
        return swaps.go_on(db, log, session.session_id, elapsed_ms=elapsed_ms)

    def _show_begun(self, sessions: list[LiveSession]) -> None:
        for session in sessions:
            session.state = SessionState.INTERACTING

    async def _prepare(self) -> None:
        for place, seat_id in enumerate(list(self._state.seats), 1):
            self._recipients_of(seat_id)
            if place % limits.prepared_at_once == 0:
                await asyncio.sleep(0)  # whatever else waits has its turn

    def _recipients_of(self, seat_id: SeatId) -> tuple[Recipient, ...]:
        opened = self._state.opened
        if opened is None:
            return ()
        if seat_id not in self._recipients:
            self._recipients[seat_id] = resume_recipients(
                opened.journal_secret, sitting_id=self._state.sitting_id, seat_id=seat_id
            )
        return self._recipients[seat_id]

    def _send_begin(self, session: LiveSession, *, issued_by: str) -> bool:
        """Hand out the key, unless the kiosk is gone or has it."""
        opened, facts = self._state.opened, self._state.facts_of(session)
        connection = session.connection
        if opened is None or facts is None or connection is None or connection.has_begun:
            return False
        if not session.lacks_submit:
            return False
        connection.has_begun = True
        self._core.order(
            session,
            Begin(
                form_number=session.form_number,
                form_identity=opened.identities[session.form_number],
                journal_key=facts.journal_key,
                time_left_ms=self._core.time_left_ms(session),
                resume_recipients=self._recipients_of(session.seat_id),
            ),
            issued_by=issued_by,
        )
        self._core.send_clock(session)
        return True

    def _end_all(self, now: int, person: Person | None) -> set[SessionId]:
        """Memory says that all have ended; returns whose kiosks are still to be told."""
        ending = set()
        reason = SubmitReason.PROCTOR if person else SubmitReason.TIME_UP
        for session in self._state.sessions.values():
            if session.state is SessionState.INITIAL:
                session.state = SessionState.CLOSED
                session.close_reason = ABSENT
            elif session.state is SessionState.INTERACTING and session.end_sent_at_ms is None:
                _note_end(session, now, reason, person.name if person else SYSTEM)
                ending.add(session.session_id)
        return ending

    def _end_when_due(self, session: LiveSession, now: int) -> None:
        is_up = self._state.clock.overtime_at(now, self._core.extra_ms(session, now)) >= 0
        if session.end_sent_at_ms is None and is_up:
            _note_end(session, now, SubmitReason.TIME_UP, SYSTEM)
            self.send_end_again(session)
        sent_at = session.end_sent_at_ms
        is_over = sent_at is not None and now - sent_at >= limits.grace_ms
        if is_over and session.session_id not in self._closing:
            self._closing.add(session.session_id)
            self._core.spawn(self._close(session, session.end_reason, ""))

    async def _close(self, session: LiveSession, reason: SubmitReason, receipt: str) -> None:
        try:
            clock = self._state.clock
            elapsed = clock.elapsed_at(self._core.now_ms())
            at_ms = min(elapsed, clock.duration_ms + session.extra_ms)
            await self._core.changes.make(
                lambda db, log: conduct.close_session(
                    db, log, session.session_id, reason=reason, receipt=receipt, at_ms=at_ms
                ),
                lambda _: _show_closed(session, reason, receipt),
            )
        finally:
            self._closing.discard(session.session_id)
        self.on_closed(session)
        self._core.send_clock(session)
        self.close_submitted(session)  # its entry became durable meanwhile


def _note_end(session: LiveSession, now: int, reason: SubmitReason, ended_by: str) -> None:
    session.end_sent_at_ms = now
    session.end_reason = reason
    session.ended_by = ended_by


def _show_gone_on(session: LiveSession, extra_ms: int) -> None:
    session.extra_ms = extra_ms
    session.moved_at_ms = None


def _show_closed(session: LiveSession, reason: SubmitReason, receipt: str) -> None:
    session.state = SessionState.CLOSED
    session.close_reason = reason
    session.receipt = receipt
