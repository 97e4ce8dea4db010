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
from exam_server.accounts.audit_draft import AuditRecorder
from exam_server.room.catching_up import CatchingUp
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
from exam_server.store.engine import Db

PROTOCOL_VERSION = declare("protocol.version", "考生机程序版本与服务器不一致，请安装同一版本。")
SESSION_TOKEN = declare("session.token", "登录已失效，请在本机重新登录。")

STAGES = ("confirmed", "rules_read")


class Kiosks:
    """Sessions and connections of the seats."""

    def __init__(
        self, core: RoomCore, course: Course, ack_book: AckBook, catching_up: CatchingUp
    ) -> None:
        self._core = core
        self._catching_up = catching_up
        self._state = core.state
        self._course = course
        self._ack_book = ack_book

    async def log_in(self, request: LogInRequest, seat_id: SeatId) -> LogInReply:
        """Admit a candidate at a seat; see `services.admission.log_in` for the refusals."""
        is_active = self._state.is_active(request.admission_number)
        return await self._core.changes.make(
            lambda db, log: admission.log_in(
                db, log, request, seat_id=seat_id, is_active=is_active
            ),
            lambda outcome: self._show_log_in(outcome, seat_id),
        )

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
            StorageError: `server.fenced`.
        """
        self._core.require_room()
        if attach.protocol != VERSION:
            raise InputError(PROTOCOL_VERSION, f"协议版本应为 {VERSION}，收到 {attach.protocol}")
        session = self._session_of(connection, attach)
        if any(segment_id not in session.ledgers for segment_id in _segments_of(attach)):
            await self._register(session, connection, attach)
            self._session_of(connection, attach)  # the token may be void by now
        if self._lacking(session, attach):
            async with self._core.turn:  # what a former machine delivers does not come between
                self._session_of(connection, attach)
                with self._bound(session, connection):
                    self._greet(session, connection)
                    await self._restore(session, connection, attach)
                    self._greeted(session, attach)
        else:
            with self._bound(session, connection):
                self._greet(session, connection)
                self._greeted(session, attach)
        self._catching_up.hurry(session)
        with self._detaching(session, connection):
            self._course.send_end_again(session)
            await self._course.begin_when_due(session)
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

    @contextmanager
    def _bound(self, session: LiveSession, connection: Connection) -> Iterator[None]:
        """From now on this connection speaks for the session, unless the block fails."""
        former, session.connection = session.connection, connection
        if former:
            former.close(CLOSE_SUPERSEDED)
        with self._detaching(session, connection):
            yield

    def stage(self, session: LiveSession, stage: str) -> None:
        """The candidate went on before the paper; unknown stages are ignored."""
        if stage in STAGES and session.state is SessionState.INITIAL:
            session.stage = stage
            self._core.spawn(
                self._core.changes.make(
                    lambda db, _: conduct.set_stage(db, session.session_id, stage),
                    lambda _: None,
                )
            )

    def _show_log_in(
        self, outcome: admission.Admitted | admission.Refused, seat_id: SeatId
    ) -> LogInReply:
        seat = self._state.seats[seat_id]
        if isinstance(outcome, admission.Refused):
            seat.failed_tries, seat.is_locked = outcome.failed_tries, outcome.is_locked
            raise outcome.as_error(seat_id)
        seat.failed_tries = 0
        session = seat.session
        if session is None:
            session = seat.session = LiveSession(
                session_id=outcome.reply.session_id,
                admission_number=outcome.reply.admission_number,
                seat_id=seat_id,
                form_number=outcome.form_number,
            )
            self._state.add_session(session)
        session.token_sha256 = outcome.token_sha256
        return outcome.reply

    def _session_of(self, connection: Connection, attach: Attach) -> LiveSession:
        session = self._state.sessions.get(attach.session_id)
        is_known = session and admission.token_matches(attach.token, session.token_sha256)
        if session is None or not is_known or session.seat_id != connection.seat_id:
            raise StateError(SESSION_TOKEN, "登录凭据不对或已失效")
        return session

    async def _register(self, session: LiveSession, connection: Connection, attach: Attach) -> None:
        """Give the segments that are new their epochs, all in one change."""
        key = connection.kiosk.signing_key
        ledgers = [  # refuses a malformed id before it is stored
            SegmentLedger(segment_id, 0, key)
            for segment_id in dict.fromkeys(_segments_of(attach))
            if segment_id not in session.ledgers
        ]

        def register(db: Db, _: AuditRecorder) -> list[conduct.Registered]:
            return [
                conduct.register_segment(
                    db,
                    session_id=session.session_id,
                    segment_id=ledger.segment_id,
                    seat_id=session.seat_id,
                    signing_key=key,
                )
                for ledger in ledgers
            ]

        def show(registered: list[conduct.Registered]) -> None:
            for ledger, one in zip(ledgers, registered, strict=True):
                ledger.segment_no, ledger.epoch, ledger.signing_key = one
                session.ledgers.setdefault(ledger.segment_id, ledger)

        await self._core.changes.make(register, show)

    def _greet(self, session: LiveSession, connection: Connection) -> None:
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

    def _greeted(self, session: LiveSession, attach: Attach) -> None:
        held = {one.segment_id: one for one in attach.held}
        for ledger in session.ledgers.values():
            own = held.get(ledger.segment_id)
            if own and own.frames == ledger.durable and own.head != ledger.durable_head:
                self._core.alarm(session.seat_id, JOURNAL_CONFLICT, "考生机与服务器的作答记录不同")
        if session.receipt:
            self._core.confirm_submitted(session)

    def _lacking(self, session: LiveSession, attach: Attach) -> list[tuple[SegmentLedger, int]]:
        """Earlier segments of which the kiosk lacks frames, each with the first that it lacks."""
        held = {one.segment_id: one.frames for one in attach.held}
        return [
            (ledger, held.get(ledger.segment_id, 0))
            for ledger in session.ledgers.values()
            if ledger.segment_id != attach.segment_id
            and held.get(ledger.segment_id, 0) < ledger.durable
        ]

    async def _restore(self, session: LiveSession, connection: Connection, attach: Attach) -> None:
        for ledger, first in self._lacking(session, attach):
            frames = await self._core.in_thread(self._read_frames, ledger.segment_no, first)
            for start, chunk in chunks_of(frames):
                connection.send(
                    Restore(segment_id=ledger.segment_id, first_seq=first + start, frames=chunk)
                )

    def _read_frames(self, segment_no: int, first: int) -> list[bytes]:
        with self._core.store.connection() as connection:
            return self._state.frame_log.read(connection, segment_no, first)


def _segments_of(attach: Attach) -> Iterator[SegmentId]:
    """In the order of their epochs: those that are held, and the one that is being written."""
    for held in attach.held:
        yield held.segment_id
    yield attach.segment_id


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
