"""Why held frames do not count: flags beside the frames, written by the same writer, never lost.

A flag of a frame that is not on disk comes again with its frame; one of a frame that is there does
not, so it is owed until a later commit has it. Event loop only.
"""

from collections.abc import Iterable

from exam_server.room.live import RoomState
from exam_server.room.saving.ledger import SegmentLedger
from exam_server.room.saving.writer import Batch, FrameWriter
from exam_server.store.frames import Flag


class Flags:
    """The flags of the room that are known, and those of them that are not on disk yet."""

    def __init__(self, state: RoomState, writer: FrameWriter) -> None:
        self._state = state
        self._writer = writer
        self.owed: set[Flag] = set()
        self._must_repay = False

    def put(self, flags: Iterable[Flag]) -> None:
        """Queue flags of frames that are on disk already."""
        queued = frozenset(flags)
        if not queued:
            return
        self.owed |= queued
        self._state.known_flags |= queued
        self._writer.put(
            Batch(
                frames=(),
                flags=tuple(queued),
                on_durable=lambda _: self.owed.difference_update(queued),
            )
        )

    def forget_from(self, ledger: SegmentLedger) -> None:
        """A commit failed: flags of frames that are not on disk come again with their frames."""
        gone = {
            flag
            for flag in self.owed | self._state.known_flags
            if flag[0] == ledger.segment_id and flag[1] >= ledger.durable
        }
        self.owed -= gone
        self._state.known_flags -= gone

    def must_repay(self) -> None:
        """A commit failed: what is owed now goes with the next frames."""
        self._must_repay = bool(self.owed)

    def repay(self) -> None:
        """Queue what is owed, once after a commit failed."""
        if self._must_repay:
            self._must_repay = False
            self.put(self.owed)
