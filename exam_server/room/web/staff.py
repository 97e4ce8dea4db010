"""The staff page: what was imported, the room record, and the audit log."""

import asyncio
from datetime import UTC, datetime

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from exam_core.formats.audit_log import AuditEntry
from exam_core.formats.trust_root import fingerprint
from exam_core.model.states import OVER_STATES, SessionState, SittingState
from exam_server import limits
from exam_server.accounts.roles import Role
from exam_server.room.live import LiveSeat
from exam_server.room.services.staff_record import StaffRecord, read_record
from exam_server.room.views import SITTING_TITLES, room_view
from exam_server.room.web.backup_page import KEEPERS, folder_for_backups
from exam_server.room.web.context import RoomContext, context_of
from exam_server.room.web.journal_upload import BRINGERS
from exam_server.web.pages import render, render_large
from exam_server.web.permissions import (
    GuardedRoute,
    person_of,
    readable_by,
)

READERS = (Role.STAFF, Role.CHIEF, Role.IT)


def staff_routes() -> list[BaseRoute]:
    """The routes of this module."""
    return [
        GuardedRoute("/staff", show_staff, permission=readable_by(*READERS)),
        GuardedRoute("/staff/audit", show_audit, permission=readable_by(*READERS)),
        GuardedRoute("/staff/audit.jsonl", send_audit, permission=readable_by(*READERS)),
    ]


async def show_staff(request: Request) -> Response:
    """Imports, counts, the record of the sitting, the way to the results."""
    room = context_of(request)
    record = await asyncio.to_thread(read_record, room.store)
    return await render_large(
        request,
        "staff.html",
        record=record,
        facts=_facts(room, record),
        room=room_view(room.hub.state, room.clock.monotonic_ms()),
        seats=[_record_line(seat) for seat in room.hub.state.seats.values() if not seat.is_spare],
        can_bring=bool(person_of(request).roles & {*BRINGERS}),
        can_back_up=bool(person_of(request).roles & {*KEEPERS}),
        backup_folder=folder_for_backups(room),
        backups=room.backups,
        can_sign=bool(person_of(request).roles & {Role.STAFF, Role.CHIEF}),
        is_ended=room.hub.state.clock.state in OVER_STATES,
        is_closed=room.hub.state.clock.state is SittingState.CLOSED,
    )


async def show_audit(request: Request) -> Response:
    """The newest lines of the audit log, newest first."""
    room = context_of(request)
    lines = await asyncio.to_thread(room.trail.lines)
    newest = lines[-limits.audit_lines_shown_max :][::-1]
    entries = [_audit_line(line) for line in newest]
    return render(request, "audit.html", entries=entries, total=len(lines), head=room.trail.head)


async def send_audit(request: Request) -> Response:
    """The whole audit log as it is on disk."""
    room = context_of(request)
    lines = await asyncio.to_thread(room.trail.lines)
    return Response(
        b"".join(line + b"\n" for line in lines),
        media_type="application/jsonl",
        headers={"Content-Disposition": 'attachment; filename="audit.jsonl"'},
    )


def _facts(room: RoomContext, record: StaffRecord) -> dict[str, str]:
    state = room.hub.state
    signed = "已安装" if room.folder.signed_centre_file.exists() else "尚未安装总部签名"
    return {
        "考点": f"{room.centre.name}（{room.centre.centre_id}）",
        "考点签名文件": signed,
        "信任根指纹": fingerprint(room.folder.root()),
        "场次": state.sitting_id,
        "考试名称": state.title,
        "场次状态": SITTING_TITLES[state.clock.state],
        "试卷包": f"序号 {record.sequence}，{record.forms} 卷",
        "试卷包摘要": state.package_sha256,
        "考试时长": f"{state.clock.duration_ms / 60_000:g} 分钟",
        "分卷种子": record.form_seed,
        "分卷表摘要": record.assignment_sha256,
        "服务器状态": str(room.hub.health.view()["words"]),
        "已存作答记录": f"{state.frame_log.frames_held} 条",
        "被拒记录": f"{record.refused} 条，{len(state.known_flags)} 条带标记",
    }


def _record_line(seat: LiveSeat) -> dict[str, str]:
    session = seat.session
    is_closed = session is not None and session.state is SessionState.CLOSED
    return {
        "seat_id": seat.seat_id,
        "admission_number": seat.admission_number,
        "name": seat.name,
        "unit": seat.unit,
        "team": seat.team,
        "form_number": str(seat.form_number),
        "outcome": _outcome(session.close_reason) if session and is_closed else "",
        "receipt": session.receipt if session else "",
    }


def _outcome(close_reason: str) -> str:
    return {
        "candidate": "交卷",
        "time_up": "到时收卷",
        "proctor": "监考收卷",
        "absent": "缺考",
    }.get(close_reason, close_reason)


def _audit_line(line: bytes) -> dict[str, str]:
    entry = msgspec.json.decode(line, type=AuditEntry)
    at = datetime.fromtimestamp(entry.at_utc_ms / 1000, UTC).astimezone()
    return {
        "n": str(entry.n),
        "at": at.strftime("%m-%d %H:%M:%S"),
        "actors": "、".join(entry.actors),
        "action": ACTION_TITLES.get(entry.action, entry.action),
        "subject": entry.subject,
        "details": "；".join(f"{key}={value}" for key, value in entry.details.items()),
    }


ACTION_TITLES = {
    "room_initialised": "初始化考场",
    "official_added": "登记签名官员",
    "centre_installed": "安装考点签名文件",
    "account_added": "新建账号",
    "package_imported": "导入试卷包",
    "package_refused": "试卷包或启封包被拒",
    "roster_imported": "导入名单",
    "roster_replaced": "更换名单",
    "forms_assigned": "分卷（已签名）",
    "server_started": "启动考场服务",
    "server_fenced": "被另一台服务器接管，停止考场服务",
    "server_stopped": "停止考场服务",
    "signed_in": "登录",
    "sign_in_refused": "登录被拒",
    "join_codes_made": "生成登记码",
    "kiosk_enrolled": "机位登记",
    "kiosk_revoked": "吊销机位证书",
    "kiosk_refused": "机位登记数字不符",
    "comparisons_many": "机位核对次数过多",
    "machine_swapped": "换机",
    "journal_uploaded": "补传作答文件",
    "backup_made": "备份数据文件夹",
    "swap_time_returned": "补还换机时间",
    "opening_key_brought": "提交启封密钥",
    "opening_key_refused": "启封密钥被拒",
    "opening_refused": "启封未成功",
    "paper_opened": "两人启封试卷",
    "paper_reopened": "重启后两人再次启封",
    "resume_sheet_printed": "显示断网恢复码单",
    "logged_in": "考生登录",
    "logged_in_again": "考生重新登录",
    "log_in_refused": "登录被拒",
    "seat_unlocked": "解锁机位",
    "presence_confirmed": "确认到场",
    "sitting_start": "开考",
    "sitting_hold": "暂停",
    "sitting_resume": "继续",
    "sitting_end": "结束考试",
    "sessions_begun": "发放试卷",
    "session_submitted": "交卷",
    "session_ended": "收卷（无交卷记录）",
    "extra_time_granted": "补时",
    "pair_asked": "申请两人办理",
    "pair_withdrawn": "撤回两人办理的申请",
    "room_time_extended": "两人批准全场补时",
    "alarm_raised": "告警",
    "alarm_settled": "告警已处理",
    "results_fixed": "固定并密封结果",
    "results_signed": "官员签名结果",
    "results_signature_refused": "结果签名被拒",
    "root_installed": "更换信任根",
    "checkpoint_taken": "签署日志检查点",
    "log_set_aside": "两人批准封存旧日志",
    "results_exported": "导出结果并归档",
}
