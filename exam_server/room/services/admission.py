"""Log-in of a candidate at a seat.

Who does not know all three of admission number, whole identity number and room code learns
nothing: the same answer, the same work.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from exam_core import limits as core_limits
from exam_core.errors import InputError, StateError, declare
from exam_core.model.identifiers import AdmissionNumber, FormNumber, SeatId, SessionId
from exam_core.model.states import OVER_STATES, SessionState
from exam_core.protocol.http import LogInReply, LogInRequest
from exam_server.accounts.audit_draft import AuditRecorder
from exam_server.store import room as tables
from exam_server.store.engine import Db

LOGIN_REFUSED = declare("login.refused", "请核对准考证号、身份证号和考场码后重新输入。")
LOGIN_WRONG_SEAT = declare("login.wrong_seat", "请到准考证上的机位就座后登录。")
LOGIN_ACTIVE = declare("login.already_active", "该考生已在考试中；请举手，由监考核实后处理。")
LOGIN_LOCKED = declare("login.seat_locked", "输错次数过多，机位已锁定；请举手，由监考解锁。")
LOGIN_CLOSED = declare("login.closed", "该考生已交卷或考试已结束，不能再登录；有疑问请举手。")

_TOKEN_BYTES = 32
_SESSION_ID_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """A log-in that succeeded: the reply, and what the room must know of the session."""

    reply: LogInReply
    token_sha256: str
    seat_id: SeatId
    form_number: FormNumber
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A log-in with wrong data, and how the seat stands after it; says `login.refused`."""

    failed_tries: int
    is_locked: bool

    def as_error(self, seat_id: SeatId) -> InputError:
        """What the kiosk is told."""
        return InputError(LOGIN_REFUSED, "登录信息不对", seat_id=seat_id)


def log_in(
    db: Db,
    log: AuditRecorder,
    request: LogInRequest,
    *,
    seat_id: SeatId,
    is_active: bool,
) -> Admitted | Refused:
    """Begin a session, or give its candidate a new token at the same seat; the old one is void.

    Args:
        db: The transaction.
        log: Where the attempt is logged.
        request: What the candidate typed.
        seat_id: The seat in the client certificate.
        is_active: Whether the candidate named has a kiosk that is connected now.

    Returns:
        The admission; or a refusal, which is no error: the try is counted, in the same commit.

    Raises:
        StateError: `login.seat_locked`, `login.already_active`, `login.wrong_seat`,
            `login.closed`.
    """
    seat, candidate, session = tables.find_at_door(db, seat_id, request.admission_number)
    sitting = tables.find_sitting(db)
    if seat is None or sitting is None or seat.is_locked:
        raise StateError(LOGIN_LOCKED, "机位已锁定", seat_id=seat_id)
    is_right = _knows_all(request, candidate, sitting)
    if candidate is None or not is_right:
        seat.failed_tries += 1
        seat.is_locked = seat.failed_tries >= core_limits.login_tries_max
        log.record("log_in_refused", subject=seat_id, failed_tries=seat.failed_tries)
        return Refused(failed_tries=seat.failed_tries, is_locked=seat.is_locked)
    _refuse_known(candidate, session, sitting, seat_id=seat_id, is_active=is_active)
    admitted = _admit(db, candidate, session)
    seat.failed_tries = 0
    log.record(
        "logged_in" if admitted.is_new else "logged_in_again",
        subject=seat_id,
        session_id=admitted.reply.session_id,
    )
    return admitted


def token_matches(token: str, token_sha256: str) -> bool:
    """Whether this is the token of the session."""
    return hmac.compare_digest(hashlib.sha256(token.encode()).hexdigest(), token_sha256)


def _knows_all(
    request: LogInRequest, candidate: tables.CandidateRow | None, sitting: tables.SittingRow
) -> bool:
    # Both are compared whatever the first says, so the time taken tells nothing.
    decoy = "0" * core_limits.id_number_chars
    id_number = candidate.id_number if candidate else decoy
    is_id = hmac.compare_digest(request.id_number.upper().encode(), id_number.encode())
    is_code = hmac.compare_digest(request.room_code.encode(), sitting.room_code.encode())
    return is_id & is_code & (candidate is not None)


def _refuse_known(
    candidate: tables.CandidateRow,
    session: tables.SessionRow | None,
    sitting: tables.SittingRow,
    *,
    seat_id: SeatId,
    is_active: bool,
) -> None:
    if is_active:
        raise StateError(LOGIN_ACTIVE, "该考生已在另一程序中登录")
    if candidate.sits_at != seat_id:
        raise StateError(LOGIN_WRONG_SEAT, "该考生的机位不是这里", seat_id=seat_id)
    is_over = sitting.state in OVER_STATES
    if is_over or (session and session.state == SessionState.CLOSED):
        raise StateError(LOGIN_CLOSED, "该考生的考试已经结束")


def _admit(db: Db, candidate: tables.CandidateRow, session: tables.SessionRow | None) -> Admitted:
    token = secrets.token_hex(_TOKEN_BYTES)
    digest = hashlib.sha256(token.encode()).hexdigest()
    is_new = session is None
    if session is None:
        session = tables.SessionRow(
            session_id=secrets.token_hex(_SESSION_ID_BYTES),
            admission_number=candidate.admission_number,
            seat_id=candidate.sits_at,
            form_number=candidate.form_number,
            state=str(SessionState.INITIAL),
            stage="",
            token_sha256=digest,
            extra_ms=0,
            away_ms=0,
            close_reason="",
            receipt="",
        )
        db.add(session)
    session.token_sha256 = digest
    return Admitted(
        reply=LogInReply(
            session_id=SessionId(session.session_id),
            token=token,
            admission_number=AdmissionNumber(candidate.admission_number),
            name=candidate.name,
            unit=candidate.unit,
            team=candidate.team,
        ),
        token_sha256=digest,
        seat_id=SeatId(session.seat_id),
        form_number=FormNumber(session.form_number),
        is_new=is_new,
    )
