"""What every page of a program needs, and how a page is made from its template."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, Template
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from exam_core.errors import ExamError
from exam_core.protocol.http import status_of
from exam_server.accounts.people import People, Person
from exam_server.accounts.roles import TITLES_ZH, Role
from exam_server.web.permissions import present_person

_STATUS_OF_CODE = {
    "access.sign_in": 401,
    "access.refused": 401,
    "access.denied": 403,
    "access.origin": 403,
    "access.wait": 429,
    "net.pace": 429,
    "package.end": 416,
    "page.missing": 404,
    "page.refused": 405,
    "protocol.too_large": 413,
}
"""Where HTTP has a word of its own; everything else goes by the family."""

_PART_NS = 1_000_000  # of a large page, made without letting anything else in

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


def render(request: Request, page: str, *, status: int = 200, **context: Any) -> Response:
    """A page from its template, with what the base template needs."""
    template, values = _prepared(request, page, context)
    return HTMLResponse(template.render(values), status_code=status)


async def render_large(request: Request, page: str, **context: Any) -> Response:
    """The same for a page with thousands of lines; whatever else waits has its turn between.

    Not in a thread: whoever computes there holds up every step of the loop by the interpreter's
    lock, and saves by many times what the page takes.
    """
    template, values = _prepared(request, page, context)
    parts: list[str] = []
    until_ns = time.monotonic_ns() + _PART_NS
    for part in template.generate(values):
        parts.append(part)
        if time.monotonic_ns() >= until_ns:
            await asyncio.sleep(0)
            until_ns = time.monotonic_ns() + _PART_NS
    return HTMLResponse("".join(parts))


def _prepared(
    request: Request, page: str, context: dict[str, Any]
) -> tuple[Template, dict[str, Any]]:
    site: Site = request.app.state.site
    person = present_person(request)
    values = {
        "site_title": site.title,
        "person": person,
        "role_titles": [TITLES_ZH[role] for role in Role if person and role in person.roles],
        "menu": site.menu_of(person),
        "path": request.url.path,
        "csrf_token": person.csrf_token if person else "",
    }
    return site.pages.get_template(page), values | context


def status_of_refusal(error: ExamError) -> int:
    """The HTTP status of one of our errors."""
    return _STATUS_OF_CODE.get(error.code) or status_of(error)
