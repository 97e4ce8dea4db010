"""How does a part come from an author's words? One builder for every import format."""

from exam_core.errors import InputError
from exam_core.keys.model import LETTERS, ChoiceKey, KeyedPart, PartKey
from exam_core.model.items import CHOICE_TYPES, ItemType
from paper_builder.bank.check import TRUE_FALSE_CHOICES, mend_blanks, refuse
from paper_builder.bank.fields import parse_blanks, parse_letters, parse_marking


class PartNotes(list[str]):
    """What was mended in a part on the way in, one phrase each."""


def build_part(
    *,
    item_type: ItemType,
    stem: str,
    choices: tuple[str, ...],
    answer: str,
    marking: str,
    points_milli: int,
    notes: PartNotes,
) -> KeyedPart:
    """The part that an author described; what had to be mended is appended to `notes`.

    Raises:
        InputError: `import.item`, with the column at fault in `facts`.
    """
    key: PartKey
    if item_type is ItemType.SHORT_ANSWER:
        if answer:
            raise refuse("简答题的答案请写成采分点", "答案")
        if not marking:
            raise refuse("没有采分点", "采分点")
        key = parse_marking(marking)
    else:
        if marking:
            raise refuse("只有简答题可以有采分点", "采分点")
        if not answer:
            raise refuse("没有答案", "答案")
        if item_type in CHOICE_TYPES:
            key, choices = _choice_key(item_type, choices, answer, notes)
        else:
            key = parse_blanks(answer)
    if item_type is ItemType.FILL_BLANK:
        mended = mend_blanks(stem)
        if mended != stem:
            notes.append("空格已统一写成（）")
        stem = mended
    try:
        return KeyedPart(
            item_type=item_type, stem=stem, points_milli=points_milli, key=key, choices=choices
        )
    except InputError as error:
        # The message of the model repeats the stem; the report has the line or row instead.
        raise refuse(error.message.split("：", maxsplit=1)[0], _column_of(error)) from error


def _choice_key(
    item_type: ItemType, choices: tuple[str, ...], answer: str, notes: PartNotes
) -> tuple[ChoiceKey, tuple[str, ...]]:
    if item_type is ItemType.TRUE_FALSE:
        if choices not in {(), TRUE_FALSE_CHOICES}:
            raise refuse("判断题不要填写选项", "选项A")
        choices = TRUE_FALSE_CHOICES
    letters, is_mended = parse_letters(answer, item_type)
    if is_mended:
        notes.append(f"答案“{answer[:20]}”已按“{letters}”理解")
    beyond = [letter for letter in letters if letter not in LETTERS[: len(choices)]]
    if beyond:
        raise refuse(f"答案 {''.join(beyond)} 超出选项范围（共 {len(choices)} 个选项）", "答案")
    if item_type is ItemType.SINGLE_CHOICE and len(letters) > 1:
        raise refuse(f"单选题只能有一个答案，现在是 {letters}", "答案")
    return ChoiceKey(letters=letters), choices


def _column_of(error: InputError) -> str:
    if "分值" in error.message:
        return "采分点" if "采分点" in error.message else "分值"
    return "答案"
