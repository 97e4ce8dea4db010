"""How does one item of a plain text become an item of the bank?"""

import hashlib
from dataclasses import dataclass, field

from exam_core.formats.canonical import encode_canonical
from exam_core.keys.model import KeyedImage, KeyedItem
from exam_core.model.identifiers import BankItemId
from exam_core.model.items import ItemType
from paper_builder.bank.build import PartNotes, build_part
from paper_builder.bank.check import check_item, refuse
from paper_builder.bank.fields import DEFAULT_DIFFICULTY_MILLI, DEFAULT_POINTS_MILLI, clean_text

_ID_DIGITS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class TextDefaults:
    """What a text does not say about its items."""

    domain: str
    knowledge_point: str = ""
    difficulty_milli: int = DEFAULT_DIFFICULTY_MILLI
    legal_basis: str = ""


@dataclass(slots=True, kw_only=True)
class TextItem:
    """An item as its lines gave it; `fault` is the first thing wrong with them."""

    line: int
    number: int
    stem: str
    choices: list[str] = field(default_factory=list)
    key: str | None = None
    explanation: str = ""
    pictures: str = ""
    fault: str = ""
    fault_line: int = 0
    notes: PartNotes = field(default_factory=PartNotes)

    def blame(self, line: int, reason: str) -> None:
        """Remember the first fault; the item will be left out."""
        if not self.fault:
            self.fault, self.fault_line = reason, line


def build_text_item(
    source: TextItem,
    item_type: ItemType | None,
    defaults: TextDefaults,
    images: tuple[KeyedImage, ...] = (),
) -> KeyedItem:
    """The item; its id is derived from its wording, so that a corrected key is a new version.

    Raises:
        InputError: `import.item`.
    """
    if item_type is None:
        raise refuse("试题之前没有题型标题")
    if item_type in {ItemType.SHORT_ANSWER, ItemType.CASE}:
        raise refuse("文本格式不能导入简答题和案例题，请使用 .xlsx 题库表")
    if source.fault:
        raise refuse(source.fault)
    if not source.key:
        raise refuse("没有答案")
    part = build_part(
        item_type=item_type,
        stem=clean_text(source.stem),
        choices=tuple(clean_text(choice) for choice in source.choices),
        answer=_plain_key(source.key, item_type),
        marking="",
        points_milli=DEFAULT_POINTS_MILLI,
        notes=source.notes,
    )
    wording = encode_canonical([item_type, part.stem, list(part.choices)])
    item = KeyedItem(
        bank_item_id=BankItemId("T" + hashlib.sha256(wording).hexdigest()[:_ID_DIGITS].upper()),
        version=1,
        item_type=item_type,
        domain=defaults.domain,
        knowledge_point=defaults.knowledge_point,
        difficulty_milli=defaults.difficulty_milli,
        legal_basis=defaults.legal_basis,
        parts=(part,),
        explanation=clean_text(source.explanation),
        images=images,
    )
    check_item(item)
    return item


def _plain_key(key: str, item_type: ItemType) -> str:
    """The key without the full stop that ends its line; a 。 never belongs to a blank."""
    return key.rstrip("。") if item_type is ItemType.FILL_BLANK else key
