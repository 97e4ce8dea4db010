"""A SQLite file that was copied and that no server has opened yet."""

import sqlite3
from contextlib import closing
from pathlib import Path

from exam_core.errors import IntegrityError, StorageError, declare
from exam_server.folder import STORAGE_FAILED

BACKUP_DAMAGED = declare(
    "backup.damaged", "备份与原来的数据不符，不能使用；请换一个介质重新备份，或改用另一份备份。"
)


def check_copy(file: Path) -> int:
    """Read every page of a copy; returns how many frames it holds.

    Raises:
        IntegrityError: `backup.damaged`.
    """
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro&immutable=1", uri=True)) as copy:
            (found,) = copy.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                raise IntegrityError(BACKUP_DAMAGED, "备份中的数据库有损坏", reason=str(found))
            has_frames = copy.execute("SELECT 1 FROM sqlite_master WHERE name = 'frame'").fetchone()
            if not has_frames:
                return 0
            (count,) = copy.execute("SELECT count(*) FROM frame").fetchone()
            return int(count)
    except sqlite3.DatabaseError as error:
        raise IntegrityError(BACKUP_DAMAGED, "备份中的数据库读不了", reason=str(error)) from error


def raise_boots(file: Path, by: int) -> None:
    """Let the next start of the server count as a later one than any that kiosks have seen.

    Raises:
        StorageError: `storage.failed`.
    """
    try:
        with closing(sqlite3.connect(file)) as copy, copy:
            copy.execute("PRAGMA synchronous=FULL")
            copy.execute("UPDATE sitting SET boots = boots + ?", (by,))
    except sqlite3.Error as error:
        raise StorageError(STORAGE_FAILED, "数据库写入失败", reason=str(error)) from error
