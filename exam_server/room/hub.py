"""The running room put together, with its life: the writer's thread and the tick.

Event loop only. Saves go through `intake`, kiosks through `kiosks`, people through `steering`,
time through `course`.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Protocol

from exam_core.errors import StorageError
from exam_core.model.identifiers import SegmentId
from exam_core.protocol.acknowledgements import AckBook
from exam_server import limits
from exam_server.accounts.audit import AuditTrail
from exam_server.clock import Clock
from exam_server.room.absence import SERVER_AWAY, is_told, words_for
from exam_server.room.catching_up import CatchingUp
from exam_server.room.core import SERVER, RoomCore
from exam_server.room.course import Course
from exam_server.room.deliveries import Deliveries
from exam_server.room.disk_care import DiskCare
from exam_server.room.feed import SeatFeed
from exam_server.room.handing_in import HandingIn, HandingInHooks
from exam_server.room.health import Health
from exam_server.room.intake import Intake, IntakeHooks
from exam_server.room.kiosks import Kiosks
from exam_server.room.live import LiveSession, RoomState
from exam_server.room.misconduct import Misconduct
from exam_server.room.orders import OrderBook
from exam_server.room.reopening import Reopening
from exam_server.room.repeats import compare_with_disk
from exam_server.room.reserve import DiskWatch
from exam_server.room.saving.rounds import Rounds
from exam_server.room.saving.writer import FrameWriter
from exam_server.room.services import alarms
from exam_server.room.signatures import NewestFrame, SignatureWatch
from exam_server.room.steering import Steering
from exam_server.room.telemetry import TelemetryHooks, TelemetryLog
from exam_server.room.uploads import Uploads
from exam_server.store.engine import DATABASE_UNREACHABLE, Store


class Listening(Protocol):
    """A conversation with a kiosk, which ends when nothing is heard any more."""

    def close_if_silent(self, now_s: float) -> None:
        """Close when nothing was heard for too long; `now_s` is the loop's time."""


class RoomHub:
    """All that lives in the room's event loop."""

    def __init__(
        self,
        *,
        store: Store,
        trail: AuditTrail,
        clock: Clock,
        state: RoomState,
        order_book: OrderBook,
        ack_book: AckBook,
        disk: DiskWatch,
        telemetry_folder: Path,
        writing: Rounds | None = None,
    ) -> None:
        self.state = state
        self.core = RoomCore(
            store=store, trail=trail, clock=clock, state=state, order_book=order_book
        )
        self.disk = DiskCare(self.core, disk)
        self.writer = FrameWriter(
            store,
            state.frame_log,
            ack_book,
            self._on_write_failure,
            writing,
            relieve=disk.give_back,
        )
        self.course = Course(self.core)
        self.catching_up = CatchingUp(self.core, self.course.close_submitted)
        self.deliveries = Deliveries(self.core, ack_book, self.catching_up)
        self.handing_in = HandingIn(
            state,
            HandingInHooks(
                alarm=self._alarm,
                hurry=self.catching_up.hurry,
                confirm_submitted=self.core.confirm_submitted,
                close_submitted=self.course.close_submitted,
            ),
        )
        self.course.on_closed = self.handing_in.answer_wanted
        self.intake = Intake(
            state,
            self.writer,
            ack_book,
            clock,
            IntakeHooks(
                alarm=self._alarm,
                keep_refused=self._keep_refused,
                close_submitted=self.course.close_submitted,
                pass_on=self.deliveries.pass_on,
                look_at_signature=self._look_at_signature,
                compare=partial(compare_with_disk, self.core),
            ),
        )
        self.signatures = SignatureWatch(
            store,
            state.frame_log,
            in_thread=self.core.in_thread,
            spawn=self.core.spawn,
            on_looked=self.course.close_submitted,
            on_forged=self.intake.forged,
        )
        self.kiosks = Kiosks(self.core, self.course, ack_book, self.catching_up)
        self.steering = Steering(self.core, self.course, self.catching_up)
        self.reopening = Reopening(self.core, self.writer, self.intake, self.catching_up)
        self.uploads = Uploads(self.core, self.intake, self.catching_up)
        self.misconduct = Misconduct(
            alarm=self.core.alarm,
            kiosks=state.kiosks,
            now_s=lambda: asyncio.get_running_loop().time(),
        )
        self.health = Health(
            waiting_rows=lambda: self.writer.waiting_rows,
            last_commit_ms=lambda: self.writer.last_commit_ms,
            free_bytes=lambda: disk.left_bytes,
        )
        self.feed = SeatFeed(
            state, clock.monotonic_ms, health=self.health.view, on_error=self.core.trouble
        )
        self.telemetry = TelemetryLog(
            telemetry_folder,
            TelemetryHooks(
                now_s=lambda: asyncio.get_running_loop().time(),
                utc_ms=clock.utc_ms,
                is_busy=lambda: self.writer.waiting_rows > limits.telemetry_busy_rows,
                has_space=lambda: disk.has_space_for_extras,
            ),
        )
        self.conversations: set[Listening] = set()
        self.stopping = asyncio.Event()
        self.leaving = asyncio.Event()  # set by a signal, or when the room is no longer ours

    @asynccontextmanager
    async def life(self) -> AsyncIterator[None]:
        """Writing and ticking, as long as the block lasts; then the clock is written down."""
        self.writer.start()
        if is_told(self.state.absence) and self.state.absence:
            self.core.alarm_anew(SERVER, SERVER_AWAY, words_for(self.state.absence))
        tasks = [
            asyncio.create_task(self._tick_each_second()),
            asyncio.create_task(self.disk.look_each_second()),
            asyncio.create_task(self._watch_database()),
            asyncio.create_task(self.health.watch()),
            asyncio.create_task(self._leave_when_fenced()),
            asyncio.create_task(self.catching_up.run(self.intake.check_held)),
        ]
        try:
            yield
        finally:
            self.stopping.set()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.core.finish()
            await self.writer.stop()
            await self.core.finish()
            if not self.core.fenced_by:
                await self.course.persist_elapsed()

    async def _tick_each_second(self) -> None:
        while True:
            self.core.spawn(self.signatures.look())
            self._close_silent()
            await self._write_telemetry()
            try:
                await self.course.tick()
            except Exception as error:  # noqa: BLE001  time goes on, whatever failed once
                self.core.trouble(error)
            await asyncio.sleep(limits.clock_persist_interval_ms / 1000)

    async def _write_telemetry(self) -> None:
        """After everything else, once a second."""
        if reports := self.telemetry.take_waiting():
            await self.core.in_thread(self.telemetry.write, reports)

    def _close_silent(self) -> None:
        """One look at all each second, instead of a timer for each message."""
        now_s = asyncio.get_running_loop().time()
        for conversation in list(self.conversations):
            conversation.close_if_silent(now_s)

    async def _watch_database(self) -> None:
        """Notice within a second that another server took the room, also when nobody writes.

        And go on when the database is back.
        """
        while not self.core.fenced_by:
            try:
                await self.core.in_thread(self.core.store.require_guard)
                await self.reopening.go_on_if_lost()
            except StorageError as error:
                if error.code != DATABASE_UNREACHABLE:  # that is told by who needs the database
                    self.core.trouble(error)
            except Exception as error:  # noqa: BLE001  tried again, whatever failed once
                self.core.trouble(error)
            await asyncio.sleep(limits.clock_persist_interval_ms / 1000)

    async def _leave_when_fenced(self) -> None:
        """Another server has taken the room: let go of every kiosk, say so, and end."""
        await self.core.fenced.wait()
        assert self.core.fenced_by is not None, "set before the event"  # noqa: S101  narrows
        self.writer.refuse(self.core.fenced_by)
        self.intake.forget_uncommitted()
        await asyncio.sleep(limits.fenced_notice_s)  # the pages show why, then keep showing it
        self.leaving.set()

    def _keep_refused(self, segment_id: SegmentId, seq: int, frame: bytes, code: str) -> None:
        if not self.disk.watch.has_space_for_extras:
            return  # the alarm and the line of the log tell of it; the space is for answers
        self.core.spawn(
            self.core.changes.make(
                lambda db, _: alarms.keep_refused_frame(
                    db, self.core.clock, segment_id=segment_id, seq=seq, frame=frame, code=code
                ),
                lambda _: None,
            )
        )

    def _alarm(self, session: LiveSession, code: str, message: str) -> None:
        self.core.alarm(session.seat_id, code, message)

    def _look_at_signature(self, newest: NewestFrame, is_urgent: bool) -> None:
        self.signatures.note(newest, is_urgent=is_urgent)

    def _on_write_failure(self, error: StorageError) -> None:
        self.core.trouble(error)
        self.intake.forget_uncommitted()
