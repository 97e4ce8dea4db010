"""What PostgreSQL needs beside SQL: a server that keeps what it commits, and one holder.

Connections notice a dead peer in half a minute, on both sides, so that neither a server nor a lock
hangs on a machine that lost its power.
"""

import secrets
import time
from typing import Any, Final

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from exam_core.errors import StateError, StorageError, declare
from exam_server import limits

DATABASE_UNSAFE = declare(
    "database.unsafe",
    "PostgreSQL 的设置会在断电时丢失已确认的作答；请把 fsync、synchronous_commit、"
    "full_page_writes 都设为 on 后重启数据库。",
)
DATABASE_IN_USE = declare(
    "database.in_use",
    "先停止另一个程序。若那台服务器已死机或断网而连接未断，"
    "请用 exam-server serve --take-over 接管：它醒来后会自行停止。",
)

_SAFE: Final = {
    "fsync": {"on"},
    "full_page_writes": {"on"},
    "synchronous_commit": {"on", "remote_apply"},
}
_HOLDER: Final = 0x676F6E6779756100  # "gongyua": our advisory lock; one in each database
_HELD_BY = text(
    "SELECT coalesce(host(a.client_addr), '本机'), to_char(a.backend_start, 'HH24:MI:SS'),"
    " a.application_name FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
    " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1"
    " AND l.classid = :high AND l.objid = :low"
    " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
_END_ALL_OF = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE application_name = :name AND datname = current_database()"
)


def connect_arguments() -> dict[str, Any]:
    """Arguments of the driver, with a name that all connections of this program share."""
    return {
        "application_name": f"gongyuan-{secrets.token_hex(8)}",
        "connect_timeout": limits.database_silence_s_max,
        "keepalives_idle": limits.database_silence_s_max // 2,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": limits.database_silence_s_max * 1000,
    }


def prepare_connection(connection: Any, _record: object) -> None:
    """Refuse a server that may lose what it committed; have it notice when we are gone.

    Raises:
        StorageError: `database.unsafe`.
    """
    with connection.cursor() as cursor:
        names = ", ".join(f"current_setting('{name}')" for name in _SAFE)
        found = cursor.execute(f"SELECT {names}").fetchone()
        unsafe = [
            f"{name}={value}"
            for (name, safe), value in zip(_SAFE.items(), found, strict=True)
            if value not in safe
        ]
        silence_s = limits.database_silence_s_max
        cursor.execute(
            f"SET tcp_keepalives_idle = {silence_s // 2}; SET tcp_keepalives_interval = 5;"
            f" SET tcp_keepalives_count = 3; SET tcp_user_timeout = {silence_s * 1000}"
        )
    connection.commit()
    if unsafe:
        connection.close()  # the pool never gets to know it
        raise StorageError(DATABASE_UNSAFE, f"PostgreSQL 的设置不安全：{'，'.join(unsafe)}")


def hold_database(engine: Engine, *, takes_over: bool) -> Connection:
    """Hold the database for this program until `let_go`, or until the connection is gone.

    Only for a clear message: that nobody else changes the room is the fence's work. With
    `takes_over` the connections of the present holder are ended, also those of a machine that
    does not answer.

    Raises:
        DBAPIError: As every statement of SQLAlchemy's, for `Store` to translate.
        StateError: `database.in_use`.
    """
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    try:
        _acquire(connection, takes_over=takes_over)
    except BaseException:
        connection.close()
        raise
    return connection


def hold_again(engine: Engine) -> Connection:
    """The same after a lost connection, if nobody holds the database; the fence needs no lock."""
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": _HOLDER})
    return connection


def wait_for_writers(connection: Connection) -> None:
    """Return when every transaction that compared its fencing number before has ended.

    Each of them holds a share lock on the sitting from that comparison to its end; one that has
    not come so far cannot be committed any more, since its connection is gone.
    """
    connection.execute(text(f"SET LOCAL lock_timeout = '{limits.database_silence_s_max}s'"))
    connection.execute(text("SELECT boots FROM sitting FOR UPDATE"))


def let_go(connection: Connection) -> None:
    """Another program may hold the database."""
    try:
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _HOLDER})
    except DBAPIError:
        connection.invalidate()  # the lock went with the connection
    connection.close()


def _acquire(connection: Connection, *, takes_over: bool) -> None:
    deadline = time.monotonic() + limits.database_silence_s_max
    while not connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": _HOLDER}):
        holder = connection.execute(
            _HELD_BY, {"high": _HOLDER >> 32, "low": _HOLDER & 0xFFFFFFFF}
        ).first()
        if holder is None:
            continue  # it left between the two statements
        address, since, name = holder
        if not takes_over or time.monotonic() > deadline:
            raise StateError(
                DATABASE_IN_USE, f"这个数据库正被另一个程序使用（{address}，{since} 起）"
            )
        connection.execute(_END_ALL_OF, {"name": name})
