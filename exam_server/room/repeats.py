"""Compares what a kiosk repeats with what is on disk, when the ledger no longer knows it."""

from collections.abc import Sequence

from exam_core.errors import IntegrityError
from exam_server.room.core import RoomCore
from exam_server.room.saving.ledger import JOURNAL_CONFLICT, SegmentLedger
from exam_server.store.frames import Step, read_step


async def compare_with_disk(
    core: RoomCore, ledger: SegmentLedger, first_seq: int, frames: Sequence[bytes]
) -> None:
    """Return when these frames are those on disk, byte for byte.

    The database is read off the loop, a little at a time: saves of others go on between.

    Raises:
        IntegrityError: `journal.conflict`, when other bytes are held at a place;
            `storage.frames`, when the database has lost some.
        StorageError: `storage.failed`, when it cannot be read.
    """
    end = first_seq + len(frames)
    place = core.state.frame_log.place(ledger.segment_no)
    assert place is not None, "the ledger says that they are on disk"  # noqa: S101  narrows
    step = Step(ledger.segment_no, place.frames, place.last_frame_no)
    while step.frames > first_seq:
        until = step.frames
        held, step = await core.in_thread(_read_step, core, step, first_seq)
        for seq in range(max(first_seq, step.frames), min(end, until)):
            if held[seq - step.frames] != frames[seq - first_seq]:
                raise IntegrityError(JOURNAL_CONFLICT, f"第 {seq} 条与已存的不同", seq=seq)


def _read_step(core: RoomCore, step: Step, first_seq: int) -> tuple[list[bytes], Step]:
    with core.store.connection() as connection:
        return read_step(connection, step, first_seq)
