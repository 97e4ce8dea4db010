"""What holds for each part, and where it stands."""

from exam_client.session.answers import Answers
from exam_core.formats.journal_entries import Entry, ReviewFlagSet
from exam_core.formats.journal_merge import PlacedEntry, merge_entries
from exam_core.model.identifiers import ItemId, PartId
from exam_core.model.responses import ChoiceResponse
from tests.support import builders

P1, P2 = PartId("p1"), PartId("p2")


def _flag(item_id: str, *, is_flagged: bool = True) -> ReviewFlagSet:
    return ReviewFlagSet(at_ms=0, item_id=ItemId(item_id), is_flagged=is_flagged)


def _placed(*entries: Entry, epoch: int = 1) -> list[PlacedEntry]:
    return [PlacedEntry(epoch, seq, entry) for seq, entry in enumerate(entries)]


def _letters(answers: Answers) -> dict[PartId, str]:
    return {
        part_id: response.choice_ids[0][-1]
        for part_id, response in answers.responses.items()
        if isinstance(response, ChoiceResponse)
    }


def test_adding_one_by_one_is_the_same_as_merging() -> None:
    """The running state equals the merge of all entries, places included."""
    entries = _placed(
        builders.segment_started(),
        builders.response_recorded("p1", "A"),
        _flag("i1"),
        builders.response_recorded("p1", "B"),
        _flag("i1", is_flagged=False),
        _flag("i2"),
        builders.session_submitted(),
    )
    running = Answers()
    for entry in entries:
        running.add(entry)

    merged = Answers(reversed(entries))

    assert running.responses == merged.responses == merge_entries(entries).responses
    assert running.flagged == merged.flagged == {ItemId("i2")}
    assert running.part_places == merged.part_places == {P1: (1, 3)}
    assert running.flag_places == merged.flag_places
    assert running.submitted == merged.submitted == entries[-1]


def test_the_later_epoch_holds() -> None:
    """A response of a later epoch holds over any of an earlier one, whatever came in first."""
    late = _placed(builders.response_recorded("p1", "C"), epoch=2)
    early = _placed(builders.response_recorded("p1", "A"), builders.response_recorded("p1", "B"))

    answers = Answers([*late, *early])

    assert _letters(answers) == {P1: "C"}
    assert answers.part_places == {P1: (2, 0)}


def test_nothing_after_the_submit_entry_has_a_place() -> None:
    """Late entries neither count nor say where a response stands."""
    entries = _placed(
        builders.response_recorded("p1", "A"),
        builders.session_submitted(),
        builders.response_recorded("p1", "B"),
    )

    answers = Answers(entries)

    assert _letters(answers) == {P1: "A"}
    assert answers.part_places == {P1: (1, 0)}


def test_only_what_holds_and_is_lost_is_said_again() -> None:
    """Of the lost places those are said again whose value still holds, marks included."""
    entries = _placed(
        builders.response_recorded("p1", "A"),
        builders.response_recorded("p2", "A"),
        _flag("i1"),
        _flag("i2"),
        builders.response_recorded("p1", "B"),
        _flag("i2", is_flagged=False),
    )
    answers = Answers(entries)

    again = answers.said_only_at({(1, 0), (1, 1), (1, 2), (1, 5)}, at_ms=7)

    assert again == [
        builders.response_recorded("p2", "A", at_ms=7),
        ReviewFlagSet(at_ms=7, item_id=ItemId("i1"), is_flagged=True),
        ReviewFlagSet(at_ms=7, item_id=ItemId("i2"), is_flagged=False),
    ]
    assert answers.said_only_at(set(), at_ms=7) == []
