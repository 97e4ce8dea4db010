"""Looks at every message and at the room's clock, and asks the database whether they are true."""

import hashlib
from collections.abc import Callable
from typing import TypeVar

import msgspec

from exam_core.errors import ExamError
from exam_core.formats.journal import receipt_of
from exam_core.model.identifiers import SeatId, SegmentId
from exam_core.protocol import messages, orders
from exam_server.room.hub import RoomHub
from exam_server.store import frames
from exam_server.store.engine import Db, Store
from tests.simulation.loop import SimulatedLoop, present_process
from tests.simulation.model import Model
from tests.simulation.plan import Fault, Plan
from tests.simulation.server import ServerMachine

_T = TypeVar("_T")


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
        return self._ask_database(frames.count_frames, -1)

    def _check_durable(self, segment_id: SegmentId, frames: int) -> None:
        """What is acknowledged at this moment is committed at this moment."""
        if frames and not self._frames_from(segment_id, frames - 1):
            self.model.wrong(f"acknowledged {frames} of {segment_id}, and not all are on disk")

    def _check_confirmed(self, message: messages.Ordered) -> None:
        """Whose hand-in is confirmed has the entry on disk."""
        what = msgspec.json.decode(message.order)["what"]
        submit = self._submits.get(what.get("receipt", ""))
        if submit is not None:
            found = self._frames_from(submit.segment_id, submit.seq)
            if not found or receipt_of(found[0]) != submit.receipt:
                self.model.wrong(f"confirmed {submit}, and it is not on disk")

    def _frames_from(self, segment_id: SegmentId, first: int) -> list[bytes]:
        return self._ask_database(lambda db: frames.read_frames(db, segment_id, first), [])

    def _ask_database(self, ask: Callable[[Db], _T], otherwise: _T) -> _T:
        """What is committed at this moment, past all that the room remembers."""
        store = self.server.store
        if store is None:
            return otherwise
        with Store.transaction(store) as db:  # past the simulated disk
            return ask(db)

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
