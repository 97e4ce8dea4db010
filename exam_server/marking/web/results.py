"""The results pages: what came in, the ranked lists, one candidate, and the exports."""

from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from exam_core.errors import InputError
from exam_core.model.items import TITLES_ZH
from exam_server.accounts.roles import Role
from exam_server.marking.services.anomalies import anomalous_sessions
from exam_server.marking.services.outcome import ARCHIVE_NAME, EXPORT_UNKNOWN, Outcome
from exam_server.web.pages import render
from exam_server.web.permissions import GuardedRoute, done_by, person_of, readable_by
from grading.reporting.wording import duration_text, rule_lines, tie_lines
from grading.result_model import results_sha256

EXPORTS = {
    "workbook": ("成绩.xlsx", "成绩表（Excel）"),
    "ranking": ("成绩排名.pdf", "个人排名（PDF）"),
    "teams": ("团体排名.pdf", "团体排名（PDF）"),
    "reports": ("个人成绩单.pdf", "个人成绩单（PDF）"),
    "archive": (ARCHIVE_NAME, "成绩档案（可复算）"),
}
"""What can be exported: file name and label."""

_MEDIA_TYPES = {
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".pdf": "application/pdf",
}


def results_routes() -> list[BaseRoute]:
    """The routes of this module."""
    reading = readable_by(Role.STAFF, Role.LEAD)
    return [
        GuardedRoute("/results", show_results, permission=reading),
        GuardedRoute(
            "/results/candidates/{admission_number:str}", show_candidate, permission=reading
        ),
        GuardedRoute(
            "/results/exports/{export:str}",
            export,
            permission=done_by(Role.STAFF, Role.LEAD),
            methods=["POST"],
        ),
    ]


async def show_results(request: Request) -> Response:
    """What came in and what of it does not hold; once everything is marked, the ranked lists."""
    outcome = _outcome(request)
    standing = await run_in_threadpool(outcome.standing)
    is_complete = standing.marked == standing.total and any(
        centre.counts for centre in standing.centres
    )
    results = await run_in_threadpool(outcome.results) if is_complete else None
    anomalous = await run_in_threadpool(anomalous_sessions, request.app.state.grading)
    return render(
        request,
        "results.html",
        standing=standing,
        results=results,
        anomalous=anomalous,
        shows_identity=True,
        digest=results_sha256(results) if results else "",
        rules=rule_lines(results) if results else (),
        ties=tie_lines(results) if results else (),
        type_titles=TITLES_ZH,
        exports=EXPORTS,
        may_export=bool(person_of(request).roles & {Role.STAFF, Role.LEAD}),
        duration_text=duration_text,
    )


async def show_candidate(request: Request) -> Response:
    """One candidate by domain, type and item.

    Errors: 400 candidate.unknown, 409 results.unmarked.
    """
    outcome = _outcome(request)
    row = await run_in_threadpool(outcome.candidate, request.path_params["admission_number"])
    return render(
        request, "candidate.html", row=row, type_titles=TITLES_ZH, duration_text=duration_text
    )


async def export(request: Request) -> Response:
    """A document as a download; leaves a line in the audit log.

    Errors: 400 export.unknown, report.*; 409 results.unmarked, results.none.
    """
    found = EXPORTS.get(request.path_params["export"])
    if found is None:
        raise InputError(EXPORT_UNKNOWN, "没有这种导出文件")
    name = found[0]
    data = await run_in_threadpool(_outcome(request).document, name, actor=person_of(request).name)
    suffix = name[name.rindex(".") :]
    return Response(
        data,
        media_type=_MEDIA_TYPES.get(suffix, "application/octet-stream"),
        headers={"content-disposition": f"attachment; filename*=UTF-8''{quote(name)}"},
    )


def _outcome(request: Request) -> Outcome:
    outcome: Outcome = request.app.state.outcome
    return outcome
