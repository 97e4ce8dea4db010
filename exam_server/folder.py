"""The data folder of one program: private to its user, used by one process at a time.

Files appear whole or not at all: written beside their place, synced, renamed, the folder synced.
"""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from exam_core.errors import ExamError, InputError, StateError, StorageError, declare
from exam_core.formats.byte_source import read_chunks

DATA_EXISTS = declare("data.exists", "请换一个空文件夹，或确认旧数据已备份后移走再初始化。")
DATA_MISSING = declare("data.missing", "请检查 --data 指定的文件夹，或先运行 init 初始化。")
DATA_IN_USE = declare("data.in_use", "同一数据文件夹已有程序在使用；请先停止它，或改用网页操作。")
FILE_UNREADABLE = declare("file.unreadable", "请检查文件路径、权限，以及介质是否插好。")
FILE_TOO_LARGE = declare("file.too_large", "文件过大，请检查是否选错了文件。")
OUTPUT_EXISTS = declare("output.exists", "请换一个文件名，或先移走原有的文件；没有做任何改动。")
OUTPUT_PLACE = declare("output.place", "请检查输出位置：上级文件夹要存在，并且可以写入。")
STORAGE_FULL = declare("storage.full", "磁盘空间不足，没有写入任何内容；请清理磁盘后重试。")
STORAGE_FAILED = declare("storage.failed", "写盘失败；请立即检查磁盘，作答仍保存在各考生机上。")

_PLACE_REASONS = {
    errno.ENOENT: "文件夹不存在",
    errno.ENOTDIR: "上级不是文件夹",
    errno.EISDIR: "这是一个文件夹",
    errno.EACCES: "没有权限",
    errno.EPERM: "没有权限",
    errno.EROFS: "磁盘是只读的",
}


def read_input(path: Path, *, bytes_max: int, name: str) -> bytes:
    """A file from outside, whole.

    Raises:
        InputError: `file.unreadable`, `file.too_large`.
    """
    try:
        with path.open("rb") as file:
            data = file.read(bytes_max + 1)
    except OSError as error:
        raise InputError(FILE_UNREADABLE, f"读不了{name}：{path}", reason=str(error)) from error
    if len(data) > bytes_max:
        raise InputError(FILE_TOO_LARGE, f"{name}超过 {bytes_max} 字节")
    return data


@contextmanager
def open_input(path: Path, *, bytes_max: int, name: str) -> Iterator[BinaryIO]:
    """A file from outside, open for reading; for those too large to hold beside their content.

    Raises:
        InputError: `file.unreadable`, also when reading fails inside the block; `file.too_large`.
    """
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size > bytes_max:
                raise InputError(FILE_TOO_LARGE, f"{name}超过 {bytes_max} 字节")
            yield file
    except OSError as error:
        raise InputError(FILE_UNREADABLE, f"读不了{name}：{path}", reason=str(error)) from error


def write_atomically(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Put `data` at `path`, durable and whole when this returns.

    Raises:
        StorageError: `storage.full`, `storage.failed`, `output.place`; `path` is as it was before.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise storage_error(error, path.name) from error


class FileSource:
    """A file as `exam_core` reads it: opened for every read, so that it holds nothing open.

    Raises:
        InputError: `file.unreadable`.
    """

    def __init__(self, path: Path, *, name: str) -> None:
        self._path = path
        self._name = name
        try:
            self._size = path.stat().st_size
        except OSError as error:
            raise self._unreadable(error) from error

    @property
    def size(self) -> int:
        """How many bytes the file had when this was made."""
        return self._size

    def read_at(self, offset: int, size: int) -> bytes:
        """So many bytes from `offset`; fewer only at the end.

        Raises:
            InputError: `file.unreadable`.
        """
        try:
            with self._path.open("rb", buffering=0) as file:
                file.seek(offset)
                data = file.read(size)
                while len(data) < size and (more := file.read(size - len(data))):
                    data += more
                return data
        except OSError as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: OSError) -> InputError:
        return InputError(FILE_UNREADABLE, f"读不了{self._name}：{self._path}", reason=str(error))


def copy_input(path: Path, to: Path, *, bytes_max: int, name: str) -> None:
    """Copy a file from outside to a new file of ours, durable when this returns.

    Raises:
        InputError: `file.unreadable`, `file.too_large`.
        StorageError: `storage.full`, `storage.failed`; nothing is left at `to`.
    """
    source = FileSource(path, name=name)
    if source.size > bytes_max:
        raise InputError(FILE_TOO_LARGE, f"{name}超过 {bytes_max} 字节")
    try:
        descriptor = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:  # buffered: a raw write may write a part
                for chunk in read_chunks(source, 0, source.size):
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            to.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise storage_error(error, to.name) from error


def sync_folder(folder: Path) -> None:
    """Make renames and new files in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def refuse_existing(path: Path) -> None:
    """Refuse to write a file where there is one.

    Raises:
        InputError: `output.exists`.
    """
    if path.exists() or path.is_symlink():
        raise InputError(OUTPUT_EXISTS, f"{path} 已经存在")


def storage_error(error: OSError, name: str) -> StorageError:
    """Our error for a failed write: a full disk, a place that is wrong, or a disk that fails."""
    if error.errno in _PLACE_REASONS:
        reason = _PLACE_REASONS[error.errno]
        return StorageError(OUTPUT_PLACE, f"写不了 {name}：{reason}", reason=str(error))
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return StorageError(STORAGE_FULL, f"写入 {name} 时空间不足", reason=str(error))
    return StorageError(STORAGE_FAILED, f"写入 {name} 失败", reason=str(error))


def require_folder(folder: Path, marker: str) -> None:
    """Refuse a data folder that was not initialised.

    Raises:
        InputError: `data.missing`.
    """
    if not (folder / marker).is_file():
        raise InputError(DATA_MISSING, f"{folder} 不是已初始化的数据文件夹")


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A private folder to fill; it gets its name when the block ends well, else it is removed.

    Raises:
        InputError: `data.exists`.
        StorageError: `storage.full`, `storage.failed`.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(DATA_EXISTS, f"{folder} 已存在且不是空文件夹")
    beside = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside.mkdir(mode=0o700)
    except OSError as error:
        raise storage_error(error, folder.name) from error
    try:
        yield beside
        if folder.exists():
            folder.rmdir()
        beside.rename(folder)
        sync_folder(folder.parent)
    except BaseException as error:
        for file in sorted(beside.rglob("*"), reverse=True):
            file.rmdir() if file.is_dir() else file.unlink()
        beside.rmdir()
        if isinstance(error, OSError) and not isinstance(error, ExamError):
            raise storage_error(error, folder.name) from error
        raise


@contextmanager
def only_user(folder: Path) -> Iterator[None]:
    """Hold the folder for this process; the lock ends with the process, however it ends.

    Raises:
        StateError: `data.in_use`.
    """
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StateError(DATA_IN_USE, f"{folder} 正被另一个程序使用") from None
        yield
    finally:
        os.close(descriptor)
