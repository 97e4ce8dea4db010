"""How is a bank's database opened, brought up to date, and its failures turned into ours?"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from sqlite3 import Connection as SqliteConnection
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError, SQLAlchemyError

from exam_core.errors import InputError, StorageError, declare

BANK_FILE = declare("bank.file", "请检查题库文件的路径；新建题库请先用 import 导入试题。")
BANK_NEWER = declare("bank.newer", "该题库由更新的程序建立，请升级 paper-builder 后再打开。")
BANK_STORAGE = declare(
    "bank.storage", "题库没有任何改动；请检查磁盘空间、目录权限或数据库连接后重试。"
)

_MIGRATIONS = Path(__file__).parent / "migrations"


def open_engine(location: str, *, is_new_allowed: bool) -> Engine:
    """An engine on an up-to-date bank.

    A SQLite file that this call made and could not finish is removed again.

    Args:
        location: A path, or a database URL.
        is_new_allowed: Whether a bank that does not exist is made.

    Raises:
        InputError: `bank.file`, `bank.newer`.
        StorageError: `bank.storage`.
    """
    path = None if "://" in location else Path(location)
    was_there = path is None or path.exists()
    if path is not None and not was_there and not is_new_allowed:
        raise InputError(BANK_FILE, f"题库 {path} 不存在")
    try:
        engine = create_engine(f"sqlite:///{path}" if path else make_url(location))
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise InputError(BANK_FILE, "题库的数据库地址不对，或缺少它的驱动程序") from error
    if engine.dialect.name == "sqlite":
        _begin_by_hand(engine)
    try:
        if path is not None and not was_there:
            path.parent.mkdir(parents=True, exist_ok=True)
        with storage_errors(), engine.begin() as connection:
            _migrate(connection)
    except (StorageError, InputError, OSError) as error:
        engine.dispose()
        if path is not None and not was_there:
            with suppress(OSError):
                path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise StorageError(BANK_STORAGE, f"不能新建题库 {path}") from error
        raise
    return engine


@contextmanager
def storage_errors() -> Iterator[None]:
    """Turn what the database raises into ours; the transaction has been rolled back by then.

    Raises:
        InputError: `bank.file`, when the file is no database at all.
        StorageError: `bank.storage`.
    """
    try:
        yield
    except DatabaseError as error:
        if "file is not a database" in str(error.orig):
            raise InputError(BANK_FILE, "这个文件不是题库") from error
        raise StorageError(BANK_STORAGE, f"题库没有写成：{error.orig}") from error
    except (SQLAlchemyError, OSError) as error:
        raise StorageError(BANK_STORAGE, f"题库没有写成：{error}") from error


def _migrate(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise InputError(BANK_NEWER, "题库的版本比程序新") from error


def _begin_by_hand(engine: Engine) -> None:
    """Let BEGIN cover schema changes too; Python's sqlite3 would commit before each of them.

    Source: SQLAlchemy documentation, SQLite dialect, "Serializable isolation / Savepoints /
    Transactional DDL".
    """

    @event.listens_for(engine, "connect")
    def on_connect(connection: SqliteConnection, _record: Any) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
