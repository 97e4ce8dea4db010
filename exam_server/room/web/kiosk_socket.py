"""One kiosk's WebSocket: reads messages in order, sends what the room has for it.

A connection says who it is first; three missed heartbeats end it. Nothing here is stored.
"""

import asyncio
import logging

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from exam_core.errors import ExamError, InputError, StateError, StorageError
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
    decode_kiosk_message,
)
from exam_server import limits
from exam_server.pacing import NET_PACE, SEAT
from exam_server.room.hub import RoomHub
from exam_server.room.live import (
    CLOSE_LATER,
    CLOSE_REFUSED,
    CLOSE_REVOKED,
    Connection,
    LiveSession,
)
from exam_server.room.web.context import context_of, kiosk_of
from exam_server.web.permissions import require_pace

_log = logging.getLogger(__name__)


async def run_session(websocket: WebSocket) -> None:
    """WS /v1/session: from Attach to the end of the connection."""
    try:
        kiosk = kiosk_of(websocket)
        require_pace(websocket, SEAT)
    except StateError as error:
        await websocket.close(CLOSE_LATER if error.code == NET_PACE else CLOSE_REVOKED)
        return
    await websocket.accept()
    hub = context_of(websocket).hub
    connection = Connection(kiosk, hub.misconduct.message_refused)
    reading = asyncio.create_task(_read(websocket, hub, connection))
    sending = asyncio.create_task(_send(websocket, connection))
    await asyncio.wait({reading, sending}, return_when=asyncio.FIRST_COMPLETED)
    connection.close(1000)
    if reading.done():
        try:
            async with asyncio.timeout(limits.stop_wait_s):
                await sending  # the refusal that ended the reading is still to be sent
        except TimeoutError:
            pass  # a peer that reads nothing
    reading.cancel()
    sending.cancel()
    for ended in await asyncio.gather(reading, sending, return_exceptions=True):
        if isinstance(ended, Exception):
            _log.error("connection_failed", extra={"seat_id": kiosk.seat_id}, exc_info=ended)


async def _read(websocket: WebSocket, hub: RoomHub, connection: Connection) -> None:
    session: LiveSession | None = None
    try:
        first = await _receive(websocket, limits.attach_wait_ms_max)
        if isinstance(first, Deliver):
            await _take_delivery(websocket, hub, connection, first)
            return
        if not isinstance(first, Attach):
            raise InputError(MESSAGE_MALFORMED, "第一条消息应为 Attach")
        session = await hub.kiosks.attach(connection, first)
        while connection.is_open:
            message = await _receive(websocket, limits.connection_silence_ms_max)
            await _handle(hub, session, connection, message)
    except ExamError as error:
        connection.send(Refused(code=error.code, message=error.message))
        connection.close(CLOSE_LATER if isinstance(error, StorageError) else CLOSE_REFUSED)
    except (WebSocketDisconnect, TimeoutError):
        connection.close(1001)
    finally:
        if session:
            hub.kiosks.detach(session, connection)


async def _take_delivery(
    websocket: WebSocket, hub: RoomHub, connection: Connection, first: Deliver
) -> None:
    """Saves and heartbeats until the connection is gone, or says something else."""
    session = await hub.deliveries.attach(connection, first)
    try:
        while connection.is_open:
            message = await _receive(websocket, limits.connection_silence_ms_max)
            if isinstance(message, Save):
                await hub.intake.save(session, message, delivered_by=connection)
            elif not isinstance(message, Heartbeat):
                raise InputError(MESSAGE_MALFORMED, "补传时只收作答记录")
    finally:
        hub.deliveries.detach(session, connection)


async def _receive(websocket: WebSocket, wait_ms: int) -> KioskMessage:
    async with asyncio.timeout(wait_ms / 1000):
        message = await websocket.receive()
    if message["type"] != "websocket.receive":
        raise WebSocketDisconnect
    data = message.get("bytes")
    if data is None:
        raise InputError(MESSAGE_MALFORMED, "消息应为二进制")
    return decode_kiosk_message(data)


async def _handle(
    hub: RoomHub, session: LiveSession, connection: Connection, message: KioskMessage
) -> None:
    if session.connection is not connection:
        return  # superseded: a newer connection speaks for this session
    if not isinstance(message, Save) and not hub.misconduct.keeps_pace(connection.seat_id):
        connection.send(Refused(code=NET_PACE, message="消息过于频繁"))
        return
    match message:
        case Save():
            await hub.intake.save(session, message)
        case Submit():
            hub.intake.submit(session, message)
        case Heartbeat(unsynced=unsynced):
            session.unsynced = unsynced
            hub.core.send_clock(session)
        case Stage(stage=stage):
            hub.kiosks.stage(session, stage)
        case Attach() | Deliver():
            raise InputError(MESSAGE_MALFORMED, "已经接入，不能再次接入")


async def _send(websocket: WebSocket, connection: Connection) -> None:
    try:
        while True:
            outgoing = await connection.next_outgoing()
            if isinstance(outgoing, int):
                if websocket.application_state is WebSocketState.CONNECTED:
                    await websocket.close(outgoing)
                return
            await websocket.send_bytes(outgoing)
    except (WebSocketDisconnect, RuntimeError):
        return  # the peer is gone; what it did not get it asks for when it comes again
