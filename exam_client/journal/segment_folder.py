"""What a session's folder holds: its segments as far as they can be read without the key.

Files of one segment are numbered from 1; anything that does not bear such a name is a copy that a
power loss cut off, or none of ours, and is left alone.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from exam_client import limits
from exam_client.journal.files import FileSystem
from exam_client.journal.recovery import is_segment
from exam_client.journal.segment_file import SUFFIX, SegmentFile
from exam_core.formats.journal import HEADER_BYTES, first_head, next_head
from exam_core.formats.journal_entries import Entry
from exam_core.formats.journal_recovery import claimed_frames
from exam_core.model.identifiers import SegmentId

_NAME = re.compile(r"([0-9a-f]{32})\.([1-9][0-9]{0,5})" + re.escape(SUFFIX))


@dataclass(slots=True)
class Segment:
    """One segment in memory.

    `contents` are its files as read, `restored` what the server sent back in the same shape;
    `file_number` is the highest in use; `heads[n]` is the head after n frames.
    """

    segment_id: SegmentId
    contents: list[bytes] = field(default_factory=list)
    restored: list[bytes] = field(default_factory=list)
    file_number: int = 0
    frames: list[bytes] = field(default_factory=list)
    heads: list[bytes] = field(default_factory=list)
    entries: list[Entry | None] = field(default_factory=list)
    stranded: dict[int, Entry] = field(default_factory=dict)
    is_damaged: bool = False
    file: SegmentFile | None = None

    def __post_init__(self) -> None:
        self.take(())

    def take(self, frames: Sequence[bytes]) -> None:
        """Hold exactly these frames."""
        self.frames = list(frames)
        self.heads = [first_head(self.segment_id)]
        for frame in frames:
            self.heads.append(next_head(self.heads[-1], frame))

    @property
    def kept(self) -> int:
        """How many frames are on disk; what was read from files is."""
        return len(self.frames) if self.file is None else self.file.kept


def read_folder(files: FileSystem, folder: Path) -> tuple[dict[SegmentId, Segment], OSError | None]:
    """Every segment in the folder, and the last failure to read something."""
    segments: dict[SegmentId, Segment] = {}
    failure: OSError | None = None
    try:
        names = files.names(folder)
    except OSError as error:
        return segments, error
    for name in names[: limits.segment_files_max]:
        match = _NAME.fullmatch(name)
        if match is None:
            continue
        segment_id = SegmentId(match[1])
        segment = segments.setdefault(segment_id, Segment(segment_id))
        segment.file_number = max(segment.file_number, int(match[2]))
        try:
            content = files.read(folder / name, limits.segment_bytes_max)
        except OSError as error:
            failure = error
        else:
            _add_content(segment, content)
    return segments, failure


def _add_content(segment: Segment, content: bytes) -> None:
    if not is_segment(content, segment.segment_id):
        # All zeros or too short: the machine died before the first sync of this file.
        segment.is_damaged |= len(content) >= HEADER_BYTES and any(content)
        return
    segment.contents.append(content)
    claimed = claimed_frames(content)
    if len(claimed) > len(segment.frames):
        segment.take(claimed)
