"""What holds for each part now, and by which journal entry: the merge, kept up to date.

The rule is `exam_core.formats.journal_merge`; this adds *where* each value stands, so that a
screen can say how safe it is, and what must be said again because the server can never take the
frame that says it.
"""

from collections.abc import Collection, Iterable
from typing import TypeAlias

from exam_core.formats.journal_entries import (
    Entry,
    ResponseRecorded,
    ReviewFlagSet,
    SessionSubmitted,
)
from exam_core.formats.journal_merge import PlacedEntry, merge_entries
from exam_core.model.identifiers import ItemId, PartId
from exam_core.model.responses import Response

Place: TypeAlias = tuple[int, int]
"""Epoch and sequence number."""


class Answers:
    """The responses and review marks of one session.

    Attributes:
        responses: The response that counts for each part that was ever answered.
        flagged: Items marked for review.
        submitted: The submit entry with its place, once there is one.
        part_places: Which entry each response comes from.
        flag_places: Which entry each review mark, set or taken away, comes from.
    """

    def __init__(self, entries: Iterable[PlacedEntry] = ()) -> None:
        entries = list(entries)
        content = merge_entries(entries)
        self.responses: dict[PartId, Response] = dict(content.responses)
        self.flagged: set[ItemId] = set(content.flagged)
        self.submitted: PlacedEntry | None = content.submitted
        self.part_places: dict[PartId, Place] = {}
        self.flag_places: dict[ItemId, Place] = {}
        for placed in sorted(entries, key=_place):
            if content.submitted is None or _place(placed) < _place(content.submitted):
                self._note(placed)

    def add(self, placed: PlacedEntry) -> None:
        """Take one more entry, which stands behind all others."""
        match placed.entry:
            case ResponseRecorded(part_id=part_id, response=response):
                self.responses[part_id] = response
            case ReviewFlagSet(item_id=item_id, is_flagged=is_flagged):
                (self.flagged.add if is_flagged else self.flagged.discard)(item_id)
            case SessionSubmitted():
                self.submitted = placed
            case _:
                return  # a segment's first entry and an order taken carry no response
        self._note(placed)

    def said_only_at(self, places: Collection[Place], *, at_ms: int) -> list[Entry]:
        """Entries that say again what holds now and stands only at these places.

        The submit entry is not among them: who submits again gets another receipt.
        """
        again: list[Entry] = [
            ResponseRecorded(at_ms=at_ms, part_id=part_id, response=self.responses[part_id])
            for part_id, place in self.part_places.items()
            if place in places
        ]
        again += [
            ReviewFlagSet(at_ms=at_ms, item_id=item_id, is_flagged=item_id in self.flagged)
            for item_id, place in self.flag_places.items()
            if place in places
        ]
        return again

    def _note(self, placed: PlacedEntry) -> None:
        match placed.entry:
            case ResponseRecorded(part_id=part_id):
                self.part_places[part_id] = _place(placed)
            case ReviewFlagSet(item_id=item_id):
                self.flag_places[item_id] = _place(placed)
            case _:
                pass  # only responses and marks are shown as saved


def _place(placed: PlacedEntry) -> Place:
    return placed.epoch, placed.seq
