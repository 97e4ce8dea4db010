"""Laws of reading a session: garbage never changes what honest frames give, and never raises."""

from hypothesis import given
from hypothesis import strategies as st

from exam_core.formats.journal import SegmentWriter
from exam_core.formats.journal_entries import Entry, ReviewFlagSet, encode_entry
from exam_core.formats.journal_merge import SessionContent
from exam_core.formats.journal_reading import HeldSegment, SessionReading, read_session
from exam_core.model.identifiers import ChoiceId, ItemId, SegmentId
from exam_core.model.responses import ChoiceResponse, TextResponse
from tests.support.builders import (
    JOURNAL_KEY,
    KIOSK,
    response_recorded,
    segment_started,
    session_submitted,
)
from tests.unit.exam_core.test_journal_reading import FACTS, PART_ID

IDS = tuple(SegmentId(f"{number:032x}") for number in range(1, 7))

honest_entries: st.SearchStrategy[Entry] = st.one_of(
    st.sampled_from("ABCD").map(lambda letter: response_recorded(PART_ID, letter)),
    st.booleans().map(
        lambda on: ReviewFlagSet(at_ms=1, item_id=ItemId("i1"), is_flagged=on),
    ),
)
hostile_payloads = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [
            encode_entry(response_recorded("elsewhere")),
            encode_entry(response_recorded(PART_ID, response=TextResponse(text="甲"))),
            encode_entry(
                response_recorded(PART_ID, response=ChoiceResponse(choice_ids=(ChoiceId("x"),)))
            ),
            encode_entry(segment_started()),
            encode_entry(ReviewFlagSet(at_ms=1, item_id=ItemId("x"), is_flagged=True)),
        ]
    ),
)
"""What a kiosk with its key can seal, and what counts for nothing."""


def sealed(segment_id: SegmentId, payloads: list[bytes]) -> list[bytes]:
    """The chained frames of these payloads."""
    writer = SegmentWriter(JOURNAL_KEY, segment_id, KIOSK)
    return [writer.append(payload) for payload in payloads]


def held(frames: list[list[bytes]]) -> list[HeldSegment]:
    """These segments, each attached after the one before."""
    return [
        HeldSegment(segment_id=segment_id, signing_key=KIOSK.public_key, epoch=epoch, frames=one)
        for epoch, (segment_id, one) in enumerate(zip(IDS, frames, strict=False), 1)
    ]


def result(content: SessionContent) -> object:
    """What of a session becomes a score."""
    submitted = content.submitted.entry if content.submitted else None
    return content.responses, content.flagged, submitted


@given(
    segments=st.lists(st.lists(honest_entries, max_size=5), min_size=1, max_size=3),
    is_submitted=st.booleans(),
    data=st.data(),
)
def test_garbage_never_changes_what_honest_frames_give(
    segments: list[list[Entry]], data: st.DataObject, *, is_submitted: bool
) -> None:
    """Sealed nonsense anywhere, garbage at the end, and whole segments of garbage."""
    entries = [[segment_started(), *one] for one in segments]
    if is_submitted:
        entries[-1].append(session_submitted())
    plain: list[list[bytes]] = []
    spoiled: list[list[bytes]] = []
    for segment_id, one in zip(IDS, entries, strict=False):
        plain.append(sealed(segment_id, [encode_entry(entry) for entry in one]))
        payloads: list[bytes] = []
        for entry in one:
            payloads.append(encode_entry(entry))
            payloads += data.draw(st.lists(hostile_payloads, max_size=2), label="sealed nonsense")
        tail = data.draw(st.lists(st.binary(max_size=90), max_size=2), label="garbage behind it")
        spoiled.append([*sealed(segment_id, payloads), *tail])
    extra = data.draw(st.lists(st.lists(st.binary(max_size=90), max_size=3), max_size=3))

    reading = read_session(FACTS, held(spoiled + extra))

    honest = read_session(FACTS, held(plain))
    assert result(reading.content) == result(honest.content)
    assert honest.anomalies == ()


@given(
    entries=st.lists(honest_entries, max_size=6),
    frames=st.lists(st.binary(max_size=90), min_size=1, max_size=3),
    data=st.data(),
)
def test_damage_ends_a_segment_and_keeps_what_stood_before(
    entries: list[Entry], frames: list[bytes], data: st.DataObject
) -> None:
    """Foreign bytes at any place leave what a segment that ends there would give."""
    payloads = [encode_entry(entry) for entry in (segment_started(), *entries)]
    whole = sealed(IDS[0], payloads)
    at = data.draw(st.integers(0, len(whole)), label="where")

    def read(given_frames: list[bytes]) -> SessionReading:
        return read_session(FACTS, held([given_frames]))

    reading = read([*whole[:at], *frames, *whole[at:]])

    assert result(reading.content) == result(read(whole[:at]).content)
    (anomaly,) = reading.anomalies
    assert (anomaly.seq, anomaly.frames) == (at, len(frames) + len(whole) - at)
