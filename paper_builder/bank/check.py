"""What must an item be before the bank takes it? More than its types can say.

The rules hold for every way in, so that whatever the bank holds can be exported to the template,
read back without loss, and put on a form.
"""

import re
from collections.abc import Iterable

from exam_core import limits as core_limits
from exam_core.errors import InputError, declare
from exam_core.keys.model import LETTERS, BlanksKey, KeyedItem, KeyedPart, MarkingKey
from exam_core.model.items import CHOICE_TYPES, ItemType
from paper_builder import limits

ITEM_MALFORMED = declare("import.item", "请按报告中的行号改正该题后重新导入；其他试题不受影响。")

UNORDERED_MARK = "不分先后："
"""Starts the 答案 cell of a fill_blank part whose blanks may come in any order."""

TRUE_FALSE_CHOICES = ("正确", "错误")
BLANK = "（）"
"""A blank in a stem, in its one form."""

EXAMPLE_PREFIX = "示例"
"""Item ids of the template's example rows start so; they are never imported."""

_ITEM_ID = re.compile(r"[^\s#]+")
_BLANK_MARK = re.compile(r"[（(][\s_]*[)）]|[_＿]{2,}")
_GLUED_KEY = re.compile(r"(?:^|\n|。)\s*【?(?:正确|参考|标准)?答案】?\s*[:：]")
_GLUED_CHOICE = re.compile(r"(?:\n|\s{2})\s*[A-HＡ-Ｈ]\s*[.．、]\s*\S")
_GLUED_STEM = re.compile(r"\n\s*\d{1,5}\s*[.．、]\s*[^\d\s]")
_BLANK_SEPARATORS = frozenset("；;|｜\n")
_DIFFICULTY_MAX = 1000


def refuse(reason: str, column: str = "") -> InputError:
    """The refusal of an item; `column` is the template's column at fault."""
    return InputError(ITEM_MALFORMED, reason, column=column)


def mend_blanks(stem: str) -> str:
    """The stem with every blank, however it was typed, written （）."""
    return _BLANK_MARK.sub(BLANK, stem)


def check_item(item: KeyedItem) -> None:
    """Refuse an item that the template or a form could not carry.

    Raises:
        InputError: `import.item`, with the column at fault in `facts`.
    """
    if len(item.bank_item_id) > limits.item_id_chars_max or not _ITEM_ID.fullmatch(
        item.bank_item_id
    ):
        raise refuse("题号为空、过长，或含有空格、# 号", "题号")
    if item.bank_item_id.startswith(EXAMPLE_PREFIX):
        raise refuse(f"题号不能以“{EXAMPLE_PREFIX}”开头", "题号")
    _check_text(item.bank_item_id, "题号", limits.item_id_chars_max)
    _check_text(item.domain, "领域", limits.name_chars_max)
    if not item.domain:
        raise refuse("没有填写领域", "领域")
    _check_text(item.knowledge_point, "知识点", limits.name_chars_max)
    _check_text(item.legal_basis, "法律依据", limits.note_chars_max)
    _check_text(item.explanation, "解析", limits.note_chars_max)
    _check_text(item.material, "材料(案例)", core_limits.stem_chars_max)
    if not 1 <= item.difficulty_milli <= _DIFFICULTY_MAX:
        raise refuse("难度应在 0.001 至 1 之间", "难度")
    is_case = item.item_type is ItemType.CASE
    if is_case != bool(item.material):
        raise refuse("案例要有材料，其他题型不能有材料", "材料(案例)")
    if not 1 <= len(item.parts) <= core_limits.item_parts_max:
        raise refuse(f"案例应有 1 至 {core_limits.item_parts_max} 个小题", "题型")
    if not is_case and (len(item.parts) != 1 or item.parts[0].item_type is not item.item_type):
        raise refuse("题型与内容不符", "题型")
    for part in item.parts:
        _check_part(part)


def _check_part(part: KeyedPart) -> None:
    if not part.stem:
        raise refuse("没有题干", "题干")
    _check_text(part.stem, "题干", core_limits.stem_chars_max)
    _check_glued(part)
    if part.points_milli > limits.points_milli_max:
        raise refuse("分值过大", "分值")
    _check_choices(part)
    match part.key:
        case BlanksKey(blanks=blanks):
            _check_blanks(part.stem, blanks)
        case MarkingKey(marking_points=points):
            for point in points:
                if not point.text or "\n" in point.text:
                    raise refuse("采分点的要点为空或跨行", "采分点")
                _check_text(point.text, "采分点", limits.note_chars_max)
            lines = sum(len(point.text) + 12 for point in points)
            if lines > limits.cell_chars_max:
                raise refuse("采分点过长", "采分点")
        case _:
            pass


def _check_glued(part: KeyedPart) -> None:
    texts = [("题干", part.stem)]
    texts += [(f"选项{letter}", text) for letter, text in zip(LETTERS, part.choices, strict=False)]
    for column, text in texts:
        has_choice = part.choices and _GLUED_CHOICE.search(text)
        has_stem = column != "题干" and _GLUED_STEM.search(text)
        if has_choice or has_stem or _GLUED_KEY.search(text):
            raise refuse("像是两道题（或题干、选项与答案）粘在一起", column)


def _check_choices(part: KeyedPart) -> None:
    if part.item_type not in CHOICE_TYPES:
        if part.choices:
            raise refuse("本题型不能有选项", "选项A")
        return
    if part.item_type is ItemType.TRUE_FALSE and part.choices != TRUE_FALSE_CHOICES:
        raise refuse("判断题的选项只能是“正确”“错误”", "选项A")
    if not 2 <= len(part.choices) <= core_limits.part_choices_max:  # noqa: PLR2004 - two is a choice
        raise refuse(f"选项应有 2 至 {core_limits.part_choices_max} 个", "选项A")
    for letter, choice in zip(LETTERS, part.choices, strict=False):
        if not choice:
            raise refuse("选项为空", f"选项{letter}")
        _check_text(choice, f"选项{letter}", limits.note_chars_max)
    if len(set(part.choices)) != len(part.choices):
        raise refuse("有两个选项完全相同", "选项A")


def _check_blanks(stem: str, blanks: tuple[tuple[str, ...], ...]) -> None:
    if stem != mend_blanks(stem):
        raise refuse("题干中的空格应写成（）", "题干")
    found = stem.count(BLANK)
    if found != len(blanks):
        raise refuse(f"题干有 {found} 个空，答案有 {len(blanks)} 个", "答案")
    if found > core_limits.part_blanks_max:
        raise refuse(f"空格不能超过 {core_limits.part_blanks_max} 个", "题干")
    for text in _flat(blanks):
        if len(text) > core_limits.blank_text_chars_max or _BLANK_SEPARATORS & set(text):
            raise refuse("某个空的答案过长或含有分隔符号", "答案")
        if _BLANK_MARK.search(text):
            raise refuse("答案中又有空格，像是两道题粘在一起", "答案")
        _check_text(text, "答案", core_limits.blank_text_chars_max)
        if text.startswith(UNORDERED_MARK):
            raise refuse(f"答案不能以“{UNORDERED_MARK}”开头", "答案")
    if sum(len(text) + 1 for text in _flat(blanks)) > limits.cell_chars_max // 2:
        raise refuse("答案过长", "答案")


def _check_text(text: str, column: str, chars_max: int) -> None:
    if text != text.strip():
        raise refuse("首尾有多余的空白", column)
    if len(text) > chars_max:
        raise refuse(f"内容超过 {chars_max} 字", column)
    for char in text:
        # Controls, lone surrogates and the two non-characters cannot stand in a spreadsheet.
        if char != "\n" and (char < " " or "\x7f" <= char < "\xa0" or _is_unwritable(char)):
            raise refuse(f"含有不可用的字符 U+{ord(char):04X}", column)


def _is_unwritable(char: str) -> bool:
    return "\ud800" <= char <= "\udfff" or char in "\ufffe\uffff"


def _flat(blanks: tuple[tuple[str, ...], ...]) -> Iterable[str]:
    return (text for blank in blanks for text in blank)
