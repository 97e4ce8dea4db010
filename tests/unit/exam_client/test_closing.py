"""How a session ends: each step once, never back."""

import pytest

from exam_client.session.closing import Closing, Phase
from exam_client.session.resume import SubmitPlace
from exam_core.errors import StateError
from exam_core.formats.journal_entries import SubmitReason
from tests.support import builders
from tests.support.refusals import refuses

PLACE = SubmitPlace(
    segment_id=builders.SEGMENT_ID, seq=3, receipt="ab", reason=SubmitReason.TIME_UP
)


def test_an_open_session_takes_responses_until_it_is_submitted() -> None:
    """Responses count while it is open and while typed text is collected, not after."""
    closing = Closing()
    closing.require_writable()
    assert closing.collect(SubmitReason.TIME_UP, until_ms=9)
    closing.require_writable()

    closing.submit(PLACE, until_ms=20)

    assert (closing.phase, closing.reason, closing.until_ms) == (
        Phase.SUBMITTED,
        SubmitReason.TIME_UP,
        20,
    )
    with refuses(StateError, "client.closed"):
        closing.require_writable()
    closing.confirm()
    assert not closing.is_writable


@pytest.mark.parametrize("reason", list(SubmitReason))
def test_it_ends_for_one_reason(reason: SubmitReason) -> None:
    """The first reason holds; a second end changes nothing."""
    closing = Closing()
    assert closing.collect(reason, until_ms=1)

    assert not closing.collect(SubmitReason.PROCTOR, until_ms=2)
    assert not closing.end(SubmitReason.PROCTOR)

    assert (closing.reason, closing.until_ms) == (reason, 1)


def test_a_session_without_a_paper_just_ends() -> None:
    """Ended before the paper was open here: there is nothing to submit."""
    closing = Closing()

    assert closing.end(SubmitReason.PROCTOR)

    assert (closing.phase, closing.place) == (Phase.ENDED, None)
    assert not closing.is_writable
