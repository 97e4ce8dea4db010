"""After the database was out of reach: reads it anew, and the room goes on without a restart.

A connection that is lost during a commit leaves open whether the commit took place. Nothing of it
was acknowledged, and no frame is taken until this is settled: what was under way has ended one way
or the other, and memory follows what the database holds. Frames that turn out to be there are
checked like those from before a start; kiosks come again with the others. Event loop only.
"""

from functools import partial

from exam_core.model.identifiers import SegmentId
from exam_server.room.catching_up import CatchingUp
from exam_server.room.core import RoomCore
from exam_server.room.intake import Intake
from exam_server.room.live import RoomState, UncheckedFrame
from exam_server.room.loading import load_room
from exam_server.room.saving.writer import FrameWriter
from exam_server.store.engine import DATABASE_UNREACHABLE

_SEAT_FIELDS = (
    "is_enrolled",
    "failed_tries",
    "is_locked",
    "admission_number",
    "name",
    "unit",
    "team",
    "form_number",
    "is_present",
)
_SESSION_FIELDS = (
    "seat_id",
    "state",
    "stage",
    "token_sha256",
    "extra_ms",
    "moved_at_ms",
    "close_reason",
    "receipt",
)


class Reopening:
    """Brings memory back to the database after each loss."""

    def __init__(
        self, core: RoomCore, writer: FrameWriter, intake: Intake, catching_up: CatchingUp
    ) -> None:
        self._core = core
        self._writer = writer
        self._intake = intake
        self._catching_up = catching_up
        self.settled = core.store.losses

    async def go_on_if_lost(self) -> None:
        """Read the database anew if it was lost; tried again by the next call if it still is.

        Raises:
            StorageError: `database.unreachable`, or another reason why it cannot be read.
        """
        failure = self._writer.failure
        is_ours = failure is not None and failure.code == DATABASE_UNREACHABLE
        losses = self._core.store.losses
        if losses == self.settled and not is_ours:
            return
        async with self._core.turn:
            await self._core.in_thread(self._core.store.settle)
            found = await self._core.in_thread(load_room, self._core.store, self._core.clock)
            self._follow(found)
            if is_ours:
                self._take_places(found)
                self._writer.go_on()
        self.settled = losses
        self._catching_up.paper_opened()
        for session in self._core.state.sessions.values():
            self._core.send_clock(session)

    def _follow(self, found: RoomState) -> None:
        """Acts of people and log-ins: as the database has them."""
        state = self._core.state
        for session_id, new in found.sessions.items():
            if session_id not in state.sessions:
                state.add_session(new)
            session = state.sessions[session_id]
            _copy(new, session, _SESSION_FIELDS)
            for segment_id, ledger in new.ledgers.items():
                session.ledgers.setdefault(segment_id, ledger)
        for seat_id, seat in found.seats.items():
            known = state.seats[seat_id]
            _copy(seat, known, _SEAT_FIELDS)
            known.session = state.sessions[seat.session.session_id] if seat.session else None
        state.kiosks.clear()
        state.kiosks.update(found.kiosks)
        state.changed_by = found.changed_by
        if found.clock.state is not state.clock.state:
            state.clock = state.clock.entered(found.clock.state, self._core.now_ms())
        state.known_flags |= found.known_flags
        self._intake.flags.owed -= found.known_flags

    def _take_places(self, found: RoomState) -> None:
        """Frames: how far each segment is held. Nothing is under way, the writer has failed."""
        state = self._core.state
        state.frame_log.go_on_from(found.frame_log)
        for session_id, new in found.sessions.items():
            session = state.sessions[session_id]
            for segment_id, ledger in new.ledgers.items():
                known = session.ledgers[segment_id]
                if known is not ledger and known.durable != ledger.durable:
                    known.found(ledger.durable, ledger.durable_head)
                    session.old_frames[segment_id] = new.old_frames[segment_id]
                    session.unchecked.keep(partial(_is_of_another, segment_id))


def _is_of_another(segment_id: SegmentId, one: UncheckedFrame) -> bool:
    return one.segment_id != segment_id


def _copy(source: object, target: object, names: tuple[str, ...]) -> None:
    for name in names:
        setattr(target, name, getattr(source, name))
