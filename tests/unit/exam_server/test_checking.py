"""Which frames count, which are flagged, and which cannot take a place."""

import pytest

from exam_core.errors import IntegrityError
from exam_core.formats.journal import SegmentWriter, first_head
from exam_core.formats.journal_entries import Entry, ReviewFlagSet, encode_entry
from exam_core.formats.journal_reading import FormShape
from exam_core.model.identifiers import FormNumber, ItemId, PartId
from exam_core.model.responses import ChoiceResponse, TextResponse
from exam_server.room.saving.checking import AnswerTally, SegmentChecker, SessionFacts
from tests.support import builders

FORM = builders.form()
FACTS = SessionFacts(
    session_id=builders.SESSION_ID,
    manifest_sha256="ab" * 32,
    form_number=FormNumber(1),
    shape=FormShape(
        parts={part.part_id: part for part in FORM.parts()},
        item_ids=frozenset(item.item_id for item in FORM.items),
    ),
    journal_key=builders.JOURNAL_KEY,
)


def refusal_of(*entries: Entry) -> str:
    """The code that flags the last of these entries, or empty."""
    writer = SegmentWriter(builders.JOURNAL_KEY, builders.SEGMENT_ID, builders.KIOSK)
    checker = SegmentChecker(FACTS, builders.SEGMENT_ID, builders.KIOSK.public_key)
    refusal = None
    for entry in entries:
        head = writer.head
        refusal = checker.check(writer.append(encode_entry(entry)), head).refusal
    return refusal[0] if refusal else ""


def test_an_honest_segment_counts() -> None:
    """Started, a response, a mark for review, submitted: nothing is flagged."""
    started = builders.segment_started()
    flag = ReviewFlagSet(at_ms=1, item_id=ItemId("i1"), is_flagged=True)

    assert refusal_of(started) == ""
    assert refusal_of(started, builders.response_recorded("i1.1")) == ""
    assert refusal_of(started, flag) == ""
    assert refusal_of(started, builders.session_submitted()) == ""


def test_a_response_for_a_part_not_on_the_form_is_flagged() -> None:
    """The code says that the part is unknown."""
    started = builders.segment_started()
    flag = ReviewFlagSet(at_ms=1, item_id=ItemId("other"), is_flagged=True)

    assert refusal_of(started, builders.response_recorded("other")) == "response.unknown_part"
    assert refusal_of(started, flag) == "response.unknown_part"


@pytest.mark.parametrize(
    "response",
    [TextResponse(text="甲"), ChoiceResponse(choice_ids=("elsewhere",))],  # type: ignore[arg-type]
)
def test_a_response_that_does_not_fit_its_part_is_flagged(
    response: TextResponse | ChoiceResponse,
) -> None:
    """Text for a choice, or a choice of another part."""
    entry = builders.response_recorded("i1.1", response=response)
    assert refusal_of(builders.segment_started(), entry) == "response.misfit"


@pytest.mark.parametrize(
    "fields", [{"session_id": "00" * 16}, {"manifest_sha256": "00" * 32}, {"form_number": 2}]
)
def test_a_segment_of_another_session_paper_or_form_is_flagged(fields: dict[str, object]) -> None:
    """The first entry must name this session, this package and this form."""
    assert refusal_of(builders.segment_started(**fields)) == "journal.entry"


def test_the_first_entry_and_only_the_first_starts_a_segment() -> None:
    """A response first, or a second start, is flagged."""
    started = builders.segment_started()

    assert refusal_of(builders.response_recorded("i1.1")) == "journal.entry"
    assert refusal_of(started, started) == "journal.entry"


def test_a_payload_that_is_no_entry_is_flagged() -> None:
    """The frame is sound and keeps its place; what it says does not count."""
    writer = SegmentWriter(builders.JOURNAL_KEY, builders.SEGMENT_ID, builders.KIOSK)
    frame = writer.append(b"nonsense")
    checked = SegmentChecker(FACTS, builders.SEGMENT_ID, builders.KIOSK.public_key).check(
        frame, first_head(builders.SEGMENT_ID)
    )

    assert checked.entry is None
    assert checked.refusal
    assert checked.refusal[0] == "journal.entry"


def test_a_frame_that_was_altered_or_not_chained_takes_no_place() -> None:
    """Seal and chain are checked before anything is read."""
    writer = SegmentWriter(builders.JOURNAL_KEY, builders.SEGMENT_ID, builders.KIOSK)
    frame = writer.append(encode_entry(builders.segment_started()))
    checker = SegmentChecker(FACTS, builders.SEGMENT_ID, builders.KIOSK.public_key)
    altered = frame[:-1] + bytes([frame[-1] ^ 1])

    with pytest.raises(IntegrityError, match=r"journal\.frame"):
        checker.check(altered, first_head(builders.SEGMENT_ID))
    with pytest.raises(IntegrityError, match=r"journal\.chain"):
        checker.check(frame, bytes(32))


def test_the_tally_counts_the_latest_response_of_each_part() -> None:
    """A later epoch wins, whatever comes first; a cleared response is no answer."""
    tally = AnswerTally()
    cleared = builders.response_recorded("p1", response=ChoiceResponse(choice_ids=()))

    tally.note(builders.response_recorded("p1"), epoch=1, seq=5)
    tally.note(builders.response_recorded("p2"), epoch=1, seq=6)
    assert tally.answered == 2
    tally.note(cleared, epoch=2, seq=1)
    assert tally.answered == 1
    tally.note(builders.response_recorded("p1"), epoch=1, seq=9)
    assert tally.answered == 1
    tally.note(builders.segment_started(), epoch=3, seq=0)
    tally.note(None, epoch=3, seq=1)
    assert tally.answered == 1


def test_part_ids_of_the_test_form_are_as_expected() -> None:
    """The tests above name parts of the builder's form."""
    assert PartId("i1.1") in FACTS.shape.parts


def test_what_was_found_not_to_count_is_shown_as_open() -> None:
    """Entries of another segment, and earlier ones of the same, stay."""
    tally = AnswerTally()
    for part, epoch, seq in (("a", 1, 1), ("b", 1, 2), ("c", 2, 2)):
        tally.note(builders.response_recorded(part), epoch=epoch, seq=seq)

    tally.forget(epoch=1, from_seq=2)

    assert tally.answered == 2
