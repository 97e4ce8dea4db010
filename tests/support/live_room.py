"""A room in the test's own process: real TLS on loopback, a clock that the test sets."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx2

from exam_core.model.identifiers import SeatId
from exam_core.model.roster import Candidate
from exam_core.model.states import SittingEvent
from exam_server.accounts.people import People, Person
from exam_server.accounts.roles import Role
from exam_server.room.serve import build_room, open_store, room_listeners
from exam_server.room.services.opening import OpenedPaper, bring_key, open_paper
from exam_server.room.web.context import RoomContext
from exam_server.serving import serve_until
from tests.support import builders
from tests.support.fake_clock import FakeClock
from tests.support.kiosk_driver import KioskDriver
from tests.support.room_world import CHEAP, PASSPHRASE, PASSWORD, RoomWorld


def person(name: str, *roles: Role, session: str = "") -> Person:
    """A person as the pages know one."""
    return Person(
        account_id=sum(name.encode()),
        name=name,
        roles=frozenset(roles),
        session_key=session or name,
        csrf_token="token",
    )


LI = person("li", Role.IT)
ZHANG = person("zhang", Role.CHIEF)
WANG = person("wang", Role.PROCTOR)


@dataclass
class LiveRoom:
    """The running room and what a test does with it."""

    world: RoomWorld
    room: RoomContext
    clock: FakeClock
    kiosk_url: str
    console_url: str
    drivers: list[KioskDriver] = field(default_factory=list)

    async def kiosk(self, serial: int = 1) -> KioskDriver:
        """An enrolled kiosk at seat A0<serial>, with the package verified."""
        return await self.kiosk_at(SeatId(f"A{serial:02d}"))

    async def kiosk_at(self, seat_id: SeatId) -> KioskDriver:
        """An enrolled kiosk at a seat, with the package verified."""
        driver = KioskDriver(seat_id, self.world.folder)
        driver.kiosk_url = self.kiosk_url
        self.drivers.append(driver)
        reply = await driver.enrol(self.console_url, self.room.codes.make(seat_id, made_by="wang"))
        assert reply.status_code == 200, reply.text
        await driver.fetch_package(builders.root())
        return driver

    async def logged_in(self, serial: int = 1) -> KioskDriver:
        """A kiosk whose candidate is logged in."""
        driver = await self.kiosk(serial)
        reply = await driver.log_in(self.candidate(serial), self.room_code)
        assert reply.status_code == 200, reply.text
        return driver

    async def writing(self, serial: int = 1) -> KioskDriver:
        """A kiosk whose candidate sees the paper."""
        driver = await self.logged_in(serial)
        await driver.attach()
        await self.room.hub.steering.mark_present(WANG, driver.seat_id)
        await driver.wait_begin()
        await driver.save()
        return driver

    @asynccontextmanager
    async def signed_in(self, name: str) -> AsyncIterator[httpx2.AsyncClient]:
        """A person's browser, as a script uses it: signed in, with the session's token."""
        context = ssl.create_default_context(cafile=self.world.folder.authority_file)
        async with httpx2.AsyncClient(
            base_url=self.console_url, verify=context, headers={"Origin": self.console_url}
        ) as http:
            form = {"name": name, "password": PASSWORD, "next": "/"}
            assert (await http.post("/log-in", data=form)).status_code == 303
            page = await http.get("/", headers={"Accept": "text/html"}, follow_redirects=True)
            token = page.text.split('name="csrf-token" content="')[1].split('"')[0]
            http.headers["X-CSRF-Token"] = token
            yield http

    def candidate(self, serial: int = 1) -> Candidate:
        """The candidate of seat A0<serial>."""
        return self.world.roster[serial - 1]

    @property
    def room_code(self) -> str:
        """The code that the proctor shows."""
        return self.room.hub.state.room_code

    async def open(self) -> OpenedPaper:
        """The two people open the paper."""
        opened = await asyncio.to_thread(self._open)
        await self.room.hub.steering.paper_opened(opened)
        await self.room.hub.catching_up.all_caught_up()
        return opened

    async def start(self) -> None:
        """Open and start."""
        await self.open()
        await self.room.hub.course.change_sitting(SittingEvent.START, WANG)

    def _open(self) -> OpenedPaper:
        room = self.room
        bring_key(
            room.store,
            room.folder,
            room.trail,
            room.desk,
            LI,
            key_file=self.world.opening_key,
            passphrase=PASSPHRASE,
        )
        return open_paper(
            room.store,
            room.folder,
            room.trail,
            room.desk,
            ZHANG,
            codes=self.world.delivery.code,
        )


@asynccontextmanager
async def live_room(world: RoomWorld, clock: FakeClock | None = None) -> AsyncIterator[LiveRoom]:
    """Serve the world's room until the block ends; kiosks are closed then."""
    clock = clock or FakeClock()
    store = open_store(world.folder)
    room = build_room(world.folder, store, clock)
    people = People(store, clock, CHEAP)
    kiosk, console = room_listeners(room, people, host="127.0.0.1", kiosk_port=0, console_port=0)
    ready, stop = asyncio.Event(), asyncio.Event()
    serving = asyncio.create_task(
        serve_until(
            (kiosk, console),
            life=room.hub.life,
            on_ready=ready.set,
            on_stop=room.hub.stopping.set,
            stop=stop,
        )
    )
    await ready.wait()
    live = LiveRoom(
        world=world,
        room=room,
        clock=clock,
        kiosk_url=f"https://127.0.0.1:{kiosk.port}",
        console_url=f"https://127.0.0.1:{console.port}",
    )
    try:
        yield live
    finally:
        for driver in live.drivers:
            await driver.close()
        stop.set()
        await serving
        store.close()
