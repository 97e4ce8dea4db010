"""One simulated candidate: goes where the screen says, answers by the script, hands in."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from exam_client.config import DataFolder, KioskConfig, KioskFacts, install, load_config
from exam_client.enrolment import enrol, is_enrolled
from exam_client.journal.files import FileSystem
from exam_client.kiosk_lock import kiosk_lock
from exam_client.session import KioskSnapshot, SavedState, Screen, SessionEngine
from exam_client.session.engine import monotonic_ms
from exam_client.simulate.knowledge import known_responses, response_sha256
from exam_client.simulate.plan import SIMULATE_PLAN, Plan, PlannedCandidate
from exam_client.simulate.script import Answer, Flag, Step, make_script
from exam_client.sync.room_http import ROOM_AWAY
from exam_core.errors import InputError, StateError
from exam_core.model.identifiers import PartId
from exam_core.model.items import Form

Progress = Callable[[dict[str, Any]], None]

_TIME_SHARE = 0.8  # of the time left is used for thinking; the rest is for a busy machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Kiosk:
    """Where one simulated kiosk lives."""

    folder: DataFolder
    root: bytes
    centre: bytes


class SimulatedCandidate:
    """Runs one engine from log-in to receipt.

    Args:
        plan: For the addresses and the seed.
        planned: This candidate.
        kiosk: Where its data is.
        files: How files are written.
        progress: Told of every step, in the loop's thread.
    """

    def __init__(
        self,
        plan: Plan,
        planned: PlannedCandidate,
        *,
        kiosk: Kiosk,
        files: FileSystem,
        progress: Progress,
    ) -> None:
        self.planned = planned
        self._plan = plan
        self._kiosk = kiosk
        self._files = files
        self._progress = progress
        self._seed = f"{plan.seed}/{planned.order_seed}/{planned.admission_number}"
        self._snapshot: KioskSnapshot | None = None
        self._changed = asyncio.Event()
        self._told: dict[PartId, tuple[str, SavedState]] = {}
        self._refused = 0
        self._told_screen: Screen | None = None

    async def run(self) -> KioskSnapshot:
        """Sit the exam; the last snapshot.

        Raises:
            ExamError: Enrolment or log-in was refused, or the seat cannot go on.
        """
        config = await self._ready_kiosk()
        loop = asyncio.get_running_loop()

        def hand_over(snapshot: KioskSnapshot) -> None:
            loop.call_soon_threadsafe(self._take, snapshot)

        with kiosk_lock(config.folder):
            engine = SessionEngine(config, on_change=hand_over, file_system=self._files)
            engine.start()
            try:
                return await self._sit(engine)
            finally:
                await asyncio.to_thread(engine.stop)

    async def _ready_kiosk(self) -> KioskConfig:
        planned, kiosk = self.planned, self._kiosk
        if kiosk.folder.facts.name in self._files.names(kiosk.folder.path):
            config = load_config(self._files, kiosk.folder)
        else:
            facts = KioskFacts(
                kiosk_url=self._plan.kiosk_url,
                console_url=self._plan.console_url,
                seat_id=planned.seat_id,
            )
            config = install(self._files, kiosk.folder, facts, root=kiosk.root, centre=kiosk.centre)
        if not is_enrolled(self._files, config):
            if planned.join_code is None:
                raise InputError(SIMULATE_PLAN, f"机位 {planned.seat_id} 尚未登记，也没有登记码")
            await enrol(self._files, config, planned.join_code)
            self._tell("enrolled")
        return config

    async def _sit(self, engine: SessionEngine) -> KioskSnapshot:
        while True:
            snapshot = await self._next_snapshot()
            refusal = snapshot.refusal
            if refusal is not None and refusal.number > self._refused:
                self._refused = refusal.number
                if snapshot.screen is Screen.LOG_IN and refusal.code != ROOM_AWAY:
                    raise StateError(refusal.code, refusal.message)
            match snapshot.screen:
                case Screen.LOG_IN if not snapshot.is_logging_in and snapshot.has_package:
                    engine.log_in(
                        admission_number=self.planned.admission_number,
                        id_number=self.planned.id_number,
                        room_code=self.planned.room_code,
                    )
                    await self._until(self._is_log_in_taken)
                case Screen.RESUME_CODE if self.planned.resume_codes:
                    engine.resume_with_code(
                        self.planned.resume_codes[snapshot.resume_code_number - 1]
                    )
                    await self._until(lambda now: now.screen is not Screen.RESUME_CODE)
                case Screen.CONFIRM:
                    engine.confirm()
                    await self._until(lambda now: now.screen is not Screen.CONFIRM)
                case Screen.RULES:
                    engine.rules_read()
                    await self._until(lambda now: now.screen is not Screen.RULES)
                case Screen.PAPER if snapshot.form is not None:
                    await self._answer(engine, snapshot.form)
                case Screen.RECEIPT if not snapshot.is_closed_offline:
                    return snapshot
                case Screen.PROBLEM:
                    alarm = snapshot.alarms[0]
                    raise StateError(alarm.code, alarm.message)
                case _:
                    pass  # waiting for the room, the network or the proctor

    async def _answer(self, engine: SessionEngine, form: Form) -> None:
        responses = known_responses(form, self.planned.knowledge)
        script = make_script(form, responses, seed=self._seed)
        steps = [step for step in script if not self._is_done(step)]
        pauses_s = self._pauses_s(len(steps))
        total = len(responses)
        for number, (step, pause_s) in enumerate(zip(steps, pauses_s, strict=True), 1):
            if await self._left_paper_within(pause_s):
                return
            match step:
                case Answer(part_id=part_id, response=response):
                    engine.record(part_id, response)
                case Flag(item_id=item_id, is_flagged=is_flagged):
                    engine.flag(item_id, is_flagged)
            self._tell("step", step=number, steps=len(steps), total=total)
        if self.planned.submit:
            engine.submit()
        await self._until(lambda now: now.screen is not Screen.PAPER)

    def _is_log_in_taken(self, snapshot: KioskSnapshot) -> bool:
        """Whether the engine works on the log-in, or it was answered already."""
        refusal = snapshot.refusal
        is_refused = refusal is not None and refusal.number > self._refused
        return snapshot.is_logging_in or is_refused or snapshot.screen is not Screen.LOG_IN

    def _is_done(self, step: Step) -> bool:
        """Whether an earlier start of this simulator did this step for good."""
        snapshot = self._snapshot
        if snapshot is None:
            return False
        match step:
            case Answer(part_id=part_id, response=response, is_last=is_last):
                now = snapshot.responses.get(part_id)
                return now is not None and (now == response if is_last else True)
            case Flag(item_id=item_id, is_flagged=is_flagged):
                return (item_id in snapshot.flagged) == is_flagged

    def _pauses_s(self, count: int) -> list[float]:
        rng = random.Random(self._seed + "/pauses")  # noqa: S311  repeatable behaviour, no secret
        least, most = self.planned.think_ms
        pauses_ms = [rng.uniform(least, most) for _ in range(count)]
        left_ms = None if self._snapshot is None else self._snapshot.time_left_ms(monotonic_ms())
        planned_ms = sum(pauses_ms)
        scale = 1.0
        if left_ms is not None and planned_ms > left_ms * _TIME_SHARE:
            scale = left_ms * _TIME_SHARE / planned_ms
        return [pause_ms * scale / 1000 for pause_ms in pauses_ms]

    async def _left_paper_within(self, seconds: float) -> bool:
        """Think so long; True when the paper was taken away meanwhile."""
        try:
            async with asyncio.timeout(seconds):
                await self._until(lambda now: now.screen is not Screen.PAPER)
        except TimeoutError:
            return False
        return True

    async def _until(self, holds: Callable[[KioskSnapshot], bool]) -> None:
        while self._snapshot is None or not holds(self._snapshot):
            self._changed.clear()
            await self._changed.wait()

    async def _next_snapshot(self) -> KioskSnapshot:
        """The newest snapshot, once there is one that was not handed out."""
        await self._changed.wait()
        self._changed.clear()
        assert self._snapshot is not None  # noqa: S101  set before the event is
        return self._snapshot

    def _take(self, snapshot: KioskSnapshot) -> None:
        self._snapshot = snapshot
        self._changed.set()
        if snapshot.screen is not self._told_screen:
            self._told_screen = snapshot.screen
            self._tell("screen", screen=str(snapshot.screen), reconnects=snapshot.reconnects)
        for part_id, state in snapshot.saved_parts.items():
            response = response_sha256(snapshot.responses[part_id])
            if self._told.get(part_id) != (response, state):
                self._told[part_id] = (response, state)
                self._tell("saved", part_id=part_id, response_sha256=response, state=str(state))

    def _tell(self, event: str, **facts: Any) -> None:
        self._progress({"event": event, "seat_id": self.planned.seat_id} | facts)
