"""What can be read again of a segment after a crash, from all files that hold parts of it.

Read with the journal key and proven: opened, chained, and signed by the kiosk that the segment
names. Nothing here changes a file: damage is kept as evidence and reported.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from exam_core.crypto.signing import PublicSigningKey
from exam_core.errors import InputError
from exam_core.formats.journal import (
    OpenedFrame,
    SegmentCipher,
    first_head,
    frame_sequence,
    next_head,
    segment_header,
    segment_id_of,
)
from exam_core.formats.journal_entries import Entry, SegmentStarted, decode_entry
from exam_core.formats.journal_recovery import Health, recover_segment
from exam_core.model.identifiers import SegmentId


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundSegment:
    """A segment as it was read with the key.

    Attributes:
        frames: Proven frames from number 0 on, without gaps, each chained to the one before, up
            to the last one whose signature holds.
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
    segment_id: SegmentId,
    contents: Sequence[bytes],
    journal_key: bytes,
    kiosk_key: PublicSigningKey,
) -> FoundSegment:
    """Join the files of one segment and prove what is in them.

    Args:
        segment_id: Which segment; every content is a file of it.
        contents: The files' bytes, in the order of their numbers.
        journal_key: The session's journal key.
        kiosk_key: Of this kiosk; whose the segment is stands in its first entry, if that is left.
    """
    cipher = SegmentCipher(journal_key, segment_id)
    found: dict[int, tuple[bytes, OpenedFrame]] = {}
    is_damaged = False
    for content in contents:
        recovered = recover_segment(content, journal_key)
        is_damaged |= recovered.health is Health.DAMAGED
        for frame, opened in zip(recovered.frames, recovered.opened, strict=True):
            # Two different proven frames of one number mean that a cipher was used twice.
            kept = found.setdefault(frame_sequence(frame), (frame, opened))
            is_damaged |= kept[0] != frame
    chain = _chain(segment_id, found)
    first = _entry_in(chain[0][1]) if chain else None
    signing_key = first.kiosk_key if isinstance(first, SegmentStarted) else kiosk_key
    while chain and not _is_signed(cipher, len(chain) - 1, chain[-1][1], signing_key):
        chain.pop()
        is_damaged = True
    entries = [_entry_in(opened) for _, opened in chain]
    stranded = {
        seq: entry
        for seq, (_, opened) in sorted(found.items())
        if seq >= len(chain)
        and _is_signed(cipher, seq, opened, signing_key)
        and (entry := _entry_in(opened)) is not None
    }
    return FoundSegment(
        segment_id=segment_id,
        frames=[frame for frame, _ in chain],
        entries=entries,
        stranded=stranded,
        is_damaged=is_damaged or len(found) > len(chain) or None in entries,
    )


def _chain(
    segment_id: SegmentId, found: Mapping[int, tuple[bytes, OpenedFrame]]
) -> list[tuple[bytes, OpenedFrame]]:
    """The frames from number 0 on, without gaps, each chained to the one before."""
    chain: list[tuple[bytes, OpenedFrame]] = []
    head = first_head(segment_id)
    while (one := found.get(len(chain))) is not None and one[1].head == head:
        chain.append(one)
        head = next_head(head, one[0])
    return chain


def _is_signed(
    cipher: SegmentCipher, seq: int, opened: OpenedFrame, signing_key: PublicSigningKey
) -> bool:
    try:
        return cipher.is_signed(seq, opened, signing_key)
    except InputError:
        return False  # what the first entry names is no key


def _entry_in(opened: OpenedFrame) -> Entry | None:
    try:
        return decode_entry(opened.payload)
    except InputError:
        return None
