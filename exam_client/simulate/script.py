"""The steps by which a simulated candidate answers: an order, second thoughts, marks for review.

Pure, and the same for the same seed: a killed simulator that is started again makes the same
script and leaves out what is done.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from exam_core.model.identifiers import ItemId, PartId
from exam_core.model.items import Form, Part
from exam_core.model.responses import (
    BlanksResponse,
    ChoiceResponse,
    Response,
    TextResponse,
    is_empty,
)

_CHANGED_SHARE = 0.06  # about one candidate's second thoughts in sixteen parts
_FLAGGED_SHARE = 0.05
_TYPED_STEPS = 3  # a text is typed in pieces, each recorded as the window would


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Record a response; `is_last` says that the part is done with it."""

    part_id: PartId
    response: Response
    is_last: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """Mark an item for review, or take the mark away."""

    item_id: ItemId
    is_flagged: bool


Step = Answer | Flag


def make_script(form: Form, responses: Mapping[PartId, Response], *, seed: str) -> list[Step]:
    """All steps of one candidate, in order."""
    rng = random.Random(seed)  # noqa: S311  repeatable behaviour, no secret
    parts = {part.part_id: part for part in form.parts()}
    order = list(responses)
    rng.shuffle(order)
    steps: list[Step] = []
    later: list[Step] = []
    for part_id in order:
        response = responses[part_id]
        pieces = list(_pieces(response))
        if rng.random() < _CHANGED_SHARE and (other := _other(parts[part_id], response, rng)):
            steps.append(Answer(part_id=part_id, response=other, is_last=False))
            later += _answers(part_id, pieces)
        else:
            steps += _answers(part_id, pieces)
    flagged = [item.item_id for item in form.items if rng.random() < _FLAGGED_SHARE]
    for item_id in flagged:
        flag = Flag(item_id=item_id, is_flagged=True)
        steps.insert(rng.randrange(len(steps) + 1), flag)
    later += [Flag(item_id=one, is_flagged=False) for one in flagged[::2]]
    return steps + later


def _answers(part_id: PartId, pieces: list[Response]) -> Iterator[Step]:
    for number, piece in enumerate(pieces, 1):
        yield Answer(part_id=part_id, response=piece, is_last=number == len(pieces))


def _pieces(response: Response) -> Iterator[Response]:
    """The response as it grows under the fingers; the last one is whole."""
    match response:
        case ChoiceResponse(choice_ids=choice_ids) if len(choice_ids) > 1:
            for count in range(1, len(choice_ids)):
                yield ChoiceResponse(choice_ids=choice_ids[:count])
        case TextResponse(text=text) if len(text) > _TYPED_STEPS:
            for step in range(1, _TYPED_STEPS):
                yield TextResponse(text=text[: len(text) * step // _TYPED_STEPS])
        case _:
            pass  # one click, or a word in a blank
    yield response


def _other(part: Part, response: Response, rng: random.Random) -> Response | None:
    """Another response that the candidate gives first; None where there is none to give."""
    match response:
        case ChoiceResponse(choice_ids=choice_ids):
            others = [one.choice_id for one in part.choices if (one.choice_id,) != choice_ids]
            return ChoiceResponse(choice_ids=(rng.choice(others),))
        case BlanksResponse(texts=texts):
            return BlanksResponse(texts=("",) * len(texts)) if not is_empty(response) else None
        case TextResponse(text=text):
            return TextResponse(text=text[: len(text) // 2]) if text else None
