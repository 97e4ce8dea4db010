"""A line between one kiosk and the server that a test can spoil: cut, stalled, slow, half open."""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress

_PIECE_MAX = 20


class BadLine:
    """Listens on loopback and carries bytes to the server, as well as the line is just now.

    Attributes:
        is_cut: Nobody gets through; connections are refused.
        delay_s: Each piece waits up to so long, either way.
        in_pieces: Bytes come in pieces of 1 to 20.
    """

    def __init__(self, dice: random.Random, target: Callable[[], tuple[str, int]]) -> None:
        self.port = 0
        self.is_cut = False
        self.delay_s = 0.0
        self.in_pieces = False
        self.up, self.down = asyncio.Event(), asyncio.Event()
        self.up.set()
        self.down.set()
        self._dice = dice
        self._target = target
        self._kiosk_ends: set[asyncio.StreamWriter] = set()
        self._server_ends: set[asyncio.StreamWriter] = set()
        self._orphans: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Begin to listen."""
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Listen no more, and cut everything."""
        if self._server:
            self._server.close()
        self.cut()
        for orphan in self._orphans:
            orphan.transport.abort()
        await asyncio.sleep(0)

    def cut(self) -> None:
        """Both ends see a reset."""
        for end in (*self._kiosk_ends, *self._server_ends):
            end.transport.abort()

    def orphan(self) -> None:
        """The kiosk's end is gone; the server is not told: half open."""
        self._orphans |= self._server_ends
        for end in self._kiosk_ends:
            end.transport.abort()

    def heal(self) -> None:
        """The line is good from now on."""
        self.is_cut, self.delay_s, self.in_pieces = False, 0.0, False
        self.up.set()
        self.down.set()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far: asyncio.StreamWriter | None = None
        self._kiosk_ends.add(writer)
        try:
            if self.is_cut:
                return
            answers, far = await asyncio.open_connection(*self._target())
            self._server_ends.add(far)
            await asyncio.wait(
                {
                    asyncio.ensure_future(self._pump(reader, far, self.up)),
                    asyncio.ensure_future(self._pump(answers, writer, self.down)),
                },
                return_when=asyncio.FIRST_COMPLETED,
            )
        except OSError:
            pass  # the server is away
        finally:
            writer.transport.abort()
            self._kiosk_ends.discard(writer)
            if far is not None:
                self._server_ends.discard(far)
                if far not in self._orphans:
                    far.transport.abort()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, passes: asyncio.Event
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(16_384):
                await passes.wait()
                if self.delay_s:
                    await asyncio.sleep(self._dice.uniform(0, self.delay_s))
                for piece in self._pieces(data):
                    writer.write(piece)
                    await writer.drain()

    def _pieces(self, data: bytes) -> list[bytes]:
        if not self.in_pieces:
            return [data]
        pieces, at = [], 0
        while at < len(data):
            size = self._dice.randint(1, _PIECE_MAX)
            pieces.append(data[at : at + size])
            at += size
        return pieces
