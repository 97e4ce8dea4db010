"""What a screen may know: one frozen value, made anew on every change.

A snapshot is a whole truth at one moment: a window draws it and asks nobody else. Times are
milliseconds of this machine's monotonic clock (`time.monotonic_ns() // 1_000_000`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from exam_core.formats.journal_entries import SubmitReason
from exam_core.model.identifiers import (
    AdmissionNumber,
    CentreId,
    ImageId,
    ItemId,
    PartId,
    SeatId,
    SessionId,
    SittingId,
)
from exam_core.model.items import Form
from exam_core.model.responses import Response
from exam_core.model.states import SittingState


class Screen(StrEnum):
    """Which screen is up."""

    STARTING = "starting"  # nothing known of the room yet; the network may be away
    NOT_ENROLLED = "not_enrolled"  # no certificate: a technician runs `exam-client enrol`
    LOG_IN = "log_in"  # a locked seat stays here, with refusal code login.seat_locked
    RESUME_CODE = "resume_code"  # started without the server: the proctor brings a resume code
    CONFIRM = "confirm"  # is this you
    RULES = "rules"
    WAITING = "waiting"  # for presence, for the start, for the package or the network
    PAPER = "paper"
    SUBMITTING = "submitting"  # collecting what is typed, or waiting for the server's receipt
    RECEIPT = "receipt"  # closed; `receipt` is None when nothing was submitted from here
    PROBLEM = "problem"  # cannot go on here: `alarms` says why


class Connection(StrEnum):
    """Whether the room hears us now."""

    ONLINE = "online"
    AWAY = "away"


class SavedState(StrEnum):
    """How safe a response is; each is said only once it is true."""

    ON_SERVER = "on_server"  # committed there and acknowledged
    KEPT_HERE = "kept_here"  # synced to this machine's disk
    NOT_KEPT = "not_kept"  # in memory only: the disk refused it and the server has not answered


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateFacts:
    """Who sits here, as the server said at log-in."""

    admission_number: AdmissionNumber
    name: str
    unit: str
    team: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SittingFacts:
    """The room and the rules.

    `paper_title` and `scoring_note` come from the signed package and are empty until it is here;
    `duration_ms` is the working time before any accommodation.
    """

    centre_id: CentreId
    sitting_id: SittingId
    seat_id: SeatId
    title: str
    duration_ms: int
    paper_title: str = ""
    scoring_note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Something asked for was refused; `number` rises with each, so repeats can be told apart."""

    number: int
    code: str
    message: str
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """A standing condition that a person must know of, such as a full disk."""

    code: str
    message: str
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KioskSnapshot:
    """Everything a screen needs.

    Attributes:
        screen: Which screen is up.
        seat_id: This machine's seat, known from the installation.
        connection: Whether the room hears us.
        sitting: The room's facts; None until the room was heard once.
        sitting_state: Where the room stands, as last heard.
        candidate: Who is logged in; None before.
        session_id: The session; None before log-in.
        is_present: The proctor has confirmed presence.
        has_package: The sealed paper is here and verified.
        resume_code_number: Which of the seat's resume codes is asked for; 0 while none is.
        enrol_number: Six digits that staff compare while the seat is not enrolled; empty without.
        is_logging_in: A log-in was sent and is not answered yet.
        form: The paper, in memory only; None until the proctor's start.
        images: The pictures of the form, in memory only.
        responses: The response that holds for each part that was ever answered.
        flagged: Items marked for review.
        saved: The weakest state among all responses and flags; ON_SERVER when there is none.
        saved_parts: How safe each part's response is.
        unsynced: Entries that the server has not acknowledged.
        deadline_monotonic_ms: When time is up, while the clock runs; else None.
        frozen_time_left_ms: What is left while the clock stands (held, suspended); else None.
        receipt: The candidate's receipt, computed here.
        close_reason: Why the session ended; None while it has not.
        is_closed_offline: Closed here, and the server has not confirmed it yet.
        refusal: The last refusal; a new command that succeeds clears it.
        alarms: Standing conditions, such as a disk that refuses to keep anything.
        reconnects: How often the connection was made again.
    """

    screen: Screen
    seat_id: SeatId
    connection: Connection = Connection.AWAY
    sitting: SittingFacts | None = None
    sitting_state: SittingState | None = None
    candidate: CandidateFacts | None = None
    session_id: SessionId | None = None
    is_present: bool = False
    has_package: bool = False
    resume_code_number: int = 0
    is_logging_in: bool = False
    enrol_number: str = ""
    form: Form | None = None
    images: Mapping[ImageId, bytes] = field(default_factory=dict, repr=False)
    responses: Mapping[PartId, Response] = field(default_factory=dict)
    flagged: frozenset[ItemId] = frozenset()
    saved: SavedState = SavedState.ON_SERVER
    saved_parts: Mapping[PartId, SavedState] = field(default_factory=dict)
    unsynced: int = 0
    deadline_monotonic_ms: int | None = None
    frozen_time_left_ms: int | None = None
    receipt: str | None = None
    close_reason: SubmitReason | None = None
    is_closed_offline: bool = False
    refusal: Refusal | None = None
    alarms: tuple[Alarm, ...] = ()
    reconnects: int = 0

    def time_left_ms(self, now_monotonic_ms: int) -> int | None:
        """What is left at this moment, never below 0; None while there is no clock yet."""
        if self.deadline_monotonic_ms is not None:
            return max(0, self.deadline_monotonic_ms - now_monotonic_ms)
        return self.frozen_time_left_ms
