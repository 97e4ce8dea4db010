"""Steps that the tests of one session's core share."""

from exam_client.journal.recovery import content_of
from exam_client.journal.segment_file import segment_path
from exam_client.session.closing import Phase
from exam_client.session.snapshot import SavedState
from exam_core.formats.journal import SegmentWriter
from exam_core.formats.journal_entries import (
    SegmentStarted,
    SessionSubmitted,
    SubmitReason,
    encode_entry,
)
from exam_core.model.identifiers import ItemId, PartId, SeatId, SegmentId
from exam_core.model.responses import ChoiceResponse
from tests.support import builders
from tests.support.kiosk_process import FOLDER, KioskProcess

P1, P5 = PartId("i1.1"), PartId("i5.1")
ITEM = ItemId("i1")
EARLIER = SegmentId("11" * 16)


def choice_of(letter: str) -> ChoiceResponse:
    """The response that picks this letter in the first item."""
    return ChoiceResponse(
        choice_ids=(builders.choice(letter, choice_id=f"i1.1-{letter}").choice_id,)
    )


def begun() -> KioskProcess:
    """A kiosk whose paper is open."""
    kiosk = KioskProcess()
    kiosk.begin()
    return kiosk


def record(kiosk: KioskProcess, letter: str = "A") -> None:
    """Record a response to the first item."""
    kiosk.core.attempt.record(P1, choice_of(letter))


def responses_of(kiosk: KioskProcess) -> dict[PartId, object]:
    """What the open paper holds."""
    paper = kiosk.core.attempt.paper
    return {} if paper is None else dict(paper.answers.responses)


def saved_state(kiosk: KioskProcess) -> SavedState | None:
    """How safe the first item's response is."""
    paper = kiosk.core.attempt.paper
    return None if paper is None else paper.saved_parts().get(P1)


def phase_of(kiosk: KioskProcess) -> Phase:
    """How far the closing has come."""
    return kiosk.core.attempt.closing.phase


def has_paper(kiosk: KioskProcess) -> tuple[bool, bool]:
    """Whether the package is wanted, and whether the paper is open."""
    return kiosk.core.attempt.wants_package, kiosk.core.attempt.paper is not None


def put_segment(kiosk: KioskProcess, *numbers: int, submit: bool = False) -> list[bytes]:
    """An earlier segment of this session with a response, of which only some frames are left."""
    writer = SegmentWriter(kiosk.session.journal_key, EARLIER, builders.KIOSK)
    started = SegmentStarted(
        at_ms=0,
        session_id=builders.SESSION_ID,
        manifest_sha256=kiosk.package.manifest_sha256 if kiosk.package else "",
        form_number=kiosk.session.form_number,
        seat_id=SeatId("A01"),
        kiosk_key=builders.KIOSK.public_key,
    )
    last = (
        SessionSubmitted(at_ms=3, reason=SubmitReason.CANDIDATE, heads={}, nonce="00" * 16)
        if submit
        else builders.response_recorded("i1.1", "C", at_ms=3)
    )
    entries = (started, builders.response_recorded("i1.1", "B", at_ms=2), last)
    frames = [writer.append(encode_entry(entry)) for entry in entries]
    left = [frames[number] for number in numbers]
    folder = FOLDER.session(builders.SESSION_ID)
    kiosk.files.put(segment_path(folder, EARLIER, 1), content_of(EARLIER, left))
    kiosk.kill()
    return frames


# Before the paper
