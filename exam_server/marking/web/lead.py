"""The lead's page: progress for each item and marker, and means."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from exam_server.accounts.roles import Role
from exam_server.marking.services.progress import lead_view
from exam_server.web.application import render
from exam_server.web.permissions import GuardedRoute, readable_by


def lead_routes() -> list[BaseRoute]:
    """The routes of this module."""
    return [GuardedRoute("/lead", show_lead, permission=readable_by(Role.LEAD))]


async def show_lead(request: Request) -> Response:
    """Progress and means of every part and marker."""
    view = await run_in_threadpool(lead_view, request.app.state.grading)
    return render(request, "lead.html", view=view)
