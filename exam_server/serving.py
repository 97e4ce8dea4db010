"""Runs web applications on TLS sockets in one event loop until SIGTERM or SIGINT.

Who may connect, and in which turn, is the doorway's; what a request may be, the guarded HTTP's.
"""

import asyncio
import contextlib
import functools
import logging
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import uvicorn
import uvloop

from exam_core.errors import StateError, declare
from exam_core.limits import message_bytes_max
from exam_server import limits
from exam_server.doorway import Doorway, Reporter, Source, Visitor
from exam_server.guarded_http import GuardedHttp
from exam_server.websocket import OpenHandler, WebSocketProtocol

PORT_BUSY = declare("serve.port", "端口已被占用或地址不属于本机；请停止旧程序或换一个端口。")


def _tell_nobody(_source: Source, _code: str) -> None:
    """For programs that no kiosk connects to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """One application on one listening TLS socket.

    Attributes:
        open_socket: Opens its WebSockets; without it they go to the application.
        report: Told who was refused, and why.
    """

    application: Any
    listening: socket.socket
    context: ssl.SSLContext
    open_socket: OpenHandler | None = None
    report: Reporter = _tell_nobody

    @property
    def port(self) -> int:
        """The port that is really listened on."""
        return int(self.listening.getsockname()[1])


class _Server(uvicorn.Server):
    """uvicorn behind our doorway, without its own signals: one handler serves all listeners."""

    def __init__(self, listener: Listener) -> None:
        super().__init__(_config(listener))
        self._listener = listener

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002  as uvicorn's own
        """Begin to accept."""
        await self.lifespan.startup()
        door = Doorway(
            self._listener.listening, self._listener.context, self._protocol, self._listener.report
        )
        self.servers = [door]  # type: ignore[list-item]  # it closes as a server does
        self.started = True

    def _protocol(self, visitor: Visitor) -> GuardedHttp:
        return GuardedHttp(
            visitor,
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )

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
    sys.setswitchinterval(limits.thread_switch_s)
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
    # A line for each broken request would let any peer fill the disk; the doorway counts them.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    servers = [(_Server(listener), listener) for listener in listeners]
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


def _socket_class(open_handler: OpenHandler | None) -> Any:
    """What uvicorn calls for a connection after its upgrade, or the word for its own."""
    if open_handler is None:
        return "websockets-sansio"
    return functools.partial(WebSocketProtocol, open_handler)


def _config(listener: Listener) -> uvicorn.Config:
    return uvicorn.Config(
        listener.application,
        http=GuardedHttp,
        ws=_socket_class(listener.open_socket),
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
