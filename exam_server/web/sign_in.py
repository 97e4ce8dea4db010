"""The log-in page, log-out, and the way to the first page of a person."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute

from exam_core.errors import ExamError
from exam_server import limits
from exam_server.pacing import SIGN_IN
from exam_server.web.pages import Site, render, status_of_refusal
from exam_server.web.permissions import (
    COOKIE,
    PUBLIC,
    GuardedRoute,
    form_text,
    present_person,
    wants_json,
)


def sign_in_routes() -> list[BaseRoute]:
    """The routes of this module."""
    return [
        GuardedRoute("/", go_home, permission=PUBLIC),
        GuardedRoute("/log-in", show_sign_in, permission=PUBLIC),
        GuardedRoute("/log-in", sign_in, permission=PUBLIC, methods=["POST"], pace=SIGN_IN),
        GuardedRoute("/log-out", sign_out, permission=PUBLIC, methods=["POST"]),
    ]


async def go_home(request: Request) -> Response:
    """To the first page of the person's menu, or to the log-in page."""
    site: Site = request.app.state.site
    menu = site.menu_of(present_person(request))
    return RedirectResponse(menu[0].path if menu else "/log-in", status_code=303)


async def show_sign_in(request: Request) -> Response:
    """The log-in page."""
    return render(
        request, "sign_in.html", error=None, name="", next=request.query_params.get("next", "/")
    )


async def sign_in(request: Request) -> Response:
    """Form: `name`, `password`, `next`. Sets the cookie and goes to `next`.

    Errors: 401 access.refused, 429 access.wait.
    """
    site: Site = request.app.state.site
    name = await form_text(request, "name")
    after = await form_text(request, "next")
    form = await request.form()
    source = request.client.host if request.client else ""
    try:
        token = await run_in_threadpool(
            _sign_in, site, name, password=str(form.get("password", "")), source=source
        )
    except ExamError as error:
        if wants_json(request):
            raise
        status = status_of_refusal(error)
        return render(request, "sign_in.html", status=status, error=error, name=name, next=after)
    is_local = after.startswith("/") and not after.startswith(("//", "/\\"))
    response = RedirectResponse(after if is_local else "/", status_code=303)
    response.set_cookie(
        COOKIE,
        token,
        max_age=limits.browser_session_life_ms_max // 1000,
        secure=True,
        httponly=True,
        samesite="strict",
        path="/",
    )
    return response


async def sign_out(request: Request) -> Response:
    """Ends the browser session."""
    site: Site = request.app.state.site
    site.people.sign_out(request.cookies.get(COOKIE, ""))
    response = RedirectResponse("/log-in", status_code=303)
    response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="strict")
    return response


def _sign_in(site: Site, name: str, *, password: str, source: str) -> str:
    try:
        _, token = site.people.sign_in(name, password, source)
    except ExamError:
        # A password typed into the wrong field must not come into the log.
        site.on_sign_in(name if site.people.knows(name) else "未知账号", False)
        raise
    site.on_sign_in(name, True)
    return token
