"""Log-ins: each over a TLS connection of its own, with the kiosk's certificate."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any
from urllib.parse import urlsplit

import msgspec

from deploy.bench.server.crowd import PATIENCE_S, Crowd
from deploy.bench.server.kiosk import BenchKiosk
from exam_core.protocol.http import LogInReply, LogInRequest, decode_body, encode_body


class _LogIn(asyncio.Protocol):
    """One request; `reply` is done with status and body once the answer is whole."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._buffer = b""
        self.reply: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        transport.write(self._request)  # type: ignore[attr-defined]  # TLS transports write

    def data_received(self, data: bytes) -> None:
        """Gather the answer."""
        self._buffer += data
        head, end, body = self._buffer.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if end and len(body) >= int(length) and not self.reply.done():
            self.reply.set_result((int(head.split()[1]), body))

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more will come."""
        if not self.reply.done():
            self.reply.set_exception(exc or ConnectionResetError("no answer"))


async def log_in_all(crowd: Crowd, *, kiosks: int, url: str) -> dict[str, Any]:
    """Everybody at the same moment; who gets no connection tries again.

    Sessions and tokens are kept, so that the kiosks could attach afterwards.
    """
    chosen = crowd.kiosks[:kiosks]
    for one in chosen:
        crowd.context_of(one.planned)
    cpu_s, began = time.process_time(), time.perf_counter()
    taken = await asyncio.gather(*(_log_in(crowd, one, url, began) for one in chosen))
    replies = [one for one in taken if one is not None]
    seconds = time.perf_counter() - began
    return {
        "logged_in": len(replies),
        "seconds": seconds,
        "taken_s": sorted(replies),
        "generator_cpu": (time.process_time() - cpu_s) / seconds,
    }


async def _log_in(crowd: Crowd, kiosk: BenchKiosk, url: str, began: float) -> float | None:
    planned = kiosk.planned
    body = encode_body(
        LogInRequest(
            admission_number=planned.admission_number,
            id_number=planned.id_number,
            room_code=crowd.plan.room_code,
        )
    )
    head = (
        "POST /v1/log-in HTTP/1.1\r\nHost: room\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    host = urlsplit(url)
    while time.perf_counter() - began < PATIENCE_S:
        with contextlib.suppress(OSError, TimeoutError):
            transport, protocol = await asyncio.get_running_loop().create_connection(
                lambda: _LogIn(head.encode() + body),
                host.hostname or "",
                host.port or 0,
                ssl=crowd.context_of(planned),
                ssl_handshake_timeout=PATIENCE_S,
            )
            status, answer = await asyncio.wait_for(protocol.reply, PATIENCE_S)
            transport.close()
            if status != 200:  # noqa: PLR2004  OK
                raise AssertionError(answer.decode())
            reply = decode_body(answer, LogInReply)
            kiosk.planned = msgspec.structs.replace(
                planned, session_id=reply.session_id, token=reply.token
            )
            return time.perf_counter() - began
        await asyncio.sleep(0.05)
    return None
