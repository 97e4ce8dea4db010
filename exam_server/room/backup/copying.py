"""Copies a data folder with everything that a server needs, and says what was copied.

The copy is as secret as the folder: it holds the centre's signing key, no answer key and no paper
that is open. What only a running program uses is left out: its lock, its reserve of space, its
socket, and the database's log, which is in the file.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec

from exam_core.errors import InputError, declare
from exam_server.folder import (
    FILE_UNREADABLE,
    OUTPUT_EXISTS,
    new_folder,
    storage_error,
    sync_folder,
    write_atomically,
)
from exam_server.room.backup.asking import folder_at_rest
from exam_server.room.backup.talk import Done
from exam_server.room.folder import RoomFolder
from exam_server.room.reserve import RESERVE_NAME
from exam_server.store.engine import sqlite_file
from exam_server.store.sqlite_copy import check_copy

MANIFEST_NAME = "backup.json"

BACKUP_DATABASE = declare(
    "backup.database", "数据库文件不在数据文件夹里；请把它移入文件夹，或自行复制。"
)

_LEFT_OUT = frozenset({"lock", "run", RESERVE_NAME, MANIFEST_NAME})
_CHUNK_BYTES = 1 << 20


class CopiedFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file of a backup, by its path inside the folder."""

    path: str
    size_bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a backup holds; it lies in it as `backup.json`.

    `database` is the path of the SQLite file, empty when the answers are in a PostgreSQL, which is
    not part of the backup. `frames` counts the answers in it.
    """

    version: int
    made_utc_ms: int
    database: str
    frames: int
    files: tuple[CopiedFile, ...]


def back_up(room: RoomFolder, out: Path, *, made_utc_ms: int) -> Manifest:
    """Copy the folder to `out`, which is whole and durable when this returns, or not there.

    Every frame that was acknowledged before this was called is in it.

    Raises:
        InputError: `output.exists`, `data.missing`, `config.malformed`, `backup.database`.
        StateError: `data.in_use`, `backup.running`, `backup.lapsed`.
        StorageError: `storage.full`, `storage.failed`, `output.place`.
        IntegrityError: `backup.damaged`: what was written is not what was read.
    """
    if out.exists() or out.is_symlink():
        raise InputError(OUTPUT_EXISTS, f"{out} 已经存在")
    url = room.database_url()
    database = _inside(room.path, sqlite_file(url))
    os.nice(5)  # the server's saves come first
    with ExitStack() as work:
        beside = work.enter_context(new_folder(out))
        server = work.enter_context(folder_at_rest(room.path, url))
        files = [_copy(room.path, beside, path) for path in _in_order(room.path, database)]
        frames = check_copy(beside / database) if database else 0
        manifest = Manifest(
            version=1,
            made_utc_ms=made_utc_ms,
            database=str(database) if database else "",
            frames=frames,
            files=tuple(files),
        )
        content = msgspec.json.format(msgspec.json.encode(manifest))
        write_atomically(beside / MANIFEST_NAME, content)
        for folder in {(beside / one.path).parent for one in files}:
            sync_folder(folder)
        if server:
            size_bytes = sum(one.size_bytes for one in files)
            digest = hashlib.sha256(content).hexdigest()
            server.done(Done(manifest_sha256=digest, size_bytes=size_bytes))
    return manifest


def _inside(folder: Path, database: Path | None) -> Path | None:
    if database is None:
        return None
    try:
        return database.resolve().relative_to(folder.resolve())
    except ValueError as error:
        raise InputError(BACKUP_DATABASE, f"数据库文件在 {database}") from error


def _in_order(folder: Path, database: Path | None) -> Iterator[Path]:
    """The database first; the log after its checkpoints, so that it covers each of them."""
    if database:
        yield database
    rest = sorted(_files(folder, database))
    last = [path for path in rest if path.name == "audit.jsonl"]
    yield from (path for path in rest if path not in last)
    yield from last


def _files(folder: Path, database: Path | None) -> Iterator[Path]:
    log_names = {f"{database}{end}" for end in ("", "-wal", "-shm", "-journal")}
    for path in folder.rglob("*"):
        inside = path.relative_to(folder)
        is_part = path.name.startswith(".") and path.name.endswith(".part")
        if path.is_symlink() or not path.is_file() or is_part:
            continue
        if inside.parts[0] not in _LEFT_OUT and str(inside) not in log_names:
            yield inside


def _copy(folder: Path, to: Path, path: Path) -> CopiedFile:
    """Copy a file as long as it is now; of a log that grows only whole lines."""
    source, target = folder / path, to / path
    digest = hashlib.sha256()
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with source.open("rb", buffering=0) as file:
            left = _whole_lines(file.fileno()) if path.suffix == ".jsonl" else -1
            size = os.fstat(file.fileno()).st_size if left < 0 else left
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as copy:
                left = size
                while left > 0:
                    chunk = file.read(min(left, _CHUNK_BYTES))
                    if not chunk:
                        raise InputError(FILE_UNREADABLE, f"{path} 在复制时变短了")
                    digest.update(chunk)
                    copy.write(chunk)
                    left -= len(chunk)
                copy.flush()
                os.fsync(copy.fileno())
    except OSError as error:
        raise storage_error(error, path.name) from error
    return CopiedFile(path=str(path), size_bytes=size, sha256=digest.hexdigest())


def _whole_lines(descriptor: int) -> int:
    """How long the file is up to the end of its last whole line."""
    at = os.fstat(descriptor).st_size
    while at > 0:
        start = max(0, at - _CHUNK_BYTES)
        end = os.pread(descriptor, at - start, start).rfind(b"\n")
        if end >= 0:
            return start + end + 1
        at = start
    return 0
