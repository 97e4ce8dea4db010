"""Goes on after a log that does not hold: the old one is kept, two people answer for the new one.

Nothing of the old log is judged or mended here. What kiosks saw of it stays in their journals, and
the grading site will ask about it.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from exam_core.errors import InputError, IntegrityError, StateError, declare
from exam_core.formats.audit_log import split_lines
from exam_server.accounts.audit import AuditTrail
from exam_server.accounts.new_account import check_approvals
from exam_server.accounts.people import People
from exam_server.accounts.roles import ROOM_ADMINISTRATORS
from exam_server.clock import Clock
from exam_server.folder import sync_folder
from exam_server.room.folder import RoomFolder
from exam_server.room.room_log import CheckpointReason, open_room_log
from exam_server.store.engine import Store

LOG_HOLDS = declare("audit.holds", "审计日志没有问题，不需要封存；请直接启动考场服务。")
SET_ASIDE_REASON = declare("audit.reason", "请写明封存日志、继续考试的理由。")


def set_log_aside(
    folder: RoomFolder,
    store: Store,
    people: People,
    clock: Clock,
    *,
    reason: str,
    approvals: Mapping[str, str],
) -> Path:
    """Move the log and its checkpoints into a folder of their own and begin a new log.

    The first line of the new one says what was set aside, why, and who decided.

    Returns:
        The folder with the old log.

    Raises:
        InputError: `audit.reason`, `access.refused`.
        StateError: `audit.holds`; `account.approval`, `pair.*`, `access.wait`.
    """
    finding = _what_is_wrong(folder, store, clock)
    if not finding:
        raise StateError(LOG_HOLDS, "日志与检查点相符")
    if not reason:
        raise InputError(SET_ASIDE_REASON, "没有写理由")
    check_approvals(people, approvals, ROOM_ADMINISTRATORS)
    former = folder.audit_file.read_bytes()
    number = 1 + sum(1 for _ in folder.path.glob("audit-set-aside-*"))
    kept = folder.path / f"audit-set-aside-{number}"
    kept.mkdir(mode=0o700)
    for file in (folder.audit_file, folder.checkpoints_file):
        if file.exists():
            file.rename(kept / file.name)
    sync_folder(kept)
    sync_folder(folder.path)
    AuditTrail(folder.audit_file, clock).record(
        "log_set_aside",
        actors=tuple(approvals),
        subject=kept.name,
        reason=reason,
        finding=finding,
        former_lines=len(split_lines(former)),
        former_sha256=hashlib.sha256(former).hexdigest(),
    )
    open_room_log(folder, store, clock).take_checkpoint(CheckpointReason.SET_ASIDE)
    return kept


def _what_is_wrong(folder: RoomFolder, store: Store, clock: Clock) -> str:
    try:
        open_room_log(folder, store, clock)
    except (InputError, IntegrityError) as error:
        return f"{error.code} {error.message}"
    return ""
