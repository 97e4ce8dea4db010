"""Checks the frames that nobody could open yet, session by session, in the quiet.

They came before this start of the server, or while the paper was shut. When the paper is open
there may be millions, and saves go on meanwhile: a few are checked at a time, the rest later.
Until a session has caught up, its new frames join the queue behind the old ones, so that all are
checked in the order of the chain; who hands in, attaches or changes machines comes first.
Event loop only.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from exam_core.errors import ExamError, StorageError
from exam_core.formats.journal import OpenedFrame, first_head, next_head
from exam_core.model.identifiers import SegmentId, SessionId
from exam_server import limits
from exam_server.room.core import RoomCore
from exam_server.room.live import LiveSession, UncheckedFrame
from exam_server.store.frames import Step, read_step

Check = Callable[[LiveSession, Sequence[UncheckedFrame], Mapping[SegmentId, int]], None]
"""Examine frames in their order; of each segment those below a number are signed for."""


class CatchingUp:
    """The queue of sessions that are behind, and the work on them."""

    def __init__(self, core: RoomCore, close_submitted: Callable[[LiveSession], None]) -> None:
        self._core = core
        self._close_submitted = close_submitted
        self._waiting: dict[SessionId, LiveSession] = {}
        self._urgent: dict[SessionId, LiveSession] = {}
        self._waiters: dict[SessionId, asyncio.Future[None]] = {}
        self._has_work = asyncio.Event()

    def paper_opened(self) -> None:
        """Every session that is behind is to be checked; those that are connected before others."""
        behind = [one for one in self._core.state.sessions.values() if one.is_behind]
        for session in sorted(behind, key=lambda one: one.connection is None):
            self._waiting.setdefault(session.session_id, session)
        self._has_work.set()

    def hurry(self, session: LiveSession) -> None:
        """Check this session before others; nothing to do when it is not behind."""
        if session.is_behind and self._core.state.opened:
            self._urgent.setdefault(session.session_id, session)
            self._has_work.set()

    async def caught_up(self, session: LiveSession) -> None:
        """Return when the session is not behind any more, or the paper is shut.

        Raises:
            ExamError: What kept its frames from being read.
        """
        if session.is_behind and self._core.state.opened:
            self.hurry(session)
            loop = asyncio.get_running_loop()
            await self._waiters.setdefault(session.session_id, loop.create_future())

    async def all_caught_up(self) -> None:
        """The same for all sessions."""
        for session in list(self._core.state.sessions.values()):
            await self.caught_up(session)

    async def run(self, check: Check) -> None:
        """Work until cancelled."""
        while True:
            session = self._next()
            if session is None:
                self._has_work.clear()
                await self._has_work.wait()
                continue
            try:
                await self._catch_up(session, check)
            except StorageError as error:
                self._core.trouble(error)
                self._answer(session, error)
                self._waiting[session.session_id] = session  # the database may come back
                await asyncio.sleep(limits.catching_up_retry_s)
            except Exception as error:  # noqa: BLE001  one session that cannot be read; others go on
                self._core.trouble(error)
                self._answer(session, error)
            else:
                self._answer(session, None)

    def _next(self) -> LiveSession | None:
        for queue in (self._urgent, self._waiting):
            for session in queue.values():
                return session
        return None

    def _answer(self, session: LiveSession, error: Exception | None) -> None:
        self._urgent.pop(session.session_id, None)
        self._waiting.pop(session.session_id, None)
        waiter = self._waiters.pop(session.session_id, None)
        if waiter is None or waiter.done():
            return
        if isinstance(error, ExamError):
            waiter.set_exception(error)
        else:
            waiter.set_result(None)

    async def _catch_up(self, session: LiveSession, check: Check) -> None:
        while session.old_frames:
            segment_id = min(session.old_frames, key=lambda one: session.ledgers[one].epoch)
            place = session.old_frames[segment_id]
            await self._check_old(session, segment_id, check)
            if session.old_frames.get(segment_id) is place:  # no more was found meanwhile
                del session.old_frames[segment_id]
        while len(session.unchecked):
            await self._check_unchecked(session, check)
        self._close_submitted(session)

    async def _check_old(self, session: LiveSession, segment_id: SegmentId, check: Check) -> None:
        old = await self._read_old(session, segment_id)
        later = [one for one in session.unchecked if one.segment_id == segment_id]
        signed = {segment_id: await self._signed_until(session, [*old, *later])}
        for start in range(0, len(old), limits.catching_up_frames):
            check(session, old[start : start + limits.catching_up_frames], signed)
            await self._breathe(session)

    async def _check_unchecked(self, session: LiveSession, check: Check) -> None:
        """Check what is there now; less, when a commit fails meanwhile and takes frames back."""
        by_segment: dict[SegmentId, list[UncheckedFrame]] = {}
        for one in session.unchecked:
            by_segment.setdefault(one.segment_id, []).append(one)
        count, losses = len(session.unchecked), session.unchecked.losses
        signed = {
            segment_id: await self._signed_until(session, frames)
            for segment_id, frames in by_segment.items()
        }
        while count > 0 and losses == session.unchecked.losses:
            part = session.unchecked.take(min(count, limits.catching_up_frames))
            count -= len(part)
            check(session, part, signed)
            await self._breathe(session)

    async def _read_old(self, session: LiveSession, segment_id: SegmentId) -> list[UncheckedFrame]:
        place = session.old_frames[segment_id]
        step = Step(session.ledgers[segment_id].segment_no, place.frames, place.last_frame_no)
        parts: list[list[bytes]] = []
        while step.frames:
            part, step = await self._core.in_thread(self._read_step, step)
            parts.append(part)
        old: list[UncheckedFrame] = []
        head = first_head(segment_id)
        for frames in reversed(parts):
            for frame in frames:
                old.append(
                    UncheckedFrame(segment_id=segment_id, seq=len(old), frame=frame, head=head)
                )
                head = next_head(head, frame)
            await self._breathe(session)
        return old

    def _read_step(self, step: Step) -> tuple[list[bytes], Step]:
        with self._core.store.connection() as connection:
            return read_step(connection, step)

    async def _signed_until(self, session: LiveSession, frames: list[UncheckedFrame]) -> int:
        """Up to where the kiosk answers for these frames of one segment."""
        checker = self._core.state.checker_of(session, frames[0].segment_id)
        assert checker is not None, "called with the paper open"  # noqa: S101  narrows
        opened: list[OpenedFrame] = []
        for start in range(0, len(frames), limits.catching_up_frames):
            part = frames[start : start + limits.catching_up_frames]
            more = checker.opened([(one.frame, one.head) for one in part])
            opened += more
            if len(more) < len(part):
                break
            await self._breathe(session)
        first_seq = frames[0].seq
        in_thread = self._core.in_thread
        return first_seq + await in_thread(checker.signed_until, opened, first_seq)

    async def _breathe(self, session: LiveSession) -> None:
        """Let everything else in the loop go on; longer when nobody waits for this session."""
        is_urgent = session.session_id in self._urgent
        await asyncio.sleep(0 if is_urgent else limits.catching_up_pause_s)
