"""After a swap the former machine brings what it had not sent, and nothing else.

So does a machine that the candidate was seated at again and has not logged in at: its token is
void, and when the hand-in was already typed there, nobody will log in. Its submit entry counts
then, unless the candidate wrote elsewhere meanwhile.

Its certificate says which kiosk it is, and it speaks only for the segments that it attached
before the swap: no order, no paper, no clock, no new segment. Event loop only.
"""

from exam_core.errors import InputError, StateError, StorageError
from exam_core.model.states import FIXED_STATES, SITTING_STATE
from exam_core.protocol import VERSION
from exam_core.protocol.acknowledgements import AckBook, Acknowledged
from exam_core.protocol.messages import Attached, Deliver, Restore
from exam_server.room.catching_up import CatchingUp
from exam_server.room.core import RoomCore
from exam_server.room.intake import PAPER_SHUT
from exam_server.room.kiosks import PROTOCOL_VERSION, SESSION_TOKEN
from exam_server.room.live import CLOSE_SUPERSEDED, Connection, LiveSession


class Deliveries:
    """The connections of machines whose candidate goes on elsewhere."""

    def __init__(self, core: RoomCore, ack_book: AckBook, catching_up: CatchingUp) -> None:
        self._core = core
        self._catching_up = catching_up
        self._ack_book = ack_book

    async def attach(self, connection: Connection, deliver: Deliver) -> LiveSession:
        """Let a former machine deliver; it is told what is here of its own segments.

        Raises:
            InputError: `protocol.version`.
            StateError: `session.token`, when the session has no segment of this kiosk or this
                kiosk can attach; `sitting.state`, when the results are fixed.
            StorageError: `saving.paper_shut`: a submit entry could not be told from an answer;
                `server.fenced`.
        """
        self._core.require_room()
        if deliver.protocol != VERSION:
            raise InputError(PROTOCOL_VERSION, f"协议版本应为 {VERSION}，收到 {deliver.protocol}")
        if behind := self._core.state.sessions.get(deliver.session_id):
            await self._catching_up.caught_up(behind)  # what comes now must be told apart at once
        async with self._core.turn:
            state = self._core.state
            session = state.sessions.get(deliver.session_id)
            is_here = session is not None and session.seat_id == connection.seat_id
            if session is None or (is_here and session.token_sha256):
                raise StateError(SESSION_TOKEN, "本机没有需要补传的作答")
            own = [
                one
                for one in session.ledgers.values()
                if one.signing_key == connection.kiosk.signing_key
            ]
            if not own:
                raise StateError(SESSION_TOKEN, "本机没有需要补传的作答")
            if state.clock.state in FIXED_STATES:
                raise StateError(SITTING_STATE, "考试结果已固定，不再接收作答")
            if state.opened is None:
                raise StorageError(PAPER_SHUT, "启封之后再补传")
            for former in session.deliverers:
                if former.kiosk.fingerprint == connection.kiosk.fingerprint:
                    former.close(CLOSE_SUPERSEDED)
            session.deliverers.append(connection)
            newest = max(session.ledgers.values(), key=lambda one: one.epoch)
            connection.takes_submit = is_here and newest in own
            held = tuple(one.durable_frames for one in own)
            on_disk = [Acknowledged(session.session_id, one) for one in held]
            connection.send(
                Attached(
                    epochs={one.segment_id: one.epoch for one in own},
                    held=held,
                    proofs=tuple(self._ack_book.sign(on_disk)),
                )
            )
            return session

    def detach(self, session: LiveSession, connection: Connection) -> None:
        """The connection is gone."""
        session.deliverers.remove(connection)

    def pass_on(self, session: LiveSession, restore: Restore) -> None:
        """Delivered frames are durable: the kiosk where the candidate sits now lacks them."""
        self._core.spawn(self._pass_on(session, restore))

    async def _pass_on(self, session: LiveSession, restore: Restore) -> None:
        async with self._core.turn:  # not into the middle of an attach, which restores too
            session.send(restore)
