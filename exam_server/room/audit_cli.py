"""`exam-server audit …`: hold a room's log against its checkpoints, and go on after a break."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from exam_core.errors import InputError, declare
from exam_core.formats.audit_evidence import LogHead, LogReport, SeenNote, examine_log
from exam_core.formats.audit_log import every_line
from exam_core.formats.centre_descriptor import CentreDescriptor, verify_centre
from exam_core.formats.checkpoint import open_checkpoint, room_origin, split_checkpoints
from exam_core.formats.trust_root import parse_root
from exam_core.model.identifiers import SittingId
from exam_server import limits
from exam_server.accounts.audit_report import tell_report
from exam_server.accounts.new_account import read_approvals
from exam_server.accounts.people import People
from exam_server.clock import SystemClock
from exam_server.command_line import ApprovalFile, ApprovedBy, AsJson, DataFolder, say
from exam_server.folder import read_input
from exam_server.room.folder import RoomFolder
from exam_server.room.room_log import present_sitting_id
from exam_server.room.serve import open_store, sole_store
from exam_server.room.set_aside import set_log_aside

app = typer.Typer(
    no_args_is_help=True, pretty_exceptions_enable=False, help="审计日志：核验、封存后另起。"
)

AUDIT_WHOSE = declare(
    "audit.whose", "请给出 --data，或同时给出日志、--checkpoints、--centre、--root 与 --sitting。"
)

AUDIT_HEAD = declare(
    "audit.head", '请照记录单写，例如 --paper-head "44:0a1b2c3d …"；日志头是 64 位十六进制数字。'
)

_SIZE = re.compile(r"[1-9][0-9]{0,8}")
_HEAD = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """What was kept elsewhere than beside the log: files of notes, and heads on paper."""

    notes: tuple[Path, ...]
    heads: tuple[LogHead, ...]


@app.command(help="核验日志与检查点：查出改动、删除、插入、调换、截去，并指出位置。")
def verify(
    log: Annotated[Path | None, typer.Argument(help="日志 audit.jsonl", readable=False)] = None,
    *,
    checkpoints: Annotated[
        Path | None, typer.Option(help="检查点 checkpoints.txt", readable=False)
    ] = None,
    centre: Annotated[
        Path | None, typer.Option(help="总部签名的考点文件 centre.signed", readable=False)
    ] = None,
    root: Annotated[Path | None, typer.Option(help="总部的 root.json", readable=False)] = None,
    sitting: Annotated[str, typer.Option(help="场次编号")] = "",
    data: Annotated[
        Path | None, typer.Option(help="考场的数据文件夹，代替以上各项", readable=False)
    ] = None,
    note: Annotated[
        list[Path] | None,
        typer.Option(help="另存的检查点（纸面抄录或考生机带出），可多次给出", readable=False),
    ] = None,
    paper_head: Annotated[
        list[str] | None, typer.Option(help="记录单上的日志头，写作 行数:日志头，可多次给出")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Examine a log; the exit status is 2 when anything was found."""
    kept = _Kept(notes=tuple(note or ()), heads=tuple(map(_read_head, paper_head or ())))
    if data is not None:
        origin, report = _examine_folder(RoomFolder(data), sitting, kept)
    elif log and checkpoints and centre and root and sitting:
        trusted = parse_root(read_input(root, bytes_max=limits.root_bytes_max, name="信任根"))
        signed = read_input(centre, bytes_max=limits.config_bytes_max, name="考点文件")
        descriptor = verify_centre(signed, trusted)
        origin, report = _examine(log, checkpoints, descriptor, sitting, kept)
    else:
        raise InputError(AUDIT_WHOSE, "不知道核验哪一份日志")
    tell_report(report, origin=origin, as_json=as_json)


@app.command(help="日志与检查点不符而考试必须继续时：封存旧日志，由两名管理员批准另起一份。")
def set_aside(
    *,
    data: DataFolder,
    reason: Annotated[str, typer.Option(help="为什么继续；会记入新日志的第一行")],
    approved_by: ApprovedBy = None,
    approval_file: ApprovalFile = None,
    as_json: AsJson = False,
) -> None:
    """Keep a log that does not hold as evidence, and begin another one; two people decide."""
    folder = RoomFolder(data)
    folder.require()
    with sole_store(folder) as store:
        kept = set_log_aside(
            folder,
            store,
            People(store, SystemClock()),
            SystemClock(),
            reason=reason,
            approvals=read_approvals(approved_by or [], approval_file or []),
        )
    say(
        f"旧日志已封存在 {kept}，不要改动，连同本机一起上报。\n新日志的第一行记有封存的经过。",
        as_json=as_json,
        kept=str(kept),
    )


def _examine_folder(folder: RoomFolder, sitting: str, kept: _Kept) -> tuple[str, LogReport]:
    folder.require()
    if not sitting:
        store = open_store(folder)
        sitting = present_sitting_id(store) or ""
        store.close()
    return _examine(folder.audit_file, folder.checkpoints_file, folder.centre(), sitting, kept)


def _examine(
    log: Path, checkpoints: Path, centre: CentreDescriptor, sitting: str, kept: _Kept
) -> tuple[str, LogReport]:
    origin = room_origin(centre.centre_id, SittingId(sitting))
    lines = read_input(log, bytes_max=limits.audit_log_bytes_max, name="审计日志")
    notes = read_input(checkpoints, bytes_max=limits.checkpoints_bytes_max, name="检查点文件")
    report = examine_log(
        every_line(lines),
        split_checkpoints(notes),
        origin=origin,
        key=centre.signing_key,
        seen=[one for path in kept.notes for one in _read_note(path, origin, centre)],
        paper=kept.heads,
    )
    return origin, report


def _read_note(path: Path, origin: str, centre: CentreDescriptor) -> Iterator[SeenNote]:
    """The checkpoints of a file; one with a slip in it is refused, for it would prove nothing."""
    data = read_input(path, bytes_max=limits.audit_log_bytes_max, name=path.name)
    notes = split_checkpoints(data.strip() + b"\n")
    for note in notes:
        open_checkpoint(note, origin=origin, key=centre.signing_key)
        yield SeenNote(seen_by=path.name, note=note)


def _read_head(text: str) -> LogHead:
    size, _, head = "".join(text.split()).partition(":")
    if not _SIZE.fullmatch(size) or not _HEAD.fullmatch(head):
        raise InputError(AUDIT_HEAD, f"“{text[:80]}”不是 行数:日志头")
    return LogHead(size=int(size), head=head)
