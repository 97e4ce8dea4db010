"""Laws of the kiosk's journal: whatever is damaged, what is left is true and nothing is made up."""

from pathlib import Path

import hypothesis.strategies as st
from hypothesis import given

from exam_client.journal import SessionJournal
from exam_client.journal.recovery import content_of, read_segment
from exam_client.journal.segment_file import segment_path
from exam_client.session.answers import Answers
from exam_core.formats.journal_entries import Entry, ReviewFlagSet
from exam_core.formats.journal_merge import PlacedEntry, merge_entries
from exam_core.model.identifiers import ItemId, SegmentId
from tests.support import builders
from tests.support.memory_files import MemoryFiles

KEY = builders.JOURNAL_KEY
SEGMENT_ID = builders.SEGMENT_ID
OWN = SegmentId("aa" * 16)
FOLDER = Path("/session")
FRAMES = builders.frames()
ENTRIES = builders.entries()
WHOLE = content_of(SEGMENT_ID, FRAMES)

responses = st.builds(
    builders.response_recorded,
    st.sampled_from(["p1", "p2", "p3"]),
    st.sampled_from("ABCD"),
)
marks = st.builds(
    lambda item, is_flagged: ReviewFlagSet(at_ms=0, item_id=ItemId(item), is_flagged=is_flagged),
    st.sampled_from(["i1", "i2"]),
    st.booleans(),
)
entries = st.one_of(responses, responses, marks, st.just(builders.session_submitted()))
placed_entries = st.lists(st.tuples(st.integers(1, 3), entries), max_size=30)


def _placed(drawn: list[tuple[int, Entry]]) -> list[PlacedEntry]:
    counts: dict[int, int] = {}
    placed = []
    for epoch, entry in drawn:
        placed.append(PlacedEntry(epoch, counts.setdefault(epoch, 0), entry))
        counts[epoch] += 1
    return placed


@given(drawn=placed_entries, data=st.data())
def test_answers_are_the_merge_in_any_order(
    drawn: list[tuple[int, Entry]], data: st.DataObject
) -> None:
    """Responses, marks and submit entry equal the merge rule's, in whatever order they came."""
    placed = _placed(drawn)
    expected = merge_entries(placed)

    answers = Answers(data.draw(st.permutations(placed)))

    assert answers.responses == expected.responses
    assert answers.flagged == expected.flagged
    assert answers.submitted == expected.submitted
    assert set(answers.part_places) == set(expected.responses)


@given(damage=st.lists(st.tuples(st.integers(20, len(WHOLE) - 1), st.integers(1, 255)), max_size=6))
def test_damage_never_makes_up_an_entry(damage: list[tuple[int, int]]) -> None:
    """Altered bytes cost the frames that they hit; what is read was written, in its place."""
    content = bytearray(WHOLE)
    for at, flip in damage:
        content[at] ^= flip

    found = read_segment(SEGMENT_ID, [bytes(content)], KEY, builders.KIOSK.public_key)

    assert found.frames == FRAMES[: len(found.frames)]
    assert tuple(found.entries) == ENTRIES[: len(found.entries)]
    assert all(ENTRIES[seq] == entry for seq, entry in found.stranded.items())


@given(
    cuts=st.lists(st.integers(0, len(WHOLE)), min_size=1, max_size=4),
    parts=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=4),
)
def test_files_and_frames_sent_back_join_to_the_longest_history(
    cuts: list[int], parts: list[tuple[int, int]]
) -> None:
    """Cut files and frames sent back, in any order, give every frame that some of them has."""
    files = MemoryFiles()
    for number, cut in enumerate(cuts, 1):
        files.put(segment_path(FOLDER, SEGMENT_ID, number), WHOLE[:cut])
    journal = SessionJournal(
        files, FOLDER, signer=builders.KIOSK, clock_ms=lambda: 0, segment_id=OWN
    )
    journal.unlock(KEY)
    have = set(range(len(journal.frames(SEGMENT_ID))))
    for start, stop in parts:
        sent = FRAMES[start:stop]
        if set(range(start)) <= have:
            journal.restore(SEGMENT_ID, sent)
            have |= set(range(start, max(start, min(stop, len(FRAMES)))))

    assert list(journal.frames(SEGMENT_ID)) == FRAMES[: len(have)]
    again = SessionJournal(files, FOLDER, signer=builders.KIOSK, clock_ms=lambda: 0)
    again.unlock(KEY)
    assert list(again.frames(SEGMENT_ID)) == FRAMES[: len(have)]
