"""The worker's application: whatever a kiosk's connection says goes to the room, and back.

Nothing is decided here: not who may connect, and not what a message means.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from exam_server.doorway import Source
from exam_server.room.workers.channel import (
    Channel,
    Ended,
    Handled,
    Lane,
    Listening,
    Message,
    Opened,
    Relayed,
    Struck,
)

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
    "subprotocols",
)
"""What of a scope the room is told; the rest are objects of this process."""

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Relay:
    """An ASGI application whose other half runs in the room."""

    def __init__(self) -> None:
        self._channel: Channel | None = None
        self._numbers = itertools.count(1)
        self._lanes: dict[int, Lane] = {}

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Relay one connection until the room has ended it."""
        assert self._channel is not None, "connections come later"  # noqa: S101  narrows
        number = next(self._numbers)
        lane = self._lanes[number] = Lane(self._channel, number)
        told = {key: scope[key] for key in _SENT if key in scope}
        state = scope["state"]
        address = state["visitor"].source.address
        self._channel.send(Opened(number, told, state["peer_certificate"], address))
        upwards = asyncio.create_task(_pump(receive, lane))
        try:
            while (event := await lane.get()) is not None:
                await send(event)
        finally:
            upwards.cancel()
            await asyncio.gather(upwards, return_exceptions=True)
            del self._lanes[number]

    def speak_over(self, channel: Channel) -> None:
        """The way to the room; before connections are taken."""
        self._channel = channel

    def tell_listening(self) -> None:
        """Kiosks are let in from now on."""
        assert self._channel is not None, "connections come later"  # noqa: S101  narrows
        self._channel.send(Listening(0))

    def refused(self, source: Source, code: str) -> None:
        """Somebody was refused at the door of this process."""
        if self._channel is not None:
            self._channel.send(Struck(0, source.address, source.fingerprint, code))

    def end_all(self) -> None:
        """The room is gone, or this process is to end: every connection ends."""
        for lane in self._lanes.values():
            lane.came(None)

    def came(self, message: Message) -> None:
        """The room says something of a connection; it may be gone by now."""
        lane = self._lanes.get(message.lane)
        if lane is None:
            return
        match message:
            case Relayed(event=event):
                lane.came(event)
            case Handled():
                lane.handled()
            case Ended():
                lane.came(None)
            case _:
                raise AssertionError(message)


async def _pump(receive: Receive, lane: Lane) -> None:
    while True:
        event = dict(await receive())
        await lane.put(event)
        if event["type"].endswith(".disconnect"):
            return
