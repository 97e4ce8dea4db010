"""What can be read of a segment file, whatever happened to it: with its key, or without.

Reading goes past any damage and changes nothing. It is bounded: a file made to be slow costs no
more than a few times its length, and is then called damaged like any other.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum

from exam_core import limits
from exam_core.formats.journal import (
    FRAME_HEAD,
    HEADER_BYTES,
    MARKER,
    SEALED_BYTES_MIN,
    OpenedFrame,
    SegmentCipher,
    first_head,
    next_head,
    segment_id_of,
)
from exam_core.model.identifiers import SegmentId

_UNWRITTEN_ZEROS_MIN = 4  # fewer zeros at the end of a frame may well be what was written

# A frame's head whose length and number may be possible, both below 2^18; checked exactly later.
_PLAUSIBLE_HEAD = re.compile(
    re.escape(MARKER) + rb"[\0-\xff]{2}[\0-\x03]\0[\0-\xff]{2}[\0-\x03]\0{5}"
)


class Health(StrEnum):
    """What reading a segment found."""

    CLEAN = "clean"
    TORN_TAIL = "torn_tail"  # the last write was cut short: the beginning of one frame, or zeros
    DAMAGED = "damaged"  # anything else that is wrong: keep all, alarm, never cut


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveredSegment:
    """All that can be read of a segment; whose signatures the frames bear is not looked at.

    Attributes:
        frames: Good frames in the order of the file.
        opened: What is in them, by position.
        good_bytes: Length of the file up to the end of the last good frame.
        head: Head of the chain after the last good frame.
    """

    segment_id: SegmentId
    health: Health
    good_bytes: int
    head: bytes
    frames: list[bytes] = field(default_factory=list)
    opened: list[OpenedFrame] = field(default_factory=list)

    @property
    def payloads(self) -> list[bytes]:
        """What the good frames say, by position."""
        return [one.payload for one in self.opened]


def recover_segment(data: bytes, journal_key: bytes) -> RecoveredSegment:
    """Read every good frame of a segment, past any damage.

    Reading ends after more heads of frames at which no good frame stands than the limits allow, by
    number or by length: no damage looks like that, only a file made to be slow.

    Raises:
        InputError: `journal.malformed`, when not even the header is whole.
    """
    segment_id = segment_id_of(data)
    cipher = SegmentCipher(journal_key, segment_id)
    found = RecoveredSegment(
        segment_id=segment_id,
        health=Health.DAMAGED,
        good_bytes=HEADER_BYTES,
        head=first_head(segment_id),
    )
    view = memoryview(data)
    head, position, good, next_seq = found.head, HEADER_BYTES, HEADER_BYTES, 0
    misses, missed_bytes, is_damaged = 0, 0, False
    missed_bytes_max = 2 * len(data) + limits.recovery_missed_bytes
    while position < len(data):
        end, seq = _frame_at(data, position)
        opened = None
        if end and seq >= next_seq:
            opened = cipher.try_open(seq, view[position + FRAME_HEAD.size : end])
            missed_bytes += end - position if opened is None else 0
        if opened is None:
            misses += 1
            if misses > limits.recovery_misses_max or missed_bytes > missed_bytes_max:
                break
            position = _next_head_at(data, position + 1)
            continue
        is_damaged |= position != good or seq != next_seq or opened.head != head
        frame = data[position:end]
        found.frames.append(frame)
        found.opened.append(opened)
        head, next_seq = next_head(opened.head, frame), seq + 1
        position = good = end
    return RecoveredSegment(
        segment_id=segment_id,
        health=_health(data[good:], is_damaged=is_damaged),
        good_bytes=good,
        head=head,
        frames=found.frames,
        opened=found.opened,
    )


def claimed_frames(data: bytes) -> list[bytes]:
    """The frames of a file that look whole and follow one another from 0; none is proven.

    Needs no key: it is what a kiosk can count and upload before the key comes.
    """
    frames: list[bytes] = []
    position = HEADER_BYTES
    while True:
        end, seq = _frame_at(data, position)
        if not end or seq != len(frames):
            return frames
        frames.append(data[position:end])
        position = end


def _health(tail: bytes, *, is_damaged: bool) -> Health:
    if is_damaged:
        return Health.DAMAGED
    if not tail:
        return Health.CLEAN
    return Health.TORN_TAIL if _is_cut_short(tail) else Health.DAMAGED


def _is_cut_short(tail: bytes) -> bool:
    """Whether one append that never finished explains these bytes.

    A file may have grown before its data came to disk, so zeros count as not written. Whole
    frames that do not open were finished once: that is damage, also at the end.
    """
    if tail.find(MARKER, 1) >= 0:
        return False
    written = tail.rstrip(b"\0")
    if not MARKER.startswith(written[: len(MARKER)]):
        return False
    if len(written) < FRAME_HEAD.size:
        return True
    _, size, _ = FRAME_HEAD.unpack_from(tail)
    end = FRAME_HEAD.size + size
    is_finished = len(tail) >= end and len(written) > end - _UNWRITTEN_ZEROS_MIN
    return size <= limits.journal_frame_bytes_max and not is_finished


def _frame_at(data: bytes, position: int) -> tuple[int, int]:
    """Where a frame that looks whole ends, and its number; an end of 0 says that none is here."""
    if position + FRAME_HEAD.size > len(data):
        return 0, 0
    marker, size, seq = FRAME_HEAD.unpack_from(data, position)
    end = position + FRAME_HEAD.size + size
    is_sized = SEALED_BYTES_MIN <= size <= limits.journal_frame_bytes_max and end <= len(data)
    is_here = marker == MARKER and is_sized and seq < limits.journal_frames_max
    return (end, seq) if is_here else (0, 0)


def _next_head_at(data: bytes, position: int) -> int:
    """Where the next possible head of a frame stands; the end when there is none."""
    match = _PLAUSIBLE_HEAD.search(data, position)
    return match.start() if match else len(data)
