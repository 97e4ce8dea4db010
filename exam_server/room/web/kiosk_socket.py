"""WS /v1/session of the kiosk port: who may open it, and the two ways that its bytes come.

In the exam server a connection's bytes go straight to its conversation (`open_session`). The same
conversation behind an ASGI WebSocket (`run_session`) is for whoever brings another transport.
"""

import asyncio
from typing import Any

from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from exam_core.errors import StateError
from exam_server import limits
from exam_server.pacing import NET_PACE, SEAT
from exam_server.room.live import CLOSE_LATER, CLOSE_REVOKED
from exam_server.room.web.context import context_of, kiosk_of
from exam_server.room.web.conversation import Conversation, PausedLine
from exam_server.web.permissions import require_pace
from exam_server.websocket import Handler, OpenHandler

PATH = "/v1/session"


def session_opener(application: Starlette) -> OpenHandler:
    """Opens the conversation of a connection to `application` that asks for a WebSocket."""

    def open_session(path: str, state: dict[str, Any], line: PausedLine) -> Handler | None:
        asking = HTTPConnection({"type": "websocket", "app": application, "state": state})
        if path != PATH:
            return None
        try:
            kiosk = kiosk_of(asking)
            require_pace(asking, SEAT)
        except StateError:
            return None
        return Conversation(context_of(asking).hub, kiosk, line)

    return open_session


async def run_session(websocket: WebSocket) -> None:
    """The same over ASGI, message by message."""
    try:
        kiosk = kiosk_of(websocket)
        require_pace(websocket, SEAT)
    except StateError as error:
        await websocket.close(CLOSE_LATER if error.code == NET_PACE else CLOSE_REVOKED)
        return
    await websocket.accept()
    outbox = Outbox()
    conversation = Conversation(context_of(websocket).hub, kiosk, outbox)
    reading = asyncio.create_task(_read(websocket, conversation))
    sending = asyncio.create_task(_send(websocket, outbox))
    try:
        await asyncio.wait({reading, sending}, return_when=asyncio.FIRST_COMPLETED)
        outbox.close(1000)
        await asyncio.wait({sending}, timeout=limits.stop_wait_s)  # the last refusal
    finally:
        conversation.closed()
        reading.cancel()
        sending.cancel()
        await asyncio.gather(reading, sending, return_exceptions=True)


class Outbox:
    """A line that keeps what is to be sent until somebody takes it."""

    def __init__(self) -> None:
        self._messages: asyncio.Queue[bytes | int] = asyncio.Queue()
        self._size_bytes = 0

    def write(self, message: bytes) -> None:
        """Keep a message; of a kiosk that leaves too much unread no more are kept."""
        self._size_bytes += len(message)
        if self._size_bytes > limits.outgoing_bytes_max:
            self.close(CLOSE_LATER)
        else:
            self._messages.put_nowait(message)

    def close(self, code: int) -> None:
        """The end comes after what was kept."""
        self._messages.put_nowait(code)

    def pause(self) -> None:
        """Whoever reads waits for the conversation anyway."""

    def resume(self) -> None:
        """See `pause`."""

    async def next(self) -> bytes | int:
        """The next message, or the code to close with."""
        message = await self._messages.get()
        if isinstance(message, bytes):
            self._size_bytes -= len(message)
        return message

    def take_all(self) -> list[bytes | int]:
        """What is kept now."""
        self._size_bytes = 0
        return [self._messages.get_nowait() for _ in range(self._messages.qsize())]


async def _read(websocket: WebSocket, conversation: Conversation) -> None:
    while True:
        message = await websocket.receive()
        if message["type"] != "websocket.receive":
            return
        conversation.received(message.get("bytes") or b"")
        await conversation.settled()


async def _send(websocket: WebSocket, outbox: Outbox) -> None:
    try:
        while True:
            outgoing = await outbox.next()
            if isinstance(outgoing, int):
                if websocket.application_state is WebSocketState.CONNECTED:
                    await websocket.close(outgoing)
                return
            await websocket.send_bytes(outgoing)
    except (WebSocketDisconnect, RuntimeError):
        return  # the peer is gone; what it did not get it asks for when it comes again
