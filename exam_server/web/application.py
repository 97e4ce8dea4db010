"""Builds the web application of a program from its routes, its menu and its people."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from exam_core.errors import ExamError, InputError, declare
from exam_core.protocol.http import encode_body, problem_of, status_of
from exam_server.accounts.people import People, Person
from exam_server.accounts.roles import TITLES_ZH, Role
from exam_server.web.permissions import present_person, wants_json
from exam_server.web.security import SecurityHeaders

PAGE_MISSING = declare("page.missing", "请检查地址，或从菜单重新进入。")
PAGE_REFUSED = declare("page.refused", "请求方式不对，请从页面上的按钮操作。")

STATUS_OF_CODE = {
    "access.sign_in": 401,
    "access.refused": 401,
    "access.denied": 403,
    "access.origin": 403,
    "access.wait": 429,
    "page.missing": 404,
    "page.refused": 405,
    "protocol.too_large": 413,
}
"""Where HTTP has a word of its own; everything else goes by the family."""

TOO_LARGE = declare("protocol.too_large", "内容过大，请检查是否选错了文件。")

_HERE = Path(__file__).parent


SignInRecorder = Callable[[str, bool], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuEntry:
    """One entry of the menu, shown to these roles and the auditor."""

    path: str
    label: str
    roles: frozenset[Role]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What every page of a program needs; `request.app.state.site`.

    Attributes:
        on_sign_in: Called in a thread with the account's name and whether it was let in.
    """

    title: str
    people: People
    menu: Sequence[MenuEntry]
    pages: Environment
    on_sign_in: SignInRecorder

    def menu_of(self, person: Person | None) -> list[MenuEntry]:
        """The entries this person may open."""
        if person is None:
            return []
        return [entry for entry in self.menu if person.roles & {*entry.roles, Role.AUDITOR}]


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
    from exam_server.web.sign_in import sign_in_routes  # noqa: PLC0415  it renders with `render`

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
        exception_handlers={ExamError: refuse, HTTPException: _refuse_http},
    )
    application.state.site = site
    return application


def render(request: Request, page: str, *, status: int = 200, **context: Any) -> Response:
    """A page from its template, with what the base template needs."""
    site: Site = request.app.state.site
    person = present_person(request)
    html = site.pages.get_template(page).render(
        site_title=site.title,
        person=person,
        role_titles=[TITLES_ZH[role] for role in Role if person and role in person.roles],
        menu=site.menu_of(person),
        path=request.url.path,
        csrf_token=person.csrf_token if person else "",
        **context,
    )
    return HTMLResponse(html, status_code=status)


async def refuse(request: Request, error: Exception) -> Response:
    """The answer to a request that ended in one of our errors: JSON for scripts, else a page."""
    assert isinstance(error, ExamError), "registered for ExamError only"  # noqa: S101  narrows
    status = STATUS_OF_CODE.get(error.code) or status_of(error)
    if wants_json(request):
        return Response(
            encode_body(problem_of(error)), status_code=status, media_type="application/json"
        )
    return render(request, "refused.html", status=status, error=error)


async def _refuse_http(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    code, message = {
        405: (PAGE_REFUSED, "不支持这种请求方式"),
        413: (TOO_LARGE, "请求内容过大"),
    }.get(status, (PAGE_MISSING, "没有这个页面"))
    return await refuse(request, InputError(code, message))


def _environment(folder: Path) -> Environment:
    return Environment(
        loader=FileSystemLoader([folder / "templates", _HERE / "templates"]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
