"""Makes frames durable: one thread, one transaction for all that is queued, then the answers.

What one turn of the loop takes is handed over together, and while one commit runs the next gathers:
no save waits for a timer. A commit is bounded by rows and bytes, and so is what waits: beyond that
nothing is read from the kiosks. The acknowledgements of one commit are signed together, in the
loop: one signature, whatever the number of kiosks. A commit that fails fails all
of its batches and all queued behind them, loudly; after anything but a full disk the writer stays
stopped, since what a failed sync left on disk is unknown until the database is opened anew.
"""

import asyncio
import queue
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from exam_core.errors import StorageError
from exam_core.protocol.acknowledgements import AckBook, Acknowledged
from exam_core.protocol.messages import CommitProof
from exam_server import limits
from exam_server.folder import STORAGE_FAILED, STORAGE_FULL
from exam_server.room.saving.rounds import Rounds, ThreadRounds
from exam_server.room.saving.upkeep import Upkeep
from exam_server.store.engine import Store
from exam_server.store.frame_log import FrameLog
from exam_server.store.frames import Flag, NewFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Frames of one Save, and what to do in the loop once they are durable.

    `acknowledged` is what the commit makes true for a kiosk; `on_durable` is given its proof.
    """

    frames: Sequence[NewFrame]
    flags: Sequence[Flag]
    on_durable: Callable[[CommitProof | None], None]
    acknowledged: Acknowledged | None = None


@dataclass(frozen=True, slots=True)
class _Queued:
    batch: Batch
    era: int
    rows: int
    size_bytes: int


class FrameWriter:
    """The one writer of frames; used from the event loop."""

    def __init__(
        self,
        store: Store,
        log: FrameLog,
        ack_book: AckBook,
        on_failure: Callable[[StorageError], None],
        rounds: Rounds | None = None,
        *,
        relieve: Callable[[], bool] = lambda: False,
    ) -> None:
        """Prepare; `on_failure` runs in the loop before any later frame is taken.

        `rounds` says who does the writing; a thread of its own, unless a simulation runs it.
        `relieve` makes room on a full disk, in that thread, and says whether it could.
        """
        self._store = store
        self._log = log
        self._upkeep = Upkeep(store, log)
        self._ack_book = ack_book
        self._on_failure = on_failure
        self._relieve = relieve
        self._queue: queue.SimpleQueue[list[_Queued] | None] = queue.SimpleQueue()
        self._gathered: list[_Queued] = []  # by this turn of the loop
        self._loop: asyncio.AbstractEventLoop | None = None
        self._rounds = rounds or ThreadRounds("frame-writer")
        self._failed_era = -1  # of the thread alone
        self._era = 0
        self._waiting_rows = 0
        self._waiting_bytes = 0
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._broken: StorageError | None = None
        self.commits = 0
        self.last_commit_ms = 0

    def start(self) -> None:
        """Begin writing; call in the event loop."""
        self._loop = asyncio.get_running_loop()
        self._rounds.start(self._round)
        self._hand_over()

    async def stop(self) -> None:
        """Write what is queued, deliver the answers, and end the thread."""
        self._hand_over()
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

    def go_on(self) -> None:
        """Take frames again: what the database holds has been read anew."""
        self._broken = None

    @property
    def waiting_rows(self) -> int:
        """How many rows are not yet written."""
        return self._waiting_rows

    @property
    def has_room(self) -> bool:
        """Whether the queue is below its limits of rows and bytes."""
        return self._has_room.is_set()

    async def wait_for_room(self) -> None:
        """Return when the queue has room."""
        await self._has_room.wait()

    def put(self, batch: Batch) -> None:
        """Queue frames; `on_durable` is called in the loop after their commit.

        Raises:
            StorageError: `storage.failed`, when the writer has stopped.
        """
        if self._broken:
            raise self._broken
        rows = len(batch.frames) + len(batch.flags)
        size_bytes = sum([len(row[2]) for row in batch.frames])
        self._waiting_rows += rows
        self._waiting_bytes += size_bytes
        self._note_room()
        if self._loop and not self._gathered:
            self._loop.call_soon(self._hand_over)
        self._gathered.append(_Queued(batch, self._era, rows, size_bytes))

    def _hand_over(self) -> None:
        """Give the writer what this turn of the loop gathered, in pieces of a commit's size."""
        piece: list[_Queued] = []
        rows = size_bytes = 0
        for one in self._gathered:
            piece.append(one)
            rows += one.rows
            size_bytes += one.size_bytes
            if rows >= limits.commit_rows_max or size_bytes >= limits.commit_bytes_max:
                self._queue.put(piece)
                self._rounds.wake()
                piece, rows, size_bytes = [], 0, 0
        if piece:
            self._queue.put(piece)
            self._rounds.wake()
        self._gathered = []

    def _round(self) -> bool:
        queued = self._queue.get()
        if queued is None:
            self._upkeep.at_the_end()
            return False
        is_last = self._drain(queued)
        alive = [one for one in queued if one.era > self._failed_era]
        try:
            self._commit_where_there_is_room([one.batch for one in alive])
        except StorageError as error:
            self._fail(error, alive, queued)
        else:
            self._call(self._committed, alive, queued)
            if alive:
                self._keep_up(alive)
        if is_last:
            self._upkeep.at_the_end()
        return not is_last

    def _keep_up(self, written: list[_Queued]) -> None:
        size_bytes = sum(one.size_bytes for one in written)
        try:
            self._upkeep.after_commit(size_bytes, is_idle=self._queue.empty())
        except StorageError as error:  # as after a commit whose sync failed: nothing more is taken
            self._fail(error, written, [])

    def _fail(self, error: StorageError, of: list[_Queued], queued: list[_Queued]) -> None:
        self._failed_era = max(one.era for one in of)
        if error.code != STORAGE_FULL:
            self._upkeep.give_up()
        self._call(self._failed, error, queued)

    def _drain(self, queued: list[_Queued]) -> bool:
        rows = sum(one.rows for one in queued)
        size_bytes = sum(one.size_bytes for one in queued)
        try:
            while rows < limits.commit_rows_max and size_bytes < limits.commit_bytes_max:
                more = self._queue.get_nowait()
                if more is None:
                    return True
                queued += more
                rows += sum(one.rows for one in more)
                size_bytes += sum(one.size_bytes for one in more)
        except queue.Empty:
            pass
        return False

    def _commit_where_there_is_room(self, batches: list[Batch]) -> None:
        try:
            self._commit(batches)
        except StorageError as error:
            # A write found no space, so nothing was synced yet: it may be tried again, once.
            if error.code != STORAGE_FULL or not self._relieve():
                raise
            self._commit(batches)

    def _commit(self, batches: list[Batch]) -> None:
        if not batches:
            return
        frames = [frame for batch in batches for frame in batch.frames]
        flags = [flag for batch in batches for flag in batch.flags]
        began_ns = time.monotonic_ns()
        try:
            with self._store.connection() as connection:
                appended = self._log.append(connection, frames, flags)
        except StorageError:
            raise
        except Exception as error:  # whatever it was, the frames are not on disk
            raise StorageError(STORAGE_FAILED, "作答记录写入失败", reason=repr(error)) from error
        self._log.committed(appended)
        self.last_commit_ms = (time.monotonic_ns() - began_ns) // 1_000_000

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
        self._waiting_rows -= sum(one.rows for one in queued)
        self._waiting_bytes -= sum(one.size_bytes for one in queued)
        self._note_room()

    def _note_room(self) -> None:
        if (
            self._waiting_rows <= limits.save_queue_rows_max
            and self._waiting_bytes <= limits.save_queue_bytes_max
        ):
            self._has_room.set()
        else:
            self._has_room.clear()

    def _call(self, function: Callable[..., None], *args: object) -> None:
        assert self._loop is not None, "the thread starts after the loop is known"  # noqa: S101
        self._loop.call_soon_threadsafe(function, *args)
