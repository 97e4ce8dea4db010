"""The people of a simulated exam: candidates at their seats, and the proctor at the pages.

They do what real ones do, again and again until it works: log in, type, hand in; confirm presence,
open the paper after a restart, start, hold, give time, move somebody to another machine.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any

from exam_client.session.driver import SessionDriver
from exam_client.session.snapshot import KioskSnapshot, Screen
from exam_core.errors import ExamError
from exam_core.model.identifiers import SeatId
from exam_core.model.roster import Candidate
from exam_core.model.states import SessionState, SittingEvent, SittingState
from exam_server.room.hub import RoomHub
from tests.simulation.kiosk import KioskMachine
from tests.simulation.loop import SimulatedLoop
from tests.simulation.model import PARTS, CandidateModel, Model, response_with
from tests.simulation.plan import Fault, Plan
from tests.simulation.server import ServerMachine
from tests.simulation.world import Centre
from tests.support.live_room import WANG

Ask = Callable[[RoomHub], Coroutine[Any, Any, Any]]


class CandidateActor:
    """One candidate, at whatever machine they were seated.

    Attributes:
        machine: Where they sit now.
    """

    def __init__(
        self,
        who: Candidate,
        machine: KioskMachine,
        model: CandidateModel,
        *,
        plan: Plan,
        room_code: str,
        rng: random.Random,
    ) -> None:
        self.who = who
        self.machine = machine
        self.model = model
        self._plan = plan
        self._room_code = room_code
        self._rng = rng
        self._typos = rng.randrange(4) if Fault.TYPOS in plan.faults else 0

    async def sit(self, counts: Callable[[str], None]) -> None:
        """Do what the screen asks for, until the end of the simulation."""
        while True:
            await asyncio.sleep(self._rng.expovariate(1 / self._plan.busy_s))
            snapshot = self.machine.snapshot
            if snapshot is None or not self._may_use(snapshot):
                continue
            match snapshot.screen:
                case Screen.LOG_IN:
                    if not snapshot.is_logging_in:
                        self._log_in()
                case Screen.CONFIRM:
                    self.machine.do(lambda driver: driver.command(lambda c: c.attempt.confirm()))
                case Screen.RULES:
                    self.machine.do(lambda driver: driver.command(lambda c: c.attempt.rules_read()))
                case Screen.PAPER:
                    hands_in = Fault.HAND_IN in self._plan.faults and self._rng.random() < 0.03
                    counts("hand_in" if hands_in else "typed")
                    if hands_in:
                        self.machine.do(lambda driver: driver.command(lambda c: c.attempt.submit()))
                    else:
                        self.write(self.machine)
                case _:
                    pass

    def write(self, machine: KioskMachine) -> None:
        """Type a text; the model knows it before any screen shows it."""
        if machine.snapshot is None or not self._may_use(machine.snapshot):
            return
        part_id = self._rng.choice(PARTS)
        text = self.model.new_text(part_id)
        response = response_with(part_id, text)

        def record(driver: SessionDriver) -> None:
            driver.command(lambda core: core.attempt.record(part_id, response))

        if not machine.do(record):
            self.model.refused.add(text)

    def _may_use(self, snapshot: KioskSnapshot) -> bool:
        """Whether the screen shows nobody else's name; a machine may hear late that one left."""
        who = snapshot.candidate
        return who is None or who.admission_number == self.who.admission_number

    def _log_in(self) -> None:
        id_number = self.who.id_number
        if self._typos:
            self._typos -= 1
            id_number = id_number[:-1] + ("0" if id_number[-1] != "0" else "1")
        self.machine.do(
            lambda driver: driver.log_in(self.who.admission_number, id_number, self._room_code)
        )


class Proctor:
    """Who works at the pages.

    Attributes:
        extra_ms: What was granted to each seat's candidate, as the pages said.
        wants_end: The proctor wants everybody to stop.
    """

    def __init__(
        self,
        server: ServerMachine,
        centre: Centre,
        actors: list[CandidateActor],
        machines: dict[SeatId, KioskMachine],
        *,
        plan: Plan,
        loop: SimulatedLoop,
        rng: random.Random,
        model: Model,
    ) -> None:
        self._server = server
        self._centre = centre
        self._actors = actors
        self._machines = machines
        self._plan = plan
        self._loop = loop
        self._rng = rng
        self._model = model
        self._hub: RoomHub | None = None
        self._opens_at = 0.0
        self.is_hurried = False

    async def ask(self, what: Ask) -> Any:
        """Ask the running server; None when it is not there, died meanwhile, or refused."""
        hub, process = self._server.hub, self._server.process
        if hub is None or process is None:
            return None
        task = process.spawn(what(hub))
        await asyncio.wait({task})
        if task.cancelled():
            return None
        error = task.exception()
        if isinstance(error, ExamError):
            self._model.counts[f"refused {error.code}"] += 1
            return None
        if error is not None:
            self._model.wrong(f"a page failed: {error!r}")
            return None
        return True

    async def watch(self) -> None:
        """Look at the room every half second, and do what is to be done."""
        while True:
            await asyncio.sleep(0.3 + self._rng.random() * 0.4)
            hub = self._server.hub
            if hub is None:
                continue
            if hub is not self._hub:
                self._hub = hub
                is_late = Fault.LATE_OPENING in self._plan.faults and not self.is_hurried
                self._opens_at = self._loop.time() + self._rng.random() * (12 if is_late else 1)
            if hub.state.opened is None:
                if self._loop.time() >= self._opens_at:
                    await self.ask(lambda hub: hub.steering.paper_opened(self._centre.opened))
                continue
            await self._confirm_presence(hub)
            if hub.state.clock.state is SittingState.OPENED:
                await self._start(hub)

    async def _confirm_presence(self, hub: RoomHub) -> None:
        for seat in list(hub.state.seats.values()):
            session = seat.session
            if session and session.token_sha256 and not seat.is_present:
                seat_id = seat.seat_id
                await self.ask(lambda hub: hub.steering.mark_present(WANG, seat_id))  # noqa: B023  awaited at once

    async def _start(self, hub: RoomHub) -> None:
        present = sum(seat.is_present for seat in hub.state.seats.values())
        waits = Fault.LATE_START not in self._plan.faults and self._loop.time() < 6
        if present == len(self._actors) or not waits:
            await self.ask(lambda hub: hub.course.change_sitting(SittingEvent.START, WANG))

    # What the plan asks for

    async def hold(self) -> None:
        """Stop everybody for a while."""
        if await self.ask(lambda hub: hub.course.change_sitting(SittingEvent.HOLD, WANG)):
            self._model.counts["hold"] += 1
        await asyncio.sleep(self._rng.random() * 6)
        while not await self.resume():  # noqa: ASYNC110  people try again
            await asyncio.sleep(1)

    async def resume(self) -> bool:
        """Let everybody go on; True when nobody is held."""
        hub = self._server.hub
        if hub is None:
            return False
        if hub.state.clock.state is not SittingState.HELD:
            return True
        return bool(
            await self.ask(lambda hub: hub.course.change_sitting(SittingEvent.RESUME, WANG))
        )

    async def end(self) -> None:
        """Stop the exam for good."""
        if await self.ask(lambda hub: hub.course.change_sitting(SittingEvent.END, WANG)):
            self._model.counts["early_end"] += 1

    async def grant(self) -> None:
        """Give one candidate a minute more; the least that the rules know."""
        actor = self._rng.choice(self._actors)
        seat_id = actor.machine.seat_id
        if await self.ask(
            lambda hub: hub.steering.grant_extra_time(
                WANG, seat_id, extra_ms=60_000, reason="设备故障"
            )
        ):
            self._model.counts["extra_time"] += 1

    async def extend(self) -> None:
        """Give the room a minute more."""
        if await self.ask(
            lambda hub: hub.steering.extend_sitting(("li", "zhang"), extra_ms=60_000, reason="停电")
        ):
            self._model.counts["extend"] += 1

    async def swap(self, actor: CandidateActor) -> None:
        """Seat a candidate at a free machine."""
        taken = {one.machine.seat_id for one in self._actors}
        free = [
            machine
            for seat_id, machine in self._machines.items()
            if seat_id not in taken and not machine.is_gone
        ]
        if not free:
            return
        target = self._rng.choice(free)
        seat_id = actor.machine.seat_id
        await self.ask(
            lambda hub: hub.steering.swap_machine(
                ("li", "wang"), seat_id=seat_id, to_seat_id=target.seat_id, reason="机器故障"
            )
        )

    def follow_moves(self) -> None:
        """Candidates go where the room says that they sit."""
        hub = self._server.hub
        if hub is None:
            return
        for actor in self._actors:
            for seat in hub.state.seats.values():
                is_theirs = seat.admission_number == actor.who.admission_number
                if is_theirs and seat.seat_id != actor.machine.seat_id:
                    actor.machine = self._machines[seat.seat_id]
                    actor.machine.start()
                    actor.model.moves += 1
                    self._model.counts["swap"] += 1


def is_writing(hub: RoomHub) -> bool:
    """Whether anybody is not closed yet."""
    return any(
        session.state in {SessionState.INTERACTING, SessionState.SUSPENDED}
        for session in hub.state.sessions.values()
    )
