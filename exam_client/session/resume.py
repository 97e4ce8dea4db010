"""`resume.json`: what a killed kiosk needs to take up its session again; no paper, no responses.

It names the session, its token and who sits here, how far the candidate had come, and after
submitting the receipt. Written whole or not at all, before the step that it speaks of counts.
"""

from enum import StrEnum

import msgspec

from exam_client import limits
from exam_client.config import DataFolder
from exam_client.journal.files import FileSystem
from exam_core.errors import declare
from exam_core.formats.canonical import decode_canonical, encode_canonical
from exam_core.formats.journal_entries import SubmitReason
from exam_core.model.identifiers import AdmissionNumber, SegmentId, SessionId, SittingId

RESUME_MALFORMED = declare(
    "client.resume", "本机的续考记录已损坏，请考生重新登录；作答记录不受影响。"
)

_NEAR_MS = 2_000  # a message may be under way so long


class Stage(StrEnum):
    """How far the candidate has come before the paper."""

    LOGGED_IN = "logged_in"
    CONFIRMED = "confirmed"
    RULES_READ = "rules_read"


class SubmitPlace(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the submit entry stands, and its receipt."""

    segment_id: SegmentId
    seq: int
    receipt: str
    reason: SubmitReason


class ClockNote(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the server last said of the time, at `at_ms` of the monotonic clock of this boot.

    `boot_id` is empty where the machine does not tell one boot from another.
    """

    boot_id: str
    at_ms: int
    worked_ms: int
    left_ms: int
    is_running: bool

    def is_near(self, other: "ClockNote") -> bool:
        """Whether both say the same but for what a message takes to come."""
        same = (self.boot_id, self.is_running) == (other.boot_id, other.is_running)
        passed_ms = other.at_ms - self.at_ms if self.is_running else 0
        return same and abs(self.left_ms - passed_ms - other.left_ms) <= _NEAR_MS

    def left_at(self, now_ms: int, *, boot_id: str, last_entry_ms: int) -> int:
        """What is left of the working time when nobody can be asked.

        In the same boot the monotonic clock went on. After another boot nobody here knows how
        long the machine was off: then the last entry of the journal says how much was worked, and
        the server corrects it when it is back.
        """
        if self.is_running and self.boot_id and self.boot_id == boot_id:
            gone_ms = max(0, now_ms - self.at_ms)
        else:
            gone_ms = 0
        gone_ms = max(gone_ms, last_entry_ms - self.worked_ms)
        return max(0, self.left_ms - gone_ms)


class Resume(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The session under way at this seat.

    `is_confirmed` says that the server has confirmed the end of the session. `segments` are those
    of the journal in the order in which they were begun; `codes_used` counts resume codes.
    """

    sitting_id: SittingId
    session_id: SessionId
    token: str
    admission_number: AdmissionNumber
    name: str
    unit: str
    team: str
    stage: Stage = Stage.LOGGED_IN
    submit: SubmitPlace | None = None
    is_confirmed: bool = False
    segments: tuple[SegmentId, ...] = ()
    clock: ClockNote | None = None
    codes_used: int = 0


class ResumeFile:
    """Reads and writes `resume.json`; every method may raise OSError."""

    def __init__(self, files: FileSystem, folder: DataFolder) -> None:
        self._files = files
        self._path = folder.resume

    def load(self) -> Resume | None:
        """The session under way; None when there is none.

        Raises:
            InputError: `client.resume`.
        """
        try:
            data = self._files.read(self._path, limits.resume_bytes_max)
        except FileNotFoundError:
            return None
        return decode_canonical(data, Resume, RESUME_MALFORMED, "续考记录")

    def save(self, resume: Resume) -> None:
        """Put this session in place of the one before."""
        self._files.replace(self._path, encode_canonical(resume))

    def forget(self) -> None:
        """There is no session under way any more; its journal stays."""
        self._files.remove(self._path)
