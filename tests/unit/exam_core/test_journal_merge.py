"""Merging gives what counts, whatever order and however often the entries came."""

import itertools

from exam_core.formats.journal_entries import Entry, ReviewFlagSet
from exam_core.formats.journal_merge import PlacedEntry, SessionContent, merge_entries
from exam_core.model.identifiers import ItemId
from exam_core.model.responses import ChoiceResponse
from tests.support.builders import response_recorded, segment_started, session_submitted


def placed(epoch: int, *entries: Entry) -> list[PlacedEntry]:
    """The entries of one segment."""
    return [PlacedEntry(epoch, seq, entry) for seq, entry in enumerate(entries)]


def picks(content: SessionContent) -> dict[str, str]:
    """The single choice picked for each part."""
    found: dict[str, str] = {}
    for part_id, response in content.responses.items():
        assert isinstance(response, ChoiceResponse)
        found[str(part_id)] = response.choice_ids[0]
    return found


def test_nothing_merges_to_nothing() -> None:
    """A session without entries has no responses and is not submitted."""
    assert merge_entries([]) == SessionContent(
        responses={}, flagged=frozenset(), submitted=None, late_entries=0
    )


def test_the_later_response_counts() -> None:
    """Within a segment the sequence decides, between segments the epoch."""
    old = placed(1, segment_started(), response_recorded("p1", "A"), response_recorded("p2", "A"))
    new = placed(2, segment_started(), response_recorded("p1", "B"), response_recorded("p1", "C"))

    for entries in (old + new, new + old):
        assert picks(merge_entries(entries)) == {"p1": "p1-C", "p2": "p2-A"}


def test_a_cleared_response_stays_known() -> None:
    """A part that was cleared is there with an empty response; an untouched one is not."""
    cleared = response_recorded("p1", response=ChoiceResponse(choice_ids=()))

    content = merge_entries(placed(1, response_recorded("p1"), cleared))

    assert content.responses == {"p1": ChoiceResponse(choice_ids=())}


def test_flags_follow_the_last_word() -> None:
    """A mark for review can be taken away again."""

    def flag(name: str, *, is_flagged: bool) -> ReviewFlagSet:
        return ReviewFlagSet(at_ms=0, item_id=ItemId(name), is_flagged=is_flagged)

    entries = placed(
        1, flag("i1", is_flagged=True), flag("i2", is_flagged=True), flag("i1", is_flagged=False)
    )

    assert merge_entries(entries).flagged == {"i2"}


def test_nothing_counts_after_the_submit_entry() -> None:
    """Later entries of the same and of later segments are counted as late and left out."""
    first = placed(
        1, response_recorded("p1", "A"), session_submitted(), response_recorded("p1", "B")
    )
    second = placed(2, segment_started(), response_recorded("p2", "A"), session_submitted())

    content = merge_entries(first + second)

    assert picks(content) == {"p1": "p1-A"}
    assert content.submitted == first[1]
    assert content.late_entries == 4


def test_every_order_gives_the_same() -> None:
    """All 720 orders of six entries merge to one content."""
    entries = placed(1, segment_started(), response_recorded("p1", "A"), session_submitted())
    entries += placed(2, response_recorded("p1", "B"), session_submitted(), response_recorded("p2"))
    wanted = merge_entries(entries)

    assert all(merge_entries(order) == wanted for order in itertools.permutations(entries))


def test_repetition_changes_nothing() -> None:
    """Entries that arrive twice, the submit entry and late ones too, count once."""
    entries = placed(1, response_recorded(), session_submitted(), response_recorded("p2"))

    assert merge_entries(entries * 2) == merge_entries(entries)
    assert merge_entries(entries * 2).late_entries == 1


def test_two_entries_at_one_place_do_not_depend_on_order() -> None:
    """Should a store ever hold two, every program picks the same one."""
    first = PlacedEntry(1, 0, response_recorded("p1", "A"))
    second = PlacedEntry(1, 0, response_recorded("p1", "B"))

    assert picks(merge_entries([first, second])) == picks(merge_entries([second, first]))
