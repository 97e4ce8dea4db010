"""What room and worker say to each other, over a socket pair that nobody else has.

Messages arrive whole and in order. A channel that breaks, breaks for good: the other process is
gone or not to be trusted any more.
"""

import asyncio
import socket
import struct
from typing import Any, TypeAlias

import msgspec

from exam_server import limits

_LENGTH = struct.Struct(">I")


class _Message(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Base of all messages; `lane` names a connection of a kiosk at this worker."""

    lane: int


class Asked(_Message, frozen=True, array_like=True, tag=True):
    """Worker to room: an HTTP request begins, with the part of its ASGI scope that can be sent."""

    scope: dict[str, Any]
    certificate_der: bytes | None
    address: str


class Relayed(_Message, frozen=True, array_like=True, tag=True):
    """Both ways: an ASGI event of a request."""

    event: dict[str, Any]


class Handled(_Message, frozen=True, array_like=True, tag=True):
    """Both ways: an event of yours was handled, another may come."""


class Answered(_Message, frozen=True, array_like=True, tag=True):
    """Room to worker: the application has returned; nothing more comes for this request."""


class Opened(_Message, frozen=True, array_like=True, tag=True):
    """Worker to room: a kiosk opened a WebSocket."""

    path: str
    certificate_der: bytes | None
    address: str


class Said(_Message, frozen=True, array_like=True, tag=True):
    """Both ways: a whole message on a WebSocket."""

    data: bytes


class Gone(_Message, frozen=True, array_like=True, tag=True):
    """Worker to room: the WebSocket has ended."""


class Close(_Message, frozen=True, array_like=True, tag=True):
    """Room to worker: end a WebSocket after what was said."""

    code: int


class Pause(_Message, frozen=True, array_like=True, tag=True):
    """Room to worker: take nothing from this kiosk for now."""


class Resume(_Message, frozen=True, array_like=True, tag=True):
    """Room to worker: take from it again."""


class Listening(_Message, frozen=True, array_like=True, tag=True):
    """Worker to room: kiosks are let in from now on."""


class Struck(_Message, frozen=True, array_like=True, tag=True):
    """Worker to room: somebody was refused at the door."""

    address: str
    fingerprint: str
    code: str


Message: TypeAlias = (
    Asked
    | Relayed
    | Handled
    | Answered
    | Opened
    | Said
    | Gone
    | Close
    | Pause
    | Resume
    | Listening
    | Struck
)

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Message)


class Channel:
    """One end of the socket pair. Event loop only."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, end: socket.socket) -> "Channel":
        """Speak over this end."""
        return cls(*await asyncio.open_unix_connection(sock=end))

    def send(self, message: Message) -> None:
        """Send a message; what the other side has not read yet waits in memory.

        That is bounded by what kiosks may have under way: each connection has limits of its own.
        """
        data = _encoder.encode(message)
        self._writer.write(_LENGTH.pack(len(data)) + data)

    async def receive(self) -> Message | None:
        """The next message; None when the other side is gone."""
        try:
            (length,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
            assert length <= limits.worker_message_bytes_max, "our own program"  # noqa: S101
            message: Message = _decoder.decode(await self._reader.readexactly(length))
        except (asyncio.IncompleteReadError, OSError):
            return None
        return message

    def close(self) -> None:
        """Break it."""
        self._writer.close()


class Lane:
    """One HTTP request on a channel; the same on both sides.

    Only so many events are under way in each direction: a kiosk that reads nothing holds up its
    own request alone.
    """

    def __init__(self, channel: Channel, number: int) -> None:
        self._channel = channel
        self._number = number
        self._events: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._free = asyncio.Semaphore(limits.relayed_events_max)

    async def put(self, event: dict[str, Any]) -> None:
        """Send an event to the other side, when it has handled enough of those before."""
        await self._free.acquire()
        self._channel.send(Relayed(self._number, event))

    async def get(self) -> dict[str, Any] | None:
        """The next event of the other side; None after the last one."""
        event = await self._events.get()
        if event is not None:
            self._channel.send(Handled(self._number))
        return event

    def came(self, event: dict[str, Any] | None) -> None:
        """An event came for this request; None ends it."""
        self._events.put_nowait(event)

    def handled(self) -> None:
        """The other side has handled one of ours."""
        self._free.release()
