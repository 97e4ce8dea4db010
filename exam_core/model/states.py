"""The state tables of a sitting and of a candidate's session.

Each table is the whole truth: a pair that is absent is illegal, raises StateError and changes
nothing. The diagrams in `docs/architecture.md` are generated from these tables.
"""

from collections.abc import Mapping
from enum import StrEnum

from exam_core.errors import StateError, declare

SITTING_STATE = declare("sitting.state", "当前场次状态不允许此操作，请先核对考试进度。")
SESSION_STATE = declare("session.state", "考生当前状态不允许此操作，请先核对考生状态。")


class SittingState(StrEnum):
    """Where the room stands."""

    PREPARED = "prepared"  # package imported, roster in place, paper shut
    OPENED = "opened"  # two people opened the paper; identities in memory
    RUNNING = "running"
    HELD = "held"  # the clock stands for everybody
    ENDED = "ended"  # no more responses, but what kiosks still hold is taken
    SEALED = "sealed"  # results fixed and sealed, nothing more is taken; officials sign
    CLOSED = "closed"  # results signed and out; nothing changes any more


SITTING_TITLES: Mapping[SittingState, str] = {
    SittingState.PREPARED: "待启封",
    SittingState.OPENED: "已启封，待开考",
    SittingState.RUNNING: "考试进行中",
    SittingState.HELD: "暂停",
    SittingState.ENDED: "已结束",
    SittingState.SEALED: "结果已固定，待签名",
    SittingState.CLOSED: "已归档",
}
"""What pages and messages call the states."""

OVER_STATES = frozenset({SittingState.ENDED, SittingState.SEALED, SittingState.CLOSED})
"""Nobody writes any more."""

FIXED_STATES = frozenset({SittingState.SEALED, SittingState.CLOSED})
"""Nothing is taken any more: what is not in the results never will be."""


class SittingEvent(StrEnum):
    """What can happen to a sitting."""

    OPEN = "open"
    START = "start"
    HOLD = "hold"
    RESUME = "resume"
    END = "end"
    SEAL = "seal"
    CLOSE = "close"


SITTING_EVENT_TITLES: Mapping[SittingEvent, str] = {
    SittingEvent.OPEN: "启封",
    SittingEvent.START: "开考",
    SittingEvent.HOLD: "暂停",
    SittingEvent.RESUME: "继续",
    SittingEvent.END: "结束考试",
    SittingEvent.SEAL: "固定结果",
    SittingEvent.CLOSE: "导出归档",
}

SITTING_TABLE: Mapping[tuple[SittingState, SittingEvent], SittingState] = {
    (SittingState.PREPARED, SittingEvent.OPEN): SittingState.OPENED,
    (SittingState.OPENED, SittingEvent.START): SittingState.RUNNING,
    (SittingState.RUNNING, SittingEvent.HOLD): SittingState.HELD,
    (SittingState.HELD, SittingEvent.RESUME): SittingState.RUNNING,
    (SittingState.RUNNING, SittingEvent.END): SittingState.ENDED,
    (SittingState.HELD, SittingEvent.END): SittingState.ENDED,
    (SittingState.ENDED, SittingEvent.SEAL): SittingState.SEALED,
    (SittingState.SEALED, SittingEvent.CLOSE): SittingState.CLOSED,
}


class SessionState(StrEnum):
    """One candidate's attempt, in the words of QTI."""

    INITIAL = "initial"  # logged in, the form not yet handed out
    INTERACTING = "interacting"
    SUSPENDED = "suspended"  # the clock stands for this candidate
    CLOSED = "closed"  # submitted, timed out or ended; nothing after it counts


SESSION_TITLES: Mapping[SessionState, str] = {
    SessionState.INITIAL: "待开考",
    SessionState.INTERACTING: "作答中",
    SessionState.SUSPENDED: "暂停",
    SessionState.CLOSED: "已结束",
}


class SessionEvent(StrEnum):
    """What can happen to a session."""

    BEGIN = "begin"
    SUSPEND = "suspend"
    RESUME = "resume"
    SUBMIT = "submit"
    TIME_UP = "time_up"
    END = "end"


SESSION_EVENT_TITLES: Mapping[SessionEvent, str] = {
    SessionEvent.BEGIN: "开始作答",
    SessionEvent.SUSPEND: "暂停",
    SessionEvent.RESUME: "继续",
    SessionEvent.SUBMIT: "交卷",
    SessionEvent.TIME_UP: "到时收卷",
    SessionEvent.END: "收卷",
}

SESSION_TABLE: Mapping[tuple[SessionState, SessionEvent], SessionState] = {
    (SessionState.INITIAL, SessionEvent.BEGIN): SessionState.INTERACTING,
    (SessionState.INITIAL, SessionEvent.END): SessionState.CLOSED,
    (SessionState.INTERACTING, SessionEvent.SUSPEND): SessionState.SUSPENDED,
    (SessionState.SUSPENDED, SessionEvent.RESUME): SessionState.INTERACTING,
    (SessionState.INTERACTING, SessionEvent.SUBMIT): SessionState.CLOSED,
    (SessionState.INTERACTING, SessionEvent.TIME_UP): SessionState.CLOSED,
    (SessionState.INTERACTING, SessionEvent.END): SessionState.CLOSED,
    (SessionState.SUSPENDED, SessionEvent.END): SessionState.CLOSED,
}


def next_sitting_state(state: SittingState, event: SittingEvent) -> SittingState:
    """The state after `event`.

    Raises:
        StateError: `sitting.state`, naming both.
    """
    after = SITTING_TABLE.get((state, event))
    if after is None:
        words = f"场次“{SITTING_TITLES[state]}”时不能“{SITTING_EVENT_TITLES[event]}”"
        raise StateError(SITTING_STATE, words, state=str(state), event=str(event))
    return after


def next_session_state(state: SessionState, event: SessionEvent) -> SessionState:
    """The state after `event`.

    Raises:
        StateError: `session.state`, naming both.
    """
    after = SESSION_TABLE.get((state, event))
    if after is None:
        words = f"考生“{SESSION_TITLES[state]}”时不能“{SESSION_EVENT_TITLES[event]}”"
        raise StateError(SESSION_STATE, words, state=str(state), event=str(event))
    return after
