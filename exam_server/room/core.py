"""What all parts of the running room share: state, clock, order of changes, alarms.

Event loop only. Each change is first a transaction of `services` in a thread, then shown in
`live`; `turn` lets one change at a time through, so memory follows the database in order. What
kiosks cause goes through `changes`, many at a time; what people do takes the turn by itself.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, ParamSpec, TypeVar

from exam_core.errors import ExamError, StorageError, declare
from exam_core.model.identifiers import SeatId
from exam_core.model.states import SessionState, SittingState
from exam_core.protocol import orders
from exam_core.protocol.messages import Checkpointed
from exam_server import limits
from exam_server.accounts.audit import AuditTrail
from exam_server.clock import Clock, ClockReading, read_clocks
from exam_server.room.grouping import GroupedChanges
from exam_server.room.live import LiveAlarm, LiveSession, RoomState
from exam_server.room.orders import OrderBook
from exam_server.room.room_log import CheckpointReason
from exam_server.room.services import alarms
from exam_server.store.engine import Store
from exam_server.store.fence import SERVER_FENCED

INTERNAL = declare("server.internal", "考试继续；请技术人员保存服务日志并上报。")

SERVER = SeatId("")
"""In alarms: the server itself, not a seat."""

_log = logging.getLogger(__name__)

_P = ParamSpec("_P")
_T = TypeVar("_T")


class RoomCore:
    """The common ground of kiosks, course and steering."""

    def __init__(
        self,
        *,
        store: Store,
        trail: AuditTrail,
        clock: Clock,
        state: RoomState,
        order_book: OrderBook,
    ) -> None:
        self._order_book = order_book
        self.store = store
        self.trail = trail
        self.clock = clock
        self.state = state
        self.turn = asyncio.Lock()
        self.changes = GroupedChanges(store, trail, self.turn, self.in_thread, self.trouble)
        self.fenced_by: StorageError | None = None
        self.fenced = asyncio.Event()
        self._checkpoint_ms = clock.monotonic_ms()
        self._tasks: set[asyncio.Task[None]] = set()
        self._alarmed = {(alarm.seat_id, alarm.code) for alarm in state.alarms}

    async def in_thread(self, work: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Run blocking work off the loop."""
        return await asyncio.to_thread(work, *args, **kwargs)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run work beside; an error shows on the proctor page."""
        task = asyncio.create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish(self) -> None:
        """Wait for all that was spawned."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.changes.finish()

    def trouble(self, error: Exception) -> None:
        """Show on the proctor page until somebody settles it, and log, that something failed."""
        if isinstance(error, ExamError):
            self.state.storage_problem = f"{error.message}（{error.code}）。{error.advice}"
            if isinstance(error, StorageError) and error.code == SERVER_FENCED:
                self.fenced_by = error  # no alarm: nothing can be kept any more
                self.fenced.set()
            else:
                self.alarm(SERVER, error.code, error.message)
        else:
            self.state.storage_problem = "服务器内部错误；考试继续，请技术人员查看服务日志。"
            self.alarm(SERVER, INTERNAL, "服务器内部错误")
        _log.error("room_failed", exc_info=error)

    def require_room(self) -> None:
        """Refuse what a kiosk wants of a server that another has taken the place of.

        Raises:
            StorageError: `server.fenced`.
        """
        if self.fenced_by:
            raise self.fenced_by

    def now_ms(self) -> int:
        """The monotonic clock."""
        return self.clock.monotonic_ms()

    def reading(self) -> ClockReading:
        """What the machine's clocks say now."""
        return read_clocks(self.clock)

    def extra_ms(self, session: LiveSession, now_ms: int) -> int:
        """The time that a session was given, with that of a swap under way."""
        return session.extra_at(self.state.clock.elapsed_at(now_ms))

    def time_left_ms(self, session: LiveSession) -> int:
        """What is left of a session's time; never negative."""
        now = self.now_ms()
        return self.state.clock.left_at(now, self.extra_ms(session, now))

    def order(self, session: LiveSession, what: orders.What, *, issued_by: str = "") -> None:
        """Order a kiosk, if it is connected; without a name, who put the sitting in its state."""
        if session.connection:
            session.send(
                self._order_book.issue(
                    what,
                    seat_id=session.connection.seat_id,
                    session_id=session.session_id,
                    issued_by=issued_by or self.state.changed_by,
                )
            )

    def send_clock(self, session: LiveSession, *, issued_by: str = "") -> None:
        """Tell a kiosk how room and time stand."""
        self.order(
            session,
            orders.Clock(
                sitting_state=self.state.clock.state,
                session_state=SessionState.SUSPENDED
                if session.moved_at_ms is not None
                else session.state,
                is_present=self.state.seats[session.seat_id].is_present,
                time_left_ms=self.time_left_ms(session),
                extra_ms=session.extra_ms,
            ),
            issued_by=issued_by,
        )

    def confirm_submitted(self, session: LiveSession) -> None:
        """Tell a kiosk that its session is closed with this receipt."""
        self.order(session, orders.Submitted(receipt=session.receipt))

    def enter(self, after: SittingState, *, changed_by: str = "") -> None:
        """The sitting is in this state from now on, caused by whom; `tell_all` comes next."""
        self.state.clock = self.state.clock.entered(after, self.now_ms())
        self.state.changed_by = changed_by or self.state.changed_by

    async def tell_all(self, *, issued_by: str = "") -> None:
        """Tell every kiosk how room and time stand."""
        await self.tell_each(
            self.state.sessions.values(), lambda one: self.send_clock(one, issued_by=issued_by)
        )

    async def tell_each(
        self, sessions: Iterable[LiveSession], tell: Callable[[LiveSession], object]
    ) -> None:
        """Tell each connected kiosk something; signing takes time, so saves go on between."""
        told = 0
        for session in list(sessions):
            if session.connection is None:
                continue
            tell(session)
            told += 1
            if told % limits.told_at_once == 0:
                await asyncio.sleep(0)

    def alarm_anew(self, seat_id: SeatId, code: str, message: str) -> None:
        """Put something before the proctor, also when the like is there already."""
        self._alarmed.add((seat_id, code))
        self.spawn(self._raise_alarm(seat_id, code, message))

    def alarm(self, seat_id: SeatId, code: str, message: str) -> None:
        """Put something before the proctor, once for each seat and code until it is settled."""
        if (seat_id, code) not in self._alarmed:
            self.alarm_anew(seat_id, code, message)

    def alarm_settled(self, alarm_id: int) -> None:
        """A person has looked at it; the same thing may alarm again."""
        for alarm in [one for one in self.state.alarms if one.alarm_id == alarm_id]:
            self.state.alarms.remove(alarm)
            self._alarmed.discard((alarm.seat_id, alarm.code))
        if not any(alarm.seat_id == SERVER for alarm in self.state.alarms):
            self.state.storage_problem = ""

    def checkpoint_when_due(self) -> None:
        """Take a checkpoint when the last one is five minutes old and the log has grown."""
        if self.now_ms() - self._checkpoint_ms >= limits.checkpoint_interval_ms:
            self._checkpoint_ms = self.now_ms()
            self.spawn(self.take_checkpoint(CheckpointReason.INTERVAL))

    async def take_checkpoint(self, reason: CheckpointReason) -> None:
        """Sign the state of the log and give it to every connected kiosk.

        Whatever led here is done: a log that cannot be written is shown to the proctor, and the
        exam goes on.
        """
        only_if_grown = reason is CheckpointReason.INTERVAL
        try:
            note = await self.in_thread(
                self.trail.take_checkpoint, reason, only_if_grown=only_if_grown
            )
        except ExamError as error:
            self.trouble(error)
            return
        if note:
            message = Checkpointed(note=note)
            await self.tell_each(self.state.sessions.values(), lambda one: one.send(message))

    async def _raise_alarm(self, seat_id: SeatId, code: str, message: str) -> None:
        def show(alarm_id: int) -> None:
            self.state.alarms.append(
                LiveAlarm(alarm_id=alarm_id, seat_id=seat_id, code=code, message=message)
            )
            del self.state.alarms[: -limits.alarms_shown_max]

        try:
            await self.changes.make(
                lambda db, log: alarms.raise_alarm(
                    db, log, self.clock, seat_id=seat_id, code=code, message=message
                ),
                show,
            )
        except StorageError:
            show(0)  # all the same; it cannot be kept now

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001  shown and logged; nobody awaits this task
            self.trouble(error)
