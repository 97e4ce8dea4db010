"""Which screen is up and what it may know: a pure function of what the driver holds."""

from dataclasses import dataclass, field

from exam_client.session.closing import Phase
from exam_client.session.core import SessionCore
from exam_client.session.resume import Stage
from exam_client.session.snapshot import (
    Alarm,
    CandidateFacts,
    Connection,
    KioskSnapshot,
    Refusal,
    SavedState,
    Screen,
    SittingFacts,
)
from exam_core.errors import CODES, declare
from exam_core.formats.paper_package import PaperPackage
from exam_core.formats.resume_file import LockedResume
from exam_core.model.identifiers import SeatId
from exam_core.protocol.http import RoomReply

JOURNAL_DISK = declare(
    "journal.disk",
    "本机磁盘不能保存作答，请举手告知监考人员；联网时作答仍会存到服务器，请勿关机。",
)

_SCREEN_OF_STAGE = {
    Stage.LOGGED_IN: Screen.CONFIRM,
    Stage.CONFIRMED: Screen.RULES,
    Stage.RULES_READ: Screen.WAITING,
}
_WEAKEST_FIRST = (SavedState.NOT_KEPT, SavedState.KEPT_HERE, SavedState.ON_SERVER)


@dataclass(slots=True, kw_only=True)
class SeatState:
    """What is known at this seat beside the session.

    Attributes:
        seat_id: This machine's seat.
        is_enrolled: It has a certificate.
        enrol_number: What staff compare while it has none; empty while there is nothing.
        room: What the room last said of itself.
        is_room_heard: The last request to it was answered.
        package: The verified sealed paper.
        locked: What a resume code can open, while the server is away and no paper is open.
        is_logging_in: A log-in is on its way.
        is_lost: It cannot go on; an alarm says why.
        refusal: The last refusal.
        alarms: Standing conditions by code, with their message.
        reconnects: How often a session was attached again.
    """

    seat_id: SeatId
    is_enrolled: bool = False
    enrol_number: str = ""
    room: RoomReply | None = None
    is_room_heard: bool = False
    package: PaperPackage | None = None
    locked: LockedResume | None = None
    is_logging_in: bool = False
    is_lost: bool = False
    refusal: Refusal | None = None
    alarms: dict[str, str] = field(default_factory=dict)
    reconnects: int = 0


def make_snapshot(seat: SeatState, core: SessionCore | None, now_ms: int) -> KioskSnapshot:
    """All that a screen may know at this moment."""
    before_log_in = KioskSnapshot(
        screen=_screen_without_session(seat),
        seat_id=seat.seat_id,
        connection=Connection.ONLINE if seat.is_room_heard else Connection.AWAY,
        sitting=_sitting(seat),
        sitting_state=None if seat.room is None else seat.room.sitting_state,
        has_package=seat.package is not None,
        resume_code_number=0 if seat.locked is None else seat.locked.ticket.code_number,
        is_logging_in=seat.is_logging_in,
        enrol_number=seat.enrol_number,
        refusal=seat.refusal,
        alarms=_alarms(seat, core),
        reconnects=seat.reconnects,
    )
    return before_log_in if core is None else _with_session(before_log_in, seat, core, now_ms)


def _with_session(
    before: KioskSnapshot, seat: SeatState, core: SessionCore, now_ms: int
) -> KioskSnapshot:
    attempt = core.attempt
    resume, closing, paper = attempt.resume, attempt.closing, attempt.paper
    saved_parts = {} if paper is None else paper.saved_parts()
    saved_flags = {} if paper is None else paper.saved_flags()
    return KioskSnapshot(
        screen=_screen_with_session(seat, core, now_ms),
        seat_id=before.seat_id,
        connection=Connection.ONLINE if core.is_attached else Connection.AWAY,
        sitting=before.sitting,
        sitting_state=core.sitting_state or before.sitting_state,
        candidate=CandidateFacts(
            admission_number=resume.admission_number,
            name=resume.name,
            unit=resume.unit,
            team=resume.team,
        ),
        session_id=resume.session_id,
        is_present=core.is_present,
        has_package=before.has_package,
        resume_code_number=before.resume_code_number,
        form=None if paper is None else paper.form,
        images={} if paper is None else paper.images,
        responses={} if paper is None else dict(paper.answers.responses),
        flagged=frozenset() if paper is None else frozenset(paper.answers.flagged),
        saved=_weakest({*saved_parts.values(), *saved_flags.values()}),
        saved_parts=saved_parts,
        unsynced=core.upload.unsynced,
        deadline_monotonic_ms=attempt.clock.deadline_ms,
        frozen_time_left_ms=attempt.clock.frozen_left_ms if closing.is_writable else None,
        receipt=None if closing.place is None else closing.place.receipt,
        close_reason=closing.reason,
        is_closed_offline=closing.phase is Phase.SUBMITTED,
        refusal=before.refusal,
        alarms=before.alarms,
        reconnects=before.reconnects,
    )


def _screen_without_session(seat: SeatState) -> Screen:
    if seat.is_lost:
        return Screen.PROBLEM
    if not seat.is_enrolled:
        return Screen.NOT_ENROLLED
    if seat.room is None:
        return Screen.STARTING if seat.locked is None else Screen.RESUME_CODE
    return Screen.LOG_IN


def _screen_with_session(seat: SeatState, core: SessionCore, now_ms: int) -> Screen:
    if seat.is_lost:
        return Screen.PROBLEM
    screen = _screen(core, now_ms)
    is_stuck = screen is Screen.WAITING and seat.locked is not None and not core.is_attached
    return Screen.RESUME_CODE if is_stuck else screen


def _screen(core: SessionCore, now_ms: int) -> Screen:
    closing = core.attempt.closing
    if closing.phase is Phase.OPEN:
        screen = _SCREEN_OF_STAGE[core.attempt.resume.stage]
        is_open = screen is Screen.WAITING and core.attempt.paper is not None
        return Screen.PAPER if is_open else screen
    is_asked = core.is_attached and now_ms < closing.until_ms
    is_waiting = closing.phase is Phase.SUBMITTED and is_asked
    is_submitting = is_waiting or closing.phase is Phase.COLLECTING
    return Screen.SUBMITTING if is_submitting else Screen.RECEIPT


def _sitting(seat: SeatState) -> SittingFacts | None:
    room = seat.room
    if room is None:
        return None  # also when a resume code opened the paper: the header shows its title
    manifest = None if seat.package is None else seat.package.manifest
    return SittingFacts(
        centre_id=room.centre_id,
        sitting_id=room.sitting_id,
        seat_id=room.seat_id,
        title=room.title,
        duration_ms=room.duration_ms,
        paper_title="" if manifest is None else manifest.title,
        scoring_note="" if manifest is None else manifest.scoring_note,
    )


def _alarms(seat: SeatState, core: SessionCore | None) -> tuple[Alarm, ...]:
    found = dict(seat.alarms)
    if core is not None:
        found |= core.attempt.alarms
        if core.journal.failure is not None:
            found[JOURNAL_DISK] = "本机磁盘不能保存作答"
    return tuple(
        Alarm(code=code, message=message, advice=CODES.get(code, ""))
        for code, message in found.items()
    )


def _weakest(states: set[SavedState]) -> SavedState:
    return next((state for state in _WEAKEST_FIRST if state in states), SavedState.ON_SERVER)
