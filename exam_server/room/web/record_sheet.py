"""The record sheet of the room, to be printed, compared and signed by two people."""

import asyncio
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from exam_core.formats.audit_log import AuditEntry
from exam_core.formats.trust_root import fingerprint
from exam_core.model.states import SittingState
from exam_server.accounts.audit_report import grouped
from exam_server.room.live import RoomState
from exam_server.room.room_log import CheckpointReason
from exam_server.room.services.record_sheet import TOLD, Anchor, RecordSheet, read_record_sheet
from exam_server.room.views import SITTING_TITLES
from exam_server.room.web.context import RoomContext, context_of
from exam_server.room.web.staff import ACTION_TITLES, READERS
from exam_server.web.pages import render
from exam_server.web.permissions import GuardedRoute, readable_by

_ANCHOR_TITLES = {CheckpointReason.OPENING: "启封时", CheckpointReason.END: "结束时"}
_DETAIL_TITLES = {
    "reason": "理由",
    "extra_ms": "时长",
    "code": "代码",
    "finding": "发现",
    "signing_key": "公钥",
}
_MOMENT_TITLES = {"opening": "启封时", "end": "结束时", "now": "打印时"}
_MINUTE_MS = 60_000
_KEY_START = 16
"""How much of a key people compare; all of it is in the log."""


def record_sheet_routes() -> list[BaseRoute]:
    """The routes of this module."""
    read = readable_by(*READERS)
    return [
        GuardedRoute("/staff/record-sheet", show_sheet, permission=read),
        GuardedRoute("/staff/checkpoints.txt", send_checkpoints, permission=read),
    ]


async def show_sheet(request: Request) -> Response:
    """The sheet as the room stands now."""
    room = context_of(request)
    log = await asyncio.to_thread(room.trail.snapshot)
    sheet = read_record_sheet(log)
    state = room.hub.state
    return render(
        request,
        "record_sheet.html",
        facts=_facts(room),
        counts=_counts(state),
        course=[
            (ACTION_TITLES[action], _time(entry.at_utc_ms), "、".join(entry.actors))
            for action, entry in sheet.course.items()
        ],
        incidents=[_incident(entry) for entry in sheet.incidents],
        anchors=[_anchor(anchor) for anchor in sheet.anchors],
        digests={
            "信任根指纹": fingerprint(room.folder.root()),
            "试卷包摘要": grouped(state.package_sha256),
            "分卷表摘要": grouped(sheet.assignment_sha256) or "—",
            **_kiosks(sheet),
            f"打印时日志头（{sheet.lines} 行）": grouped(sheet.head),
        },
        printed_at=_time(room.clock.utc_ms()),
    )


async def send_checkpoints(request: Request) -> Response:
    """The checkpoints as they are on disk."""
    notes = await asyncio.to_thread(context_of(request).trail.checkpoints)
    return Response(
        "".join(notes).encode(),
        media_type="text/plain; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="checkpoints.txt"'},
    )


def _facts(room: RoomContext) -> dict[str, str]:
    state = room.hub.state
    return {
        "考点": f"{room.centre.name}（{room.centre.centre_id}）",
        "场次": state.sitting_id,
        "考试名称": state.title,
        "考试时长": f"{state.clock.duration_ms / _MINUTE_MS:g} 分钟",
        "场次状态": SITTING_TITLES[state.clock.state],
    }


def _counts(state: RoomState) -> dict[str, int]:
    """Who came and what became of it; who has not come is absent only when it is over."""
    sessions = list(state.sessions.values())
    submitted = sum(bool(one.receipt) for one in sessions)
    counts = {
        "应考": len(state.seats),
        "到场": sum(seat.is_present for seat in state.seats.values()),
        "交卷（有回执）": submitted,
    }
    if state.clock.state in {SittingState.ENDED, SittingState.CLOSED}:
        begun = sum(one.has_begun for one in sessions)
        counts |= {"未交卷": begun - submitted, "缺考": len(state.seats) - begun}
    return counts


def _incident(entry: AuditEntry) -> dict[str, str]:
    told = [
        f"{_DETAIL_TITLES[name]} {_detail(name, entry.details[name])}"
        for name in TOLD
        if name in entry.details
    ]
    return {
        "at": _time(entry.at_utc_ms),
        "what": ACTION_TITLES.get(entry.action, entry.action),
        "subject": entry.subject,
        "actors": "、".join(entry.actors),
        "told": "；".join(told),
    }


def _kiosks(sheet: RecordSheet) -> dict[str, str]:
    return {
        f"{_MOMENT_TITLES[moment]}登记的考生机（{one.count} 台）": grouped(one.sha256)
        for moment, one in sheet.kiosks.items()
    }


def _detail(name: str, value: str) -> str:
    if name == "signing_key":
        return f"{value[:_KEY_START]}…"
    return f"{int(value) / _MINUTE_MS:g} 分钟" if name == "extra_ms" else value


def _anchor(anchor: Anchor) -> dict[str, str]:
    return {
        "title": _ANCHOR_TITLES[CheckpointReason(anchor.reason)],
        "at": _time(anchor.at_utc_ms),
        "size": str(anchor.size),
        "root": grouped(anchor.root),
        "head": grouped(anchor.head),
        "note": anchor.note,
    }


def _time(utc_ms: int) -> str:
    at = datetime.fromtimestamp(utc_ms / 1000, UTC).astimezone()
    return at.strftime("%Y-%m-%d %H:%M:%S")
