"""The room's side of its workers: starts them, serves what they relay, starts them again.

Every connection that a worker relays is served by the room's own kiosk application, which cannot
tell it from one of its own. Event loop only.
"""

import asyncio
import contextlib
import hashlib
import logging
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from exam_core.errors import ExamError, StateError, StorageError, declare
from exam_server import limits
from exam_server.doorway import Reporter, Source
from exam_server.pacing import NET_PACE, Pace, Pacer
from exam_server.room.folder import RoomFolder
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
from exam_server.serving import PORT_BUSY

WORKER_ENDED = declare(
    "server.worker",
    "一个接入进程意外结束，已自动重新启动；考生机会自动重连。请技术人员查看服务日志。",
)

_ASGI = {"version": "3.0", "spec_version": "2.3"}
_log = logging.getLogger(__name__)


class WorkerDesk:
    """As many workers as asked for, for the length of a block.

    Args:
        application: The room's ASGI application for kiosks.
        folder: The room's folder, which workers read certificates from.
        host: Where kiosks connect.
        port: Where kiosks connect; 0 takes any.
        count: How many workers.
        trouble: Told when one ended by itself.
        report: Told who was refused, and why.
    """

    def __init__(
        self,
        application: Any,
        folder: RoomFolder,
        *,
        host: str,
        port: int,
        count: int,
        trouble: Callable[[ExamError], None],
        report: Reporter,
    ) -> None:
        self._report = report
        self._pacer = Pacer(time.monotonic)
        self._application = application
        self._folder = folder
        self._host = host
        self._count = count
        self._trouble = trouble
        self._reserved = _bound(host, port)  # never listens: it keeps the number from others
        self.links: list[WorkerLink] = []

    @property
    def port(self) -> int:
        """The port that workers listen on."""
        return int(self._reserved.getsockname()[1])

    @contextlib.asynccontextmanager
    async def life(self) -> AsyncIterator[None]:
        """Workers run as long as the block lasts; it begins when all of them let kiosks in."""
        keepers: list[asyncio.Task[None]] = []
        try:
            links = await asyncio.gather(*(self._start() for _ in range(self._count)))
            keepers += [asyncio.create_task(self._keep(link)) for link in links]
            yield
        finally:
            for keeper in keepers:
                keeper.cancel()
            await asyncio.gather(*keepers, return_exceptions=True)
            await asyncio.gather(*(link.stop() for link in self.links))
            self._reserved.close()

    async def _start(self) -> "WorkerLink":
        own, theirs = socket.socketpair()
        with theirs, _bound(self._host, self.port) as listening:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "exam_server.room.workers.process",
                str(self._folder.path),
                str(theirs.fileno()),
                str(listening.fileno()),
                pass_fds=(theirs.fileno(), listening.fileno()),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
            )
        link = WorkerLink(
            self._application, process, await Channel.over(own), self._report, self._pacer
        )
        self.links.append(link)
        async with asyncio.timeout(limits.worker_start_wait_s):
            await link.listening.wait()
        return link

    async def _keep(self, link: "WorkerLink") -> None:
        while True:
            await link.gone.wait()
            await link.stop()
            self.links.remove(link)
            self._trouble(StorageError(WORKER_ENDED, "一个接入进程意外结束"))
            await asyncio.sleep(limits.worker_pause_s)
            try:
                link = await self._start()
            except (OSError, TimeoutError) as error:
                _log.exception("worker_not_started", exc_info=error)
                link = self.links[-1]


class WorkerLink:
    """One worker and the connections that it relays."""

    def __init__(
        self,
        application: Any,
        process: asyncio.subprocess.Process,
        channel: Channel,
        report: Reporter,
        pacer: Pacer,
    ) -> None:
        self._report = report
        self._pacer = pacer
        self._application = application
        self.process = process
        self._channel = channel
        self._lanes: dict[int, Lane] = {}
        self._kinds: dict[int, str] = {}
        self._serving: set[asyncio.Task[None]] = set()
        self.listening = asyncio.Event()
        self.gone = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    async def stop(self) -> None:
        """Break the channel and wait until the worker and all its connections have ended."""
        self._channel.close()
        await asyncio.gather(self._reading, return_exceptions=True)
        try:
            async with asyncio.timeout(limits.stop_wait_s + limits.worker_pause_s):
                await self.process.wait()
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
        while self._serving:
            await asyncio.gather(*self._serving, return_exceptions=True)

    async def _read(self) -> None:
        while (message := await self._channel.receive()) is not None:
            self._came(message)
        for number, lane in self._lanes.items():
            lane.came({"type": f"{self._kinds[number]}.disconnect", "code": 1006})
        self.listening.set()
        self.gone.set()

    def _came(self, message: Message) -> None:
        match message:
            case Opened():
                self._opened(message)
            case Relayed(lane=number, event=event):
                if number in self._lanes:
                    self._lanes[number].came(event)
            case Handled(lane=number):
                if number in self._lanes:
                    self._lanes[number].handled()
            case Listening():
                self.listening.set()
            case Struck(address=address, fingerprint=fingerprint, code=code):
                self._report(Source(address=address, fingerprint=fingerprint), code)
            case _:
                raise AssertionError(message)

    def _opened(self, opened: Opened) -> None:
        lane = self._lanes[opened.lane] = Lane(self._channel, opened.lane)
        self._kinds[opened.lane] = opened.scope["type"]
        task = asyncio.create_task(self._serve(opened, lane))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, opened: Opened, lane: Lane) -> None:
        der = opened.certificate_der
        fingerprint = hashlib.sha256(der).hexdigest() if der is not None else ""
        source = Source(address=opened.address, fingerprint=fingerprint)
        visitor = _RelayedVisitor(source, self._pacer, self._report)
        state = {"peer_certificate": der, "visitor": visitor}
        try:
            await self._application(
                {**opened.scope, "asgi": _ASGI, "state": state}, lane.get, lane.put
            )
        except Exception:  # noqa: BLE001  one connection; nobody awaits this task
            _log.exception("relayed_connection_failed")
        finally:
            del self._lanes[opened.lane], self._kinds[opened.lane]
            if not self.gone.is_set():
                self._channel.send(Ended(opened.lane))


class _RelayedVisitor:
    """What `doorway.Visitor` is for a connection of this process."""

    def __init__(self, source: Source, pacer: Pacer, report: Reporter) -> None:
        self.source = source
        self._pacer = pacer
        self._report = report

    def strike(self, code: str) -> None:
        """It was refused something that no honest peer asks for."""
        self._report(self.source, code)

    def keeps_pace(self, pace: Pace) -> bool:
        """Whether it, or others of its certificate or address, may do this once more now."""
        if self._pacer.take(self.source.fingerprint or self.source.address, pace):
            return True
        self.strike(NET_PACE)
        return False


def _bound(host: str, port: int) -> socket.socket:
    """A socket that shares its port with others of this program."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        raise StateError(PORT_BUSY, f"不能监听 {host}:{port}", reason=str(error)) from error
    return sock
