"""Reads and writes `.examarchive` files; the bytes themselves are `grading.archive`'s."""

import os
import stat
import tempfile
from pathlib import Path

from exam_core.errors import InputError, StorageError, declare
from grading import limits
from grading.archive import Archive, decode_archive, encode_archive
from grading.records import ARCHIVE_MALFORMED

ARCHIVE_UNREADABLE = declare("archive.unreadable", "请检查文件名、U 盘和读取权限后再试。")
ARCHIVE_UNWRITTEN = declare(
    "archive.unwritten", "成绩档案没有写成，原有文件未受影响；请检查磁盘空间和写入权限后再试。"
)

ARCHIVE_EXISTS = declare("archive.exists", "请换一个文件名，或先移走原有的文件；没有写入任何内容。")

_FOLDERS_SYNC = os.name == "posix"  # Windows makes a rename durable with the file


def read_archive(path: Path) -> Archive:
    """The archive in a file.

    Raises:
        InputError: `archive.unreadable`, `archive.malformed`, `archive.secrets`.
        IntegrityError: `archive.altered`.
    """
    data = read_regular(path, bytes_max=limits.archive_bytes_max, code=ARCHIVE_UNREADABLE)
    if len(data) > limits.archive_bytes_max:
        raise InputError(ARCHIVE_MALFORMED, "成绩档案过大")
    return decode_archive(data)


def read_regular(path: Path, *, bytes_max: int, code: str) -> bytes:
    """One byte more than the maximum at most; a device or a pipe, which has no end, not at all.

    Raises:
        InputError: `code`.
    """
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))  # a pipe must not wait
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise InputError(code, f"{path.name} 不是普通文件")
            return file.read(bytes_max + 1)
    except FileNotFoundError as error:
        raise InputError(code, f"没有文件 {path.name}") from error
    except OSError as error:
        raise InputError(code, f"读不出 {path.name}：{error.strerror}") from error


def write_archive(path: Path, archive: Archive) -> None:
    """Write an archive into a new file; on return the whole of it is on disk.

    Raises:
        InputError: `archive.exists`; the file that is there is untouched.
        StorageError: `archive.unwritten`.
    """
    if path.exists() or path.is_symlink():
        raise InputError(ARCHIVE_EXISTS, f"{path} 已经存在")
    write_durably(path, encode_archive(archive), ARCHIVE_UNWRITTEN)


def write_durably(path: Path, data: bytes, code: str) -> None:
    """Replace a file in one step: nobody ever sees half of it, and it survives a power cut.

    Raises:
        StorageError: `code`.
    """
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)
    except OSError as error:
        raise StorageError(code, f"写不了 {path.name}：{error.strerror}") from error


def _sync_folder(folder: Path) -> None:
    if not _FOLDERS_SYNC:
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
