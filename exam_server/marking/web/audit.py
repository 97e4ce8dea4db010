"""The audit log as a page: the last lines, and whether the chain holds."""

import datetime as dt

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from exam_core.formats.audit_log import AuditEntry, verify_lines
from exam_server import limits
from exam_server.accounts.audit import AuditTrail
from exam_server.accounts.roles import Role
from exam_server.web.pages import render
from exam_server.web.permissions import GuardedRoute, readable_by

ACTIONS_ZH = {
    "site_made": "建立阅卷点",
    "account_added": "添加账号",
    "centre_imported": "登记考点",
    "key_imported": "导入答案包",
    "results_imported": "导入考试结果",
    "results_refused": "考试结果被拒",
    "results_taken_despite": "两人批准导入对不上的结果",
    "session_anomalous": "作答记录有异常",
    "serving_started": "网页开启",
    "serving_stopped": "网页关闭",
    "mark_given": "评分",
    "results_exported": "导出成绩",
    "checkpoint_taken": "签署日志检查点",
}
"""What each action of the grading site is called; the log itself keeps the stable name."""


def audit_routes() -> list[BaseRoute]:
    """The routes of this module."""
    return [GuardedRoute("/audit", show_audit, permission=readable_by(Role.LEAD))]


async def show_audit(request: Request) -> Response:
    """The latest lines, newest first, with the head of the whole chain.

    Errors: 422 audit.chain.
    """
    lines, head = await run_in_threadpool(_read, request.app.state.grading.audit)
    latest = [
        msgspec.json.decode(line, type=AuditEntry)
        for line in lines[: -limits.audit_lines_shown_max - 1 : -1]
    ]
    return render(
        request,
        "audit.html",
        entries=latest,
        count=len(lines),
        head=head,
        time_text=_time_text,
        titles=ACTIONS_ZH,
    )


def _read(audit: AuditTrail) -> tuple[list[bytes], str]:
    lines = audit.lines()
    return lines, verify_lines(lines)


def _time_text(utc_ms: int) -> str:
    return dt.datetime.fromtimestamp(utc_ms / 1000, dt.UTC).astimezone().strftime("%m-%d %H:%M:%S")
