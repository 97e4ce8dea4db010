"""Makes the plan's faults happen, each kind in a task of its own, at drawn moments."""

import asyncio
import errno
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

from exam_core.protocol import messages
from tests.simulation.kiosk import KioskMachine
from tests.simulation.loop import SimulatedLoop
from tests.simulation.model import Model
from tests.simulation.network import Network
from tests.simulation.people import CandidateActor, Proctor
from tests.simulation.plan import Fault, Plan
from tests.simulation.server import ServerMachine

_YEAR_MS = 365 * 86_400_000

_RARE = {
    Fault.KIOSK_GONE: 3.0,
    Fault.EARLY_END: 3.0,
    Fault.EXTEND: 3.0,
    Fault.SERVER_CRASH: 2.0,  # five kinds bring the server down
    Fault.SERVER_POWER: 2.0,
    Fault.SERVER_STOP: 2.0,
}


class Saboteur:
    """See the module."""

    def __init__(
        self,
        plan: Plan,
        *,
        loop: SimulatedLoop,
        rng: random.Random,
        server: ServerMachine,
        network: Network,
        machines: list[KioskMachine],
        actors: list[CandidateActor],
        proctor: Proctor,
        model: Model,
    ) -> None:
        self._plan = plan
        self._loop = loop
        self._rng = rng
        self._server = server
        self._network = network
        self._machines = machines
        self._actors = actors
        self._proctor = proctor
        self._model = model
        self._heard: list[tuple[str, bytes]] = []
        self.is_over = False
        self._acts: dict[Fault, Callable[[], Awaitable[None]]] = {
            Fault.SERVER_CRASH: lambda: self._server_down(is_power=False),
            Fault.SERVER_POWER: lambda: self._server_down(is_power=True),
            Fault.SERVER_STOP: self._server_stops,
            Fault.SERVER_FULL: self._disk_full,
            Fault.SERVER_FAILED: self._commit_fails,
            Fault.SERVER_SLOW: self._disk_slow,
            Fault.SERVER_WALL: self._wall_jumps,
            Fault.KIOSK_KILL: self._kiosk_killed,
            Fault.KIOSK_POWER: self._kiosk_loses_power,
            Fault.KIOSK_DISK: self._kiosk_disk_refuses,
            Fault.KIOSK_GONE: self._kiosk_gone,
            Fault.CUT: self._cut,
            Fault.HALF_OPEN: self._half_open,
            Fault.PARTITION: self._partition,
            Fault.SLOW_NETWORK: self._slow_network,
            Fault.LOST_ANSWERS: self._lose_answers,
            Fault.REPLAY: self._replay,
            Fault.SWAP: self._swap,
            Fault.HOLD: proctor.hold,
            Fault.EXTRA_TIME: proctor.grant,
            Fault.EXTEND: proctor.extend,
            Fault.EARLY_END: proctor.end,
        }

    def begin(self) -> None:
        """Start one task for each kind that the plan turns on."""
        for fault in Fault:
            if fault in self._plan.faults and fault in self._acts:
                self._loop.create_task(self._again_and_again(fault))

    def hear(self, direction: str, machine: str, data: bytes) -> None:
        """Everything that goes over the cable can be recorded and said again."""
        if Fault.REPLAY in self._plan.faults and len(self._heard) < 400:
            self._heard.append((f"{direction} {machine}", data))

    def heal(self) -> None:
        """From now on nothing fails any more, and what is off is switched on."""
        self.is_over = True
        conditions = self._network.conditions
        conditions.cut_off.clear()
        conditions.latency_s, conditions.loses_answers = 0.005, 0.0
        self._server.disk.is_full = self._server.disk.fails_once = False
        for machine in self._machines:
            machine.files.fault = None
        self._switch_on()

    async def _again_and_again(self, fault: Fault) -> None:
        rare = _RARE.get(fault, 1.0)
        while not self.is_over:
            await asyncio.sleep(self._rng.expovariate(1 / (self._plan.every_s * rare)))
            if not self.is_over:
                await self._acts[fault]()

    def _count(self, fault: Fault) -> None:
        self._model.counts[fault] += 1

    # The server

    async def _server_down(self, *, is_power: bool) -> None:
        if self._server.process is None:
            return
        self._count(Fault.SERVER_POWER if is_power else Fault.SERVER_CRASH)
        self._server.crash(is_power=is_power)
        await asyncio.sleep(self._rng.choice((0.1, 1.0, 5.0)) * self._rng.random())
        self._switch_on()

    async def _server_stops(self) -> None:
        if self._server.process is None:
            return
        self._count(Fault.SERVER_STOP)
        await self._server.stop()
        await asyncio.sleep(self._rng.random())
        self._switch_on()

    def _switch_on(self) -> None:
        self._server.start()

    async def _disk_full(self) -> None:
        self._count(Fault.SERVER_FULL)
        self._server.disk.is_full = True
        await asyncio.sleep(self._rng.random() * 4)
        self._server.disk.is_full = False

    async def _commit_fails(self) -> None:
        self._count(Fault.SERVER_FAILED)
        self._server.disk.fails_once = True
        await asyncio.sleep(2)
        hub = self._server.hub
        if hub and hub.state.storage_problem and not self.is_over:  # as the alarm advises
            await self._server_down(is_power=False)

    async def _disk_slow(self) -> None:
        self._count(Fault.SERVER_SLOW)
        self._server.commit_s_max = self._rng.choice((0.1, 1.0))
        await asyncio.sleep(self._rng.random() * 4)
        self._server.commit_s_max = 0.01

    async def _wall_jumps(self) -> None:
        self._count(Fault.SERVER_WALL)
        self._server.clock.wall_ms += self._rng.randrange(-20, 20) * _YEAR_MS

    # Kiosks

    def _some_machine(self) -> KioskMachine:
        running = [one for one in self._machines if one.process is not None]
        return self._rng.choice(running or self._machines)

    async def _kiosk_killed(self) -> None:
        machine = self._some_machine()
        self._count(Fault.KIOSK_KILL)
        machine.kill()
        await asyncio.sleep(self._rng.random() * 2)
        machine.start()

    async def _kiosk_loses_power(self) -> None:
        machine = self._some_machine()
        self._count(Fault.KIOSK_POWER)
        machine.lose_power()
        await asyncio.sleep(self._rng.random() * 5)
        machine.start()

    async def _kiosk_disk_refuses(self) -> None:
        machine = self._some_machine()
        self._count(Fault.KIOSK_DISK)
        chance, code = self._rng.choice((0.3, 1.0)), self._rng.choice((errno.ENOSPC, errno.EIO))

        def refuse(number: int, _name: str, _path: Path) -> OSError | None:
            fails = number > 0 and self._rng.random() < chance
            return OSError(code, "refused") if fails else None

        machine.files.fault = refuse
        await asyncio.sleep(self._rng.random() * 4)
        machine.files.fault = None

    async def _kiosk_gone(self) -> None:
        actor = self._rng.choice(self._actors)
        free = len(self._machines) - len(self._actors)
        gone = sum(one.is_gone for one in self._machines)
        former = actor.machine
        if former.is_gone or gone >= free:
            return
        self._count(Fault.KIOSK_GONE)
        former.carry_away()
        while actor.machine is former and not self.is_over:
            await asyncio.sleep(0.5 + self._rng.random())
            await self._proctor.swap(actor)
            self._proctor.follow_moves()

    async def _swap(self) -> None:
        await self._proctor.swap(self._rng.choice(self._actors))
        self._proctor.follow_moves()

    # The network

    async def _cut(self) -> None:
        self._count(Fault.CUT)
        for line in self._network.lines_of(self._some_machine().seat_id):
            line.break_off()

    async def _half_open(self) -> None:
        self._count(Fault.HALF_OPEN)
        kiosk_s, server_s = self._rng.choice(((0.0, 25.0), (8.0, 0.0), (8.0, 25.0)))
        for line in self._network.lines_of(self._some_machine().seat_id):
            line.break_off(kiosk_after_s=kiosk_s, server_after_s=server_s)

    async def _partition(self) -> None:
        self._count(Fault.PARTITION)
        machine = self._some_machine().seat_id
        until = self._loop.time() + self._rng.choice((1.0, 5.0, 20.0)) * self._rng.random()
        self._network.conditions.cut_off[machine] = until

    async def _slow_network(self) -> None:
        self._count(Fault.SLOW_NETWORK)
        self._network.conditions.latency_s = self._rng.choice((0.05, 0.5, 2.0))
        await asyncio.sleep(self._rng.random() * 5)
        self._network.conditions.latency_s = 0.005

    async def _lose_answers(self) -> None:
        self._count(Fault.LOST_ANSWERS)
        self._network.conditions.loses_answers = 0.5
        await asyncio.sleep(self._rng.random() * 5)
        self._network.conditions.loses_answers = 0.0

    async def _replay(self) -> None:
        """Somebody at the cable says again what was said before."""
        if not self._heard:
            return
        where, data = self._rng.choice(self._heard)
        direction, machine = where.split(" ")
        for line in self._network.lines_of(machine):
            if direction == "down" and _is_order(data):
                self._count(Fault.REPLAY)
                line.to_kiosk.put(data)
            elif direction == "up" and _is_save(data):
                self._count(Fault.REPLAY)
                line.to_server.put(data)


def _is_order(data: bytes) -> bool:
    return isinstance(messages.decode_server_message(data), messages.Ordered)


def _is_save(data: bytes) -> bool:
    return isinstance(messages.decode_kiosk_message(data), messages.Save)
