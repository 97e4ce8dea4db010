"""A candidate goes on at another machine: the old one is out at once, no working time is lost."""

from exam_core.errors import InputError, StateError, declare
from exam_core.model.identifiers import SeatId, SessionId
from exam_core.model.states import SITTING_STATE, SessionState, SittingState
from exam_server import limits
from exam_server.accounts.audit import AuditTrail
from exam_server.accounts.audit_draft import AuditRecorder
from exam_server.room.services.enrolment import SEAT_UNKNOWN
from exam_server.store import room as tables
from exam_server.store.engine import Db, Store

SWAP_TARGET = declare("swap.target", "请选择空着的、已登记考生机的机位；备用机位先登记再换机。")
SWAP_CLOSED = declare("swap.closed", "该考生已交卷或正在收卷，不能换机。")
SWAP_REASON = declare("swap.reason", "请写明换机理由，不超过 100 字。")
SWAP_MANY = declare(
    "swap.many", "本场单人换机的次数已满，再换机须两人：请在“两人确认”页面提出，由另一人确认。"
)

_SWAPPABLE = frozenset(
    {SittingState.PREPARED, SittingState.OPENED, SittingState.RUNNING, SittingState.HELD}
)


def swap_machine(
    store: Store,
    trail: AuditTrail,
    actors: tuple[str, ...],
    *,
    seat_id: SeatId,
    to_seat_id: SeatId,
    reason: str,
    elapsed_ms: int,
) -> None:
    """Seat the candidate of one seat at an empty one; the session's token is void from now on.

    The candidate logs in there anew and presence is confirmed anew. From now until the paper is
    shown there no working time passes for this candidate. The first swaps of a sitting are one
    person's decision, later ones take two.

    Args:
        store: The room's database.
        trail: Where it is logged.
        actors: Who decided.
        seat_id: Where the candidate sits now.
        to_seat_id: A seat without a candidate whose kiosk is enrolled.
        reason: Why.
        elapsed_ms: The room's working time now.

    Raises:
        InputError: `seat.unknown`, `swap.reason`.
        StateError: `swap.target`, `swap.closed`, `swap.many`, `sitting.state`.
    """
    check_reason(reason)
    with store.transaction() as db:
        sitting = tables.find_sitting(db)
        if sitting is None or SittingState(sitting.state) not in _SWAPPABLE:
            raise StateError(SITTING_STATE, "考试结束后不能换机")
        if len(actors) == 1 and sitting.swaps >= limits.swaps_alone_max:
            raise StateError(SWAP_MANY, f"本场已换机 {sitting.swaps} 次")
        candidate = tables.find_candidate_at(db, seat_id)
        if candidate is None:
            raise InputError(SEAT_UNKNOWN, f"机位 {seat_id[:20]} 没有考生")
        _refuse_target(db, to_seat_id)
        session = tables.find_session_of(db, candidate.admission_number)
        if session and session.state == SessionState.CLOSED:
            raise StateError(SWAP_CLOSED, "该考生的考试已经结束")
        candidate.sits_at = to_seat_id
        candidate.is_present = False
        sitting.swaps += 1
        if session:
            session.seat_id = to_seat_id
            session.token_sha256 = ""
            if session.state == SessionState.INTERACTING and session.moved_at_ms is None:
                session.moved_at_ms = elapsed_ms
        trail.record(
            "machine_swapped",
            actors=actors,
            subject=seat_id,
            to=to_seat_id,
            session_id=session.session_id if session else "",
            reason=reason,
            elapsed_ms=elapsed_ms,
        )


def check_reason(reason: str) -> None:
    """Refuse an empty or a long reason.

    Raises:
        InputError: `swap.reason`.
    """
    if not 0 < len(reason) <= limits.reason_chars_max:
        raise InputError(SWAP_REASON, "没有写换机理由或理由过长")


def go_on(db: Db, log: AuditRecorder, session_id: SessionId, *, elapsed_ms: int) -> int:
    """The paper is shown at the new seat: the time since the swap is given back, once.

    Two can bring it about at the same moment: the kiosk by attaching, a person by confirming
    presence. For the second nothing is left to give.

    Returns:
        All the time that the session was ever given.
    """
    session = db.get(tables.SessionRow, session_id)
    if session is None:
        raise ValueError("only a session that was moved goes on")
    if session.moved_at_ms is None:
        return session.extra_ms
    away_ms = max(0, elapsed_ms - session.moved_at_ms)
    session.extra_ms += away_ms
    session.away_ms += away_ms
    session.moved_at_ms = None
    log.record(
        "swap_time_returned",
        subject=session.seat_id,
        session_id=session_id,
        away_ms=away_ms,
    )
    return session.extra_ms


def _refuse_target(db: Db, seat_id: SeatId) -> None:
    is_free = tables.find_candidate_at(db, seat_id) is None
    is_enrolled = any(kiosk.seat_id == seat_id for kiosk in tables.list_kiosks(db))
    if db.get(tables.SeatRow, seat_id) is None or not is_free or not is_enrolled:
        raise StateError(SWAP_TARGET, f"不能换到机位 {seat_id[:20]}")
