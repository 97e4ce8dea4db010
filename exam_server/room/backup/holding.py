"""The running server lets its data folder be copied: it holds the database's file still meanwhile.

SQLite's file is written to by checkpoints alone, so it is enough to make one and then none until
the copy is done: saves go on into the log. In the file are all frames that were acknowledged
before the backup began. The copying is another process's work: it slows nobody's save by more than
the reading does, and the files that it closes take no lock of the database from us.
"""

import asyncio
import contextlib
import socket
import struct
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec

from exam_core.errors import ExamError, InputError, StateError, declare
from exam_server import limits
from exam_server.accounts.audit import AuditTrail
from exam_server.command_line import operator_name
from exam_server.room.backup.talk import SOCKET_NAME, Answer, Done, listening
from exam_server.store.engine import BACKUP_RUNNING, Store, sqlite_file

BACKUP_LAPSED = declare(
    "backup.lapsed", "备份用时过长，或磁盘空间不足，服务器已中止等待；请换更快的介质再备份。"
)
BACKUP_TALK = declare("backup.talk", "请用与考场服务同一版本的 exam-server 备份。")
BACKUP_PLACE = declare(
    "backup.place", "请先在 config.json 的 backup_folder 写明备份文件夹，再重启考场服务。"
)

_PEER = struct.Struct("3i")  # pid, uid, gid


class BackupDesk:
    """Answers who copies the folder, one at a time, and starts that program for the console.

    Attributes:
        last: What became of the last backup that the console asked for; empty before.
        is_running: Whether such a backup is being made.
    """

    def __init__(
        self,
        folder: Path,
        store: Store,
        trail: AuditTrail,
        *,
        database_url: str,
        has_space: Callable[[], bool],
    ) -> None:
        self._folder = folder
        self._store = store
        self._trail = trail
        self._database = sqlite_file(database_url)
        self._has_space = has_space
        self._asked_by: dict[int, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.is_running = False
        self.last = ""

    @contextlib.asynccontextmanager
    async def life(self) -> AsyncIterator[None]:
        """Answer at the socket as long as the block lasts; a copy that is under way then fails."""
        run = self._folder / "run"
        server = await asyncio.start_unix_server(
            self._answer, sock=listening(run), limit=limits.backup_message_bytes_max
        )
        try:
            yield
        finally:
            server.close()
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            (run / SOCKET_NAME).unlink(missing_ok=True)

    def make(self, out: Path, asked_by: str) -> None:
        """Begin a backup in a process of its own; `last` says later what became of it.

        Raises:
            StateError: `backup.running`.
        """
        if self.is_running:
            raise StateError(BACKUP_RUNNING, "另一个备份正在进行")
        self.is_running = True
        self._keep(asyncio.create_task(self._make(out, asked_by)))

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _make(self, out: Path, asked_by: str) -> None:
        words = ["backup", "--data", str(self._folder), "--out", str(out)]
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "exam_server.cli", *words),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        self._asked_by[child.pid] = asked_by
        try:
            said, _ = await child.communicate()
            self.last = said.decode(errors="replace").strip()
        finally:
            if child.returncode is None:
                child.kill()
            self._asked_by.pop(child.pid, None)
            self.is_running = False

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "a coroutine runs in a task"  # noqa: S101  narrows
        self._keep(task)
        try:
            await self._hold(reader, writer)
        except ExamError as error:
            await _say(writer, Answer(code=error.code, message=error.message))
        except (OSError, asyncio.LimitOverrunError, ValueError):
            pass  # the copier is gone or no copier: it gave up, and says so itself
        finally:
            writer.close()

    async def _hold(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.to_thread(self._store.hold_file)
        try:
            await _say(writer, Answer())
            line = await self._wait(reader)
        finally:
            self._store.release_file()
        if not line:
            return
        try:
            done = msgspec.json.decode(line, type=Done)
        except msgspec.DecodeError as error:
            raise InputError(BACKUP_TALK, "备份程序的消息读不懂") from error
        await asyncio.to_thread(
            self._trail.record,
            "backup_made",
            actors=(self._operator(writer),),
            manifest_sha256=done.manifest_sha256,
            size_bytes=done.size_bytes,
        )
        await _say(writer, Answer())

    async def _wait(self, reader: asyncio.StreamReader) -> bytes:
        """What the copier says when it is done; empty when it went away.

        Raises:
            StateError: `backup.lapsed`.
        """
        said = asyncio.ensure_future(reader.readline())
        loop = asyncio.get_running_loop()
        until = loop.time() + limits.backup_ms_max / 1000
        try:
            while not said.done():
                await asyncio.wait((said,), timeout=limits.backup_look_s)
                is_late = loop.time() > until or self._log_bytes() > limits.backup_log_bytes_max
                if is_late or not self._has_space():
                    raise StateError(BACKUP_LAPSED, "备份未能及时完成")
            return said.result()
        finally:
            said.cancel()

    def _log_bytes(self) -> int:
        if self._database is None:
            return 0
        try:
            return Path(f"{self._database}-wal").stat().st_size
        except FileNotFoundError:
            return 0

    def _operator(self, writer: asyncio.StreamWriter) -> str:
        """Who asked at the console, or who sits at the command line."""
        end = writer.get_extra_info("socket")
        pid, _, _ = _PEER.unpack(end.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
        return self._asked_by.get(pid) or operator_name()


async def _say(writer: asyncio.StreamWriter, answer: Answer) -> None:
    writer.write(msgspec.json.encode(answer) + b"\n")
    await writer.drain()
