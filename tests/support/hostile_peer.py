"""A peer on the LAN that does not play by the rules: raw connections, half of everything."""

import asyncio
import base64
import os
import ssl
import struct
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
WAIT_S = 20.0


def place(url: str) -> tuple[str, int]:
    """Host and port."""
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    return parts.hostname, parts.port


async def plain(url: str) -> Streams:
    """A TCP connection that says nothing."""
    return await asyncio.open_connection(*place(url))


async def tls(url: str, context: ssl.SSLContext) -> Streams:
    """A connection through TLS."""
    return await asyncio.open_connection(*place(url), ssl=context)


def client_hello(context: ssl.SSLContext) -> bytes:
    """The first flight of a TLS handshake."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    handshake = context.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    try:
        handshake.do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()
    raise AssertionError("a handshake needs an answer")


async def web_socket(url: str, context: ssl.SSLContext) -> Streams:
    """A WebSocket by hand, after its handshake."""
    reader, writer = await tls(url, context)
    key = base64.b64encode(os.urandom(16)).decode()
    writer.write(
        (
            f"GET /v1/session HTTP/1.1\r\nHost: room\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n"
        ).encode()
    )
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), WAIT_S)
    if b" 101 " not in head:
        raise ConnectionRefusedError(head.decode().splitlines()[0])
    return reader, writer


def ws_frame(opcode: int, payload: bytes = b"", *, fin: bool = True, flags: int = 0) -> bytes:
    """One masked frame, sound or not."""
    first = (0x80 if fin else 0) | flags | opcode
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", first, 0x80 | size)
    elif size < 1 << 16:
        head = struct.pack("!BBH", first, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", first, 0x80 | 127, size)
    return head + bytes(4) + payload


async def pour(writer: asyncio.StreamWriter, pieces: list[bytes]) -> None:
    """Write pieces one by one, until all are out or the other side is gone."""
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
    except OSError:
        return


async def answer(streams: Streams) -> bytes:
    """All that comes until the other side closes."""
    reader, _ = streams
    got = b""
    async with asyncio.timeout(WAIT_S):
        try:
            while data := await reader.read(65536):
                got += data
        except OSError:
            pass  # reset counts as closed
    return got


async def closing(streams: Streams) -> None:
    """Wait until the other side of a WebSocket says that it closes, or does."""
    reader, _ = streams
    async with asyncio.timeout(WAIT_S):
        try:
            while (await reader.readexactly(1))[0] != 0x88:
                size = (await reader.readexactly(1))[0]
                if size == 126:
                    size = int.from_bytes(await reader.readexactly(2))
                await reader.readexactly(size)
        except (OSError, EOFError):
            pass


async def drop(*many: Streams) -> None:
    """Close without a word."""
    for _, writer in many:
        writer.transport.abort()
    await asyncio.sleep(0)


async def opened(
    count: int, open_one: Callable[[], Awaitable[Streams]]
) -> tuple[list[Streams], int]:
    """So many connections at once, and how many were refused."""
    tries = await asyncio.gather(*(open_one() for _ in range(count)), return_exceptions=True)
    for one in tries:
        if isinstance(one, BaseException) and not isinstance(one, OSError | EOFError):
            raise one
    good = [one for one in tries if not isinstance(one, BaseException)]
    return good, count - len(good)
