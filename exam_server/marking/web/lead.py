"""The lead's page: progress for each item and marker, means, and journals that do not hold."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from exam_server.accounts.roles import Role
from exam_server.marking.services.anomalies import anomalous_sessions
from exam_server.marking.services.progress import lead_view
from exam_server.web.pages import render
from exam_server.web.permissions import GuardedRoute, readable_by


def lead_routes() -> list[BaseRoute]:
    """The routes of this module."""
    return [GuardedRoute("/lead", show_lead, permission=readable_by(Role.LEAD))]


async def show_lead(request: Request) -> Response:
    """Progress and means of every part and marker; journals that do not hold, without names."""
    site = request.app.state.grading
    view = await run_in_threadpool(lead_view, site)
    anomalous = await run_in_threadpool(anomalous_sessions, site)
    return render(request, "lead.html", view=view, anomalous=anomalous, shows_identity=False)
