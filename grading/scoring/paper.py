"""Ties the parts of every form to the items they were made from."""

from collections.abc import Mapping
from dataclasses import dataclass

from exam_core.keys.model import AnswerKey, KeyedItem, KeyedPart, MappedPart
from exam_core.model.identifiers import FormNumber
from grading.scoring.outcome import PartRef


@dataclass(frozen=True, slots=True, kw_only=True)
class FormPart:
    """One part of one form: as authored, and as it stands on the form."""

    ref: PartRef
    item: KeyedItem
    part: KeyedPart
    mapped: MappedPart


def form_parts(key: AnswerKey) -> Mapping[FormNumber, tuple[FormPart, ...]]:
    """The parts of each form, in the order of the answer key's items, so alike for all forms."""
    place = {item.bank_item_id: number for number, item in enumerate(key.items)}
    forms = {}
    for form in key.forms:
        parts = []
        for mapped_item in sorted(form.items, key=lambda mapped: place[mapped.bank_item_id]):
            item = key.items[place[mapped_item.bank_item_id]]
            pairs = zip(item.parts, mapped_item.parts, strict=True)
            for index, (part, mapped) in enumerate(pairs):
                ref = PartRef(bank_item_id=item.bank_item_id, part_index=index)
                parts.append(FormPart(ref=ref, item=item, part=part, mapped=mapped))
        forms[form.form_number] = tuple(parts)
    return forms
