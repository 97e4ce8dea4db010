"""From what a candidate knows to a response on this form, and names that no form shuffles.

Pure. Choice ids are opaque and differ on every form, so knowledge speaks of texts.
"""

import hashlib
from collections.abc import Mapping, Sequence

from exam_client.simulate.plan import Knowledge
from exam_core.formats.canonical import encode_canonical
from exam_core.model.identifiers import PartId
from exam_core.model.items import Form, Item, Part
from exam_core.model.responses import (
    BlanksResponse,
    ChoiceResponse,
    Response,
    TextResponse,
    check_fits,
)


def known_responses(form: Form, knowledge: Sequence[Knowledge]) -> dict[PartId, Response]:
    """The response to every part that the candidate knows something of, in form order.

    Where several pieces of knowledge fit a part, the one that says most about it holds.

    Raises:
        InputError: `response.misfit`, when a piece of knowledge is no response to its part.
    """
    by_stem: dict[str, list[Knowledge]] = {}
    for piece in knowledge:
        by_stem.setdefault(piece.stem, []).append(piece)
    responses: dict[PartId, Response] = {}
    for item in form.items:
        for part in item.parts:
            fitting = [one for one in by_stem.get(part.stem, ()) if _fits(one, item, part)]
            if fitting:
                response = _response(max(fitting, key=_says), part)
                check_fits(part, response)
                responses[part.part_id] = response
    return responses


def stem_sha256(item: Item, part: Part) -> str:
    """A name for the part that is the same on every form: material, stem, texts of choices."""
    texts = sorted(choice.text for choice in part.choices)
    return _sha256([item.material, part.stem, texts])


def response_sha256(response: Response) -> str:
    """The digest of a response as it stands in the journal."""
    return _sha256(response)


def content_sha256(part: Part, response: Response) -> str:
    """The digest of a response in words: the same on every form."""
    match response:
        case ChoiceResponse(choice_ids=choice_ids):
            texts: Mapping[str, str] = {one.choice_id: one.text for one in part.choices}
            return _sha256(sorted(texts[choice_id] for choice_id in choice_ids))
        case BlanksResponse(texts=blanks):
            return _sha256(list(blanks))
        case TextResponse(text=text):
            return _sha256(text)


def _fits(piece: Knowledge, item: Item, part: Part) -> bool:
    texts = [choice.text for choice in part.choices]
    if piece.material is not None and piece.material != item.material:
        return False
    if piece.choices is not None and sorted(piece.choices) != sorted(texts):
        return False
    if piece.pick is not None:
        return bool(texts) and set(piece.pick) <= set(texts)
    if piece.blanks is not None:
        return len(piece.blanks) == part.blank_count
    return not texts and part.blank_count == 0


def _says(piece: Knowledge) -> int:
    return (piece.choices is not None) + (piece.material is not None)


def _response(piece: Knowledge, part: Part) -> Response:
    if piece.pick is not None:
        ids = {choice.text: choice.choice_id for choice in part.choices}
        return ChoiceResponse(choice_ids=tuple(ids[text] for text in piece.pick))
    if piece.blanks is not None:
        return BlanksResponse(texts=piece.blanks)
    return TextResponse(text=piece.text or "")


def _sha256(value: object) -> str:
    return hashlib.sha256(encode_canonical(value)).hexdigest()
