"""What is right, what it is worth, and which choice id on which form stands for which letter.

An author's choices have letters A–H in the author's order. A form carries opaque choice ids in an
order of its own; only `FormMap` ties the two, and it travels in the answer-key package alone.
"""

import re
from enum import StrEnum
from typing import TypeAlias

import msgspec

from exam_core import limits
from exam_core.errors import InputError, declare
from exam_core.model.identifiers import (
    BankItemId,
    CentreId,
    ChoiceId,
    FormNumber,
    ItemId,
    PaperId,
    PartId,
)
from exam_core.model.images import MediaType, check_image_size
from exam_core.model.items import CHOICE_TYPES, ItemType

KEY_MALFORMED = declare("key.malformed", "答案包内容不合规定，请联系命题单位重新制作。")

_SECRET_TEXT = re.compile(r"[0-9a-f]{64}")

LETTERS = "ABCDEFGH"
"""The letters of an author's choices, in the author's order."""


class _Value(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the values in an answer-key package."""


class ChoiceKey(_Value, frozen=True, kw_only=True, tag="choice"):
    """The correct letters, sorted, each once; exactly one unless multiple_choice."""

    letters: str


class BlanksKey(_Value, frozen=True, kw_only=True, tag="blanks"):
    """For each blank, in order, the accepted texts; any of them is fully right.

    `is_unordered` lets the accepted texts match the blanks in any order, each once.
    """

    blanks: tuple[tuple[str, ...], ...]
    is_unordered: bool = False


class MarkingPoint(_Value, frozen=True, kw_only=True):
    """采分点: a meaning that must be present, and what it is worth."""

    text: str
    points_milli: int


class MarkingKey(_Value, frozen=True, kw_only=True, tag="marking"):
    """Marking points for a person; together worth at least the part's points."""

    marking_points: tuple[MarkingPoint, ...]


PartKey: TypeAlias = ChoiceKey | BlanksKey | MarkingKey


class KeyedPart(_Value, frozen=True, kw_only=True):
    """A part in the author's words, with its key."""

    item_type: ItemType
    stem: str
    points_milli: int
    key: PartKey
    choices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        problem = self._problem()
        if problem:
            raise InputError(KEY_MALFORMED, f"{problem}：{self.stem[:30]}")

    def _problem(self) -> str:
        match self.key:
            case ChoiceKey(letters=letters):
                if self.item_type not in CHOICE_TYPES:
                    return "非选择题不能用选项答案"
                if list(letters) != sorted(set(letters)) or not letters:
                    return "答案字母应按顺序且不重复"
                if not set(letters) <= set(LETTERS[: len(self.choices)]):
                    return "答案字母超出选项范围"
                if self.item_type is not ItemType.MULTIPLE_CHOICE and len(letters) != 1:
                    return "本题型只能有一个正确选项"
            case BlanksKey(blanks=blanks):
                if self.item_type is not ItemType.FILL_BLANK:
                    return "非填空题不能用填空答案"
                if not blanks or not all(blank and all(blank) for blank in blanks):
                    return "每个空都要有答案"
            case _:
                marking_points = self.key.marking_points
                if self.item_type is not ItemType.SHORT_ANSWER:
                    return "非简答题不能用采分点"
                if any(point.points_milli <= 0 for point in marking_points):
                    return "采分点的分值必须大于零"
                if sum(point.points_milli for point in marking_points) < self.points_milli:
                    return "采分点分值之和少于题目分值"
        return "" if self.points_milli > 0 else "分值必须大于零"


class KeyedImage(_Value, frozen=True, kw_only=True):
    """A picture of an item in the author's words; `sha256` names its bytes, in hex."""

    sha256: str
    media_type: MediaType
    width: int
    height: int
    alternative_text: str

    def __post_init__(self) -> None:
        check_image_size(self.width, self.height)
        if not _SECRET_TEXT.fullmatch(self.sha256):
            raise InputError(KEY_MALFORMED, "图片摘要不对")
        if not 0 < len(self.alternative_text) <= limits.image_text_chars_max:
            raise InputError(KEY_MALFORMED, "图片说明为空或过长")


class KeyedItem(_Value, frozen=True, kw_only=True):
    """An item as authored, with keys: what scoring, marking and analysis work from.

    `difficulty_milli` is the expected share of full marks in thousandths, 1000 = everybody.
    """

    bank_item_id: BankItemId
    version: int
    item_type: ItemType
    domain: str
    knowledge_point: str
    difficulty_milli: int
    legal_basis: str
    parts: tuple[KeyedPart, ...]
    material: str = ""
    explanation: str = ""
    images: tuple[KeyedImage, ...] = ()


class MappedPart(_Value, frozen=True, kw_only=True):
    """A part on one form: its opaque id, and the author's letter of each choice id.

    `order` is the author's letters from top to bottom as the form shows them: what tells, from a
    photographed page, which form it was.
    """

    part_id: PartId
    letters: dict[ChoiceId, str]
    order: str


class MappedItem(_Value, frozen=True, kw_only=True):
    """An item on one form; `parts` in the author's order, as in KeyedItem."""

    item_id: ItemId
    bank_item_id: BankItemId
    parts: tuple[MappedPart, ...]


class FormMap(_Value, frozen=True, kw_only=True):
    """One form, translated back to the bank; items in the order of the form."""

    form_number: FormNumber
    items: tuple[MappedItem, ...]


class MultipleChoiceRule(StrEnum):
    """How a multiple_choice part is scored; t correct and f wrong choices picked of c correct."""

    ALL_OR_NOTHING = "all_or_nothing"  # 全对得分
    HALF_IF_INCOMPLETE = "half_if_incomplete"  # 少选得一半，错选不得分
    PER_CHOICE = "per_choice"  # 少选按比例 t/c，错选不得分


class BlankRule(StrEnum):
    """How a fill_blank part with several blanks is scored."""

    PER_BLANK = "per_blank"  # each blank its share of the points
    ALL_OR_NOTHING = "all_or_nothing"


class ScoringScheme(_Value, frozen=True, kw_only=True):
    """The scoring rules of a paper; printed on every result document."""

    multiple_choice: MultipleChoiceRule = MultipleChoiceRule.ALL_OR_NOTHING
    fill_blank: BlankRule = BlankRule.PER_BLANK


class AnswerKey(_Value, frozen=True, kw_only=True):
    """Everything needed to score a paper; the plaintext of an answer-key package.

    `journal_secrets` opens the response journals of each centre (64 lower-case hex digits); a key
    version counts from 1 and rises whenever a key is corrected after the sitting.
    """

    paper_id: PaperId
    title: str
    key_version: int
    scoring: ScoringScheme
    items: tuple[KeyedItem, ...]
    forms: tuple[FormMap, ...]
    journal_secrets: dict[CentreId, str]

    def __post_init__(self) -> None:
        if self.key_version < 1:
            raise InputError(KEY_MALFORMED, "答案版本号必须从 1 开始")
        if not all(map(_SECRET_TEXT.fullmatch, self.journal_secrets.values())):
            raise InputError(KEY_MALFORMED, "作答记录密钥格式不对")
        if len({form.form_number for form in self.forms}) != len(self.forms):
            raise InputError(KEY_MALFORMED, "卷号重复")
        keyed = {item.bank_item_id: item for item in self.items}
        if len(keyed) != len(self.items):
            raise InputError(KEY_MALFORMED, "题库编号重复")
        for form in self.forms:
            for item in form.items:
                source = keyed.get(item.bank_item_id)
                if source is None or len(source.parts) != len(item.parts):
                    raise InputError(KEY_MALFORMED, f"第 {form.form_number} 卷的试题没有答案")
                for part, mapped in zip(source.parts, item.parts, strict=True):
                    letters = list(LETTERS[: len(part.choices)])
                    if not sorted(mapped.letters.values()) == sorted(mapped.order) == letters:
                        raise InputError(KEY_MALFORMED, f"第 {form.form_number} 卷的选项对照不全")
