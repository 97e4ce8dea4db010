"""Which program may change a room: the one that took it last, proved in every transaction.

Each start of a server counts the sitting's `boots` up by one and keeps the new value as its
fencing number. A transaction holds only while the database still has that number, compared in the
same transaction; so a server that slept, lost its network or was copied can change nothing once
another has taken the room, whatever it believes. Locks and sessions of PostgreSQL are only there
for a clear message at the start (`store.postgres`); this is what the exam rests on.
"""

from sqlalchemy import Connection, select, update

from exam_core.errors import StorageError, declare
from exam_server.store.engine import Store
from exam_server.store.room import SittingRow

SERVER_FENCED = declare(
    "server.fenced",
    "另一台考场服务器已接管这个数据库，本机已停止收卷并将退出；考生机会改连那一台。"
    "请确认只有一台在运行，不要再启动本机。",
)

# Row locks cost a write: who only read need not hold the number until the end.
_NUMBER_HELD = (
    "SELECT boots FROM sitting WHERE pg_current_xact_id_if_assigned() IS NOT NULL FOR SHARE"
)


class Fence:
    """A program's right to change its room, checked by its `Store`; for any thread.

    Args:
        number: The fencing number that this program took.
    """

    def __init__(self, number: int) -> None:
        self.number = number

    def check(self, connection: Connection) -> None:
        """Refuse if another program has taken the room; on SQLite nobody can until the commit.

        Raises:
            StorageError: `server.fenced`.
        """
        self._compare(connection.exec_driver_sql("SELECT boots FROM sitting").scalar())

    def check_until_commit(self, connection: Connection) -> None:
        """The same, and on PostgreSQL nobody can take the room until this transaction ends.

        Last in a transaction: a share lock that another wants to turn into a change deadlocks.

        Raises:
            StorageError: `server.fenced`.
        """
        held = connection.exec_driver_sql(_NUMBER_HELD).all()
        if held:
            self._compare(held[0][0])

    def _compare(self, number: int | None) -> None:
        if number != self.number:
            raise StorageError(
                SERVER_FENCED, "另一台服务器已接管本考场", own=self.number, present=number
            )


def take_room(store: Store) -> int | None:
    """Become the one that may change the room: its new fencing number.

    Every other program is fenced from the moment this returns; whatever one of them commits
    before is seen by what is read afterwards. None when there is no sitting yet.

    Raises:
        StorageError: `storage.full`, `storage.failed`, `database.unreachable`.
    """
    store.guard = None
    with store.connection() as connection:
        number = connection.scalar(
            update(SittingRow).values(boots=SittingRow.boots + 1).returning(SittingRow.boots)
        )
    if number is not None:
        store.guard = Fence(number)
    return number


def join_room(store: Store) -> None:
    """Change the room only as long as no server is started; for short commands."""
    with store.connection() as connection:
        number = connection.scalar(select(SittingRow.boots))
    if number is not None:
        store.guard = Fence(number)
