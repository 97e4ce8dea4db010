"""What the running room keeps in memory: seats, sessions, connections. Event loop only.

The database is the truth; this is its present reflection, changed only after a commit, plus what
lives no longer than the process: connections, the opened paper, unsynced counts.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from exam_core.crypto.signing import PublicSigningKey
from exam_core.formats.journal import derive_journal_key
from exam_core.formats.journal_entries import SubmitReason
from exam_core.model.identifiers import (
    AdmissionNumber,
    FormNumber,
    SeatId,
    SegmentId,
    SessionId,
    SittingId,
)
from exam_core.model.states import SessionState
from exam_core.protocol.messages import Refused, ServerMessage, encode_message
from exam_server import limits
from exam_server.room.saving.checking import AnswerTally, SegmentChecker, SessionFacts
from exam_server.room.saving.ledger import SegmentLedger
from exam_server.room.services.enrolment import EnrolledKiosk
from exam_server.room.services.opening import OpenedPaper
from exam_server.room.timing import Absence, SittingClock
from exam_server.store.frame_log import FrameLog
from exam_server.store.frames import Place
from exam_server.store.room import ABSENT

CLOSE_LATER = 1013  # come again with what was not acknowledged
CLOSE_REFUSED = 4400
CLOSE_REVOKED = 4403  # the certificate is not allowed
CLOSE_SUPERSEDED = 4409  # a newer connection speaks for the session

_NOBODY = AdmissionNumber("")
_NO_FORM = FormNumber(0)


class Deliverer(Protocol):
    """Who brings frames of a session without speaking for it: a former machine, or its disk."""

    @property
    def signing_key(self) -> PublicSigningKey:
        """Of the kiosk whose frames these are; it brings no others."""

    @property
    def takes_submit(self) -> bool:
        """Whether a submit entry among them counts: not when the candidate goes on elsewhere."""

    def send(self, message: ServerMessage) -> None:
        """Take an answer."""

    def close(self, code: int) -> None:
        """Nothing more is taken for now."""


class Line(Protocol):
    """The way to one kiosk; nothing here waits or fails."""

    def write(self, message: bytes) -> None:
        """Send a message; a kiosk that leaves too much unread is cut off."""

    def close(self, code: int) -> None:
        """Close after what was written."""


class Connection:
    """The sending side of one kiosk's WebSocket; sending never waits.

    Args:
        kiosk: Whose certificate it showed.
        line: The way to it.
        on_refused: Told the seat and code of each refusal; says whether it is one too many.

    Attributes:
        takes_submit: As `Deliverer`; set by who lets it deliver.
    """

    def __init__(
        self,
        kiosk: EnrolledKiosk,
        line: Line,
        on_refused: Callable[[SeatId, str], bool] = lambda _seat_id, _code: False,
    ) -> None:
        self._on_refused = on_refused
        self._line = line
        self.kiosk = kiosk
        self.seat_id = kiosk.seat_id
        self.has_begun = False
        self.takes_submit = False
        self.is_open = True

    @property
    def signing_key(self) -> PublicSigningKey:
        """Of the kiosk."""
        return self.kiosk.signing_key

    def send(self, message: ServerMessage) -> None:
        """Send a message, while the connection is open."""
        if not self.is_open:
            return
        self._line.write(encode_message(message))
        if isinstance(message, Refused) and self._on_refused(self.seat_id, message.code):
            self.close(CLOSE_LATER)

    def close(self, code: int) -> None:
        """Close the WebSocket after what was sent; what the kiosk says no longer counts."""
        if self.is_open:
            self.is_open = False
            self._line.close(code)


@dataclass(slots=True, kw_only=True)
class LiveSeat:
    """A seat with the candidate who sits there now; a spare one has none."""

    seat_id: SeatId
    is_enrolled: bool
    failed_tries: int
    is_locked: bool
    admission_number: AdmissionNumber = _NOBODY
    name: str = ""
    unit: str = ""
    team: str = ""
    form_number: FormNumber = _NO_FORM
    is_present: bool = False
    session: "LiveSession | None" = None

    @property
    def is_spare(self) -> bool:
        """Whether nobody sits there."""
        return not self.admission_number

    def take_candidate_of(self, other: "LiveSeat") -> None:
        """The candidate of another seat sits here from now on; presence is to be confirmed anew."""
        self.admission_number, other.admission_number = other.admission_number, _NOBODY
        self.name, other.name = other.name, ""
        self.unit, other.unit = other.unit, ""
        self.team, other.team = other.team, ""
        self.form_number, other.form_number = other.form_number, _NO_FORM
        self.session, other.session = other.session, None
        self.is_present = other.is_present = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitEntry:
    """A submit entry with its place; whatever is placed after it does not count."""

    epoch: int
    seq: int
    segment_id: SegmentId
    reason: SubmitReason
    receipt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UncheckedFrame:
    """A frame that nobody could open yet; `head` is the chain's head before it."""

    segment_id: SegmentId
    seq: int
    frame: bytes
    head: bytes


class UncheckedFrames:
    """Frames of one session that nobody could open yet, in the order in which they came."""

    def __init__(self) -> None:
        self._frames: deque[UncheckedFrame] = deque()
        self._size_bytes = 0
        self.losses = 0
        """How often frames were forgotten without having been taken."""

    def __iter__(self) -> Iterator[UncheckedFrame]:
        return iter(self._frames)

    def __len__(self) -> int:
        return len(self._frames)

    def append(self, one: UncheckedFrame) -> None:
        """Keep one more."""
        self._frames.append(one)
        self._size_bytes += len(one.frame)

    def take(self, count: int) -> list[UncheckedFrame]:
        """Take the first `count` out, to be checked."""
        taken = [self._frames.popleft() for _ in range(count)]
        self._size_bytes -= sum(len(one.frame) for one in taken)
        return taken

    def keep(self, is_kept: Callable[[UncheckedFrame], bool]) -> None:
        """Forget all others."""
        kept = deque(one for one in self._frames if is_kept(one))
        if len(kept) < len(self._frames):
            self.losses += 1
        self._frames = kept
        self._size_bytes = sum(len(one.frame) for one in kept)

    def has_room_for(self, frames: Sequence[bytes]) -> bool:
        """Whether these may come too; what was on disk at the start does not count."""
        size = self._size_bytes + sum(map(len, frames))
        count = len(self._frames) + len(frames)
        return count <= limits.unchecked_frames_max and size <= limits.unchecked_bytes_max


@dataclass(slots=True, kw_only=True)
class LiveSession:
    """One candidate's attempt.

    `old_frames` says how far the segments were held at the start of the server whose frames of
    then are not checked yet; `unchecked` are later ones.
    """

    session_id: SessionId
    admission_number: AdmissionNumber
    seat_id: SeatId
    form_number: FormNumber
    state: SessionState = SessionState.INITIAL
    stage: str = ""
    token_sha256: str = ""
    extra_ms: int = 0
    moved_at_ms: int | None = None
    close_reason: str = ""
    receipt: str = ""
    ledgers: dict[SegmentId, SegmentLedger] = field(default_factory=dict)
    checkers: dict[SegmentId, SegmentChecker] = field(default_factory=dict)
    old_frames: dict[SegmentId, Place] = field(default_factory=dict)
    unchecked: UncheckedFrames = field(default_factory=UncheckedFrames)
    tally: AnswerTally = field(default_factory=AnswerTally)
    submit_entry: SubmitEntry | None = None
    wanted_receipt: str = ""
    connection: Connection | None = None
    deliverers: list[Connection] = field(default_factory=list)
    unsynced: int = 0
    end_sent_at_ms: int | None = None
    end_reason: SubmitReason = SubmitReason.TIME_UP
    ended_by: str = ""

    def extra_at(self, elapsed_ms: int) -> int:
        """The time given so far; while the candidate changes machines it grows with the room's."""
        if self.moved_at_ms is None:
            return self.extra_ms
        return self.extra_ms + max(0, elapsed_ms - self.moved_at_ms)

    @property
    def is_behind(self) -> bool:
        """Whether frames of it are held that nobody has checked yet: see `room.catching_up`."""
        return bool(self.old_frames) or len(self.unchecked) > 0

    @property
    def has_begun(self) -> bool:
        """Whether its kiosk was ever given the journal key; before, no frame of it is honest."""
        return self.state is not SessionState.INITIAL and self.close_reason != ABSENT

    @property
    def lacks_submit(self) -> bool:
        """Whether it began and its submit entry has not come."""
        return self.has_begun and not self.receipt

    @property
    def awaits_receipt(self) -> bool:
        """Whether its submit entry is on disk, signed, and it was not yet closed with the receipt.

        The signature covers all that stands before the entry in its segment.
        """
        entry = self.submit_entry
        if entry is None or self.receipt:
            return False
        ledger = self.ledgers[entry.segment_id]
        return entry.seq < min(ledger.durable, ledger.answered)

    def send(self, message: ServerMessage) -> None:
        """Send to the kiosk, if it is connected."""
        if self.connection:
            self.connection.send(message)

    def close_all(self, code: int) -> None:
        """Close the kiosk's connection, and those of former machines that deliver."""
        for connection in (self.connection, *self.deliverers):
            if connection:
                connection.close(code)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveAlarm:
    """Something that a person must look at."""

    alarm_id: int
    seat_id: SeatId
    code: str
    message: str


@dataclass(slots=True, kw_only=True)
class RoomState:
    """The room as it is now."""

    sitting_id: SittingId
    title: str
    room_code: str
    package_sha256: str
    not_before_utc_ms: int | None  # when headquarters plans to begin; warns, never decides
    clock: SittingClock
    seats: dict[SeatId, LiveSeat]
    sessions: dict[SessionId, LiveSession]
    kiosks: dict[str, EnrolledKiosk]  # by fingerprint: the allow-list
    alarms: list[LiveAlarm]
    known_flags: set[tuple[str, int, str]]
    changed_by: str  # who put the sitting into its state
    frame_log: FrameLog
    absence: Absence | None = None  # of the server, before this start, while the sitting ran
    ends_nothing_before_ms: int = 0  # of the monotonic clock: the time in which kiosks come back
    opened: OpenedPaper | None = None
    storage_problem: str = ""
    disk_problem: str = ""  # space runs out; by itself empty again
    _by_candidate: dict[AdmissionNumber, LiveSession] = field(init=False)

    def __post_init__(self) -> None:
        self._by_candidate = {one.admission_number: one for one in self.sessions.values()}

    def add_session(self, session: LiveSession) -> None:
        """A candidate logged in for the first time."""
        self.sessions[session.session_id] = session
        self._by_candidate[session.admission_number] = session

    def is_active(self, admission_number: AdmissionNumber) -> bool:
        """Whether this candidate's kiosk is connected."""
        session = self._by_candidate.get(admission_number)
        return session is not None and session.connection is not None

    def facts_of(self, session: LiveSession) -> SessionFacts | None:
        """What the session's entries must agree with; None while the paper is shut."""
        opened = self.opened
        if opened is None:
            return None
        return SessionFacts(
            session_id=session.session_id,
            manifest_sha256=opened.manifest_sha256,
            form_number=session.form_number,
            shape=opened.shapes[session.form_number],
            journal_key=derive_journal_key(opened.journal_secret, session.session_id),
        )

    def checker_of(self, session: LiveSession, segment_id: SegmentId) -> SegmentChecker | None:
        """The checker of a segment; None while the paper is shut."""
        checker = session.checkers.get(segment_id)
        if checker is None:
            facts = self.facts_of(session)
            if facts is None:
                return None
            key = session.ledgers[segment_id].signing_key
            checker = session.checkers[segment_id] = SegmentChecker(facts, segment_id, key)
        return checker

    def parts_of(self, form_number: FormNumber) -> int:
        """How many parts a form has; 0 while the paper is shut."""
        is_known = self.opened is not None and form_number in self.opened.shapes
        return len(self.opened.shapes[form_number].parts) if self.opened and is_known else 0
