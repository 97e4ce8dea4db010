"""What can be read again of a segment after a crash, from all files that hold parts of it.

Two ways of reading: without the key, the frames that look whole (enough to upload them and to say
what is here); with the key, the frames that are proven. Nothing here changes a file: damage is
kept as evidence and reported.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from exam_core.errors import InputError
from exam_core.formats.journal import (
    HEADER_BYTES,
    Health,
    SegmentCipher,
    first_head,
    frame_sequence,
    next_head,
    recover_segment,
    segment_header,
    segment_id_of,
)
from exam_core.formats.journal_entries import Entry, decode_entry
from exam_core.model.identifiers import SegmentId

_FRAME_HEAD_BYTES = 16  # marker, length, sequence number: docs/spec/response-journal.md
_LENGTH_AT = slice(4, 8)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundSegment:
    """A segment as it was read with the key.

    Attributes:
        frames: Proven frames from number 0 on, without gaps, each chained to the one before.
        entries: What they say, by position; None where this program cannot read one.
        stranded: Proven entries behind a gap, by sequence number: the server can never take
            their frames, so whoever wants them says them again.
        is_damaged: More is wrong than a last write cut short.
    """

    segment_id: SegmentId
    frames: list[bytes]
    entries: list[Entry | None]
    stranded: dict[int, Entry]
    is_damaged: bool


def claimed_frames(content: bytes) -> list[bytes]:
    """The frames of a file that look whole and follow one another from 0; none is proven."""
    frames: list[bytes] = []
    position = HEADER_BYTES
    while True:
        size = int.from_bytes(content[position:][_LENGTH_AT], "little")
        frame = content[position : position + _FRAME_HEAD_BYTES + size]
        try:
            if frame_sequence(frame) != len(frames):
                return frames
        except InputError:
            return frames
        frames.append(frame)
        position += len(frame)


def content_of(segment_id: SegmentId, frames: Iterable[bytes]) -> bytes:
    """A segment file with these frames."""
    return segment_header(segment_id) + b"".join(frames)


def is_segment(content: bytes, segment_id: SegmentId) -> bool:
    """Whether a file is this segment's; a file cut off in its header is nobody's."""
    try:
        return segment_id_of(content) == segment_id
    except InputError:
        return False


def read_segment(
    segment_id: SegmentId, contents: Sequence[bytes], journal_key: bytes
) -> FoundSegment:
    """Join the files of one segment and prove what is in them.

    Args:
        segment_id: Which segment; every content is a file of it.
        contents: The files' bytes, in the order of their numbers.
        journal_key: The session's journal key.
    """
    cipher = SegmentCipher(journal_key, segment_id)
    found: dict[int, bytes] = {}
    is_damaged = False
    for content in contents:
        recovered = recover_segment(content, journal_key)
        is_damaged |= recovered.health is Health.DAMAGED
        for frame in recovered.frames:
            # Two different proven frames of one number mean that a cipher was used twice.
            is_damaged |= found.setdefault(frame_sequence(frame), frame) != frame
    frames: list[bytes] = []
    entries: list[Entry | None] = []
    head = first_head(segment_id)
    while (frame := found.get(len(frames), b"")) and cipher.open(frame)[0] == head:
        head = next_head(head, frame)
        frames.append(frame)
        entries.append(_entry_in(cipher, frame))
    stranded = {
        seq: entry
        for seq in sorted(found)
        if seq >= len(frames) and (entry := _entry_in(cipher, found[seq])) is not None
    }
    return FoundSegment(
        segment_id=segment_id,
        frames=frames,
        entries=entries,
        stranded=stranded,
        is_damaged=is_damaged or bool(stranded) or None in entries,
    )


def _entry_in(cipher: SegmentCipher, frame: bytes) -> Entry | None:
    try:
        return decode_entry(cipher.open(frame)[1])
    except InputError:
        return None
