"""One WebSocket on one connection: whole binary messages to a handler, without tasks and queues.

uvicorn hands the connection over after the upgrade; what RFC 6455 asks for is the sans-IO protocol
of `websockets`. uvicorn's own adapter and an ASGI application cost a queue, two tasks and several
task switches a message. A peer is bounded here: pieces and length of a message, and bytes that it
does not read. Who speaks and what about is the handler's.
"""

import asyncio
import logging
import math
from collections.abc import Callable
from typing import Any, Protocol, cast

from uvicorn.config import Config
from uvicorn.server import ServerState
from websockets.exceptions import InvalidState
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from exam_core.limits import message_bytes_max
from exam_server import limits

_log = logging.getLogger(__name__)


class Line(Protocol):
    """What a handler may do with its connection; nothing here waits or fails."""

    def write(self, message: bytes) -> None:
        """Send a binary message; a peer that leaves too much unread is cut off."""

    def close(self, code: int) -> None:
        """Close after what was written; a peer that does not agree in time is cut off."""

    def pause(self) -> None:
        """Take no bytes from the peer for now; messages that are here already still come."""

    def resume(self) -> None:
        """Take bytes again."""


class Handler(Protocol):
    """Who speaks on a WebSocket; event loop only."""

    def received(self, message: bytes) -> None:
        """A message of the peer; of a text message, which nobody here sends, nothing."""

    def closed(self) -> None:
        """The connection is gone; called once, and nothing after it."""


OpenHandler = Callable[[str, dict[str, Any], Line], Handler | None]
"""Given the path and what is known of the connection; None refuses it."""


class WebSocketProtocol(asyncio.Protocol):
    """A connection from the upgrade on; made by uvicorn, which also ends it at the stop."""

    def __init__(
        self,
        open_handler: OpenHandler,
        *,
        config: Config,  # noqa: ARG002  as uvicorn calls it
        server_state: ServerState,
        app_state: dict[str, Any],
    ) -> None:
        self._open_handler = open_handler
        self._connections = server_state.connections
        self._app_state = app_state
        self._websocket = ServerProtocol(max_size=message_bytes_max, logger=_log)
        self._handler: Handler | None = None
        self._pieces: list[bytes] = []
        self._is_text = False
        self._is_unread = False
        self._is_paused = False
        self._stall: asyncio.TimerHandle | None = None
        self._closing: asyncio.TimerHandle | None = None
        self.transport: asyncio.Transport | None = None

    # The connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It was one for HTTP before."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is none by its class
        self._connections.add(self)  # type: ignore[arg-type]  # uvicorn only asks for `shutdown`

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  as asyncio calls it
        """Tell the handler, once."""
        self._connections.discard(self)
        self.transport = None
        self._stop_watching()
        if self._closing:
            self._closing.cancel()
        self._end()

    def data_received(self, data: bytes) -> None:
        """Bytes of the peer."""
        websocket = self._websocket
        websocket.receive_data(data)
        for event in websocket.events_received():
            if isinstance(event, Frame):
                self._take(event)
            elif isinstance(event, Request):
                self._open(event)
        self._flush()
        if websocket.state is not OPEN and not self._closing:
            self._end()  # the peer closed, or broke the protocol

    def eof_received(self) -> None:
        """The peer went without a word."""
        self._websocket.receive_eof()

    def pause_writing(self) -> None:
        """The peer leaves bytes unread; not for ever."""
        self._is_unread = True
        self._watch_stall(math.inf)

    def resume_writing(self) -> None:
        """It reads again."""
        self._is_unread = False
        self._stop_watching()

    def shutdown(self) -> None:
        """The server stops."""
        self.close(CloseCode.SERVICE_RESTART)

    # What the handler does

    def write(self, message: bytes) -> None:
        """Send a binary message."""
        if self._websocket.state is OPEN:
            self._websocket.send_binary(message)
            self._flush()

    def close(self, code: int) -> None:
        """Begin to close; the handler hears of it in the next turn of the loop."""
        transport = self.transport
        if transport is None or self._closing:
            return
        self.resume()  # for the peer's answer to the closing
        loop = asyncio.get_running_loop()
        self._closing = loop.call_later(limits.stop_wait_s, transport.abort)
        loop.call_soon(self._end)
        try:
            self._websocket.send_close(code)
        except InvalidState:  # the peer closed first, or there is no WebSocket yet
            transport.close()
        else:
            self._flush()

    def pause(self) -> None:
        """Take no bytes."""
        if self.transport and not self._closing and not self._is_paused:
            self._is_paused = True
            self.transport.pause_reading()

    def resume(self) -> None:
        """Take bytes again."""
        if self.transport and self._is_paused:
            self._is_paused = False
            self.transport.resume_reading()

    # What the peer does

    def _open(self, request: Request) -> None:
        response = self._websocket.accept(request)
        path = request.path.partition("?")[0]
        handler = self._open_handler(path, self._app_state, self)
        if handler is None:
            response = self._websocket.reject(403, "")
        self._websocket.send_response(response)
        if self._websocket.state is OPEN:
            self._handler = handler
        elif handler:
            handler.closed()

    def _take(self, frame: Frame) -> None:
        if frame.opcode is Opcode.BINARY and frame.fin:
            self._deliver(bytes(frame.data))
        elif frame.opcode in {Opcode.BINARY, Opcode.TEXT, Opcode.CONT}:
            self._is_text |= frame.opcode is Opcode.TEXT
            self._pieces.append(bytes(frame.data))
            if frame.fin:
                whole = b"" if self._is_text else b"".join(self._pieces)
                self._pieces, self._is_text = [], False
                self._deliver(whole)
            elif len(self._pieces) > limits.message_pieces_max:
                self._websocket.fail(CloseCode.MESSAGE_TOO_BIG)

    def _deliver(self, message: bytes) -> None:
        if self._handler and not self._closing:
            self._handler.received(message)

    def _flush(self) -> None:
        """Write what is to be sent."""
        transport = self.transport
        if transport is None:
            return
        for data in self._websocket.data_to_send():
            if data:
                transport.write(data)
            else:
                transport.close()  # both sides closed, or the peer broke the protocol
        if self._is_unread and transport.get_write_buffer_size() > limits.outgoing_bytes_max:
            transport.abort()

    def _watch_stall(self, unread_bytes: float) -> None:
        """Cut off a peer that read nothing since the last look."""
        transport = self.transport
        if transport is None or not self._is_unread:
            return
        now_bytes = transport.get_write_buffer_size()
        if now_bytes >= unread_bytes:
            transport.abort()
            return
        loop = asyncio.get_running_loop()
        self._stall = loop.call_later(limits.answer_stall_s, self._watch_stall, now_bytes)

    def _stop_watching(self) -> None:
        if self._stall:
            self._stall.cancel()
            self._stall = None

    def _end(self) -> None:
        handler, self._handler = self._handler, None
        if handler:
            handler.closed()
