"""What the pages show of the running room: plain values, made anew for every look."""

from exam_core.model.states import OVER_STATES, SITTING_TITLES, SessionState, SittingState
from exam_server.room.absence import SERVER_AWAY, is_told, minutes_of
from exam_server.room.live import LiveSeat, LiveSession, RoomState

__all__ = ["SITTING_TITLES", "View", "room_view", "seat_view"]

_STAGES = {"": "待核对身份", "confirmed": "已核对身份", "rules_read": "已读须知"}
_CLOSED = {
    "candidate": ("good", "已交卷"),
    "time_up": ("good", "到时收卷"),
    "proctor": ("good", "监考收卷"),
    "absent": ("idle", "未参加"),
}

View = dict[str, object]


def room_view(state: RoomState, now_ms: int) -> View:
    """The head of the proctor page."""
    seats = [seat for seat in state.seats.values() if not seat.is_spare]
    sessions = [seat.session for seat in seats if seat.session]
    return {
        "state": str(state.clock.state),
        "state_title": SITTING_TITLES[state.clock.state],
        "time_left_s": -(-state.clock.left_at(now_ms) // 1000),
        "left_s": -(state.clock.overtime_at(now_ms) // 1000),
        "is_opened": state.opened is not None,
        "storage_problem": " ".join(filter(None, (state.disk_problem, state.storage_problem))),
        "absence_min": _absence_min(state),
        "rostered": len(seats),
        "enrolled": sum(seat.is_enrolled for seat in seats),
        "logged_in": len(sessions),
        "connected": sum(session.connection is not None for session in sessions),
        "present": sum(seat.is_present for seat in seats),
        "writing": sum(session.state is SessionState.INTERACTING for session in sessions),
        "submitted": sum(bool(session.receipt) for session in sessions),
        "alarms": [
            {
                "alarm_id": alarm.alarm_id,
                "seat_id": alarm.seat_id,
                "code": alarm.code,
                "message": alarm.message,
            }
            for alarm in state.alarms
        ],
    }


def seat_view(state: RoomState, seat: LiveSeat, *, now_ms: int, alarms: int) -> View:
    """One seat of the map. `tone` chooses the colour, `status` says the same in words.

    The time left is not in it, or every seat would change every second: it is `left_s` of the room
    and `extra_s` of the seat, for who `is_writing`.

    Args:
        state: The running room.
        seat: The seat.
        now_ms: The monotonic clock.
        alarms: How many open alarms are about this seat.
    """
    session = seat.session
    tone, status = _status(seat, state.clock.state)
    return {
        "seat_id": seat.seat_id,
        "name": seat.name,
        "admission_number": seat.admission_number,
        "team": seat.team,
        "tone": tone,
        "status": status,
        "is_connected": bool(session and session.connection),
        "is_present": seat.is_present,
        "is_locked": seat.is_locked,
        "is_enrolled": seat.is_enrolled,
        "has_session": session is not None,
        "answered": session.tally.answered if session else 0,
        "is_spare": seat.is_spare,
        "parts": state.parts_of(seat.form_number),
        "unsynced": session.unsynced if session else 0,
        "extra_min": session.extra_ms // 60_000 if session else 0,
        "is_writing": session is not None and session.state is SessionState.INTERACTING,
        "extra_s": _extra_s(state, session, now_ms),
        "alarms": alarms,
    }


def _absence_min(state: RoomState) -> int:
    """Minutes that the server was away, until somebody settles the alarm about it; else 0."""
    if not is_told(state.absence) or state.absence is None:
        return 0
    is_open = any(alarm.code == SERVER_AWAY for alarm in state.alarms)
    return minutes_of(state.absence) if is_open else 0


def _extra_s(state: RoomState, session: LiveSession | None, now_ms: int) -> int:
    if session is None:
        return 0
    return session.extra_at(state.clock.elapsed_at(now_ms)) // 1000


def _status(seat: LiveSeat, sitting: SittingState) -> tuple[str, str]:
    session = seat.session
    if seat.is_spare:
        return ("idle", "备用") if seat.is_enrolled else ("idle", "备用，未登记")
    if seat.is_locked:
        return "bad", "登录已锁定"
    if session is None:
        if sitting in OVER_STATES:
            return "idle", "缺考"
        return ("idle", "未登录") if seat.is_enrolled else ("idle", "机位未登记")
    if session.state is SessionState.CLOSED:
        return _CLOSED.get(session.close_reason, ("good", "已结束"))
    if session.moved_at_ms is not None:
        return "warn", "换机中，待登录" if session.connection is None else "换机中，待到场"
    if session.connection is None:
        return "bad", "断线"
    if session.state is SessionState.INTERACTING:
        if session.end_sent_at_ms is not None:
            return "warn", "正在收卷"
        return ("calm", "暂停") if sitting is SittingState.HELD else ("calm", "作答中")
    if not seat.is_present:
        return "warn", f"{_STAGES[session.stage]}，待到场"
    return "ready", "到场，待开考"
