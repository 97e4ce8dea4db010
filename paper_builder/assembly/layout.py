"""How do the same items stand on each form? In an order of its own, under names of its own.

Items are grouped by type in the order of ItemType and shuffled within it; choices are shuffled,
except 正确 and 错误; the parts of a case keep their order. Ids are drawn from the form's stream,
whose key is secret until the sitting has closed: neither an id nor its place tells the author's
order.
"""

import msgspec

from exam_core.keys.model import (
    LETTERS,
    BlanksKey,
    FormMap,
    KeyedImage,
    KeyedItem,
    KeyedPart,
    MappedItem,
    MappedPart,
)
from exam_core.model.identifiers import ChoiceId, FormNumber, ImageId, ItemId, PaperId, PartId
from exam_core.model.images import ItemImage
from exam_core.model.items import Choice, Form, Item, ItemType, Part
from paper_builder.assembly.rng import Drbg

_ID_WORDS = 2  # 64 bits, 16 hex digits
_IMAGE_ID_WORDS = 4  # 128 bits, 32 hex digits


class LaidOutForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A form, and the map that leads from it back to the bank."""

    form: Form
    form_map: FormMap


def lay_out_form(
    items: tuple[KeyedItem, ...],
    *,
    paper_id: PaperId,
    title: str,
    form_number: FormNumber,
    key: bytes,
) -> LaidOutForm:
    """One form of these items; a function of the arguments alone.

    Args:
        items: With the points they have on the paper.
        paper_id: Written on every form.
        title: Written on every form.
        form_number: From 1; each has streams of its own.
        key: The secret key of the draw.
    """
    order = Drbg(key, f"form/{form_number}/items")
    maker = _FormMaker(key, form_number)
    shown, mapped = [], []
    for item_type in ItemType:
        for source in order.shuffled([item for item in items if item.item_type is item_type]):
            item, mapped_item = maker.item(source)
            shown.append(item)
            mapped.append(mapped_item)
    return LaidOutForm(
        form=Form(paper_id=paper_id, form_number=form_number, title=title, items=tuple(shown)),
        form_map=FormMap(form_number=form_number, items=tuple(mapped)),
    )


def image_id(key: bytes, sha256: str) -> ImageId:
    """The name of a picture on this paper: the same on every form, and of no other paper."""
    return ImageId(Drbg(key, f"image/{sha256}").hex_digits(_IMAGE_ID_WORDS))


class _FormMaker:
    def __init__(self, key: bytes, form_number: FormNumber) -> None:
        self._choices = Drbg(key, f"form/{form_number}/choices")
        self._ids = Drbg(key, f"form/{form_number}/ids")
        self._key = key
        self._taken: set[str] = set()

    def item(self, source: KeyedItem) -> tuple[Item, MappedItem]:
        item_id = ItemId(self._new_id())
        parts = [self._part(part) for part in source.parts]
        item = Item(
            item_id=item_id,
            item_type=source.item_type,
            parts=tuple(part for part, _ in parts),
            material=source.material,
            images=tuple(self._image(image) for image in source.images),
        )
        mapped = MappedItem(
            item_id=item_id,
            bank_item_id=source.bank_item_id,
            parts=tuple(mapped_part for _, mapped_part in parts),
        )
        return item, mapped

    def _image(self, source: KeyedImage) -> ItemImage:
        return ItemImage(
            image_id=image_id(self._key, source.sha256),
            media_type=source.media_type,
            width=source.width,
            height=source.height,
            alternative_text=source.alternative_text,
        )

    def _part(self, source: KeyedPart) -> tuple[Part, MappedPart]:
        part_id = PartId(self._new_id())
        lettered = list(zip(LETTERS, source.choices, strict=False))
        if source.item_type is not ItemType.TRUE_FALSE:
            lettered = self._choices.shuffled(lettered)
        offered = [(ChoiceId(self._new_id()), letter, text) for letter, text in lettered]
        part = Part(
            part_id=part_id,
            item_type=source.item_type,
            stem=source.stem,
            points_milli=source.points_milli,
            choices=tuple(Choice(choice_id=name, text=text) for name, _, text in offered),
            blank_count=len(source.key.blanks) if isinstance(source.key, BlanksKey) else 0,
        )
        letters = {name: letter for name, letter, _ in offered}
        order = "".join(letters.values())
        return part, MappedPart(part_id=part_id, letters=letters, order=order)

    def _new_id(self) -> str:
        while (name := self._ids.hex_digits(_ID_WORDS)) in self._taken:
            pass
        self._taken.add(name)
        return name
