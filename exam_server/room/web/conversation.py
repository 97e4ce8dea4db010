"""What one kiosk says on its WebSocket, in order, and who in the room hears it.

Given whole messages and a line to answer on; knows no sockets and no TLS. A message is handled
at once; what has to wait for something (an attach, a full queue) holds back this kiosk's next
messages alone. Nothing here is stored.
"""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Protocol

from exam_core.errors import ExamError, InputError, StorageError
from exam_core.protocol.messages import (
    MESSAGE_MALFORMED,
    Attach,
    Deliver,
    Heartbeat,
    KioskMessage,
    Refused,
    Save,
    Stage,
    Submit,
    Telemetry,
    decode_kiosk_message,
)
from exam_server import limits
from exam_server.pacing import NET_PACE
from exam_server.room.hub import RoomHub
from exam_server.room.live import CLOSE_LATER, CLOSE_REFUSED, Connection, LiveSession
from exam_server.room.saving.ledger import SegmentLedger
from exam_server.room.services.enrolment import EnrolledKiosk

CLOSE_AWAY = 1001  # the server heard nothing for too long
CLOSE_FAILED = 1011

_log = logging.getLogger(__name__)

Step = Coroutine[Any, Any, None]


class PausedLine(Protocol):
    """A line whose peer can be kept waiting."""

    def write(self, message: bytes) -> None:
        """Send a message."""

    def close(self, code: int) -> None:
        """Close after what was written."""

    def pause(self) -> None:
        """Take nothing from the kiosk for now."""

    def resume(self) -> None:
        """Take from it again."""


class Conversation:
    """One connection of a kiosk, from its first message to its end. Event loop only."""

    __slots__ = (
        "_connection",
        "_early",
        "_heard_s",
        "_hub",
        "_is_delivering",
        "_line",
        "_session",
        "_step",
        "_unwritten",
        "_unwritten_bytes",
    )

    def __init__(self, hub: RoomHub, kiosk: EnrolledKiosk, line: PausedLine) -> None:
        self._hub = hub
        self._line = line
        self._connection = Connection(kiosk, self, hub.misconduct.message_refused)
        self._session: LiveSession | None = None
        self._is_delivering = False
        self._step: asyncio.Task[None] | None = None
        self._early: list[bytes] = []  # came while a step was under way
        self._unwritten: list[
            tuple[SegmentLedger, int, int]
        ] = []  # frames, and bytes of their Save
        self._unwritten_bytes = 0
        self._heard_s = asyncio.get_running_loop().time()
        hub.conversations.add(self)

    # The line, as the room uses it

    def write(self, message: bytes) -> None:
        """Send a message; an acknowledgement may make room for more of this kiosk."""
        self._line.write(message)
        if self._unwritten:
            self._forget_written()

    def close(self, code: int) -> None:
        """Close after what was written."""
        self._line.close(code)

    # What comes

    def received(self, message: bytes) -> None:
        """A whole message of the kiosk."""
        self._heard_s = asyncio.get_running_loop().time()
        if self._step is None:
            self._take(message)
        else:
            self._early.append(message)
            self._line.pause()  # not before: whose bytes nobody takes, of its end nobody hears

    def closed(self) -> None:
        """The connection is gone."""
        self._hub.conversations.discard(self)
        self._connection.is_open = False
        self._early.clear()
        self._unwritten.clear()
        if self._step:
            self._step.cancel()
        self._leave()

    async def settled(self) -> None:
        """Return when nothing that was received waits any more."""
        while self._step:
            await asyncio.wait([self._step])

    def close_if_silent(self, now_s: float) -> None:
        """Close when the kiosk missed its heartbeats, or does not say who it is."""
        is_known = self._session is not None
        most_ms = limits.connection_silence_ms_max if is_known else limits.attach_wait_ms_max
        if self._step is None and now_s - self._heard_s > most_ms / 1000:
            self._connection.close(CLOSE_AWAY)

    def _take(self, data: bytes) -> None:
        if not self._connection.is_open:
            return
        try:
            step = self._handle(decode_kiosk_message(data), len(data))
        except Exception as error:  # noqa: BLE001  a fault of ours costs this connection alone
            self._fail(error)
        else:
            if step:
                self._step = asyncio.get_running_loop().create_task(self._run(step))

    def _handle(self, message: KioskMessage, size_bytes: int) -> Step | None:
        """Hear a message; what must be waited for is returned."""
        session = self._session
        if session is None:
            return self._introduce(message)
        if isinstance(message, Save):
            if self._is_delivering or session.connection is self._connection:
                return self._save(session, message, size_bytes)
        elif self._is_delivering:
            if not isinstance(message, Heartbeat):
                raise InputError(MESSAGE_MALFORMED, "补传时只收作答记录")
        elif isinstance(message, Telemetry):
            self._hub.telemetry.take(self._connection.seat_id, message)
        elif session.connection is self._connection:  # else a newer one speaks for the session
            self._hear(session, message)
        return None

    def _introduce(self, message: KioskMessage) -> Step:
        match message:
            case Attach():
                return self._attach(message)
            case Deliver():
                return self._deliver(message)
        raise InputError(MESSAGE_MALFORMED, "第一条消息应为 Attach")

    def _hear(self, session: LiveSession, message: KioskMessage) -> None:
        if not self._hub.misconduct.keeps_pace(self._connection.seat_id):
            self._connection.send(Refused(code=NET_PACE, message="消息过于频繁"))
            return
        match message:
            case Submit():
                self._hub.handing_in.submit(session, message)
            case Heartbeat(unsynced=unsynced):
                session.unsynced = unsynced
                self._hub.core.send_clock(session)
            case Stage(stage=stage):
                self._hub.kiosks.stage(session, stage)
            case _:
                raise InputError(MESSAGE_MALFORMED, "已经接入，不能再次接入")

    def _fail(self, error: Exception) -> None:
        if not isinstance(error, ExamError):
            _log.error(
                "connection_failed", extra={"seat_id": self._connection.seat_id}, exc_info=error
            )
            self._connection.close(CLOSE_FAILED)
            return
        self._connection.send(Refused(code=error.code, message=error.message))
        self._connection.close(CLOSE_LATER if isinstance(error, StorageError) else CLOSE_REFUSED)

    # What has to wait

    async def _attach(self, attach: Attach) -> None:
        self._session = await self._hub.kiosks.attach(self._connection, attach)

    async def _deliver(self, deliver: Deliver) -> None:
        self._session = await self._hub.deliveries.attach(self._connection, deliver)
        self._is_delivering = True

    def _save(self, session: LiveSession, save: Save, size_bytes: int) -> Step | None:
        delivered_by = self._connection if self._is_delivering else None
        step = self._hub.intake.take(session, save, delivered_by=delivered_by)
        ledger = session.ledgers.get(save.segment_id)
        if ledger is not None and ledger.durable < ledger.frames:
            self._unwritten.append((ledger, ledger.frames, size_bytes))
            self._unwritten_bytes += size_bytes
            if self._unwritten_bytes > limits.unwritten_bytes_max:
                self._line.pause()
        return step

    def _forget_written(self) -> None:
        """What became durable makes room."""
        written = 0
        for ledger, frames, size_bytes in self._unwritten:
            if ledger.durable < frames:
                break
            written += 1
            self._unwritten_bytes -= size_bytes
        del self._unwritten[:written]
        self._resume_when_free()

    def _resume_when_free(self) -> None:
        if self._step is None and self._unwritten_bytes <= limits.unwritten_bytes_max:
            self._line.resume()

    async def _run(self, step: Step) -> None:
        try:
            await step
        except Exception as error:  # noqa: BLE001  a fault of ours costs this connection alone
            self._fail(error)
        finally:
            self._step = None
            if not self._connection.is_open:
                self._leave()
        while self._early and self._step is None:
            self._take(self._early.pop(0))
        self._resume_when_free()

    def _leave(self) -> None:
        session = self._session
        if session is None:
            return
        self._session = None
        if self._is_delivering:
            self._hub.deliveries.detach(session, self._connection)
        else:
            self._hub.kiosks.detach(session, self._connection)
