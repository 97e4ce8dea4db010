"""Laws of the journal: what was finished survives, and merging knows no order."""

import random

from hypothesis import given
from hypothesis import strategies as st

from exam_core.formats.journal import (
    HEADER_BYTES,
    SegmentWriter,
    open_chain,
    segment_header,
)
from exam_core.formats.journal_entries import (
    Entry,
    ResponseRecorded,
    ReviewFlagSet,
    SessionSubmitted,
    SubmitReason,
    decode_entry,
    encode_entry,
)
from exam_core.formats.journal_merge import PlacedEntry, merge_entries
from exam_core.formats.journal_recovery import Health, recover_segment
from exam_core.model.identifiers import ChoiceId, ItemId, PartId, SegmentId
from exam_core.model.responses import BlanksResponse, ChoiceResponse, Response, TextResponse
from tests.support.builders import (
    JOURNAL_KEY,
    KIOSK,
    SEGMENT_ID,
    response_recorded,
    segment_started,
    session_submitted,
)

payload_lists = st.lists(st.binary(max_size=80), max_size=8)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)

responses: st.SearchStrategy[Response] = st.one_of(
    st.lists(st.sampled_from("ABCD").map(ChoiceId), unique=True).map(
        lambda ids: ChoiceResponse(choice_ids=tuple(ids))
    ),
    st.lists(texts, max_size=4).map(lambda given: BlanksResponse(texts=tuple(given))),
    texts.map(lambda text: TextResponse(text=text)),
)
times = st.integers(0, 3_600_000)
entries: st.SearchStrategy[Entry] = st.one_of(
    st.builds(segment_started, at_ms=times),
    st.builds(
        response_recorded,
        st.sampled_from(["p1", "p2", "p3"]),
        at_ms=times,
        response=responses,
    ),
    st.builds(
        ReviewFlagSet,
        at_ms=times,
        item_id=st.sampled_from(["i1", "i2"]).map(ItemId),
        is_flagged=st.booleans(),
    ),
    st.builds(
        session_submitted,
        at_ms=times,
        reason=st.sampled_from(SubmitReason),
        heads=st.dictionaries(texts.map(SegmentId), texts, max_size=2),
    ),
)
placed = st.builds(PlacedEntry, st.integers(1, 3), st.integers(0, 5), entries)


def chain(payloads: list[bytes]) -> list[bytes]:
    """The frames of a segment with these payloads, none for none."""
    writer = SegmentWriter(JOURNAL_KEY, SEGMENT_ID, KIOSK)
    return [writer.append(payload) for payload in payloads]


@given(payloads=payload_lists)
def test_a_segment_comes_back(payloads: list[bytes]) -> None:
    """All payloads come back in order, by recovery and by the strict chain."""
    found = recover_segment(segment_header(SEGMENT_ID) + b"".join(chain(payloads)), JOURNAL_KEY)

    assert found.health is Health.CLEAN
    assert found.payloads == payloads
    assert open_chain(JOURNAL_KEY, SEGMENT_ID, found.frames, KIOSK.public_key) == payloads


@given(payloads=payload_lists.filter(bool), data=st.data())
def test_power_loss_costs_the_unfinished_frame_only(
    payloads: list[bytes], data: st.DataObject
) -> None:
    """A segment cut at any byte gives back exactly the frames that were finished."""
    written = chain(payloads)
    whole = segment_header(SEGMENT_ID) + b"".join(written)
    cut = data.draw(st.integers(HEADER_BYTES, len(whole)), label="power lost at byte")
    zeros = data.draw(st.integers(0, 40), label="zeros behind it")

    left = whole[:cut] + bytes(zeros)

    found = recover_segment(left, JOURNAL_KEY)

    ends = [HEADER_BYTES]
    for frame in written:
        ends.append(ends[-1] + len(frame))
    finished = sum(left.startswith(whole[:end]) for end in ends[1:])
    assert found.frames == written[:finished]
    # Three zeros at the very end of a frame look like its own bytes: then rather an alarm.
    is_near_end = any(0 < end - cut < 4 for end in ends)
    assert found.health is not Health.DAMAGED or is_near_end


@given(payloads=payload_lists.filter(bool), data=st.data())
def test_damage_costs_the_frames_it_hit(payloads: list[bytes], data: st.DataObject) -> None:
    """Every frame that no damage touched is still read, and damage is never called clean."""
    written = chain(payloads)
    spoiled = bytearray(segment_header(SEGMENT_ID) + b"".join(written))
    at = data.draw(st.integers(HEADER_BYTES, len(spoiled) - 1), label="first damaged byte")
    size = data.draw(st.integers(1, 60), label="damaged bytes")
    mask = data.draw(st.integers(1, 255), label="damage")
    for place in range(at, min(at + size, len(spoiled))):
        spoiled[place] ^= mask

    found = recover_segment(bytes(spoiled), JOURNAL_KEY)

    end = HEADER_BYTES
    untouched = []
    for frame in written:
        start, end = end, end + len(frame)
        if end <= at or start >= at + size:
            untouched.append(frame)
    assert found.frames == untouched
    is_last_frame_alone = at >= len(spoiled) - len(written[-1])
    assert found.health is Health.DAMAGED or (
        is_last_frame_alone and found.health is Health.TORN_TAIL
    )


@given(entry=entries)
def test_entries_come_back(entry: Entry) -> None:
    """Every entry decodes from its encoding."""
    assert decode_entry(encode_entry(entry)) == entry


@given(given_entries=st.lists(placed, max_size=12), seed=st.integers(0, 2**32))
def test_merging_knows_neither_order_nor_repetition(
    given_entries: list[PlacedEntry], seed: int
) -> None:
    """Any order of arrival, and any repetition, merges to the same content."""
    rng = random.Random(seed)  # noqa: S311  an order, no secret
    shuffled = given_entries + rng.sample(given_entries, k=len(given_entries) // 2)
    rng.shuffle(shuffled)

    assert merge_entries(shuffled) == merge_entries(given_entries)


@given(given_entries=st.lists(placed, max_size=12, unique_by=lambda one: (one.epoch, one.seq)))
def test_merging_agrees_with_a_plain_reading(given_entries: list[PlacedEntry]) -> None:
    """Reading the entries one by one in the order of places gives the same responses."""
    wanted: dict[PartId, Response] = {}
    submitted = None
    late = 0
    for one in sorted(given_entries, key=lambda one: (one.epoch, one.seq)):
        if submitted is not None:
            late += 1
        elif isinstance(one.entry, SessionSubmitted):
            submitted = one
        elif isinstance(one.entry, ResponseRecorded):
            wanted[one.entry.part_id] = one.entry.response

    content = merge_entries(given_entries)

    assert (content.responses, content.submitted, content.late_entries) == (wanted, submitted, late)
