"""What kiosks ask of the running room besides saving: log-in, attach, stages.

Event loop only.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from exam_core import limits as core_limits
from exam_core.errors import InputError, StateError, declare
from exam_core.model.identifiers import SeatId, SegmentId
from exam_core.model.states import SessionState
from exam_core.protocol import VERSION
from exam_core.protocol.acknowledgements import AckBook, Acknowledged
from exam_core.protocol.http import LogInReply, LogInRequest
from exam_core.protocol.messages import Attach, Attached, Checkpointed, Restore
from exam_server import limits
from exam_server.room.core import RoomCore
from exam_server.room.course import Course
from exam_server.room.live import (
    CLOSE_REVOKED,
    CLOSE_SUPERSEDED,
    Connection,
    LiveSession,
)
from exam_server.room.saving.ledger import JOURNAL_CONFLICT, SegmentLedger
from exam_server.room.services import admission, conduct
from exam_server.room.services.enrolment import EnrolledKiosk
from exam_server.store import room as tables

PROTOCOL_VERSION = declare("protocol.version", "考生机程序版本与服务器不一致，请安装同一版本。")
SESSION_TOKEN = declare("session.token", "登录已失效，请在本机重新登录。")

STAGES = ("confirmed", "rules_read")


class Kiosks:
    """Sessions and connections of the seats."""

    def __init__(self, core: RoomCore, course: Course, ack_book: AckBook) -> None:
        self._core = core
        self._state = core.state
        self._course = course
        self._ack_book = ack_book

    async def log_in(self, request: LogInRequest, seat_id: SeatId) -> LogInReply:
        """Admit a candidate at a seat; see `services.admission.log_in` for the refusals."""
        async with self._core.turn:
            seat = self._state.seats[seat_id]
            try:
                admitted = await self._core.in_thread(
                    admission.log_in,
                    self._core.store,
                    self._core.trail,
                    request,
                    seat_id=seat_id,
                    active=self._state.active(),
                )
            except InputError:
                seat.failed_tries += 1
                seat.is_locked = seat.failed_tries >= core_limits.login_tries_max
                raise
            seat.failed_tries = 0
            session = seat.session
            if session is None:
                session = seat.session = LiveSession(
                    session_id=admitted.reply.session_id,
                    admission_number=admitted.reply.admission_number,
                    seat_id=seat_id,
                    form_number=admitted.form_number,
                )
                self._state.sessions[session.session_id] = session
            session.token_sha256 = admitted.token_sha256
            return admitted.reply

    def enrolled(self, kiosk: EnrolledKiosk) -> None:
        """A kiosk got the certificate of a seat; the seat's earlier one is void."""
        kiosks = self._state.kiosks
        for old in [one for one in kiosks.values() if one.seat_id == kiosk.seat_id]:
            self.revoked(old)
        kiosks[kiosk.fingerprint] = kiosk
        self._state.seats[kiosk.seat_id].is_enrolled = True

    def revoked(self, kiosk: EnrolledKiosk) -> None:
        """A kiosk is no longer on the allow-list; its connection is closed at once."""
        self._state.kiosks.pop(kiosk.fingerprint, None)
        self._state.seats[kiosk.seat_id].is_enrolled = False
        for session in self._state.sessions.values():
            for connection in (session.connection, *session.deliverers):
                if connection and connection.kiosk.fingerprint == kiosk.fingerprint:
                    connection.close(CLOSE_REVOKED)

    async def attach(self, connection: Connection, attach: Attach) -> LiveSession:
        """Bind a connection to its session; an older connection of the session is closed.

        Segments the server has not heard of get their epochs in the order of `held`, the one that
        is being written last.

        Raises:
            InputError: `protocol.version`, `journal.segments`, `journal.malformed`.
            StateError: `session.token`.
        """
        if attach.protocol != VERSION:
            raise InputError(PROTOCOL_VERSION, f"协议版本应为 {VERSION}，收到 {attach.protocol}")
        async with self._core.turn:
            session = self._state.sessions.get(attach.session_id)
            is_known = session and admission.token_matches(attach.token, session.token_sha256)
            if session is None or not is_known or session.seat_id != connection.seat_id:
                raise StateError(SESSION_TOKEN, "登录凭据不对或已失效")
            for segment_id in (*(held.segment_id for held in attach.held), attach.segment_id):
                if segment_id not in session.ledgers:
                    await self._register(session, segment_id, connection)
            former, session.connection = session.connection, connection
            if former:
                former.close(CLOSE_SUPERSEDED)
            with self._detaching(session, connection):
                await self._greet(session, connection, attach)
        with self._detaching(session, connection):
            self._course.send_end_again(session)
            await self._course.begin_due()
        return session

    def detach(self, session: LiveSession, connection: Connection) -> None:
        """The connection is gone."""
        if session.connection is connection:
            session.connection = None

    @contextmanager
    def _detaching(self, session: LiveSession, connection: Connection) -> Iterator[None]:
        """Detach whatever goes wrong in the block: nobody else knows of the connection yet."""
        try:
            yield
        except BaseException:  # also when the task is cancelled: the kiosk is gone
            self.detach(session, connection)
            raise

    def stage(self, session: LiveSession, stage: str) -> None:
        """The candidate went on before the paper; unknown stages are ignored."""
        if stage in STAGES and session.state is SessionState.INITIAL:
            session.stage = stage
            self._core.spawn(
                self._core.in_thread(conduct.set_stage, self._core.store, session.session_id, stage)
            )

    async def _greet(self, session: LiveSession, connection: Connection, attach: Attach) -> None:
        session.unsynced = 0
        held = tuple(one.durable_frames for one in session.ledgers.values())
        on_disk = [Acknowledged(session.session_id, one) for one in held]
        connection.send(
            Attached(
                epochs={one.segment_id: one.epoch for one in session.ledgers.values()},
                held=held,
                proofs=tuple(self._ack_book.sign(on_disk)),
            )
        )
        self._core.send_clock(session)
        if note := self._core.trail.latest_checkpoint():
            connection.send(Checkpointed(note=note))
        await self._restore(session, connection, attach)
        if session.receipt:
            self._core.confirm_submitted(session)

    async def _register(
        self, session: LiveSession, segment_id: SegmentId, connection: Connection
    ) -> None:
        key = connection.kiosk.signing_key
        ledger = SegmentLedger(segment_id, 0, key)  # refuses a malformed id before it is stored
        ledger.epoch, ledger.signing_key = await self._core.in_thread(
            conduct.register_segment,
            self._core.store,
            session_id=session.session_id,
            segment_id=segment_id,
            seat_id=session.seat_id,
            signing_key=key,
        )
        session.ledgers[segment_id] = ledger

    async def _restore(self, session: LiveSession, connection: Connection, attach: Attach) -> None:
        held = {one.segment_id: one for one in attach.held}
        for ledger in list(session.ledgers.values()):
            own = held.get(ledger.segment_id)
            first = own.frames if own else 0
            if own and own.frames == ledger.durable and own.head != ledger.durable_head:
                self._core.alarm(session.seat_id, JOURNAL_CONFLICT, "考生机与服务器的作答记录不同")
            if ledger.segment_id == attach.segment_id or first >= ledger.durable:
                continue
            frames = await self._core.in_thread(self._read_frames, ledger.segment_id, first)
            for start, chunk in chunks_of(frames):
                connection.send(
                    Restore(segment_id=ledger.segment_id, first_seq=first + start, frames=chunk)
                )

    def _read_frames(self, segment_id: SegmentId, first: int) -> list[bytes]:
        with self._core.store.transaction() as db:
            return tables.read_frames(db, segment_id, first)


def chunks_of(frames: list[bytes]) -> list[tuple[int, tuple[bytes, ...]]]:
    """Frames in messages below the limits of count and size, each with its first place."""
    chunks: list[tuple[int, tuple[bytes, ...]]] = []
    start, size = 0, 0
    for place, frame in enumerate(frames):
        is_full = size + len(frame) > limits.restore_bytes_max
        if place > start and (is_full or place - start >= core_limits.save_frames_max):
            chunks.append((start, tuple(frames[start:place])))
            start, size = place, 0
        size += len(frame)
    if frames:
        chunks.append((start, tuple(frames[start:])))
    return chunks
