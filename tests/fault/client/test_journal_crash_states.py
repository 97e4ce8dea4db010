"""The journal's promise against everything that a disk and a power cut can do to it."""

import errno
import random
import sys
from collections import Counter
from pathlib import Path

import pytest

from exam_client.journal import SessionJournal
from exam_client.journal.recovery import content_of
from exam_client.journal.segment_file import segment_path
from exam_core.formats.journal_entries import Entry, ResponseRecorded
from exam_core.model.identifiers import PartId, SegmentId
from exam_core.model.responses import TextResponse
from tests.support import builders
from tests.support.memory_files import MemoryFiles, PowerLost
from tests.support.scale import times

FOLDER = Path("/session")
KEY = builders.JOURNAL_KEY
SEGMENT_ID = builders.SEGMENT_ID
HISTORIES = times(120)
IMAGES = 25  # states of the platter looked at for each history
EPOCHS = 1


def _entry(number: int, rng: random.Random) -> ResponseRecorded:
    size = rng.choice((1, 8, 60, 300, 700, 3_000))
    return ResponseRecorded(
        at_ms=number, part_id=PartId("p1"), response=TextResponse(text="字" * size)
    )


def _recovered(files: MemoryFiles) -> dict[int, Entry]:
    journal = SessionJournal(files, FOLDER, signer=builders.KIOSK, clock_ms=lambda: 0)
    journal.unlock(KEY)
    epochs = dict.fromkeys(journal.segment_ids, EPOCHS)
    return {placed.seq: placed.entry for placed in journal.placed(epochs)}


def _write_until_power_is_lost(
    files: MemoryFiles, entries: list[ResponseRecorded], now_ms: list[int]
) -> int:
    """Append the entries; how many of them were ever reported as kept."""
    kept = 0
    try:
        journal = SessionJournal(
            files, FOLDER, signer=builders.KIOSK, clock_ms=lambda: now_ms[0], segment_id=SEGMENT_ID
        )
        journal.unlock(KEY)
        for entry in entries:
            journal.append(entry)
            kept = max(kept, journal.kept(SEGMENT_ID))
            now_ms[0] += 400
    except PowerLost:
        pass
    return kept


@pytest.mark.parametrize("disk", ["sound", "failing"])
def test_power_loss_never_takes_what_was_kept(disk: str) -> None:
    """At any call the power may go, with anything done to unsynced bytes: what was kept is there.

    A failing disk refuses some calls on top of it. What is found was really written (no phantom).
    """
    found: Counter[str] = Counter()
    for history in range(HISTORIES):
        rng = random.Random(f"{disk} {history}")  # noqa: S311  repeatable damage, no secret
        entries = [_entry(number, rng) for number in range(rng.randrange(1, 40))]
        files = MemoryFiles()
        files.rng = rng
        files.power_lost_at = rng.randrange(1, 3 * len(entries) + 6)
        if disk == "failing":
            bad = {rng.randrange(1, 3 * len(entries) + 6) for _ in range(6)}
            code = rng.choice((errno.EIO, errno.ENOSPC))
            files.fault = lambda call, _name, _path, bad=bad, code=code: (
                OSError(code, "made to fail") if call in bad else None
            )
        kept = _write_until_power_is_lost(files, entries, [0])
        for _ in range(IMAGES):
            recovered = _recovered(files.power_off(rng))
            found["states"] += 1
            for seq in range(kept):
                found["lost"] += recovered.get(seq) != entries[seq]
            found["phantom"] += sum(entries[seq] != one for seq, one in recovered.items())
            found["kept"] += kept

    sys.stdout.write(f"campaign journal_crash_states {found['states']}\n")
    assert (found["lost"], found["phantom"]) == (0, 0)
    assert found["kept"] > found["states"], "the histories are worth something"


def test_a_sync_that_does_nothing_is_found_out() -> None:
    """The rig itself: a journal on a disk whose sync lies does lose kept entries."""
    lost = 0
    for history in range(20):
        rng = random.Random(history)  # noqa: S311  repeatable damage, no secret
        entries = [_entry(number, rng) for number in range(10)]
        files = MemoryFiles()
        kept = _write_until_power_is_lost(files, entries, [0])
        for node in files._nodes.values():
            node.synced = 0
        recovered = _recovered(files.power_off(rng))
        lost += sum(recovered.get(seq) != entries[seq] for seq in range(kept))

    assert lost > 0


def test_a_segment_cut_at_every_byte_gives_back_all_finished_frames() -> None:
    """A file cut at any byte gives the frames that end before the cut, and is no damage."""
    frames = builders.frames()
    whole = content_of(SEGMENT_ID, frames)
    ends = [len(content_of(SEGMENT_ID, frames[:count])) for count in range(1, len(frames) + 1)]
    for cut in range(len(whole) + 1):
        files = MemoryFiles()
        files.put(segment_path(FOLDER, SEGMENT_ID, 1), whole[:cut])
        journal = SessionJournal(
            files,
            FOLDER,
            signer=builders.KIOSK,
            clock_ms=lambda: 0,
            segment_id=SegmentId("aa" * 16),
        )
        finished = sum(end <= cut for end in ends)
        assert len(journal.frames(SEGMENT_ID)) == finished, "counted without the key"

        journal.unlock(KEY)

        assert list(journal.frames(SEGMENT_ID)) == frames[:finished]
        assert journal.damaged == ()


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
@pytest.mark.parametrize("name", ["make_folder", "create", "write", "sync", "sync_folder"])
def test_a_fault_at_any_call_is_never_called_kept(name: str, code: int) -> None:
    """Whichever call fails once: nothing is called kept that a power loss then takes."""
    for bad in range(1, 30):
        files = MemoryFiles()
        files.fault = lambda call, kind, _path, bad=bad: (
            OSError(code, "made to fail")
            if kind == name and call >= bad and call < bad + 3
            else None
        )
        rng = random.Random(bad)  # noqa: S311  repeatable damage, no secret
        entries = [_entry(number, rng) for number in range(8)]
        kept = _write_until_power_is_lost(files, entries, [0])

        recovered = _recovered(files.power_off(rng))

        assert [recovered.get(seq) for seq in range(kept)] == entries[:kept]
