"""Asks the running server to hold its database still, or holds the folder when none runs."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from exam_core.errors import InputError, StateError, StorageError
from exam_server import limits
from exam_server.folder import DATA_IN_USE, only_user
from exam_server.room.backup.holding import BACKUP_LAPSED, BACKUP_TALK
from exam_server.room.backup.talk import Answer, Done, short_path
from exam_server.store.engine import BACKUP_RUNNING, Store, sqlite_file
from exam_server.store.log_renewal import renew_log

_ANSWER_S = 60  # the server's checkpoint may wait for a slow disk


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that holds the folder's database still, as long as we are connected."""

    end: socket.socket

    def done(self, done: Done) -> None:
        """Tell that all is copied.

        Raises:
            StateError: `backup.lapsed`: the database changed meanwhile; the copy is worth nothing.
        """
        try:
            self.end.sendall(msgspec.json.encode(done) + b"\n")
            _require_good(_answer(self.end))
        except OSError as error:
            raise StateError(BACKUP_LAPSED, "考场服务中止了备份") from error


@contextmanager
def folder_at_rest(folder: Path, database_url: str) -> Iterator[RunningServer | None]:
    """The folder with a database file that nobody writes to; yields the server, if one runs.

    Raises:
        StateError: `data.in_use`, when another program than a server is at work; `backup.running`.
        StorageError: `storage.*`, when the database cannot be brought to rest.
    """
    try:
        with only_user(folder):
            _settle(database_url)
            yield None
            return
    except StateError as error:
        if error.code != DATA_IN_USE:
            raise
    with _connected(folder) as end:
        end.settimeout(_ANSWER_S)
        try:
            _require_good(_answer(end))
        except OSError as error:
            raise StateError(BACKUP_LAPSED, "考场服务没有回答") from error
        yield RunningServer(end)


@contextmanager
def _connected(folder: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as end:
        try:
            with short_path(folder / "run") as path:
                end.connect(path)
        except OSError as error:
            raise StateError(DATA_IN_USE, f"{folder} 正被另一个程序使用") from error
        yield end


def _settle(database_url: str) -> None:
    """Bring what the log of a server holds that was killed into its file."""
    file = sqlite_file(database_url)
    if file is not None:
        renew_log(file)
        store = Store(database_url)
        try:
            store.checkpoint()
        finally:
            store.close()


def _answer(end: socket.socket) -> Answer:
    with end.makefile("rb") as lines:
        line = lines.readline(limits.backup_message_bytes_max)
    if not line:
        raise StateError(BACKUP_LAPSED, "考场服务中止了备份")
    try:
        return msgspec.json.decode(line, type=Answer)
    except msgspec.DecodeError as error:
        raise InputError(BACKUP_TALK, "考场服务的消息读不懂") from error


def _require_good(answer: Answer) -> None:
    if answer.code.startswith("storage."):
        raise StorageError(answer.code, answer.message)
    if answer.code:
        known = answer.code in {BACKUP_RUNNING, BACKUP_LAPSED}
        raise StateError(answer.code if known else BACKUP_LAPSED, answer.message)
