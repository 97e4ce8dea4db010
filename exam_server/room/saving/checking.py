"""What the room makes of a session's entries as they come in. Pure.

Which frames count is `exam_core`'s rule, the one that the grading site reads a session by; the
room only adds what it alone knows: that a frame came late, and how many parts are answered now.
"""

from exam_core.errors import declare
from exam_core.formats.journal_entries import Entry, ResponseRecorded
from exam_core.formats.journal_reading import (
    AFTER_END,
    UNKNOWN_PART,
    Checked,
    SegmentChecker,
    SessionFacts,
)
from exam_core.model.identifiers import PartId
from exam_core.model.responses import is_empty

__all__ = [
    "AFTER_END",
    "LATE",
    "UNKNOWN_PART",
    "AnswerTally",
    "Checked",
    "SegmentChecker",
    "SessionFacts",
]

LATE = declare("response.late", "考试结束后才传到的作答，已保留备查。")


class AnswerTally:
    """How many parts have a response that is not empty; the latest (epoch, seq) holds.

    Attributes:
        answered: Parts answered now. A seat map asks it of every seat, twice a second.
    """

    def __init__(self) -> None:
        self._latest: dict[PartId, tuple[int, int, bool]] = {}
        self.answered = 0

    def note(self, entry: Entry | None, *, epoch: int, seq: int) -> None:
        """Count an entry that counts; anything but a response changes nothing."""
        if not isinstance(entry, ResponseRecorded):
            return
        known = self._latest.get(entry.part_id)
        if known is None or known[:2] <= (epoch, seq):
            is_given = not is_empty(entry.response)
            self.answered += is_given - (known is not None and known[2])
            self._latest[entry.part_id] = (epoch, seq, is_given)

    def forget(self, *, epoch: int, from_seq: int) -> None:
        """Entries of a segment from `from_seq` on were found not to count.

        What such an entry replaced is not known any more: the part is shown as open.
        """
        self._latest = {
            part_id: known
            for part_id, known in self._latest.items()
            if known[0] != epoch or known[1] < from_seq
        }
        self.answered = sum(is_given for _, _, is_given in self._latest.values())
