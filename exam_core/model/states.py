"""The state tables of a sitting and of a candidate's session.

Each table is the whole truth: a pair that is absent is illegal, raises StateError and changes
nothing. The diagrams in `docs/architecture.md` are generated from these tables.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from exam_core.errors import StateError, declare

SITTING_STATE = declare("sitting.state", "当前场次状态不允许此操作，请先核对考试进度。")
SESSION_STATE = declare("session.state", "考生当前状态不允许此操作，请先核对考生状态。")


class SittingState(StrEnum):
    """Where the room stands."""

    PREPARED = "prepared"  # package imported, roster in place, paper shut
    OPENED = "opened"  # two people opened the paper; identities in memory
    RUNNING = "running"
    HELD = "held"  # the clock stands for everybody
    ENDED = "ended"  # no more responses; results can be exported
    CLOSED = "closed"  # results exported and signed; nothing changes any more


class SittingEvent(StrEnum):
    """What can happen to a sitting."""

    OPEN = "open"
    START = "start"
    HOLD = "hold"
    RESUME = "resume"
    END = "end"
    CLOSE = "close"


SITTING_TABLE: Mapping[tuple[SittingState, SittingEvent], SittingState] = {
    (SittingState.PREPARED, SittingEvent.OPEN): SittingState.OPENED,
    (SittingState.OPENED, SittingEvent.START): SittingState.RUNNING,
    (SittingState.RUNNING, SittingEvent.HOLD): SittingState.HELD,
    (SittingState.HELD, SittingEvent.RESUME): SittingState.RUNNING,
    (SittingState.RUNNING, SittingEvent.END): SittingState.ENDED,
    (SittingState.HELD, SittingEvent.END): SittingState.ENDED,
    (SittingState.ENDED, SittingEvent.CLOSE): SittingState.CLOSED,
}


class SessionState(StrEnum):
    """One candidate's attempt, in the words of QTI."""

    INITIAL = "initial"  # logged in, the form not yet handed out
    INTERACTING = "interacting"
    SUSPENDED = "suspended"  # the clock stands for this candidate
    CLOSED = "closed"  # submitted, timed out or ended; nothing after it counts


class SessionEvent(StrEnum):
    """What can happen to a session."""

    BEGIN = "begin"
    SUSPEND = "suspend"
    RESUME = "resume"
    SUBMIT = "submit"
    TIME_UP = "time_up"
    END = "end"


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

_StateT = TypeVar("_StateT", bound=StrEnum)
_EventT = TypeVar("_EventT", bound=StrEnum)


def next_sitting_state(state: SittingState, event: SittingEvent) -> SittingState:
    """The state after `event`.

    Raises:
        StateError: `sitting.state`, naming both.
    """
    return _next(SITTING_TABLE, state, event, SITTING_STATE)


def next_session_state(state: SessionState, event: SessionEvent) -> SessionState:
    """The state after `event`.

    Raises:
        StateError: `session.state`, naming both.
    """
    return _next(SESSION_TABLE, state, event, SESSION_STATE)


def _next(
    table: Mapping[tuple[_StateT, _EventT], _StateT], state: _StateT, event: _EventT, code: str
) -> _StateT:
    after = table.get((state, event))
    if after is None:
        raise StateError(
            code, f"状态“{state}”下不能执行“{event}”", state=str(state), event=str(event)
        )
    return after
