"""The room's console application in a test, without sockets."""

import asyncio

import httpx2
from starlette.applications import Starlette

from exam_server.accounts.people import People
from exam_server.room.serve import build_room, open_store
from exam_server.room.web.applications import build_console_application
from exam_server.room.web.context import RoomContext
from exam_server.store.engine import Store
from exam_server.web.permissions import COOKIE, GuardedRoute
from tests.support.fake_clock import FakeClock
from tests.support.room_world import CHEAP, PASSWORD, RoomWorld

ORIGIN = "https://room.test"
WEB_PAGE = {"Accept": "text/html"}


class Pages:
    """The console application without sockets."""

    def __init__(self, world: RoomWorld) -> None:
        self.clock = FakeClock()
        self.store: Store = open_store(world.folder)
        self.room: RoomContext = build_room(world.folder, self.store, self.clock)
        self.people = People(self.store, self.clock, CHEAP)
        self.application: Starlette = build_console_application(self.room, self.people)
        self.routes = [
            route for route in self.application.routes if isinstance(route, GuardedRoute)
        ]

    def request(
        self,
        method: str,
        path: str,
        who: str = "",
        *,
        form: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        files: dict[str, tuple[str, bytes]] | None = None,
    ) -> httpx2.Response:
        """One request, as a signed-in person if one is named."""
        cookies = {}
        form = dict(form or {})
        if who:
            person, token = self.people.sign_in(who, PASSWORD, "test")
            cookies[COOKIE] = token
            form.setdefault("csrf_token", person.csrf_token)

        async def send() -> httpx2.Response:
            async with httpx2.AsyncClient(
                transport=httpx2.ASGITransport(app=self.application),
                base_url=ORIGIN,
                cookies=cookies,
            ) as http:
                return await http.request(
                    method,
                    path,
                    data=form if method == "POST" else None,
                    files=files,
                    headers={"Origin": ORIGIN, **(headers or {})},
                )

        return asyncio.run(send())
