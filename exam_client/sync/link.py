"""The one WebSocket of a kiosk, as messages; whoever holds it sends and receives in turn."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from exam_client import limits
from exam_client.sync.room_http import ROOM_ANSWER, ROOM_AWAY
from exam_core import limits as core_limits
from exam_core.errors import ExamError, InputError, StateError, TransportError, declare
from exam_core.protocol import messages

SESSION_SUPERSEDED = declare(
    "session.superseded", "本场会话已在另一程序中继续，本机已停止；请监考人员核实该机位。"
)

_CLOSE_SUPERSEDED = 4409  # docs/spec/lan-protocol.md: a newer connection speaks for the session


class Link:
    """An open connection."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def send(self, message: messages.KioskMessage) -> None:
        """Send a message; it may wait until the network takes it.

        Raises:
            TransportError: `room.away`.
            StateError: `session.superseded`.
        """
        try:
            await self._connection.send(messages.encode_message(message))
        except ConnectionClosed as error:
            raise _ended(error) from error

    async def receive(self) -> messages.ServerMessage:
        """The next message.

        Raises:
            TransportError: `room.away`.
            StateError: `session.superseded`.
            InputError: `protocol.malformed`, `room.answer`.
        """
        try:
            data = await self._connection.recv()
        except ConnectionClosed as error:
            raise _ended(error) from error
        if isinstance(data, str):
            raise InputError(ROOM_ANSWER, "服务器发来了文本消息")
        return messages.decode_server_message(data)


@asynccontextmanager
async def open_link(kiosk_url: str, trust: ssl.SSLContext) -> AsyncIterator[Link]:
    """Connect to the room for the length of the block.

    A dead connection is noticed by pings within ten seconds.

    Raises:
        TransportError: `room.away`.
    """
    address = "wss://" + urlsplit(kiosk_url).netloc + "/v1/session"
    opening = connect(
        address,
        ssl=trust,
        proxy=None,
        compression=None,  # ciphertext does not compress, and the server's memory is dear
        open_timeout=limits.open_timeout_s,
        ping_interval=limits.ping_interval_s,
        ping_timeout=limits.ping_timeout_s,
        close_timeout=limits.close_timeout_s,
        max_size=core_limits.message_bytes_max,
    )
    try:
        connection = await opening
    except (OSError, InvalidHandshake, InvalidURI) as error:
        kind = type(error).__name__
        raise TransportError(ROOM_AWAY, "连不上服务器", kind=kind) from error
    try:
        yield Link(connection)
    finally:
        await connection.close()


def _ended(closed: ConnectionClosed) -> ExamError:
    """What it means that the connection is closed."""
    if closed.rcvd is not None and closed.rcvd.code == _CLOSE_SUPERSEDED:
        return StateError(SESSION_SUPERSEDED, "会话已在另一程序中继续")
    return TransportError(ROOM_AWAY, "连接已断开")
