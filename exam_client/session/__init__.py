"""How one candidate's attempt is driven at this seat: commands in, snapshots out, no Qt.

`SessionEngine` is the way in for the windows and for the simulator; `KioskSnapshot` is all that
they may know.
"""

from exam_client.session.engine import SessionEngine
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

__all__ = [
    "Alarm",
    "CandidateFacts",
    "Connection",
    "KioskSnapshot",
    "Refusal",
    "SavedState",
    "Screen",
    "SessionEngine",
    "SittingFacts",
]
