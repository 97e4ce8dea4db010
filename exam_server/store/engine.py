"""Opens a database and hands out transactions; every failure to keep data is a StorageError.

SQLite is used through one connection and one lock: transactions of this process follow each
other, so no two connections ever write or checkpoint (a WAL race of SQLite before 3.51.3).
PostgreSQL uses a pool. A transaction that returns is durable.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from sqlalchemy import Connection, Engine, StaticPool, create_engine, event
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError
from sqlalchemy.orm import Session

from exam_core.errors import InputError, StateError, StorageError, declare
from exam_server import limits
from exam_server.folder import STORAGE_FAILED, STORAGE_FULL
from exam_server.store.postgres import (
    connect_arguments,
    hold_again,
    hold_database,
    let_go,
    prepare_connection,
    wait_for_writers,
)

DATABASE_URL = declare(
    "database.url", "数据库地址应形如 sqlite:////路径 或 postgresql+psycopg://用户@主机/库名。"
)
BACKUP_RUNNING = declare("backup.running", "请等正在进行的备份结束后再试。")
DATABASE_UNREACHABLE = declare(
    "database.unreachable", "连不上数据库：请检查数据库服务是否在运行，以及地址、用户和密码。"
)

Db: TypeAlias = Session
"""A unit of work, as services pass it to queries; the word session means something else."""

_BUSY_WAIT_MS = 5_000  # only a backup tool may hold the file; our own processes take a lock
_CONNECTION_CLASSES = frozenset({"08", "28", "3D", "57"})  # no way in, no such base, shut down
_CHECKPOINT_PAGES = 24_000  # 96 MiB: only if nobody called `checkpoint` in time


def sqlite_url(path: Path) -> str:
    """The URL of a SQLite file."""
    return f"sqlite:///{path}"


def sqlite_file(url: str) -> Path | None:
    """The file that a SQLite URL names; None for another database."""
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None


class Guard(Protocol):
    """Decides whether this program may still change what the database holds."""

    def check(self, connection: Connection) -> None:
        """Raise if it may not; called first in a transaction."""

    def check_until_commit(self, connection: Connection) -> None:
        """Raise if it may not, and let nobody change that before the commit; called last."""


class Store:
    """One open database; safe to use from several threads.

    Attributes:
        guard: Asked in every transaction, once it is set.
        losses: How often the database was out of reach; what was being committed then may be kept
            or not.
    """

    guard: Guard | None = None
    losses = 0
    _is_file_held = False

    def __init__(self, url: str) -> None:
        self.engine = _open_engine(url)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        self._holder: Connection | None = None
        self._uses = _Uses()
        self._turn: AbstractContextManager[Any] = (
            threading.RLock() if self.is_sqlite else self._uses
        )

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A unit of work: committed durably when the block ends, else undone.

        Raises:
            StorageError: `storage.full`, `storage.failed`, or what `guard` says: nothing of the
                block was kept. `database.unreachable`: unknown, if it was the commit that failed.
        """
        with self._turn, self._own_errors(), Session(self.engine) as db, db.begin():
            if self.guard:
                self.guard.check(db.connection())
            yield db
            if self.guard and not self.is_sqlite:
                db.flush()
                self.guard.check_until_commit(db.connection())

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """The same for statements given to the driver as they are; the hot path.

        Raises:
            StorageError: As `transaction`.
        """
        with self._turn, self._own_errors(), self.engine.begin() as connection:
            if self.guard and self.is_sqlite:
                self.guard.check(connection)
            yield connection
            if self.guard and not self.is_sqlite:  # one way to the server less than `transaction`
                self.guard.check_until_commit(connection)

    def require_guard(self) -> None:
        """Ask the guard now.

        Raises:
            StorageError: What it says, or `database.unreachable`.
        """
        with self.connection() as connection:
            if self.guard:
                self.guard.check(connection)

    @contextmanager
    def held(self, *, takes_over: bool) -> Iterator[None]:
        """Hold a PostgreSQL for this program; a SQLite file is held with its folder.

        Raises:
            StateError: `database.in_use`.
            StorageError: `database.unreachable`, `database.unsafe`.
        """
        if self.is_sqlite:
            yield
            return
        with self._own_errors():
            self._holder = hold_database(self.engine, takes_over=takes_over)
        try:
            yield
        finally:
            let_go(self._holder)

    def settle(self) -> None:
        """After a lost connection: wait until nothing that was under way can be committed later.

        Raises:
            StorageError: `database.unreachable`, `storage.failed`: it may still be.
        """
        with self.connection() as connection:
            wait_for_writers(connection)
        if self._holder is not None:
            let_go(self._holder)
            with self._own_errors():
                self._holder = hold_again(self.engine)

    def checkpoint(self) -> None:
        """Copy SQLite's log into its file; other transactions wait meanwhile.

        What is committed is durable without it. PostgreSQL does so by itself.

        Raises:
            StorageError: `storage.full`: nothing is lost, try again later. `storage.failed`: what
                the file holds is unknown.
        """
        if self.is_sqlite:
            with self._turn:
                if not self._is_file_held:
                    self._checkpoint()

    def hold_file(self) -> None:
        """SQLite's file holds all that was committed, and is not written to until `release_file`.

        It can be copied by another process meanwhile; what is committed goes to the log.

        Raises:
            StateError: `backup.running`, when it is held already.
            StorageError: As `checkpoint`.
        """
        with self._turn:
            if self._is_file_held:
                raise StateError(BACKUP_RUNNING, "另一个备份正在进行")
            if self.is_sqlite:
                self._checkpoint("TRUNCATE")  # so that the log's size says what came since
                self._pragma("wal_autocheckpoint=0")
            self._is_file_held = True

    def release_file(self) -> None:
        """The log may be copied into the file again."""
        with self._turn:
            self._is_file_held = False
            if self.is_sqlite:
                self._pragma(f"wal_autocheckpoint={_CHECKPOINT_PAGES}")

    def _checkpoint(self, how: str = "PASSIVE") -> None:
        ((is_busy, pages, copied),) = self._pragma(f"wal_checkpoint({how})")
        if is_busy or pages != copied:  # only a foreign program that reads could cause it
            raise StorageError(STORAGE_FAILED, "数据库文件正被别的程序占用")

    def _pragma(self, pragma: str) -> list[tuple[int, ...]]:
        """Outside of any transaction, while no other thread has one."""
        with self.engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            try:
                return list(driver.execute(f"PRAGMA {pragma}"))
            except sqlite3.Error as error:
                raise _storage_error(error) from error

    def close(self) -> None:
        """Give the connections back, once no thread is in a transaction any more."""
        if not self.is_sqlite:
            self._uses.wait_for_end()  # else its connection would outlive the pool
        with self._turn:
            self.engine.dispose()

    @contextmanager
    def _own_errors(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise  # a rule of ours was broken: the service that knows the rule answers
        except DBAPIError as error:
            # Of PostgreSQL; None when nothing answered.
            sqlstate = getattr(error.orig, "sqlstate", "")
            if sqlstate is None or sqlstate[:2] in _CONNECTION_CLASSES:
                self.losses += 1
                reason = str(error.orig)
                raise StorageError(DATABASE_UNREACHABLE, "连不上数据库", reason=reason) from error
            raise _storage_error(error.orig) from error


class _Uses:
    """How many transactions are under way; any number may be."""

    def __init__(self) -> None:
        self._count = 0
        self._changed = threading.Condition()

    def __enter__(self) -> None:
        with self._changed:
            self._count += 1

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._count -= 1
            self._changed.notify_all()

    def wait_for_end(self) -> None:
        """Return when none is, or when one does not come to an end."""
        with self._changed:
            self._changed.wait_for(lambda: not self._count, limits.database_silence_s_max)


def _open_engine(url: str) -> Engine:
    try:
        if not url.startswith("sqlite"):
            engine = create_engine(url, pool_pre_ping=True, connect_args=connect_arguments())
            event.listen(engine, "connect", prepare_connection)
            return engine
        engine = create_engine(url, poolclass=StaticPool, connect_args={"check_same_thread": False})
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise InputError(DATABASE_URL, "数据库地址不对") from error
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, also before reads
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        f"busy_timeout={_BUSY_WAIT_MS}",
        f"wal_autocheckpoint={_CHECKPOINT_PAGES}",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _storage_error(error: BaseException | None) -> StorageError:
    reason = str(error)
    if "full" in reason or "No space" in reason:
        return StorageError(STORAGE_FULL, "数据库所在磁盘空间不足", reason=reason)
    return StorageError(STORAGE_FAILED, "数据库写入失败", reason=reason)
