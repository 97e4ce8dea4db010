"""The current responses of a session, from the entries of all its segments.

For every part the entry with the largest (epoch, sequence) holds; the first submit entry in that
order closes the session, and whatever comes after it does not count. The result depends neither on
the order in which entries arrived nor on how often.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from exam_core.formats.journal_entries import (
    Entry,
    ResponseRecorded,
    ReviewFlagSet,
    SessionSubmitted,
    encode_entry,
)
from exam_core.model.identifiers import ItemId, PartId
from exam_core.model.responses import Response


class PlacedEntry(NamedTuple):
    """An entry with its place: the epoch of its segment, and its number in the segment."""

    epoch: int
    seq: int
    entry: Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionContent:
    """What a session holds once its entries are merged.

    Attributes:
        responses: The response that counts for each part that was ever answered.
        flagged: Items marked for review.
        submitted: The submit entry with its place, if there is one.
        late_entries: How many entries came after the submit entry and do not count.
    """

    responses: dict[PartId, Response]
    flagged: frozenset[ItemId]
    submitted: PlacedEntry | None
    late_entries: int


def merge_entries(entries: Iterable[PlacedEntry]) -> SessionContent:
    """Merge the entries of all segments of one session, in any order and however often each.

    Two different entries at one place cannot come from an honest store (it refuses the second as
    `journal.conflict`); should it happen, the one with the larger encoding holds everywhere alike.
    """
    in_order = _in_order(entries)
    responses: dict[PartId, Response] = {}
    flagged: set[ItemId] = set()
    for position, placed in enumerate(in_order):
        match placed.entry:
            case ResponseRecorded(part_id=part_id, response=response):
                responses[part_id] = response
            case ReviewFlagSet(item_id=item_id, is_flagged=is_flagged):
                (flagged.add if is_flagged else flagged.discard)(item_id)
            case SessionSubmitted():
                return SessionContent(
                    responses=responses,
                    flagged=frozenset(flagged),
                    submitted=placed,
                    late_entries=len(in_order) - position - 1,
                )
            case _:
                pass  # a segment's first entry, orders and checkpoints carry no response
    return SessionContent(
        responses=responses, flagged=frozenset(flagged), submitted=None, late_entries=0
    )


def _in_order(entries: Iterable[PlacedEntry]) -> list[PlacedEntry]:
    placed_at: dict[tuple[int, int], PlacedEntry] = {}
    for placed in entries:
        place = (placed.epoch, placed.seq)
        held = placed_at.setdefault(place, placed)
        if held.entry != placed.entry and encode_entry(placed.entry) > encode_entry(held.entry):
            placed_at[place] = placed
    return [placed_at[place] for place in sorted(placed_at)]
