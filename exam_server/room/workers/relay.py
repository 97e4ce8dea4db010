"""The worker's side: whatever a kiosk says goes to the room, and what the room says to the kiosk.

Nothing is decided here: not who may connect, and not what a message means. Event loop only.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from exam_server.doorway import Source
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
from exam_server.websocket import Line

CLOSE_AWAY = 1001
_SENT = (
    "type",
    "http_version",
    "method",
    "scheme",
    "path",
    "raw_path",
    "query_string",
    "root_path",
    "headers",
    "client",
    "server",
)
"""What of a scope the room is told; the rest are objects of this process."""

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Relay:
    """Where all connections of a worker go."""

    def __init__(self) -> None:
        self._channel: Channel | None = None
        self._numbers = itertools.count(1)
        self._lanes: dict[int, Lane] = {}
        self._lines: dict[int, Line] = {}

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """ASGI: one HTTP request, until the room has answered it."""
        number, channel = next(self._numbers), self._open_channel()
        lane = self._lanes[number] = Lane(channel, number)
        told = {key: scope[key] for key in _SENT if key in scope}
        channel.send(Asked(number, told, *_known_of(scope["state"])))
        upwards = asyncio.create_task(_pump(receive, lane))
        try:
            while (event := await lane.get()) is not None:
                await send(event)
        finally:
            upwards.cancel()
            await asyncio.gather(upwards, return_exceptions=True)
            del self._lanes[number]

    def open_socket(self, path: str, state: dict[str, Any], line: Line) -> "RelayedSocket":
        """A kiosk opens a WebSocket; the room closes it again if it may not."""
        number, channel = next(self._numbers), self._open_channel()
        self._lines[number] = line
        channel.send(Opened(number, path, *_known_of(state)))
        return RelayedSocket(channel, number, self._lines)

    def speak_over(self, channel: Channel) -> None:
        """The way to the room; before connections are taken."""
        self._channel = channel

    def tell_listening(self) -> None:
        """Kiosks are let in from now on."""
        self._open_channel().send(Listening(0))

    def refused(self, source: Source, code: str) -> None:
        """Somebody was refused at the door of this process."""
        self._open_channel().send(Struck(0, source.address, source.fingerprint, code))

    def end_all(self) -> None:
        """The room is gone, or this process is to end: every connection ends."""
        for lane in self._lanes.values():
            lane.came(None)
        for line in self._lines.values():
            line.close(CLOSE_AWAY)

    def came(self, message: Message) -> None:
        """The room says something of a connection; it may be gone by now."""
        if isinstance(message, Relayed | Handled | Answered):
            lane = self._lanes.get(message.lane)
            if lane is not None:
                _of_request(lane, message)
        else:
            line = self._lines.get(message.lane)
            if line is not None:
                _of_socket(line, message)

    def _open_channel(self) -> Channel:
        assert self._channel is not None, "connections come later"  # noqa: S101  narrows
        return self._channel


class RelayedSocket:
    """One WebSocket of a kiosk; `exam_server.websocket.Handler`."""

    __slots__ = ("_channel", "_lines", "_number")

    def __init__(self, channel: Channel, number: int, lines: dict[int, Line]) -> None:
        self._channel = channel
        self._number = number
        self._lines = lines

    def received(self, message: bytes) -> None:
        """A message of the kiosk."""
        self._channel.send(Said(self._number, message))

    def closed(self) -> None:
        """The connection is gone."""
        del self._lines[self._number]
        self._channel.send(Gone(self._number))


def _known_of(state: MutableMapping[str, Any]) -> tuple[bytes | None, str]:
    return state["peer_certificate"], state["visitor"].source.address


def _of_request(lane: Lane, message: Relayed | Handled | Answered) -> None:
    match message:
        case Relayed(event=event):
            lane.came(event)
        case Handled():
            lane.handled()
        case Answered():
            lane.came(None)


def _of_socket(line: Line, message: Message) -> None:
    match message:
        case Said(data=data):
            line.write(data)
        case Close(code=code):
            line.close(code)
        case Pause():
            line.pause()
        case Resume():
            line.resume()
        case _:
            raise AssertionError(message)


async def _pump(receive: Receive, lane: Lane) -> None:
    while True:
        event = dict(await receive())
        await lane.put(event)
        if event["type"] == "http.disconnect":
            return
