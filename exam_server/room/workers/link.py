"""The room's side of one worker: every connection that it relays is served as one of our own.

HTTP requests go to the room's application for kiosks, WebSockets to the conversations that it
opens; neither can tell. Event loop only.
"""

import asyncio
import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from exam_server import limits
from exam_server.doorway import Reporter, Source
from exam_server.pacing import NET_PACE, Pace, Pacer
from exam_server.room.live import CLOSE_REVOKED
from exam_server.room.workers.channel import (
    Answered,
    Asked,
    Channel,
    Close,
    Gone,
    Handled,
    Lane,
    Listening,
    Message,
    Opened,
    Pause,
    Relayed,
    Resume,
    Said,
    Struck,
)
from exam_server.websocket import Handler, OpenHandler

_ASGI = {"version": "3.0", "spec_version": "2.3"}
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class KioskPort:
    """What stands behind the kiosk port.

    Attributes:
        application: Answers HTTP requests; ASGI.
        open_socket: Opens WebSockets.
        report: Told who was refused, and why.
        pacer: How often who may ask.
    """

    application: Any
    open_socket: OpenHandler
    report: Reporter
    pacer: Pacer


class WorkerLink:
    """One worker and the connections that it relays."""

    def __init__(
        self, port: KioskPort, process: asyncio.subprocess.Process, channel: Channel
    ) -> None:
        self._port = port
        self.process = process
        self._channel = channel
        self._lanes: dict[int, Lane] = {}
        self._handlers: dict[int, Handler] = {}
        self._answering: set[asyncio.Task[None]] = set()
        self.listening = asyncio.Event()
        self.gone = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    async def stop(self) -> None:
        """Break the channel and wait until the worker and all its connections have ended."""
        self._channel.close()
        await asyncio.gather(self._reading, return_exceptions=True)
        try:
            async with asyncio.timeout(limits.stop_wait_s + limits.worker_pause_s):
                await self.process.wait()
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
        while self._answering:
            await asyncio.gather(*self._answering, return_exceptions=True)

    async def _read(self) -> None:
        try:
            while (message := await self._channel.receive()) is not None:
                self._came(message)
        finally:  # a message that cannot be served ends the worker, not the room
            self._channel.close()
            for lane in self._lanes.values():
                lane.came({"type": "http.disconnect"})
            for handler in self._handlers.values():
                handler.closed()
            self._handlers.clear()
            self.listening.set()
            self.gone.set()

    def _came(self, message: Message) -> None:
        match message:
            case Said(lane=number, data=data):
                handler = self._handlers.get(number)
                if handler is not None:
                    handler.received(data)
            case Opened():
                self._opened(message)
            case Gone(lane=number):
                handler = self._handlers.pop(number, None)
                if handler is not None:
                    handler.closed()
            case Listening():
                self.listening.set()
            case Struck(address=address, fingerprint=fingerprint, code=code):
                self._port.report(Source(address=address, fingerprint=fingerprint), code)
            case _:
                self._of_request(message)

    def _of_request(self, message: Message) -> None:
        lane = self._lanes.get(message.lane)
        match message:
            case Asked():
                lane = self._lanes[message.lane] = Lane(self._channel, message.lane)
                task = asyncio.create_task(self._answer(message, lane))
                self._answering.add(task)
                task.add_done_callback(self._answering.discard)
            case Relayed(event=event) if lane is not None:
                lane.came(event)
            case Handled() if lane is not None:
                lane.handled()

    def _opened(self, opened: Opened) -> None:
        line = _RemoteLine(self._channel.send, opened.lane)
        handler = self._port.open_socket(opened.path, self._state_of(opened), line)
        if handler is None:
            line.close(CLOSE_REVOKED)
        else:
            self._handlers[opened.lane] = handler

    async def _answer(self, asked: Asked, lane: Lane) -> None:
        scope = {**asked.scope, "asgi": _ASGI, "state": self._state_of(asked)}
        try:
            await self._port.application(scope, lane.get, lane.put)
        except Exception:  # noqa: BLE001  one request; nobody awaits this task
            _log.exception("relayed_request_failed")
        finally:
            del self._lanes[asked.lane]
            if not self.gone.is_set():
                self._channel.send(Answered(asked.lane))

    def _state_of(self, message: Asked | Opened) -> dict[str, Any]:
        der = message.certificate_der
        fingerprint = hashlib.sha256(der).hexdigest() if der is not None else ""
        source = Source(address=message.address, fingerprint=fingerprint)
        visitor = _RelayedVisitor(source, self._port)
        return {"peer_certificate": der, "visitor": visitor}


class _RemoteLine:
    """The way to a kiosk through its worker."""

    __slots__ = ("_number", "_send")

    def __init__(self, send: Callable[[Message], None], number: int) -> None:
        self._send = send
        self._number = number

    def write(self, message: bytes) -> None:
        """Send a message; the worker cuts off a kiosk that leaves too much unread."""
        self._send(Said(self._number, message))

    def close(self, code: int) -> None:
        """Close after what was written."""
        self._send(Close(self._number, code))

    def pause(self) -> None:
        """Take nothing from the kiosk for now; what is under way still comes."""
        self._send(Pause(self._number))

    def resume(self) -> None:
        """Take from it again."""
        self._send(Resume(self._number))


class _RelayedVisitor:
    """What `doorway.Visitor` is for a connection of this process."""

    def __init__(self, source: Source, port: KioskPort) -> None:
        self.source = source
        self._port = port

    def strike(self, code: str) -> None:
        """It was refused something that no honest peer asks for."""
        self._port.report(self.source, code)

    def keeps_pace(self, pace: Pace) -> bool:
        """Whether it, or others of its certificate or address, may do this once more now."""
        if self._port.pacer.take(self.source.fingerprint or self.source.address, pace):
            return True
        self.strike(NET_PACE)
        return False
