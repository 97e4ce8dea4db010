"""Reading a segment file back is bounded, whatever it was made of, and goes past damage."""

import struct
import time
import tracemalloc
from collections.abc import Callable

import pytest

from exam_core import limits
from exam_core.formats.journal import FRAME_HEAD, MARKER, SEALED_BYTES_MIN, segment_header
from exam_core.formats.journal_recovery import Health, claimed_frames, recover_segment
from tests.support.builders import JOURNAL_KEY, SEGMENT_ID, frames

PAYLOADS = (b"one", b"two", b"three")
FRAMES = frames(*PAYLOADS)
HEADER = segment_header(SEGMENT_ID)
SIZE_BYTES = 64 * limits.MIB


def head(size: int, seq: int) -> bytes:
    """The head of a frame that claims this length and number."""
    return struct.pack("<4sIQ", MARKER, size, seq)


def filled(unit: bytes) -> bytes:
    """A file of 64 MiB that repeats these bytes after its header."""
    return HEADER + unit * ((SIZE_BYTES - len(HEADER)) // len(unit))


HOSTILE: dict[str, Callable[[], bytes]] = {
    "markers": lambda: filled(MARKER),
    "short heads": lambda: filled(head(SEALED_BYTES_MIN, 0)),
    "long heads": lambda: filled(head(limits.journal_frame_bytes_max, 7)),
    "impossible heads": lambda: filled(head(limits.journal_frame_bytes_max + 1, 0)),
    "numbers beyond all": lambda: filled(head(SEALED_BYTES_MIN, limits.journal_frames_max)),
    "whole frames": lambda: filled(head(SEALED_BYTES_MIN, 3) + bytes(SEALED_BYTES_MIN)),
    "largest frames": lambda: filled(
        head(limits.journal_frame_bytes_max, 3) + bytes(limits.journal_frame_bytes_max)
    ),
    "zeros": lambda: filled(bytes(4096)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_made_to_be_slow_is_read_in_bounded_time_and_memory(name: str) -> None:
    """64 MiB of whatever looks like frames: at most 2 seconds and 256 MiB beside the file."""
    data = HOSTILE[name]()
    tracemalloc.start()
    started = time.process_time()

    found = recover_segment(data, JOURNAL_KEY)

    used_s = time.process_time() - started
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.frames == []
    assert found.health is (Health.TORN_TAIL if name == "zeros" else Health.DAMAGED)
    assert used_s <= 2.0
    assert peak_bytes + len(data) <= 256 * limits.MIB


def test_frames_after_much_damage_are_found() -> None:
    """Thousands of frames that look whole and do not open cost themselves alone."""
    broken = (head(SEALED_BYTES_MIN, 1) + bytes(SEALED_BYTES_MIN)) * 5_000

    found = recover_segment(HEADER + FRAMES[0] + broken + b"".join(FRAMES[1:]), JOURNAL_KEY)

    assert found.payloads == list(PAYLOADS)
    assert found.health is Health.DAMAGED


@pytest.mark.parametrize("limit", ["recovery_misses_max", "recovery_missed_bytes"])
def test_reading_ends_where_no_disk_explains_the_damage(
    monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    """What was read before counts, and the segment is called damaged."""
    size = limits.journal_frame_bytes_max
    broken = b"".join(head(size, 1) for _ in range(50)) + bytes(size)
    data = HEADER + FRAMES[0] + broken + b"".join(FRAMES[1:])
    assert recover_segment(data, JOURNAL_KEY).payloads == list(PAYLOADS)
    monkeypatch.setattr(limits, limit, 3)

    found = recover_segment(data, JOURNAL_KEY)

    assert found.payloads == [PAYLOADS[0]]
    assert found.good_bytes == len(HEADER + FRAMES[0])
    assert found.health is Health.DAMAGED


def test_frames_are_counted_without_the_key_in_linear_time() -> None:
    """A long file is walked once; an unfinished or misplaced frame ends the count."""
    many = [head(SEALED_BYTES_MIN, seq) + bytes(SEALED_BYTES_MIN) for seq in range(100_000)]
    data = HEADER + b"".join(many)
    started = time.process_time()

    assert len(claimed_frames(data)) == len(many)

    assert time.process_time() - started <= 2.0
    assert claimed_frames(data[: len(HEADER) + FRAME_HEAD.size - 1]) == []
    assert claimed_frames(data[:-1]) == many[:-1]
    assert claimed_frames(HEADER + many[1]) == []
