"""Builds the web application of a program from its routes, its menu and its people."""

from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from exam_core.errors import ExamError, InputError, declare
from exam_core.protocol.http import encode_body, problem_of
from exam_server.accounts.people import People
from exam_server.pacing import NET_PACE
from exam_server.web.pages import MenuEntry, SignInRecorder, Site, render, status_of_refusal
from exam_server.web.permissions import TOO_LARGE, wants_json
from exam_server.web.security import SecurityHeaders
from exam_server.web.sign_in import sign_in_routes

PAGE_MISSING = declare("page.missing", "请检查地址，或从菜单重新进入。")
PAGE_REFUSED = declare("page.refused", "请求方式不对，请从页面上的按钮操作。")

_HERE = Path(__file__).parent


def build_application(
    *,
    title: str,
    people: People,
    menu: Sequence[MenuEntry],
    routes: Sequence[BaseRoute],
    folder: Path,
    on_sign_in: SignInRecorder = lambda _name, _is_let_in: None,
) -> Starlette:
    """The application of a program.

    Args:
        title: Shown on top of every page.
        people: Its accounts.
        menu: Its pages.
        routes: Its `GuardedRoute`s; the log-in pages are added here.
        folder: Holds `templates/` and `static/` of the program, served under `/static/own`.
        on_sign_in: Where a log-in is recorded, let in or not.
    """
    site = Site(
        title=title,
        people=people,
        menu=tuple(menu),
        pages=_environment(folder),
        on_sign_in=on_sign_in,
    )
    application = Starlette(
        routes=[
            Mount("/static/own", StaticFiles(directory=folder / "static")),
            Mount("/static", StaticFiles(directory=_HERE / "static")),
            *sign_in_routes(),
            *routes,
        ],
        middleware=[Middleware(SecurityHeaders)],
        exception_handlers={
            ExamError: refuse,
            HTTPException: _refuse_http,
            ClientDisconnect: leave,
        },
    )
    application.state.site = site
    return application


async def refuse(request: Request, error: Exception) -> Response:
    """The answer to a request that ended in one of our errors: JSON for scripts, else a page."""
    assert isinstance(error, ExamError), "registered for ExamError only"  # noqa: S101  narrows
    status = status_of_refusal(error)
    if wants_json(request):
        response = Response(
            encode_body(problem_of(error)), status_code=status, media_type="application/json"
        )
    else:
        response = render(request, "refused.html", status=status, error=error)
    return unhurried(response, error)


def unhurried(response: Response, error: ExamError) -> Response:
    """Whoever asks too often or too much connects anew for each further request, in its turn."""
    if error.code in (NET_PACE, TOO_LARGE):
        response.headers["connection"] = "close"
    return response


def refusal_of(status: int) -> InputError:
    """What we say where the framework refused a request with this status."""
    code, message = {
        405: (PAGE_REFUSED, "不支持这种请求方式"),
        413: (TOO_LARGE, "请求内容过大"),
    }.get(status, (PAGE_MISSING, "没有这个页面"))
    return InputError(code, message)


async def leave(_request: Request, _error: Exception) -> Response:
    """The answer to a peer that went away in the middle of its request; nobody reads it."""
    return Response(status_code=400)


async def _refuse_http(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return await refuse(request, refusal_of(status))


def _environment(folder: Path) -> Environment:
    return Environment(
        loader=FileSystemLoader([folder / "templates", _HERE / "templates"]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
