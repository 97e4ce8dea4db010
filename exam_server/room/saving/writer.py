"""Makes frames durable: one thread, one transaction for all that is queued, then the answers.

While one commit runs the next batch gathers. The acknowledgements of one commit are signed
together, in the loop: one signature, whatever the number of kiosks. A commit that fails fails all
of its batches and all queued behind them, loudly; after anything but a full disk the writer stays
stopped, since what a failed sync left on disk is unknown until the database is opened anew.
"""

import asyncio
import queue
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from exam_core.errors import StorageError
from exam_core.protocol.acknowledgements import AckBook, Acknowledged
from exam_core.protocol.messages import CommitProof
from exam_server import limits
from exam_server.folder import STORAGE_FAILED, STORAGE_FULL
from exam_server.room.saving.rounds import Rounds, ThreadRounds
from exam_server.store import room as tables
from exam_server.store.engine import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Frames of one Save, and what to do in the loop once they are durable.

    `frames` are (segment_id, seq, frame, received_utc_ms), `flags` (segment_id, seq, code).
    `acknowledged` is what the commit makes true for a kiosk; `on_durable` is given its proof.
    """

    frames: Sequence[tuple[str, int, bytes, int]]
    flags: Sequence[tuple[str, int, str]]
    on_durable: Callable[[CommitProof | None], None]
    acknowledged: Acknowledged | None = None


@dataclass(frozen=True, slots=True)
class _Queued:
    batch: Batch
    era: int


class FrameWriter:
    """The one writer of frames; used from the event loop."""

    def __init__(
        self,
        store: Store,
        ack_book: AckBook,
        on_failure: Callable[[StorageError], None],
        rounds: Rounds | None = None,
    ) -> None:
        """Prepare; `on_failure` runs in the loop before any later frame is taken.

        `rounds` says who does the writing; a thread of its own, unless a simulation runs it.
        """
        self._store = store
        self._ack_book = ack_book
        self._on_failure = on_failure
        self._queue: queue.SimpleQueue[_Queued | None] = queue.SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._rounds = rounds or ThreadRounds("frame-writer")
        self._failed_era = -1  # of the thread alone
        self._era = 0
        self._waiting_rows = 0
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._broken: StorageError | None = None
        self.commits = 0

    def start(self) -> None:
        """Begin writing; call in the event loop."""
        self._loop = asyncio.get_running_loop()
        self._rounds.start(self._round)

    async def stop(self) -> None:
        """Write what is queued, deliver the answers, and end the thread."""
        self._queue.put(None)
        self._rounds.wake()
        await self._rounds.ended()
        await asyncio.sleep(0)  # the last answers were scheduled before the thread ended

    @property
    def failure(self) -> StorageError | None:
        """Why nothing is taken any more; None while writing is possible."""
        return self._broken

    def refuse(self, error: StorageError) -> None:
        """Take nothing from now on; what is queued fails by itself if it cannot be kept."""
        self._broken = error

    async def wait_for_room(self) -> None:
        """Return when the queue is not too long."""
        await self._has_room.wait()

    def put(self, batch: Batch) -> None:
        """Queue frames; `on_durable` is called in the loop after their commit.

        Raises:
            StorageError: `storage.failed`, when the writer has stopped.
        """
        if self._broken:
            raise self._broken
        self._waiting_rows += len(batch.frames) + len(batch.flags)
        if self._waiting_rows > limits.save_queue_rows_max:
            self._has_room.clear()
        self._queue.put(_Queued(batch, self._era))
        self._rounds.wake()

    def _round(self) -> bool:
        first = self._queue.get()
        if first is None:
            return False
        queued = [first]
        is_last = self._drain(queued)
        alive = [one for one in queued if one.era > self._failed_era]
        try:
            self._commit([one.batch for one in alive])
        except StorageError as error:
            self._failed_era = max(one.era for one in alive)
            self._call(self._failed, error, queued)
        else:
            self._call(self._committed, alive, queued)
        return not is_last

    def _drain(self, queued: list[_Queued]) -> bool:
        try:
            while True:
                one = self._queue.get_nowait()
                if one is None:
                    return True
                queued.append(one)
        except queue.Empty:
            return False

    def _commit(self, batches: list[Batch]) -> None:
        if not batches:
            return
        frames = [frame for batch in batches for frame in batch.frames]
        flags = [flag for batch in batches for flag in batch.flags]
        try:
            with self._store.connection() as connection:
                tables.append_frames(connection, frames, flags)
        except StorageError:
            raise
        except Exception as error:  # whatever it was, the frames are not on disk
            raise StorageError(STORAGE_FAILED, "作答记录写入失败", reason=repr(error)) from error

    def _committed(self, alive: list[_Queued], queued: list[_Queued]) -> None:
        self.commits += 1
        self._release(queued)
        batches = [one.batch for one in alive]
        on_disk = [one.acknowledged for one in batches if one.acknowledged]
        proofs = iter(self._ack_book.sign(on_disk))
        for batch in batches:
            batch.on_durable(next(proofs) if batch.acknowledged else None)

    def _failed(self, error: StorageError, queued: list[_Queued]) -> None:
        self._release(queued)
        self._era += 1
        if error.code != STORAGE_FULL:
            self._broken = error
        self._on_failure(error)

    def _release(self, queued: list[_Queued]) -> None:
        self._waiting_rows -= sum(len(one.batch.frames) + len(one.batch.flags) for one in queued)
        if self._waiting_rows <= limits.save_queue_rows_max:
            self._has_room.set()

    def _call(self, function: Callable[..., None], *args: object) -> None:
        assert self._loop is not None, "the thread starts after the loop is known"  # noqa: S101
        self._loop.call_soon_threadsafe(function, *args)
