"""Items as a candidate sees them, and the forms they stand on.

An item has one part, a case has several under one material; a response always belongs to a part.
Nothing in these types can hold an answer key: keys live in `exam_core.keys`.
"""

from collections.abc import Iterator
from enum import StrEnum

import msgspec

from exam_core import limits
from exam_core.errors import InputError, declare
from exam_core.model.identifiers import ChoiceId, FormNumber, ImageId, ItemId, PaperId, PartId
from exam_core.model.images import ImageSeal, ItemImage

FORM_MALFORMED = declare("form.malformed", "试卷内容不合规定，请联系命题单位重新制作。")


class ItemType(StrEnum):
    """The six item types, in the order in which papers group them."""

    SINGLE_CHOICE = "single_choice"
    MULTIPLE_CHOICE = "multiple_choice"
    TRUE_FALSE = "true_false"
    FILL_BLANK = "fill_blank"
    SHORT_ANSWER = "short_answer"
    CASE = "case"


CHOICE_TYPES = frozenset({ItemType.SINGLE_CHOICE, ItemType.MULTIPLE_CHOICE, ItemType.TRUE_FALSE})
"""Types answered by picking choices."""

TITLES_ZH = {
    ItemType.SINGLE_CHOICE: "单选题",
    ItemType.MULTIPLE_CHOICE: "多选题",
    ItemType.TRUE_FALSE: "判断题",
    ItemType.FILL_BLANK: "填空题",
    ItemType.SHORT_ANSWER: "简答题",
    ItemType.CASE: "案例分析题",
}


class _Value(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the values that travel in packages."""


class Choice(_Value, frozen=True, kw_only=True):
    """One option offered; the letter shown beside it is its place, not part of it."""

    choice_id: ChoiceId
    text: str


class Part(_Value, frozen=True, kw_only=True):
    """One thing to be answered.

    `choices` is empty unless the type is one of CHOICE_TYPES; `blank_count` is 0 unless it is
    fill_blank, and then equals the number of （） in the stem. `points_milli` is what a full
    response is worth, in thousandths of a point.
    """

    part_id: PartId
    item_type: ItemType
    stem: str
    points_milli: int
    choices: tuple[Choice, ...] = ()
    blank_count: int = 0

    def __post_init__(self) -> None:
        name = f"部分 {self.part_id}"
        if self.item_type is ItemType.CASE:
            raise InputError(FORM_MALFORMED, f"{name} 的题型不能是案例", part_id=self.part_id)
        if self.points_milli <= 0:
            raise InputError(FORM_MALFORMED, f"{name} 的分值必须大于零", part_id=self.part_id)
        if not 0 < len(self.stem) <= limits.stem_chars_max:
            raise InputError(FORM_MALFORMED, f"{name} 的题干为空或过长", part_id=self.part_id)
        is_choice = self.item_type in CHOICE_TYPES
        if is_choice != (
            limits.part_choices_min <= len(self.choices) <= limits.part_choices_max
        ) or (not is_choice and self.choices):
            raise InputError(FORM_MALFORMED, f"{name} 的选项个数不对", part_id=self.part_id)
        if len({choice.choice_id for choice in self.choices}) != len(self.choices):
            raise InputError(FORM_MALFORMED, f"{name} 的选项编号重复", part_id=self.part_id)
        has_blanks = self.item_type is ItemType.FILL_BLANK
        if has_blanks != (1 <= self.blank_count <= limits.part_blanks_max) or (
            not has_blanks and self.blank_count
        ):
            raise InputError(FORM_MALFORMED, f"{name} 的空格个数不对", part_id=self.part_id)


class Item(_Value, frozen=True, kw_only=True):
    """One numbered entry of a form: one part, or a case's material with its parts.

    `images` are shown above the stem, or above a case's material, in this order.
    """

    item_id: ItemId
    item_type: ItemType
    parts: tuple[Part, ...]
    material: str = ""
    images: tuple[ItemImage, ...] = ()

    def __post_init__(self) -> None:
        name = f"试题 {self.item_id}"
        is_case = self.item_type is ItemType.CASE
        if not 1 <= len(self.parts) <= limits.item_parts_max:
            raise InputError(FORM_MALFORMED, f"{name} 的部分个数不对", item_id=self.item_id)
        if is_case != bool(self.material) or len(self.material) > limits.stem_chars_max:
            raise InputError(FORM_MALFORMED, f"{name} 的材料缺失或多余", item_id=self.item_id)
        if not is_case and (len(self.parts) != 1 or self.parts[0].item_type is not self.item_type):
            raise InputError(FORM_MALFORMED, f"{name} 的题型与内容不符", item_id=self.item_id)
        shown = {image.image_id for image in self.images}
        if len(self.images) > limits.item_images_max or len(shown) != len(self.images):
            raise InputError(FORM_MALFORMED, f"{name} 的图片过多或重复", item_id=self.item_id)

    @property
    def points_milli(self) -> int:
        """The points of all parts together, in thousandths."""
        return sum(part.points_milli for part in self.parts)


class Form(_Value, frozen=True, kw_only=True):
    """One fixed selection and order of items, as one candidate will see it.

    `image_seals` open the pictures of its items, in the order of their ids. They are drawn when
    the paper is sealed; a form that was not sealed yet has none.
    """

    paper_id: PaperId
    form_number: FormNumber
    title: str
    items: tuple[Item, ...]
    image_seals: tuple[ImageSeal, ...] = ()

    def __post_init__(self) -> None:
        if self.form_number < 1:
            raise InputError(FORM_MALFORMED, "卷号必须从 1 开始", form_number=self.form_number)
        if not 1 <= len(self.items) <= limits.form_items_max:
            raise InputError(FORM_MALFORMED, "试题数量超出范围", items=len(self.items))
        part_ids = [part.part_id for part in self.parts()]
        item_ids = [item.item_id for item in self.items]
        if len(set(part_ids)) != len(part_ids) or len(set(item_ids)) != len(item_ids):
            raise InputError(FORM_MALFORMED, "试题编号重复", form_number=self.form_number)
        keyed = [key.image_id for key in self.image_seals]
        if keyed != sorted(set(keyed)) or not self.image_ids().issuperset(keyed):
            raise InputError(
                FORM_MALFORMED, "图片密钥重复、多余或顺序不对", form_number=self.form_number
            )

    def image_ids(self) -> frozenset[ImageId]:
        """The pictures that the items show."""
        return frozenset(image.image_id for item in self.items for image in item.images)

    def parts(self) -> Iterator[Part]:
        """Every part, in the order of the form."""
        for item in self.items:
            yield from item.parts
