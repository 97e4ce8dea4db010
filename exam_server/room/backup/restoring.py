"""Puts a backup back: a new data folder with what was copied, each file compared with its digest.

Kiosks may have seen starts of the server that the backup does not know, and believe no order of an
earlier one. So the restored room counts as started many times more.
"""

import hashlib
import os
from pathlib import Path, PurePosixPath

import msgspec

from exam_core.errors import InputError, IntegrityError, declare
from exam_core.formats.byte_source import read_chunks
from exam_server import limits
from exam_server.folder import FileSource, new_folder, read_input, storage_error, sync_folder
from exam_server.room.backup.copying import MANIFEST_NAME, CopiedFile, Manifest
from exam_server.store.sqlite_copy import BACKUP_DAMAGED, check_copy, raise_boots

BACKUP_MALFORMED = declare("backup.malformed", "请检查选的是不是 exam-server backup 写出的文件夹。")


def restore(backup: Path, data: Path) -> Manifest:
    """Make the data folder `data` from a backup; it is whole when this returns, or not there.

    Raises:
        InputError: `backup.malformed`, `file.unreadable`, `data.exists`.
        IntegrityError: `backup.damaged`.
        StorageError: `storage.full`, `storage.failed`, `output.place`.
    """
    content = read_input(
        backup / MANIFEST_NAME, bytes_max=limits.backup_manifest_bytes_max, name="备份清单"
    )
    manifest = _parsed(content)
    with new_folder(data) as beside:
        for one in manifest.files:
            _copy(backup, beside, one)
        if manifest.database:
            check_copy(beside / manifest.database)
            raise_boots(beside / manifest.database, limits.restore_boots)
        for folder in {(beside / one.path).parent for one in manifest.files}:
            sync_folder(folder)
    return manifest


def _parsed(content: bytes) -> Manifest:
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
    except msgspec.DecodeError as error:
        raise InputError(BACKUP_MALFORMED, "备份清单格式不对") from error
    paths = [PurePosixPath(one.path) for one in manifest.files]
    is_inside = all(not path.is_absolute() and ".." not in path.parts for path in paths)
    has_database = not manifest.database or PurePosixPath(manifest.database) in paths
    if manifest.version != 1 or not is_inside or not has_database:
        raise InputError(BACKUP_MALFORMED, "备份清单格式不对")
    return manifest


def _copy(backup: Path, to: Path, one: CopiedFile) -> None:
    source = FileSource(backup / one.path, name=f"备份中的 {one.path}")
    target, digest = to / one.path, hashlib.sha256()
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            for chunk in read_chunks(source, 0, source.size):
                digest.update(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise storage_error(error, one.path) from error
    if (source.size, digest.hexdigest()) != (one.size_bytes, one.sha256):
        raise IntegrityError(BACKUP_DAMAGED, f"备份中的 {one.path} 与清单不符")
