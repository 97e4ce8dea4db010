"""The barest server that keeps what ours promises: a limit, not an exam server.

A hand-written WebSocket on uvloop with the same TLS, the same opening of frames, one transaction
and one signature for all that is queued, the same append. It has no room, no roster, no orders,
no alarms; with `--verify` it also checks the kiosk's signature of every frame.
Usage: python -m deploy.bench.server.peers.bare PLAN CERTIFICATE DATABASE [--verify]
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import queue
import sqlite3
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import uvloop

from deploy.bench.server.open_files import allow_open_files
from deploy.bench.server.plan import Plan, read_plan
from exam_core.crypto.signing import PublicSigningKey, generate_signing_key, public_key_of
from exam_core.formats.journal import SegmentCipher, derive_journal_key, first_head, next_head
from exam_core.model.identifiers import SegmentId, SessionId
from exam_core.protocol.acknowledgements import AckBook, Acknowledged
from exam_core.protocol.messages import (
    Attach,
    Attached,
    HeldFrames,
    Save,
    Saved,
    ServerMessage,
    decode_kiosk_message,
    encode_message,
)
from exam_server.tls import server_context

_ACCEPT_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
_BINARY, _CLOSE = 0x82, 8
_LENGTH_16, _LENGTH_64 = 126, 127
_SMALL_MAX, _MEDIUM_MAX = 125, 0xFFFF
_INSERT = "INSERT INTO frame VALUES (?, ?, ?, ?)"


class _Queued(NamedTuple):
    connection: BareConnection
    rows: list[tuple[str, int, bytes, int]]
    held: Acknowledged


class BareWriter:
    """One thread that commits whatever is queued, then answers in the loop."""

    def __init__(self, database: Path, book: AckBook) -> None:
        self._book = book
        self._database = database
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[_Queued] = queue.SimpleQueue()
        threading.Thread(target=self._run, daemon=True).start()

    def put(self, one: _Queued) -> None:
        """Queue one save."""
        self._queue.put(one)

    def _run(self) -> None:
        database = sqlite3.connect(self._database, isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=4000"):
            database.execute(f"PRAGMA {pragma}")
        database.execute(
            "CREATE TABLE frame (segment_id TEXT, seq INT, frame BLOB, at INT,"
            " PRIMARY KEY (segment_id, seq))"
        )
        while True:
            queued = [self._queue.get()]
            while not self._queue.empty():
                queued.append(self._queue.get_nowait())
            database.execute("BEGIN IMMEDIATE")
            database.executemany(_INSERT, [row for one in queued for row in one.rows])
            database.execute("COMMIT")
            self._loop.call_soon_threadsafe(self._answer, queued)

    def _answer(self, queued: list[_Queued]) -> None:
        proofs = self._book.sign([one.held for one in queued])
        for one, proof in zip(queued, proofs, strict=True):
            held = one.held.held
            one.connection.say(
                Saved(segment_id=held.segment_id, frames=held.frames, head=held.head, proof=proof)
            )


class BareConnection(asyncio.Protocol):
    """One kiosk."""

    def __init__(
        self,
        plan: Plan,
        keys: Mapping[SessionId, PublicSigningKey],
        writer: BareWriter,
        *,
        verifies: bool,
    ) -> None:
        self._plan = plan
        self._keys = keys
        self._writer = writer
        self._verifies = verifies
        self._buffer = b""
        self._is_upgraded = False
        self._frames = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note where to write."""
        self._transport: asyncio.WriteTransport = transport  # type: ignore[assignment]  # uvloop's own

    def data_received(self, data: bytes) -> None:
        """Take what is whole in the buffer."""
        buffer = self._buffer + data if self._buffer else data
        if not self._is_upgraded:
            head, end, buffer = buffer.partition(b"\r\n\r\n")
            if not end:
                self._buffer = head
                return
            self._upgrade(head)
        while len(buffer) > 1:
            size, start = buffer[1] & 0x7F, 2
            if size == _LENGTH_16:
                size, start = int.from_bytes(buffer[2:4], "big"), 4
            elif size == _LENGTH_64:
                size, start = int.from_bytes(buffer[2:10], "big"), 10
            end_at = start + 4 + size
            if len(buffer) < end_at:
                break
            if buffer[0] & 0x0F == _CLOSE:
                self._transport.close()
                return
            mask = buffer[start : start + 4]
            payload = int.from_bytes(buffer[start + 4 : end_at], "big")
            key = int.from_bytes((mask * (size // 4 + 1))[:size], "big")
            buffer = buffer[end_at:]
            self._take((payload ^ key).to_bytes(size, "big"))
        self._buffer = buffer

    def say(self, message: ServerMessage) -> None:
        """Send one message."""
        data = encode_message(message)
        size = len(data)
        if size <= _SMALL_MAX:
            head = bytes((_BINARY, size))
        elif size <= _MEDIUM_MAX:
            head = bytes((_BINARY, _LENGTH_16)) + size.to_bytes(2, "big")
        else:
            head = bytes((_BINARY, _LENGTH_64)) + size.to_bytes(8, "big")
        if not self._transport.is_closing():
            self._transport.write(head + data)

    def _upgrade(self, head: bytes) -> None:
        key = next(
            line.partition(b":")[2].strip()
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"sec-websocket-key:")
        )
        accept = base64.b64encode(hashlib.sha1(key + _ACCEPT_MAGIC).digest())  # noqa: S324  RFC 6455
        self._transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        self._is_upgraded = True

    def _take(self, data: bytes) -> None:
        message = decode_kiosk_message(data)
        if isinstance(message, Attach):
            self._attach(message.session_id, message.segment_id)
        elif isinstance(message, Save):
            self._save(message)

    def _attach(self, session_id: SessionId, segment_id: SegmentId) -> None:
        self._session_id = session_id
        key = derive_journal_key(self._plan.journal_secret, session_id)
        self._cipher = SegmentCipher(key, segment_id)
        self._head = first_head(segment_id)
        self._signing_key = self._keys[session_id]
        self.say(Attached(epochs={segment_id: 1}, held=(), proofs=()))

    def _save(self, message: Save) -> None:
        rows: list[tuple[str, int, bytes, int]] = []
        now = time.time_ns() // 1_000_000
        for seq, frame in enumerate(message.frames, message.first_seq):
            opened = self._cipher.open(frame)
            if opened.head != self._head or seq != self._frames:
                raise AssertionError("the bench's kiosks are honest")
            if self._verifies and not self._cipher.is_signed(seq, opened, self._signing_key):
                raise AssertionError("the bench's kiosks are honest")
            self._head = next_head(self._head, frame)
            self._frames += 1
            rows.append((message.segment_id, seq, frame, now))
        held = HeldFrames(segment_id=message.segment_id, frames=self._frames, head=self._head)
        self._writer.put(_Queued(self, rows, Acknowledged(self._session_id, held)))


async def _serve(plan_file: Path, certificate: Path, database: Path, *, verifies: bool) -> None:
    plan = read_plan(plan_file)
    key = generate_signing_key()
    keys = {one.session_id: public_key_of(one.signing_key) for one in plan.kiosks}
    writer = BareWriter(database, AckBook(key, sitting_id=plan.sitting_id, boot=1))
    context = server_context(
        certificate_file=certificate, client_authority_file=Path(plan.authority_file)
    )
    server = await asyncio.get_running_loop().create_server(
        lambda: BareConnection(plan, keys, writer, verifies=verifies),
        "127.0.0.1",
        0,
        ssl=context,
        backlog=2048,
    )
    print(server.sockets[0].getsockname()[1], public_key_of(key), flush=True)
    await server.serve_forever()


def main() -> None:
    """Serve until killed; the first line on stdout is the port and the signing key."""
    allow_open_files()
    plan, certificate, database = map(Path, sys.argv[1:4])
    uvloop.run(_serve(plan, certificate, database, verifies="--verify" in sys.argv))


if __name__ == "__main__":
    main()
