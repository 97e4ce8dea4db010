"""How do bytes come from and reach the disk? Bounded when read; whole or not at all when written.

A file is written beside its place, synced, and renamed; a folder likewise. Nobody ever sees half.
"""

import errno
import os
import shutil
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path

from exam_core.errors import InputError, StorageError, declare

FILE_MISSING = declare("builder.file", "请检查文件的路径和读取权限后重试。")
FILE_TOO_LARGE = declare(
    "builder.too_large", "请检查是否选错了文件；内容确实很多时请分成几个文件。"
)
FILE_WRITE = declare("builder.write", "请检查磁盘空间和目录权限后重试；没有留下写了一半的文件。")
OUTPUT_EXISTS = declare("builder.output_exists", "请换一个输出位置，或先移走原有的文件。")

_REASONS = {
    errno.ENOENT: "文件不存在",
    errno.EISDIR: "这是一个目录",
    errno.ENOTDIR: "上级不是目录",
    errno.EACCES: "没有权限",
    errno.EROFS: "磁盘是只读的",
    errno.ENOSPC: "磁盘已满",
    errno.EDQUOT: "超过磁盘配额",
    errno.EFBIG: "超过文件大小限制",
}

PRIVATE = 0o600
"""Mode of everything that holds a key, a seed or a paper's content."""

PUBLIC = 0o644
PUBLIC_FOLDER = 0o755


def read_file(path: Path, bytes_max: int, name: str) -> bytes:
    """The bytes of a file.

    Args:
        path: Where it is.
        bytes_max: A larger file is refused before it is read.
        name: What it is, in Chinese, for the message.

    Raises:
        InputError: `builder.file`, `builder.too_large`.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(bytes_max + 1)
    except OSError as error:
        raise InputError(FILE_MISSING, f"读不到{name} {path}：{_reason(error)}") from error
    if len(data) > bytes_max:
        raise InputError(FILE_TOO_LARGE, f"{name} {path} 超过 {bytes_max // 1024} KiB")
    return data


def write_file(path: Path, data: bytes, mode: int = PUBLIC) -> None:
    """Put the file in place, replacing what was there; on disk when this returns.

    Raises:
        StorageError: `builder.write`; the old file, if any, is untouched.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, partial = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            _fill(descriptor, data, mode)
            Path(partial).replace(path)
        except BaseException:
            Path(partial).unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)
    except OSError as error:
        raise StorageError(FILE_WRITE, f"写不了 {path}：{_reason(error)}") from error


def write_folder(
    path: Path, files: Mapping[str, bytes], public_names: Collection[str] = ()
) -> None:
    """Make a folder with these files in it, all or none; on disk when this returns.

    Args:
        path: The folder; it must be free.
        files: Contents by name.
        public_names: The files that others may read; all others are for the owner alone.

    Raises:
        InputError: `builder.output_exists`, when there is already something at `path`.
        StorageError: `builder.write`; nothing is left behind.
    """
    refuse_existing(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        try:
            for name, data in files.items():
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
                mode = PUBLIC if name in public_names else PRIVATE
                _fill(os.open(partial / name, flags, PRIVATE), data, mode)
            if public_names:
                partial.chmod(PUBLIC_FOLDER)
            _sync_folder(partial)
            partial.replace(path)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        _sync_folder(path.parent)
    except OSError as error:
        raise StorageError(FILE_WRITE, f"写不了 {path}：{_reason(error)}") from error


def refuse_existing(path: Path) -> None:
    """Refuse a place that is taken; an empty folder is free.

    Raises:
        InputError: `builder.output_exists`.
    """
    if path.is_dir() and not path.is_symlink() and not any(path.iterdir()):
        return
    if path.exists() or path.is_symlink():
        raise InputError(OUTPUT_EXISTS, f"{path} 已经存在")


def _fill(descriptor: int, data: bytes, mode: int) -> None:
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fchmod(stream.fileno(), mode)
        os.fsync(stream.fileno())


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _reason(error: OSError) -> str:
    return _REASONS.get(error.errno or 0) or os.strerror(error.errno or 0)
