"""Looks at the kiosks' signatures after the commit, off the loop: how far does each answer?

A signature covers the chain before it, so one look at the newest durable frame of a segment
answers for all of it. That costs a hundred times what the seal costs, and no acknowledgement
needs it: an acknowledgement says that frames are kept, never that they count. Segments that grew
are looked at every second, one with a submit entry at once: the session closes only after that.
"""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from exam_core.formats.journal import OpenedFrame
from exam_core.formats.journal_reading import SegmentChecker
from exam_core.model.identifiers import SegmentId
from exam_server import limits
from exam_server.room.live import LiveSession
from exam_server.room.saving.ledger import SegmentLedger
from exam_server.store.engine import Store
from exam_server.store.frame_log import FrameLog


@dataclass(frozen=True, slots=True, kw_only=True)
class NewestFrame:
    """The newest durable frame of a segment, as it was opened when it took its place."""

    session: LiveSession
    ledger: SegmentLedger
    checker: SegmentChecker
    seq: int
    opened: OpenedFrame


class Found(NamedTuple):
    """For how many frames of a segment the kiosk answers, of how many that were looked at."""

    answered: int
    frames: int


class InThread(Protocol):
    """Runs work that blocks off the loop."""

    def __call__(
        self, work: Callable[[Sequence[NewestFrame]], list[Found]], newest: Sequence[NewestFrame], /
    ) -> Awaitable[list[Found]]:
        """The work's result."""


class SignatureWatch:
    """Which segments are still to be looked at; event loop only.

    Args:
        store: Where the frames are, should a signature not hold.
        log: Finds them there.
        in_thread: Runs blocking work off the loop.
        spawn: Runs a coroutine beside; shows its error to the proctor.
        on_looked: Called when a segment was looked at.
        on_forged: Called when the kiosk does not answer for the last of the durable frames of a
            segment; again, when more such frames became durable.
    """

    def __init__(
        self,
        store: Store,
        log: FrameLog,
        *,
        in_thread: InThread,
        spawn: Callable[[Coroutine[Any, Any, None]], None],
        on_looked: Callable[[LiveSession], None],
        on_forged: Callable[[LiveSession, SegmentLedger, Found], None],
    ) -> None:
        self._store = store
        self._log = log
        self._in_thread = in_thread
        self._spawn = spawn
        self._on_looked = on_looked
        self._on_forged = on_forged
        self._waiting: dict[SegmentId, NewestFrame] = {}
        self._urgent: dict[SegmentId, NewestFrame] = {}
        self._is_hurrying = False
        self._is_looking = False

    def note(self, newest: NewestFrame, *, is_urgent: bool) -> None:
        """A frame is durable; it is looked at by the next `look`, or at once."""
        segment_id = newest.ledger.segment_id
        grown = newest.seq + 1 - newest.ledger.answered
        if not is_urgent and grown < limits.signature_check_frames:
            self._waiting[segment_id] = newest
            return
        self._waiting.pop(segment_id, None)
        self._urgent[segment_id] = newest
        if not self._is_hurrying:
            self._is_hurrying = True
            self._spawn(self._hurry())

    async def look(self) -> None:
        """Look at every segment that grew since the last time; called every second."""
        if self._is_looking:
            return
        self._is_looking = True
        waiting, self._waiting = self._waiting, {}
        try:
            await self._look_at(list(waiting.values()))
        finally:
            self._is_looking = False

    async def _hurry(self) -> None:
        try:
            while self._urgent:
                urgent, self._urgent = self._urgent, {}
                await self._look_at(list(urgent.values()))
        finally:
            self._is_hurrying = False

    async def _look_at(self, frames: list[NewestFrame]) -> None:
        if not frames:
            return
        try:
            found = await self._in_thread(self._find, frames)
        except BaseException:
            for newest in frames:  # looked at again, unless a newer one waits already
                self._waiting.setdefault(newest.ledger.segment_id, newest)
            raise
        for newest, one in zip(frames, found, strict=True):
            ledger = newest.ledger
            ledger.answered = max(ledger.answered, one.answered)
            if one.answered < one.frames:
                self._on_forged(newest.session, ledger, one)
            self._on_looked(newest.session)

    def _find(self, frames: Sequence[NewestFrame]) -> list[Found]:
        return [
            Found(newest.seq + 1, newest.seq + 1)
            if newest.checker.is_signed(newest.seq, newest.opened)
            else self._search_back(newest)
            for newest in frames
        ]

    def _search_back(self, newest: NewestFrame) -> Found:
        """The last signature that holds; it may stand in a frame that came meanwhile."""
        first = newest.ledger.answered
        with self._store.connection() as connection:
            frames = self._log.read(connection, newest.ledger.segment_no, first)
        answered = newest.checker.signed_among(frames, first)
        return Found(first + answered, first + len(frames))
