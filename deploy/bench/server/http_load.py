"""Keep-alive HTTPS clients in a closed loop against the naive server, in a process of their own.

Usage: python -m deploy.bench.server.http_load PORT AUTHORITY_FILE CLIENTS SECONDS BODY_BYTES
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time

import uvloop

from deploy.bench.server.open_files import allow_open_files


class KeepAliveClient(asyncio.Protocol):
    """Sends its next request when the last was answered."""

    def __init__(self, number: int, body_bytes: int, latencies_s: list[float]) -> None:
        body = json.dumps({"item_id": f"i{number % 100}", "text": "x" * body_bytes}).encode()
        self._request = (
            b"POST /save HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            b"Authorization: token-%d\r\nContent-Length: %d\r\n\r\n%s" % (number, len(body), body)
        )
        self._latencies_s = latencies_s
        self._buffer = b""
        self.is_stopped = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport: asyncio.WriteTransport = transport  # type: ignore[assignment]  # uvloop's own
        self._send()

    def data_received(self, data: bytes) -> None:
        """Count a whole answer and go on."""
        self._buffer += data
        head, end, body = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        if not head.startswith(b"HTTP/1.1 200"):
            raise AssertionError(head.decode())
        self._buffer = b""
        self._latencies_s.append(time.perf_counter() - self._sent_at)
        if not self.is_stopped:
            self._send()

    def _send(self) -> None:
        self._sent_at = time.perf_counter()
        self._transport.write(self._request)


async def _load(port: int, authority: str, clients: int, seconds: float, body_bytes: int) -> None:
    context = ssl.create_default_context(cafile=authority)
    loop, latencies_s = asyncio.get_running_loop(), list[float]()
    made: list[KeepAliveClient] = []
    gate = asyncio.Semaphore(50)

    async def one(number: int) -> None:
        async with gate:
            _, client = await loop.create_connection(
                lambda: KeepAliveClient(number, body_bytes, latencies_s),
                "127.0.0.1",
                port,
                ssl=context,
                ssl_handshake_timeout=60,
            )
            made.append(client)

    await asyncio.gather(*(one(number) for number in range(clients)))
    latencies_s.clear()
    began = time.perf_counter()
    await asyncio.sleep(seconds)
    took = time.perf_counter() - began
    print(
        json.dumps(
            {
                "seconds": took,
                "saves": len(latencies_s),
                "latencies_ms": sorted(1000 * one for one in latencies_s),
            }
        )
    )


def main() -> None:
    """Load, and print what was measured."""
    allow_open_files()
    port, authority, clients, seconds, body_bytes = sys.argv[1:]
    uvloop.run(_load(int(port), authority, int(clients), float(seconds), int(body_bytes)))


if __name__ == "__main__":
    main()
