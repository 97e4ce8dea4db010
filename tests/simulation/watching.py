"""Looks at every message and at the room's clock, and asks the database whether they are true."""

import hashlib
import sqlite3
from typing import Any

import msgspec

from exam_core.errors import ExamError
from exam_core.formats.journal import receipt_of
from exam_core.model.identifiers import SeatId, SegmentId
from exam_core.protocol import messages, orders
from exam_server.room.hub import RoomHub
from tests.simulation.loop import SimulatedLoop, present_process
from tests.simulation.model import Model
from tests.simulation.plan import Fault, Plan
from tests.simulation.server import ServerMachine

_FRAME_AT = (
    "SELECT frame FROM frame JOIN segment ON segment.segment_no = frame.segment_no"
    " WHERE segment_id = ? AND seq = ?"
)


class Watcher:
    """See the module.

    Attributes:
        server: What is asked; set once it exists.
        trace: A line for each message, when asked for.
    """

    server: ServerMachine

    def __init__(self, plan: Plan, loop: SimulatedLoop, model: Model, *, traces: bool) -> None:
        self.model = model
        self.trace: list[str] = []
        self._digest = hashlib.sha256()
        self._traces = traces
        self._faults = plan.faults
        self._loop = loop
        self._obeyed: set[tuple[SeatId, int, int]] = set()
        self._submits: dict[str, messages.Submit] = {}
        self._hub: RoomHub | None = None
        self._then = self._elapsed = 0

    @property
    def digest(self) -> str:
        """Of everything so far."""
        return self._digest.hexdigest()

    def look_at_the_clock(self) -> None:
        """The room's time never goes back, and never faster than time."""
        hub = self.server.hub
        if hub is None:
            self._hub = None
            return
        now = self.server.clock.monotonic_ms()
        elapsed = hub.state.clock.elapsed_at(now)
        if hub is self._hub and not 0 <= elapsed - self._elapsed <= now - self._then:
            passed = elapsed - self._elapsed
            self.model.wrong(f"{passed} ms of the room in {now - self._then} ms")
        self._hub, self._then, self._elapsed = hub, now, elapsed

    def obeyed(self, order: orders.Order) -> None:
        """A kiosk is about to obey; nobody obeys the same order twice."""
        process = present_process()
        if process is None or not process.is_alive:
            return
        one = order.seat_id, order.boot, order.counter
        if one in self._obeyed and Fault.KIOSK_DISK not in self._faults:
            self.model.wrong(f"order {one} was obeyed twice: {order.what}")
        self._obeyed.add(one)
        self.model.counts["orders"] += 1

    def message(self, direction: str, machine: str, data: bytes) -> None:
        """A message is being sent: what it promises is true at this moment."""
        self.note(direction, machine, data)
        if direction == "up":
            said = messages.decode_kiosk_message(data)
            if isinstance(said, messages.Submit):
                self._submits[said.receipt] = said
            return
        message = messages.decode_server_message(data)
        if isinstance(message, messages.Saved):
            self.model.counts["acknowledged"] += 1
            self._check_durable(message.segment_id, message.frames)
        elif isinstance(message, messages.Attached):
            self.model.counts["attached"] += 1
            for held in message.held:
                self._check_durable(held.segment_id, held.frames)
        elif isinstance(message, messages.Ordered):
            self._check_confirmed(message)

    def frames_kept(self) -> int:
        """How many frames are committed; −1 while the server is down."""
        found = self._ask_database("SELECT count(*) FROM frame")
        return found[0] if found else -1

    def _check_durable(self, segment_id: SegmentId, frames: int) -> None:
        """What is acknowledged at this moment is committed at this moment."""
        if frames and self.server.store and self._frame_at(segment_id, frames - 1) is None:
            self.model.wrong(f"acknowledged {frames} of {segment_id}, and not all are on disk")

    def _check_confirmed(self, message: messages.Ordered) -> None:
        """Whose hand-in is confirmed has the entry on disk."""
        what = msgspec.json.decode(message.order)["what"]
        submit = self._submits.get(what.get("receipt", ""))
        if submit is not None and self.server.store:
            frame = self._frame_at(submit.segment_id, submit.seq)
            if frame is None or receipt_of(frame) != submit.receipt:
                self.model.wrong(f"confirmed {submit}, and it is not on disk")

    def _frame_at(self, segment_id: SegmentId, seq: int) -> bytes | None:
        found = self._ask_database(_FRAME_AT, segment_id, seq)
        return found[0] if found else None

    def _ask_database(self, statement: str, *values: str | int) -> tuple[Any, ...] | None:
        """What is committed at this moment, past all that the room and its services know."""
        store = self.server.store
        if store is None:
            return None
        with store.engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert isinstance(driver, sqlite3.Connection)
            found: tuple[Any, ...] | None = driver.execute(statement, values).fetchone()
            return found

    def note(self, kind: str, machine: str = "", data: bytes = b"") -> None:
        """Something for the trace; the digest covers all of it."""
        line = f"{self._loop.time():.6f} {kind} {machine} {len(data)}"
        self._digest.update(line.encode())
        if self._traces:
            self.trace.append(f"{line} {_told(kind, data)}")


def _told(kind: str, data: bytes) -> str:
    try:
        if kind == "up":
            return repr(messages.decode_kiosk_message(data))[:300]
        if kind == "down":
            message = messages.decode_server_message(data)
            told = message.order if isinstance(message, messages.Ordered) else message
            return repr(told)[:400]
    except ExamError as error:
        return error.code
    return ""
