"""One simulated exam, from the first log-in to the fixed results, held against the model."""

import asyncio
import random
from contextlib import ExitStack
from dataclasses import dataclass, field
from unittest import mock

from exam_client.session import driver, enrolling, ports
from exam_client.session.order_gate import OrderGate
from exam_client.session.snapshot import Connection, KioskSnapshot
from exam_client.sync import link, room_http
from exam_core.formats.results_content import SessionRecord
from exam_core.model.identifiers import SeatId
from exam_core.model.states import SittingEvent, SittingState
from exam_core.protocol import messages, orders
from exam_server.room.kiosks import SESSION_TOKEN
from exam_server.room.services.results_collecting import collect_sessions
from tests.simulation.determined import determined, errors_seen, rng_of
from tests.simulation.faults import Saboteur
from tests.simulation.judging import judge
from tests.simulation.kiosk import KioskMachine
from tests.simulation.loop import SimulatedLoop, present_process
from tests.simulation.model import Model
from tests.simulation.network import KioskSocket, Network
from tests.simulation.people import CandidateActor, Proctor, is_writing
from tests.simulation.plan import Fault, Plan, plan_of
from tests.simulation.server import ServerMachine
from tests.simulation.watching import Watcher
from tests.simulation.world import SPARE_SEATS, SeatTrust, centre
from tests.support.live_room import WANG

_END_AT_S = 22.0
"""The proctor ends an exam that was given much more time; one seed must not take for ever."""

_HEAL_AFTER_S = 4.0
"""After the end the faults go on for so long: collecting is tested as well."""

_CALM_S = 7
"""So long nothing more has come: longer than a machine waits before it tries again to deliver."""

_STUCK_AFTER_S = 90.0
"""With everything whole again, all sessions are closed and the results fixed by then."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of one seed.

    Attributes:
        violations: What must never happen; empty when all is well.
        counts: How often what happened.
        digest: Of everything that went over the cable; the same seed has the same one.
        trace: Lines of it, when asked for.
    """

    seed: int
    plan: Plan
    violations: tuple[str, ...]
    counts: dict[str, int]
    digest: str
    trace: tuple[str, ...] = field(repr=False)


def simulate(seed: int, *, traces: bool = False) -> Outcome:
    """Run one seed from its beginning to its end."""
    plan = plan_of(seed)
    state = random.getstate()
    loop = SimulatedLoop(rng_of(seed, "loop"))
    try:
        with determined(seed), ExitStack() as stack:
            exam = _Exam(plan, loop, stack, traces=traces)
            asyncio.set_event_loop(None)
            try:
                loop.run_until_complete(exam.run())
            except AssertionError as error:
                exam.model.wrong(f"the simulation broke: {error}")
            finally:
                loop.finish()
                exam.close()
        exam.model.counts["loop_steps"] = loop.steps
        exam.model.counts["virtual_s"] = int(loop.time())
        violations = (*exam.model.violations, *loop.failures)
    finally:
        random.setstate(state)
    return Outcome(
        seed=seed,
        plan=plan,
        violations=violations,
        counts=dict(exam.model.counts),
        digest=exam.watcher.digest,
        trace=tuple(exam.watcher.trace),
    )


class _Exam:
    def __init__(self, plan: Plan, loop: SimulatedLoop, stack: ExitStack, *, traces: bool) -> None:
        self.centre = centre()
        self._plan = plan
        self._loop = loop
        who = self.centre.roster[: plan.candidates]
        self.model = Model([one.admission_number for one in who])
        self.watcher = Watcher(plan, loop, self.model, traces=traces)
        self._network = Network(rng_of(plan.seed, "network"), loop, self._watch)
        self._server = ServerMachine(
            loop, rng_of(plan.seed, "server"), self.centre.fresh_folder(), self._network
        )
        self.watcher.server = self._server
        kiosk_rng = rng_of(plan.seed, "kiosks")
        self._machines = {
            seat_id: KioskMachine(
                self.centre.seats[seat_id],
                loop,
                kiosk_rng,
                self._network,
                publish=self._publish,
                collect=self._collect,
            )
            for seat_id in (*(one.seat_id for one in who), *SPARE_SEATS[:2])
        }
        self._actors = [
            CandidateActor(
                one,
                self._machines[one.seat_id],
                self.model.candidates[one.admission_number],
                plan=plan,
                room_code=self.centre.room_code,
                rng=rng_of(plan.seed, one.admission_number),
            )
            for one in who
        ]
        self._proctor = Proctor(
            self._server,
            self.centre,
            self._actors,
            self._machines,
            plan=plan,
            loop=loop,
            rng=rng_of(plan.seed, "proctor"),
            model=self.model,
        )
        self._saboteur = Saboteur(
            plan,
            loop=loop,
            rng=rng_of(plan.seed, "faults"),
            server=self._server,
            network=self._network,
            machines=list(self._machines.values()),
            actors=self._actors,
            proctor=self._proctor,
            model=self.model,
        )
        self._rng = rng_of(plan.seed, "exam")
        self._wire(stack)

    # The parts of the world that are simulated

    def _wire(self, stack: ExitStack) -> None:
        network, watcher = self._network, self.watcher

        async def connect(_address: str, *, ssl: SeatTrust, **_: object) -> KioskSocket:
            return await network.connect(ssl)

        class SimulatedHttp(room_http.RoomHttp):
            def __init__(self, _url: str, trust: SeatTrust) -> None:
                self._client = network.client(trust)

        def trust_of(_authority: str, _path: object) -> SeatTrust:
            process = present_process()
            assert process is not None
            return self._machines[SeatId(process.name.split(" ")[0])].trust

        def boot_id() -> str:
            process = present_process()
            assert process is not None
            machine = self._machines[SeatId(process.name.split(" ")[0])]
            return f"{machine.seat_id} {machine.boots}"

        take = OrderGate.take

        def take_once(gate: OrderGate, message: messages.Ordered, **where: object) -> orders.Order:
            order = take(gate, message, **where)  # type: ignore[arg-type]  # passed on
            watcher.obeyed(order)
            return order

        stack.enter_context(mock.patch.object(link, "connect", connect))
        stack.enter_context(mock.patch.object(driver, "RoomHttp", SimulatedHttp))
        stack.enter_context(mock.patch.object(enrolling, "kiosk_trust", trust_of))
        stack.enter_context(mock.patch.object(ports, "boot_id", boot_id))
        stack.enter_context(mock.patch.object(OrderGate, "take", take_once))
        stack.enter_context(errors_seen(self.model, self._plan))

    def close(self) -> None:
        """Give the database back."""
        if self._server.store is not None:
            self._server.store.close()

    # The exam

    async def run(self) -> None:
        """From the first log-in to the comparison with the model."""
        self._server.start()
        for machine in (actor.machine for actor in self._actors):
            self._loop.call_later(self._rng.random() * 2, machine.start)
        for actor in self._actors:
            self._loop.create_task(actor.sit(self._count))
        self._loop.create_task(self._proctor.watch())
        self._loop.create_task(self._look_now_and_then())
        self._saboteur.begin()
        while not self._is_ended():
            if self._loop.time() > _END_AT_S:
                self._proctor.is_hurried = True
                if self._loop.time() > _END_AT_S + _STUCK_AFTER_S:
                    self.model.wrong("the exam cannot be ended")
                    return
                await self._proctor.resume()
                await self._proctor.ask(
                    lambda hub: hub.course.change_sitting(SittingEvent.END, WANG)
                )
            await asyncio.sleep(0.5)
        await asyncio.sleep(self._rng.random() * _HEAL_AFTER_S)
        self._heal()
        records = await self._fixed_results()
        for machine in self._machines.values():
            for failure in machine.failures:
                self.model.wrong(failure)
        if records is not None:
            judge(self.model, self.centre.opened, records)

    def _is_ended(self) -> bool:
        hub = self._server.hub
        return hub is not None and hub.state.clock.state is SittingState.ENDED

    def _heal(self) -> None:
        self.watcher.note("heal")
        self._proctor.is_hurried = True
        self._saboteur.heal()
        self._restart_if_broken()
        for actor in self._actors:
            actor.machine.start()
        for machine in self._machines.values():
            if machine.starts:
                machine.start()

    def _restart_if_broken(self) -> None:
        """As the alarm advises."""
        hub = self._server.hub
        if hub is not None and (hub.state.storage_problem or hub.writer.failure):
            self._server.crash(is_power=False)
            self._server.start()

    async def _fixed_results(self) -> tuple[SessionRecord, ...] | None:
        """Try to fix the results until the room lets us; None when it never does."""
        records: tuple[SessionRecord, ...] | None = None

        def make() -> None:
            nonlocal records
            store = self._server.store
            assert store is not None
            with store.transaction() as db:
                records = collect_sessions(db)

        until = self._loop.time() + _STUCK_AFTER_S
        calm = before = 0
        while self._loop.time() < until:
            await asyncio.sleep(1)
            self._restart_if_broken()
            kept = self.watcher.frames_kept()
            calm = calm + 1 if self._is_calm() and kept == before else 0
            before = kept
            if calm >= _CALM_S and await self._proctor.ask(
                lambda hub: hub.steering.fix_results(make)
            ):
                return records
        hub = self._server.hub
        waits = (
            []
            if hub is None
            else [
                f"{one.seat_id} {one.state} end={one.end_sent_at_ms} receipt={one.receipt!r}"
                f" connected={one.connection is not None} wants={one.wanted_receipt!r}"
                f" submit={one.submit_entry} old={one.old_frames}"
                f" {[(i.durable, i.frames, i.answered) for i in one.ledgers.values()]}"
                for one in hub.state.sessions.values()
            ]
        )
        screens = {
            seat_id: machine.snapshot.screen
            for seat_id, machine in self._machines.items()
            if machine.snapshot
        }
        self.model.wrong(f"stuck: {waits} {screens}")
        return None

    def _is_calm(self) -> bool:
        """Whether all who sit in front of a machine that works have handed in."""
        hub = self._server.hub
        if hub is None or hub.state.opened is None or is_writing(hub):
            return False
        return all(_has_handed_in(actor.machine) for actor in self._actors)

    # What is seen meanwhile

    def _watch(self, direction: str, machine: str, data: bytes) -> None:
        self.watcher.message(direction, machine, data)
        self._saboteur.hear(direction, machine, data)

    def _publish(self, machine: KioskMachine, snapshot: KioskSnapshot) -> None:
        self.model.saw(machine.seat_id, machine.starts, snapshot)

    def _collect(self, machine: KioskMachine) -> None:
        """The window is asked for text that is typed and not recorded yet."""
        start = machine.starts
        actor = next((one for one in self._actors if one.machine is machine), None)
        has_text = actor is not None and Fault.PENDING_TEXT in self._plan.faults

        def hand_over() -> None:
            if machine.starts == start and machine.process is not None:
                if has_text and actor is not None:
                    self.model.counts["pending_text"] += 1
                    actor.write(machine)
                machine.do(lambda driver: driver.command(lambda c: c.attempt.pending_collected()))

        if has_text and self._rng.random() < 0.3:
            return  # a window that hangs
        self._loop.call_later(self._rng.random() * 0.1, hand_over)

    def _count(self, what: str) -> None:
        self.model.counts[what] += 1

    async def _look_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(0.5)
            self._proctor.follow_moves()
            for machine in self._machines.values():
                self._look_at(machine)
            self.watcher.look_at_the_clock()

    def _look_at(self, machine: KioskMachine) -> None:
        snapshot, seat_id = machine.snapshot, machine.seat_id
        is_seated = any(actor.machine is machine for actor in self._actors)
        is_heard = any(not line.hangs for line in self._network.lines_of(seat_id))
        if snapshot is not None:
            is_online = is_seated and is_heard and snapshot.connection is Connection.ONLINE
            now_s = self._loop.time() if is_online else None
            self.model.look(seat_id, machine.starts, snapshot, online_at_s=now_s)


def _has_handed_in(machine: KioskMachine) -> bool:
    """Whether the server has all that is here; a machine without a session has nothing."""
    core, snapshot = machine.core, machine.snapshot
    if core is None or snapshot is None:
        return True
    if core.attach_refusal is not None and core.attach_refusal.code == SESSION_TOKEN:
        return True  # seated elsewhere meanwhile: it delivers, and nobody answers its hand-in
    awaits_receipt = snapshot.receipt is not None and snapshot.is_closed_offline
    return core.upload.unsynced == 0 and not awaits_receipt
