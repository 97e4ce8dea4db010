"""How far each item is answered: pure decisions on a form and its responses."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from exam_core.model.identifiers import ItemId, PartId
from exam_core.model.items import Form, Item
from exam_core.model.responses import BlanksResponse, Response, is_empty


class Progress(Enum):
    """How much of an item has been answered."""

    UNANSWERED = auto()
    PARTIAL = auto()  # a blank or a part of a case is still empty
    ANSWERED = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class FormProgress:
    """Where the candidate stands; numbers count from 1, in the order of the form."""

    of_items: Mapping[ItemId, Progress]
    unanswered: tuple[int, ...]
    partial: tuple[int, ...]
    flagged: tuple[int, ...]

    @property
    def answered_count(self) -> int:
        """Items with nothing left out."""
        return len(self.of_items) - len(self.unanswered) - len(self.partial)


def item_progress(item: Item, responses: Mapping[PartId, Response]) -> Progress:
    """How much of one item has been answered."""
    parts = [_part_progress(responses.get(part.part_id)) for part in item.parts]
    if all(progress is Progress.ANSWERED for progress in parts):
        return Progress.ANSWERED
    if all(progress is Progress.UNANSWERED for progress in parts):
        return Progress.UNANSWERED
    return Progress.PARTIAL


def form_progress(
    form: Form, responses: Mapping[PartId, Response], flagged: frozenset[ItemId]
) -> FormProgress:
    """How much of the whole form has been answered, and what is marked for review."""
    of_items = {item.item_id: item_progress(item, responses) for item in form.items}
    numbered = list(enumerate(form.items, 1))
    return FormProgress(
        of_items=of_items,
        unanswered=tuple(n for n, i in numbered if of_items[i.item_id] is Progress.UNANSWERED),
        partial=tuple(n for n, i in numbered if of_items[i.item_id] is Progress.PARTIAL),
        flagged=tuple(n for n, i in numbered if i.item_id in flagged),
    )


def _part_progress(response: Response | None) -> Progress:
    if response is None or is_empty(response):
        return Progress.UNANSWERED
    if isinstance(response, BlanksResponse) and not all(text.strip() for text in response.texts):
        return Progress.PARTIAL
    return Progress.ANSWERED
