"""The page of acts that need two people: what was asked, and the second person's confirmation.

A program says at `build_application` which acts there are; an act's own page asks through
`PairBoard.ask`, and what the two agreed to runs when the second one confirms here.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute

from exam_server.accounts.audit import AuditTrail
from exam_server.accounts.pairs import Pair, PairDesk, PairRequest
from exam_server.accounts.people import Person
from exam_server.accounts.roles import TITLES_ZH, Role
from exam_server.web.pages import render
from exam_server.web.permissions import (
    GuardedRoute,
    done_by,
    form_text,
    person_of,
    readable_by,
    wants_json,
)

PATH = "/pairs"


@dataclass(frozen=True, slots=True, kw_only=True)
class PairAct:
    """An act that needs two people.

    Attributes:
        action: Its stable name; the line in the log that `run` writes has it, too.
        title: What people call it.
        labels: What people call its details, by their names; in the order of the page.
        confirmers: Who may confirm it.
        run: Does it, and answers the second person's request; it writes the one line with
            `pair.actors`.
    """

    action: str
    title: str
    labels: Mapping[str, str]
    confirmers: frozenset[Role]
    run: Callable[[Request, Pair], Awaitable[Response]]


class PairBoard:
    """The acts of a program with its desk."""

    def __init__(self, desk: PairDesk, trail: AuditTrail, acts: Iterable[PairAct]) -> None:
        self.desk = desk
        self._trail = trail
        self.acts = {act.action: act for act in acts}

    async def ask(
        self, request: Request, action: str, *, subject: str, details: Mapping[str, str]
    ) -> Response:
        """The first person's part, from a form with the field `password`; goes to the page.

        Raises:
            InputError: `access.refused`.
            StateError: `access.wait`, `pair.many`.
        """
        person = person_of(request)
        asked = await asyncio.to_thread(
            self.desk.ask,
            person,
            await form_text(request, "password"),
            source=_source(request),
            action=action,
            subject=subject,
            details=details,
            confirmers=self.acts[action].confirmers,
        )
        await asyncio.to_thread(
            self._trail.record,
            "pair_asked",
            actors=(person.name,),
            subject=subject,
            act=action,
            digest=asked.digest,
        )
        if wants_json(request):
            facts = {"request_id": asked.request_id, "digest": asked.digest}
            return JSONResponse({"ok": True, **facts})
        return RedirectResponse(PATH, status_code=303)

    async def confirm(self, request: Request) -> Response:
        """The second person's part; see `PairDesk.confirm` for the refusals."""
        pair = await asyncio.to_thread(
            self.desk.confirm,
            person_of(request),
            await form_text(request, "password"),
            source=_source(request),
            request_id=await form_text(request, "request_id"),
            digest=await form_text(request, "digest"),
        )
        return await self.acts[pair.request.action].run(request, pair)

    async def withdraw(self, request: Request) -> Response:
        """Anyone who may confirm, or who asked, can take a request off."""
        person = person_of(request)
        withdrawn = self.desk.withdraw(await form_text(request, "request_id"))
        if withdrawn:
            await asyncio.to_thread(
                self._trail.record,
                "pair_withdrawn",
                actors=(person.name,),
                subject=withdrawn.subject,
                act=withdrawn.action,
                digest=withdrawn.digest,
            )
        return done(request)

    def shown_to(self, person: Person) -> list[dict[str, object]]:
        """The waiting requests as the page shows them."""
        return [self._view(one, person) for one in self.desk.waiting()]

    def _view(self, request: PairRequest, person: Person) -> dict[str, object]:
        act = self.acts[request.action]
        is_other = person.account_id != request.first.account_id
        return {
            "request_id": request.request_id,
            "title": act.title,
            "subject": request.subject,
            "details": {act.labels[name]: value for name, value in request.details.items()},
            "first": request.first.name,
            "digest": request.digest,
            "shown_digest": " ".join(
                request.digest[start : start + 4] for start in range(0, len(request.digest), 4)
            ),
            "confirmers": "、".join(TITLES_ZH[one] for one in Role if one in request.confirmers),
            "can_confirm": is_other and bool(person.roles & request.confirmers),
        }


def pair_routes(roles: Iterable[Role]) -> list[BaseRoute]:
    """The routes of this module, for these roles."""
    may = tuple(roles)
    return [
        GuardedRoute(PATH, show, permission=readable_by(*may)),
        GuardedRoute(f"{PATH}/confirm", confirm, permission=done_by(*may), methods=["POST"]),
        GuardedRoute(f"{PATH}/withdraw", withdraw, permission=done_by(*may), methods=["POST"]),
    ]


async def show(request: Request) -> Response:
    """What waits for a second person."""
    board = board_of(request)
    # What another page offers to ask for, such as the time in which the server was away.
    offered = dict(request.query_params)
    requests = board.shown_to(person_of(request))
    return render(request, "pairs.html", requests=requests, offered=offered)


async def confirm(request: Request) -> Response:
    """Form: `request_id`, `digest`, `password`. Does what was asked.

    Errors: 401 access.refused, 429 access.wait, 409 pair.*, and those of the act.
    """
    return await board_of(request).confirm(request)


async def withdraw(request: Request) -> Response:
    """Form: `request_id`."""
    return await board_of(request).withdraw(request)


def board_of(request: Request) -> PairBoard:
    """The board of the program that serves this request."""
    board: PairBoard = request.app.state.pairs
    return board


def done(request: Request, where: str = PATH) -> Response:
    """The answer when all is done."""
    return JSONResponse({"ok": True}) if wants_json(request) else RedirectResponse(where, 303)


def _source(request: Request) -> str:
    return request.client.host if request.client else ""
