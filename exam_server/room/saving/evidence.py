"""Frames that could not take their place, kept aside; a broken kiosk repeats itself."""

from collections import Counter
from collections.abc import Callable

from exam_core.errors import ExamError
from exam_core.model.identifiers import SegmentId
from exam_core.protocol.messages import Save
from exam_server import limits


class Evidence:
    """Decides what is kept aside; `keep_refused` writes it beside the save path."""

    def __init__(self, keep_refused: Callable[[SegmentId, int, bytes, str], None]) -> None:
        self._keep_refused = keep_refused
        self._frames = 0
        self._bytes = 0
        self._of_segment: Counter[SegmentId] = Counter()

    def keep(self, segment_id: SegmentId, seq: int, frame: bytes, code: str) -> None:
        """Keep a frame, if there is room, also for what other kiosks may send."""
        if (
            self._frames < limits.evidence_frames_max
            and self._bytes + len(frame) <= limits.evidence_bytes_max
            and self._of_segment[segment_id] < limits.evidence_segment_max
        ):
            self._frames += 1
            self._bytes += len(frame)
            self._of_segment[segment_id] += 1
            self._keep_refused(segment_id, seq, frame, code)

    def keep_named(self, message: Save, error: ExamError) -> None:
        """Keep the frame of a Save that an error names: whose it is shows later."""
        seq = error.facts.get("seq")
        if isinstance(seq, int) and 0 <= seq - message.first_seq < len(message.frames):
            self.keep(message.segment_id, seq, message.frames[seq - message.first_seq], error.code)
