"""A kiosk believes what the centre signed, keeps it as evidence, and leaves a server that lies."""

import msgspec

from exam_client import limits
from exam_client.session.closing import Phase
from exam_client.session.evidence import EVIDENCE_NAME, Evidence
from exam_client.session.snapshot import SavedState
from exam_core.protocol.acknowledgements import AckBook, Acknowledged, check_proof
from exam_core.protocol.messages import Attached, Saved
from tests.support import builders
from tests.support.core_steps import begun, phase_of, record, saved_state
from tests.support.kiosk_process import FOLDER, KioskProcess

EVIDENCE = FOLDER.session(builders.SESSION_ID) / EVIDENCE_NAME


def evidence_of(kiosk: KioskProcess) -> Evidence:
    """What stands on the kiosk's disk."""
    return msgspec.json.decode(kiosk.files.read(EVIDENCE, 1_000_000), type=Evidence)


def test_an_acknowledgement_of_another_server_is_not_believed() -> None:
    """The answer is shown as kept here only; the kiosk goes on and connects again."""
    kiosk = begun()
    kiosk.settle()
    good = kiosk.room.acks
    kiosk.room.acks = AckBook(builders.STRANGER, sitting_id=builders.SITTING_ID, boot=1)
    record(kiosk, "A")
    kiosk.send_up()
    kiosk.core.on_message(kiosk._down.popleft())

    assert kiosk.core.wants_reattach
    assert kiosk.core.next_message() is None
    assert "ack.signature" in kiosk.core.attempt.alarms
    assert saved_state(kiosk) is SavedState.KEPT_HERE
    record(kiosk, "B")
    kiosk.room.acks = good
    kiosk.connect()
    kiosk.settle()
    assert saved_state(kiosk) is SavedState.ON_SERVER
    assert kiosk.session.violations == []


def test_a_server_that_cannot_prove_what_it_has_is_left_at_once() -> None:
    """Nothing is sent to it, and nothing counts as saved by its word."""
    kiosk = begun()
    record(kiosk, "A")
    kiosk.cut()
    held = kiosk.session.held(kiosk.core.journal.segment_id)

    kiosk.core.on_message(Attached(epochs=dict(kiosk.session.epochs), held=(held,), proofs=()))

    assert kiosk.core.wants_reattach
    assert kiosk.core.next_message() is None
    assert saved_state(kiosk) is SavedState.KEPT_HERE


def test_the_last_acknowledgements_are_on_disk_as_evidence() -> None:
    """At once, then once a minute, and when the session is closed; anybody can check them."""
    kiosk = begun()
    kiosk.settle()
    first = evidence_of(kiosk)
    record(kiosk, "A")
    kiosk.settle()
    assert evidence_of(kiosk) == first
    kiosk.advance(limits.evidence_interval_ms)
    record(kiosk, "B")
    kiosk.settle()
    assert evidence_of(kiosk) != first
    kiosk.core.attempt.submit()
    kiosk.settle()

    assert phase_of(kiosk) is Phase.CONFIRMED
    evidence = evidence_of(kiosk)
    (segment,) = evidence.segments
    assert segment.held == kiosk.session.held(kiosk.core.journal.segment_id)
    check_proof(
        segment.proof,
        Acknowledged(evidence.session_id, segment.held),
        sitting_id=evidence.sitting_id,
        centre_key=builders.centre().signing_key,
    )


def test_an_older_acknowledgement_takes_nothing_back() -> None:
    """Messages may be late; the highest mark holds, and its proof."""
    kiosk = begun()
    kiosk.settle()
    held = kiosk.session.held(kiosk.core.journal.segment_id)
    early = kiosk.room.saved(kiosk.session, held)
    record(kiosk, "A")
    kiosk.settle()

    kiosk.say(early)

    assert isinstance(early, Saved)
    assert saved_state(kiosk) is SavedState.ON_SERVER
