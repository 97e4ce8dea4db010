"""Who may use a route, said beside the route; nothing is open by forgetting.

A change needs, besides the role, a request from our own page: the Origin (or Sec-Fetch-Site)
header, and the session's token in the form field `csrf_token` or the header `X-CSRF-Token`.
"""

import hmac
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from urllib.parse import quote

from starlette.datastructures import FormData
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Message

from exam_core.errors import InputError, StateError, declare
from exam_server import limits
from exam_server.accounts.people import Person
from exam_server.accounts.roles import TITLES_ZH, Role
from exam_server.pacing import NET_PACE, Pace

ACCESS_SIGN_IN = declare("access.sign_in", "请先登录。")
ACCESS_DENIED = declare("access.denied", "您的角色不能做这件事；需要时请找有此角色的同事。")
ACCESS_ORIGIN = declare("access.origin", "请求不是从本系统页面发出的，已拒绝；请刷新页面后重试。")

TOO_LARGE = declare("protocol.too_large", "内容过大，请检查是否选错了文件。")

COOKIE = "__Host-gongyuan"
CSRF_FIELD = "csrf_token"
CSRF_HEADER = "x-csrf-token"
READING = frozenset({"GET", "HEAD"})

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """Roles that may use a route; None lets everybody in.

    `is_machine` is for callers without a browser: they send no cookie, so nobody can ride on it.
    """

    roles: frozenset[Role] | None
    is_machine: bool = False


PUBLIC = Permission(roles=None)
MACHINE = Permission(roles=None, is_machine=True)


def readable_by(*roles: Role) -> Permission:
    """For routes that change nothing: these roles and the auditor, who reads everything."""
    return Permission(roles=frozenset({*roles, Role.AUDITOR}))


def done_by(*roles: Role) -> Permission:
    """For routes that change something: these roles only."""
    if Role.AUDITOR in roles:
        raise ValueError("the auditor changes nothing")
    return Permission(roles=frozenset(roles))


class GuardedRoute(Route):
    """A route with its permission; the endpoint runs only for those it lets in.

    `pace` says how often one kiosk, or one address at the console port, may use it.
    """

    def __init__(
        self,
        path: str,
        endpoint: Endpoint,
        *,
        permission: Permission,
        methods: Collection[str] = ("GET",),
        max_body_size: int = limits.page_body_bytes_max,
        max_files: int = 1,
        pace: Pace | None = None,
    ) -> None:
        self.permission = permission

        async def guarded(request: Request) -> Response:
            request.state.max_files = max_files
            try:
                if pace:
                    require_pace(request, pace)
                request = _bounded(request, max_body_size)
                refusal = await _check(request, permission)
                return refusal or await endpoint(request)
            finally:
                await request.close()  # an uploaded key file stays open no longer than needed

        super().__init__(
            path,
            guarded,
            methods=list(methods),
            name=f"{endpoint.__module__}.{endpoint.__name__}",
        )


def _bounded(request: Request, most_bytes: int) -> Request:
    """The request with a body that ends in a refusal once it is too large.

    Starlette's own limit answers without a code.
    """
    claimed = request.headers.get("content-length", "0")
    if not claimed.isdecimal() or int(claimed) > most_bytes:
        raise InputError(TOO_LARGE, "请求内容过大")
    size = 0

    async def receive() -> Message:
        nonlocal size
        message = await request.receive()
        size += len(message.get("body", b""))
        if size > most_bytes:
            raise InputError(TOO_LARGE, "请求内容过大")
        return message

    return Request(request.scope, receive)


def require_pace(connection: HTTPConnection, pace: Pace) -> None:
    """Refuse whoever does this too often.

    Raises:
        StateError: `net.pace`.
    """
    visitor = connection.scope.get("state", {}).get("visitor")
    if visitor is not None and not visitor.keeps_pace(pace):
        raise StateError(NET_PACE, "请求过于频繁")


def person_of(request: Request) -> Person:
    """The person who makes the request; only on routes that ask for a role."""
    person = request.state.person
    assert isinstance(person, Person), "the route has a permission with roles"  # noqa: S101  narrows
    return person


def present_person(request: Request) -> Person | None:
    """The signed-in person, if any; asking counts as the person's activity."""
    token = request.cookies.get(COOKIE)
    person: Person | None = request.app.state.site.people.person_of(token) if token else None
    return person


async def _check(request: Request, permission: Permission) -> Response | None:
    if permission.is_machine:
        return None
    person = present_person(request)
    request.state.person = person
    is_change = request.method not in READING
    if is_change:
        _check_origin(request)
    if permission.roles is None:
        return None
    if person is None:
        if is_change or wants_json(request):
            raise StateError(ACCESS_SIGN_IN, "尚未登录或登录已过期")
        return RedirectResponse(f"/log-in?next={quote(request.url.path)}", status_code=303)
    if not person.roles & permission.roles:
        names = "、".join(TITLES_ZH[role] for role in Role if role in permission.roles)
        raise StateError(ACCESS_DENIED, f"只有{names}可以使用此功能")
    if is_change:
        await _check_token(request, person)
    return None


def wants_json(request: Request) -> bool:
    """Whether a script asks, not a person who reads a page."""
    return request.url.path.startswith("/v1/") or "text/html" not in request.headers.get(
        "accept", ""
    )


def _check_origin(request: Request) -> None:
    origin = request.headers.get("origin")
    own = f"{request.url.scheme}://{request.headers.get('host', '')}"
    is_own = origin == own if origin else request.headers.get("sec-fetch-site") == "same-origin"
    if not is_own:
        raise StateError(ACCESS_ORIGIN, "请求来源不对")


async def _check_token(request: Request, person: Person) -> None:
    given = request.headers.get(CSRF_HEADER)
    if given is None:
        form = await form_of(request)
        given = str(form.get(CSRF_FIELD, ""))
    if not hmac.compare_digest(given.encode(), person.csrf_token.encode()):
        raise StateError(ACCESS_ORIGIN, "页面已过期")


async def form_of(request: Request) -> FormData:
    """The submitted form, with no more files than its route takes."""
    return await request.form(max_files=request.state.max_files, max_fields=limits.form_fields_max)


async def form_text(request: Request, field: str) -> str:
    """A text field of the submitted form, without outer white space; empty when absent.

    Raises:
        InputError: `protocol.malformed`, when a file came instead.
    """
    form = await form_of(request)
    value = form.get(field, "")
    if not isinstance(value, str):
        raise InputError("protocol.malformed", f"表单项 {field} 不应是文件")
    return value.strip()
