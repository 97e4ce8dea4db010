"""What a candidate gave for one part, and whether it can belong to that part.

An empty response says that the candidate cleared it; a part without any response was never
touched. Both are worth nothing, but the journal tells them apart.
"""

from typing import TypeAlias

import msgspec

from exam_core import limits
from exam_core.errors import InputError, declare
from exam_core.model.identifiers import ChoiceId
from exam_core.model.items import CHOICE_TYPES, ItemType, Part

RESPONSE_MISFIT = declare(
    "response.misfit", "作答内容与试题不符，已拒收；请考务人员检查该机位的程序版本。"
)


class ChoiceResponse(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="choice"
):
    """Choices picked, in the order of choosing; each at most once."""

    choice_ids: tuple[ChoiceId, ...]


class BlanksResponse(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="blanks"
):
    """One text for each blank, in order, exactly as typed; an empty one was left out."""

    texts: tuple[str, ...]


class TextResponse(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="text"
):
    """Free text, exactly as typed."""

    text: str


Response: TypeAlias = ChoiceResponse | BlanksResponse | TextResponse


def is_empty(response: Response) -> bool:
    """Whether nothing but white space was given."""
    match response:
        case ChoiceResponse(choice_ids=choice_ids):
            return not choice_ids
        case BlanksResponse(texts=texts):
            return not any(text.strip() for text in texts)
        case _:
            return not response.text.strip()


def check_fits(part: Part, response: Response) -> None:
    """Refuse a response that no honest client can give to this part.

    Raises:
        InputError: `response.misfit`, naming the part and what does not fit.
    """
    problem = _misfit(part, response)
    if problem:
        raise InputError(RESPONSE_MISFIT, f"{problem}（{part.part_id}）", part_id=part.part_id)


def _misfit(part: Part, response: Response) -> str:
    match response:
        case ChoiceResponse(choice_ids=picked):
            if part.item_type not in CHOICE_TYPES:
                return "本题不是选择题"
            if len(set(picked)) != len(picked):
                return "同一选项选了两次"
            if not set(picked) <= {choice.choice_id for choice in part.choices}:
                return "所选选项不在本题中"
            if part.item_type is not ItemType.MULTIPLE_CHOICE and len(picked) > 1:
                return "本题只能选一项"
        case BlanksResponse(texts=texts):
            if part.item_type is not ItemType.FILL_BLANK:
                return "本题不是填空题"
            if len(texts) != part.blank_count:
                return f"本题有 {part.blank_count} 个空，收到 {len(texts)} 个"
            if any(len(text) > limits.blank_text_chars_max for text in texts):
                return "填空内容过长"
        case _:
            if part.item_type is not ItemType.SHORT_ANSWER:
                return "本题不收文字作答"
            if len(response.text) > limits.response_text_chars_max:
                return "作答内容过长"
    return ""
