"""Runs web applications on TLS sockets in one event loop until SIGTERM or SIGINT.

WORKAROUND(uvicorn pull requests 3132, 3133): uvicorn does not hand the peer's certificate to the
application; our protocol puts it into `scope["state"]["peer_certificate"]`, also for WebSockets.
"""

import asyncio
import contextlib
import signal
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from exam_core.errors import StateError, declare
from exam_core.limits import message_bytes_max
from exam_server import limits

PORT_BUSY = declare("serve.port", "端口已被占用或地址不属于本机；请停止旧程序或换一个端口。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """One application on one listening TLS socket."""

    application: Any
    listening: socket.socket
    context: ssl.SSLContext

    @property
    def port(self) -> int:
        """The port that is really listened on."""
        return int(self.listening.getsockname()[1])


class CertificateProtocol(HttpToolsProtocol):
    """HTTP over TLS that remembers the peer's certificate (DER) for the application."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Note the certificate before the first request."""
        super().connection_made(transport)
        tls = transport.get_extra_info("ssl_object")
        der = tls.getpeercert(True) if tls else None
        self.app_state = {**self.app_state, "peer_certificate": der}


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling: one handler serves all listeners."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def bind(host: str, port: int) -> socket.socket:
    """A TCP socket that listens on `host`; port 0 takes any.

    Raises:
        StateError: `serve.port`.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise StateError(PORT_BUSY, f"不能监听 {host}:{port}", reason=str(error)) from error


def serve_until_stopped(
    listeners: Sequence[Listener],
    *,
    life: Callable[[], AbstractAsyncContextManager[None]],
    on_ready: Callable[[], None],
    on_stop: Callable[[], None],
    stop: asyncio.Event | None = None,
) -> None:
    """Serve all listeners; returns after SIGTERM or SIGINT once open requests are answered.

    Args:
        listeners: Each with its own application.
        life: Entered in the loop before connections are taken, left after the last one ended.
        on_ready: Called when connections are accepted.
        on_stop: Called before open connections are waited for; must end endless replies.
        stop: Set by the signals; whoever else sets it, in the loop, ends the serving too.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(listeners, life, on_ready, on_stop, stop or asyncio.Event()))


@contextlib.asynccontextmanager
async def no_life() -> AsyncIterator[None]:
    """The life of a program that needs nothing in the loop."""
    yield


async def _serve(
    listeners: Sequence[Listener],
    life: Callable[[], AbstractAsyncContextManager[None]],
    on_ready: Callable[[], None],
    on_stop: Callable[[], None],
    stop: asyncio.Event,
) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await serve_until(listeners, life=life, on_ready=on_ready, on_stop=on_stop, stop=stop)


async def serve_until(
    listeners: Sequence[Listener],
    *,
    life: Callable[[], AbstractAsyncContextManager[None]],
    on_ready: Callable[[], None],
    on_stop: Callable[[], None],
    stop: asyncio.Event,
) -> None:
    """Serve in the running loop until `stop` is set."""
    servers = [(_Server(_config(listener)), listener) for listener in listeners]
    async with life():
        tasks = [
            asyncio.create_task(server.serve(sockets=[listener.listening]))
            for server, listener in servers
        ]
        try:
            while not all(server.started for server, _ in servers):
                for task in tasks:
                    if task.done():
                        task.result()
                await asyncio.sleep(0.01)
            on_ready()
            await stop.wait()
        finally:
            on_stop()
            for server, _ in servers:
                server.should_exit = True
            await asyncio.gather(*tasks)
            await _abort_open(server for server, _ in servers)


async def _abort_open(servers: Iterable[uvicorn.Server]) -> None:
    """Let go of connections whose peer does not answer the closing of TLS, as idle browsers."""
    for server in servers:
        for connection in list(server.server_state.connections):
            transport = connection.transport  # of every protocol class, though not of its base
            if transport is not None:
                transport.abort()
    await asyncio.sleep(0)


def _config(listener: Listener) -> uvicorn.Config:
    return uvicorn.Config(
        listener.application,
        http=CertificateProtocol,
        ws="websockets-sansio",
        ws_max_size=message_bytes_max,
        ws_ping_interval=None,  # the protocol has its own heartbeat
        ws_per_message_deflate=False,  # frames are ciphertext
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        ssl_context_factory=lambda _config, _default: listener.context,
        timeout_graceful_shutdown=limits.stop_wait_s,
    )
