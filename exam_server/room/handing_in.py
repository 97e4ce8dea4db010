"""Answers Submit messages: once the entry is durable, signed, and the session is closed.

Event loop only.
"""

from collections.abc import Callable
from dataclasses import dataclass

from exam_core.errors import IntegrityError, StateError, declare
from exam_core.protocol.messages import Submit
from exam_server.room.live import LiveSession, RoomState
from exam_server.room.saving.ledger import JOURNAL_GAP
from exam_server.room.taken import refused

SUBMIT_ENTRY = declare("submit.no_entry", "没有收到交卷记录；考生机会自动重试，请稍候。")
SUBMIT_RECEIPT = declare("submit.receipt", "回执与服务器记录不一致；保留机位现状，请技术人员核查。")


@dataclass(frozen=True, slots=True, kw_only=True)
class HandingInHooks:
    """What handing in asks of the room; each call returns at once."""

    alarm: Callable[[LiveSession, str, str], None]
    hurry: Callable[[LiveSession], None]  # with the frames that nobody has checked yet
    confirm_submitted: Callable[[LiveSession], None]
    close_submitted: Callable[[LiveSession], None]  # only if its submit entry is on disk, signed


class HandingIn:
    """The end of a session as its kiosk asks for it."""

    def __init__(self, state: RoomState, hooks: HandingInHooks) -> None:
        self._state = state
        self._hooks = hooks

    def submit(self, session: LiveSession, message: Submit) -> None:
        """Answer a submit once its entry is durable and the session is closed."""
        ledger = session.ledgers.get(message.segment_id)
        if session.receipt:
            self._answer(session, message.receipt)
        elif ledger is None or message.seq >= ledger.frames:
            error = StateError(JOURNAL_GAP, "交卷记录尚未传到")
            session.send(refused(error, message.segment_id, message.seq))
        elif session.submit_entry is None and self._state.opened and not session.is_behind:
            error = StateError(SUBMIT_ENTRY, "这一条不是交卷记录")
            session.send(refused(error, message.segment_id, message.seq))
        else:
            session.wanted_receipt = message.receipt
            self._hooks.hurry(session)
            self._hooks.close_submitted(session)

    def answer_wanted(self, session: LiveSession) -> None:
        """Answer the submit that waited for the session to close."""
        if session.wanted_receipt and session.receipt:
            wanted, session.wanted_receipt = session.wanted_receipt, ""
            self._answer(session, wanted)

    def _answer(self, session: LiveSession, receipt: str) -> None:
        if receipt == session.receipt:
            self._hooks.confirm_submitted(session)
            return
        error = IntegrityError(SUBMIT_RECEIPT, "回执不一致")
        session.send(refused(error, None, None))
        self._hooks.alarm(session, error.code, error.message)
