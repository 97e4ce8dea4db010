"""One session's journal on one machine: what was kept comes back, and what cannot is reported."""

import errno
from collections.abc import Sequence
from pathlib import Path

import pytest

from exam_client import limits
from exam_client.journal import SessionJournal, draw_segment_id
from exam_client.journal.recovery import content_of
from exam_client.journal.segment_file import segment_path
from exam_core.errors import InputError, IntegrityError, StateError
from exam_core.formats.journal import first_head, segment_header
from exam_core.formats.journal_entries import Entry
from exam_core.model.identifiers import PartId, SegmentId
from exam_core.model.responses import TextResponse
from tests.support import builders
from tests.support.memory_files import MemoryFiles
from tests.support.refusals import refuses

FOLDER = Path("/session")
KEY = builders.JOURNAL_KEY
FIRST = SegmentId("11" * 16)
SECOND = SegmentId("22" * 16)
THIRD = SegmentId("33" * 16)
ENTRIES = builders.entries()


def _journal(files: MemoryFiles, segment_id: SegmentId = SECOND) -> SessionJournal:
    return SessionJournal(
        files, FOLDER, signer=builders.KIOSK, clock_ms=lambda: 0, segment_id=segment_id
    )


def _unlocked(files: MemoryFiles, segment_id: SegmentId = SECOND) -> SessionJournal:
    journal = _journal(files, segment_id)
    journal.unlock(KEY)
    return journal


def _frames(segment_id: SegmentId = FIRST) -> list[bytes]:
    return builders.frames(segment_id=segment_id)


def _written(frames: Sequence[bytes] | None = None, number: int = 1) -> MemoryFiles:
    """Files as an earlier start with segment FIRST left them."""
    files = MemoryFiles()
    content = content_of(FIRST, _frames() if frames is None else frames)
    files.put(segment_path(FOLDER, FIRST, number), content)
    return files


def _entries_of(journal: SessionJournal, segment_id: SegmentId) -> list[Entry]:
    epochs = dict.fromkeys(journal.segment_ids, 0) | {segment_id: 1}
    return [placed.entry for placed in journal.placed(epochs) if placed.epoch == 1]


def _is_kept(journal: SessionJournal) -> tuple[bool, int]:
    """Whether the disk works, and how many frames of the own segment are kept."""
    return journal.failure is None, journal.kept(journal.segment_id)


def test_what_was_appended_is_read_by_the_next_start() -> None:
    """Entries of one start are the next start's earlier segment, in order."""
    files = MemoryFiles()
    first = _unlocked(files, FIRST)
    numbers = [first.append(entry) for entry in ENTRIES]
    first.close()

    second = _unlocked(files)

    assert numbers == [0, 1, 2, 3]
    assert second.segment_ids == (FIRST, SECOND)
    assert _entries_of(second, FIRST) == list(ENTRIES)
    assert (second.damaged, second.failure) == ((), None)


def test_nothing_can_be_appended_before_the_key_is_here() -> None:
    """Without the journal key appending and rolling over are refused."""
    journal = _journal(MemoryFiles())

    with refuses(StateError, "journal.locked"):
        journal.append(ENTRIES[0])
    with refuses(StateError, "journal.locked"):
        journal.roll_over()


def test_an_entry_that_is_too_large_changes_nothing() -> None:
    """A refused entry leaves no trace in the chain."""
    journal = _unlocked(MemoryFiles())
    journal.append(ENTRIES[0])
    huge = TextResponse(text="长" * 60_000)

    with refuses(InputError, "journal.frame"):
        journal.append(builders.response_recorded(response=huge))

    assert journal.append(ENTRIES[1]) == 1
    assert len(journal.frames(SECOND)) == 2


def test_without_the_key_frames_are_claimed_and_with_it_proven() -> None:
    """A last frame of the right length but with wrong bytes is claimed first and dropped then."""
    frames = _frames()
    spoilt = frames[3][:-1] + bytes([frames[3][-1] ^ 1])
    journal = _journal(_written([*frames[:3], spoilt]))
    assert [one.frames for one in journal.held()] == [4, 0]

    journal.unlock(KEY)

    assert [one.frames for one in journal.held()] == [3, 0]
    assert journal.frames(FIRST) == frames[:3]
    assert journal.kept(FIRST) == 3


def test_heads_cover_every_number_of_frames() -> None:
    """The head after n frames is known for each n, for a fresh segment too."""
    journal = _journal(_written())

    assert journal.head(FIRST, 0) == first_head(FIRST)
    assert journal.head(FIRST, 4) == journal.held()[0].head
    assert journal.head(THIRD, 0) == first_head(THIRD)
    assert list(journal.frames(THIRD)) == []


def test_files_that_are_no_segments_are_left_alone() -> None:
    """Copies that a power loss cut off, and foreign names, are neither read nor damage."""
    files = _written()
    files.put(FOLDER / ".x.exj.0a1b", b"half")
    files.put(FOLDER / "notes.txt", b"hello")
    files.put(segment_path(FOLDER, FIRST, 2), b"EXJ1")
    files.put(segment_path(FOLDER, FIRST, 3), bytes(64))

    journal = _unlocked(files)

    assert len(journal.frames(FIRST)) == 4
    assert journal.damaged == ()


def test_a_file_with_another_header_is_damage() -> None:
    """A whole file whose header is not its segment's is reported and read by nobody."""
    files = _written()
    files.put(segment_path(FOLDER, FIRST, 2), segment_header(THIRD) + b"".join(_frames()))

    journal = _unlocked(files)

    assert journal.damaged == (FIRST,)
    assert len(journal.frames(FIRST)) == 4


def test_a_disk_that_does_not_read_is_a_failure_and_no_end() -> None:
    """Unreadable files and folders are reported, and the candidate can go on."""
    files = _written()
    files.fault = lambda _call, name, _path: (
        OSError(errno.EIO, "made to fail") if name == "read" else None
    )
    journal = _unlocked(files)
    assert journal.failure is not None
    assert journal.append(ENTRIES[0]) == 0

    files.fault = lambda _call, name, _path: (
        OSError(errno.EIO, "made to fail") if name == "names" else None
    )
    journal = _unlocked(files, THIRD)
    assert journal.failure is not None
    assert journal.append(ENTRIES[0]) == 0


def test_a_full_disk_is_said_and_heals_by_retrying() -> None:
    """While the disk is full entries are not kept, and that is said; then they are."""
    files = MemoryFiles()
    now_ms = [0]
    journal = SessionJournal(files, FOLDER, signer=builders.KIOSK, clock_ms=lambda: now_ms[0])
    assert journal.segment_id != draw_segment_id()
    journal.unlock(KEY)
    files.fault = lambda _call, name, _path: (
        OSError(errno.ENOSPC, "full") if name == "write" else None
    )

    journal.append(ENTRIES[0])

    assert _is_kept(journal) == (False, 0)
    files.fault = None
    now_ms[0] = limits.rewrite_interval_ms
    journal.retry()
    assert _is_kept(journal) == (True, 1)


def test_frames_from_the_server_are_proven_and_written() -> None:
    """What the server sends back of an earlier segment is on disk for the next start."""
    files = _written(_frames()[:1])
    journal = _unlocked(files)

    journal.restore(FIRST, _frames()[1:3])
    journal.restore(FIRST, _frames()[3:])
    journal.restore(FIRST, _frames()[3:])

    assert _entries_of(journal, FIRST) == list(ENTRIES)
    assert journal.kept(FIRST) == 4
    again = _unlocked(files.power_off(files.rng), THIRD)
    assert _entries_of(again, FIRST) == list(ENTRIES)
    assert again.damaged == ()


def test_frames_that_come_before_the_key_wait_for_it() -> None:
    """Frames sent back before the key is here are proven when it comes."""
    journal = _journal(MemoryFiles())

    journal.restore(FIRST, _frames())
    assert len(journal.frames(FIRST)) == 0
    journal.unlock(KEY)

    assert len(journal.frames(FIRST)) == 4
    assert journal.kept(FIRST) == 4


def test_frames_that_are_here_already_write_nothing() -> None:
    """A server that sends what we hold causes no new file."""
    files = _written()
    journal = _unlocked(files)

    journal.restore(FIRST, _frames())

    assert len(files.contents()) == 1


def test_forged_frames_from_the_server_are_refused() -> None:
    """Bytes that the key does not prove are not taken; neither is our own segment."""
    journal = _unlocked(_written(_frames()[:1]))
    forged = builders.frames(key=bytes(32), segment_id=FIRST)

    with refuses(IntegrityError, "journal.restore"):
        journal.restore(FIRST, forged[1:])
    with refuses(IntegrityError, "journal.restore"):
        journal.restore(SECOND, _frames(SECOND))

    assert journal.frames(FIRST) == _frames()[:1]


def test_stranded_entries_are_placed_and_named() -> None:
    """Entries behind a gap are among the placed ones, with their numbers."""
    frames = _frames()
    journal = _unlocked(_written([frames[0], frames[2]]))

    assert journal.stranded(FIRST) == {2}
    assert journal.stranded(SECOND) == frozenset()
    assert _entries_of(journal, FIRST) == [ENTRIES[0], ENTRIES[2]]
    assert journal.damaged == (FIRST,)


def test_rolling_over_begins_another_segment_and_keeps_the_first() -> None:
    """After a roll-over the old segment is an earlier one, whole, and the new one is written."""
    files = MemoryFiles()
    journal = _unlocked(files)
    for entry in ENTRIES[:2]:
        journal.append(entry)

    journal.roll_over()
    journal.append(ENTRIES[0])
    journal.restore(SECOND, journal.frames(SECOND))

    assert journal.segment_id != SECOND
    assert journal.segment_ids == (SECOND, journal.segment_id)
    assert _entries_of(journal, SECOND) == list(ENTRIES[:2])
    again = _unlocked(files, THIRD)
    assert sorted(len(again.frames(one)) for one in again.segment_ids) == [0, 1, 2]


def test_the_first_working_time_orders_segments() -> None:
    """The working time of a segment's first readable entry is known; 0 when there is none."""
    journal = _unlocked(_written(_frames()[1:]))

    assert journal.first_at_ms(FIRST) == builders.response_recorded().at_ms
    assert journal.first_at_ms(SECOND) == 0


def test_an_unreadable_entry_has_no_place() -> None:
    """A proven frame that this program cannot read is kept and uploaded, but says nothing."""
    files = MemoryFiles()
    files.put(segment_path(FOLDER, FIRST, 1), builders.segment(b"{}", segment_id=FIRST))

    journal = _unlocked(files)

    assert len(journal.frames(FIRST)) == 1
    assert journal.placed({FIRST: 1, SECOND: 2}) == []
    assert journal.first_at_ms(FIRST) == 0


def test_earlier_segments_need_no_retrying_and_no_closing() -> None:
    """Segments that were only read are left alone by retry and close."""
    files = _written()
    journal = _unlocked(files)
    calls = files.calls

    journal.retry()
    journal.close()

    assert files.calls == calls


@pytest.mark.parametrize("part_id", ["p1", "p2"])
def test_plain_text_of_answers_is_never_written(part_id: str) -> None:
    """No file holds the words of a response."""
    files = MemoryFiles()
    journal = _unlocked(files)
    secret = TextResponse(text="劳动合同应当采用书面形式")

    journal.append(builders.response_recorded(response=secret, part_id=PartId(part_id)))

    everything = b"".join(files.contents().values())
    assert "劳动合同".encode() not in everything
    assert part_id.encode() not in everything
