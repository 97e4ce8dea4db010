"""How a session ends at this seat: collect what is typed, submit, have it confirmed.

    OPEN -> COLLECTING -> SUBMITTED -> CONFIRMED        time is up, or the proctor's end
    OPEN -> SUBMITTED -> CONFIRMED                      the candidate submits
    OPEN -> ENDED                                       ended before the paper was open here
    ENDED -> SUBMITTED -> CONFIRMED                     and then it could be opened after all

A session never comes back from a later phase to an earlier one.
"""

from enum import StrEnum

from exam_client.session.resume import SubmitPlace
from exam_core.errors import StateError, declare
from exam_core.formats.journal_entries import SubmitReason

CLIENT_CLOSED = declare("client.closed", "考试已经结束，不能再作答；已作答的内容不受影响。")


class Phase(StrEnum):
    """How far the end has come."""

    OPEN = "open"
    COLLECTING = "collecting"
    SUBMITTED = "submitted"
    CONFIRMED = "confirmed"
    ENDED = "ended"


class Closing:
    """The end of one session.

    Attributes:
        phase: How far it has come.
        reason: Why it ends; None while it does not.
        place: Where the submit entry stands; None until it does.
        until_ms: When to stop waiting: for typed text while collecting, for the server after.
    """

    def __init__(self) -> None:
        self.phase = Phase.OPEN
        self.reason: SubmitReason | None = None
        self.place: SubmitPlace | None = None
        self.until_ms = 0

    @property
    def is_writable(self) -> bool:
        """Whether responses still count."""
        return self.phase in {Phase.OPEN, Phase.COLLECTING}

    def require_writable(self) -> None:
        """Refuse what comes too late.

        Raises:
            StateError: `client.closed`.
        """
        if not self.is_writable:
            raise StateError(CLIENT_CLOSED, "考试已经结束", phase=str(self.phase))

    def collect(self, reason: SubmitReason, *, until_ms: int) -> bool:
        """Begin to end; False when the end has begun already."""
        if self.phase is not Phase.OPEN:
            return False
        self.phase, self.reason, self.until_ms = Phase.COLLECTING, reason, until_ms
        return True

    def submit(self, place: SubmitPlace, *, until_ms: int) -> None:
        """The submit entry stands in the journal."""
        self.phase, self.reason = Phase.SUBMITTED, place.reason
        self.place, self.until_ms = place, until_ms

    def confirm(self) -> None:
        """The server has the submit entry."""
        self.phase = Phase.CONFIRMED

    def end(self, reason: SubmitReason) -> bool:
        """The server ended a session whose paper is not open here; False when it is closed."""
        if self.phase is not Phase.OPEN:
            return False
        self.phase, self.reason = Phase.ENDED, reason
        return True
