"""Every pair of state and event is either in the table or refused without effect."""

import itertools

import pytest

from exam_core.errors import StateError
from exam_core.model.states import (
    SESSION_EVENT_TITLES,
    SESSION_TABLE,
    SESSION_TITLES,
    SITTING_EVENT_TITLES,
    SITTING_TABLE,
    SITTING_TITLES,
    SessionEvent,
    SessionState,
    SittingEvent,
    SittingState,
    next_session_state,
    next_sitting_state,
)
from tests.support.refusals import refuses

# Written out once more by hand, so that a slip in the table is seen: one row a state, one letter
# an event in the order of the enumeration, "-" where the event is illegal.
SITTINGS = {
    "prepared": "opened - - - - - -",
    "opened": "- running - - - - -",
    "running": "- - held - ended - -",
    "held": "- - - running ended - -",
    "ended": "- - - - - sealed -",
    "sealed": "- - - - - - closed",
    "closed": "- - - - - - -",
}
SESSIONS = {
    "initial": "interacting - - - - closed",
    "interacting": "- suspended - closed closed closed",
    "suspended": "- - interacting - - closed",
    "closed": "- - - - - -",
}


@pytest.mark.parametrize(
    ("state", "event"), list(itertools.product(SittingState, SittingEvent)), ids=str
)
def test_sitting(state: SittingState, event: SittingEvent) -> None:
    """A sitting moves exactly as the hand-written rows say."""
    wanted = SITTINGS[state].split()[list(SittingEvent).index(event)]
    if wanted == "-":
        with refuses(StateError, "sitting.state") as caught:
            next_sitting_state(state, event)
        assert caught.value.facts == {"state": state.value, "event": event.value}
    else:
        assert next_sitting_state(state, event) is SittingState(wanted)


@pytest.mark.parametrize(
    ("state", "event"), list(itertools.product(SessionState, SessionEvent)), ids=str
)
def test_session(state: SessionState, event: SessionEvent) -> None:
    """A session moves exactly as the hand-written rows say."""
    wanted = SESSIONS[state].split()[list(SessionEvent).index(event)]
    if wanted == "-":
        with refuses(StateError, "session.state") as caught:
            next_session_state(state, event)
        assert caught.value.facts == {"state": state.value, "event": event.value}
    else:
        assert next_session_state(state, event) is SessionState(wanted)


def test_closed_is_final_and_reachable() -> None:
    """Nothing leaves CLOSED, and every state can still come there."""
    assert not [pair for pair in SITTING_TABLE if pair[0] is SittingState.CLOSED]
    assert not [pair for pair in SESSION_TABLE if pair[0] is SessionState.CLOSED]
    for table, last in ((SITTING_TABLE, "closed"), (SESSION_TABLE, "closed")):
        reaching = {last}
        for _ in table:
            reaching |= {str(pair[0]) for pair, after in table.items() if str(after) in reaching}
        assert reaching >= {str(pair[0]) for pair in table}


def test_refusals_speak_chinese() -> None:
    """A proctor reads titles; the names of the enumeration are for scripts."""
    with refuses(StateError, "sitting.state") as caught:
        next_sitting_state(SittingState.PREPARED, SittingEvent.END)
    assert caught.value.message == "场次“待启封”时不能“结束考试”"
    with refuses(StateError, "session.state") as caught:
        next_session_state(SessionState.CLOSED, SessionEvent.BEGIN)
    assert caught.value.message == "考生“已结束”时不能“开始作答”"


def test_every_state_and_event_has_a_title() -> None:
    """No message can lack a word."""
    assert set(SITTING_TITLES) == set(SittingState)
    assert set(SESSION_TITLES) == set(SessionState)
    assert set(SITTING_EVENT_TITLES) == set(SittingEvent)
    assert set(SESSION_EVENT_TITLES) == set(SessionEvent)
