"""Starts the room's workers, and starts one again that ended by itself. Event loop only."""

import asyncio
import contextlib
import logging
import socket
import sys
from collections.abc import AsyncIterator, Callable

from exam_core.errors import ExamError, StateError, StorageError, declare
from exam_server import limits
from exam_server.room.folder import RoomFolder
from exam_server.room.workers.channel import Channel
from exam_server.room.workers.link import KioskPort, WorkerLink
from exam_server.serving import PORT_BUSY

WORKER_ENDED = declare(
    "server.worker",
    "一个接入进程意外结束，已自动重新启动；考生机会自动重连。请技术人员查看服务日志。",
)

_log = logging.getLogger(__name__)


class WorkerDesk:
    """As many workers as asked for, for the length of a block.

    Args:
        kiosk_port: What is served there.
        folder: The room's folder, which workers read certificates from.
        host: Where kiosks connect.
        port: Where kiosks connect; 0 takes any.
        count: How many workers.
        trouble: Told when one ended by itself.
    """

    def __init__(
        self,
        kiosk_port: KioskPort,
        folder: RoomFolder,
        *,
        host: str,
        port: int,
        count: int,
        trouble: Callable[[ExamError], None],
    ) -> None:
        self._kiosk_port = kiosk_port
        self._folder = folder
        self._host = host
        self._count = count
        self._trouble = trouble
        self._reserved = _bound(host, port)  # never listens: it keeps the number from others
        self._links: list[WorkerLink] = []

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
            await asyncio.gather(*(link.stop() for link in self._links))
            self._reserved.close()

    async def _start(self) -> WorkerLink:
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
        link = WorkerLink(self._kiosk_port, process, await Channel.over(own))
        self._links.append(link)
        async with asyncio.timeout(limits.worker_start_wait_s):
            await link.listening.wait()
        return link

    async def _keep(self, link: WorkerLink) -> None:
        while True:
            await link.gone.wait()
            await link.stop()
            self._links.remove(link)
            self._trouble(StorageError(WORKER_ENDED, "一个接入进程意外结束"))
            link = await self._start_again()

    async def _start_again(self) -> WorkerLink:
        while True:
            await asyncio.sleep(limits.worker_pause_s)
            try:
                return await self._start()
            except (OSError, TimeoutError) as error:
                _log.error("worker_not_started", exc_info=error)


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
