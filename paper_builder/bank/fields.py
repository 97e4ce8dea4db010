"""What does the text of one cell or line mean? Points, difficulty, keys, blanks, marking points.

Both directions stand side by side here: `parse_…(format_…(value)) == value`.
"""

import re
import unicodedata
from decimal import Decimal

from exam_core.keys.model import BlanksKey, MarkingKey, MarkingPoint
from exam_core.model.items import ItemType
from paper_builder.bank.check import UNORDERED_MARK, refuse

TYPE_NAMES = {
    ItemType.SINGLE_CHOICE: "单选",
    ItemType.MULTIPLE_CHOICE: "多选",
    ItemType.TRUE_FALSE: "判断",
    ItemType.FILL_BLANK: "填空",
    ItemType.SHORT_ANSWER: "简答",
    ItemType.CASE: "案例",
}
"""The six types as authors write them."""

DIFFICULTIES = {"易": 850, "中": 600, "难": 350}
"""The author's estimate as an expected share of full marks, in thousandths."""

DEFAULT_DIFFICULTY_MILLI = DIFFICULTIES["中"]
DEFAULT_POINTS_MILLI = 1000
"""Of an item whose 分值 is empty: the blueprint's points per type replace it on a paper."""

_TYPE_ALIASES = {
    **{name: item_type for item_type, name in TYPE_NAMES.items()},
    "单项选择": ItemType.SINGLE_CHOICE,
    "多项选择": ItemType.MULTIPLE_CHOICE,
    "是非": ItemType.TRUE_FALSE,
    "案例分析": ItemType.CASE,
}
_TRUE_WORDS = frozenset({"正确", "对", "是", "√", "✓", "A"})
_FALSE_WORDS = frozenset({"错误", "错", "否", "×", "✗", "X", "B"})
_DECIMAL = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")
_MARKING_LINE = re.compile(r"(?P<text>.*\S)\s*[|｜]\s*(?P<points>[0-9.]+)\s*分?")


def clean_text(text: str) -> str:
    """The text with one kind of line end, tabs as spaces, and no white space around it."""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ").strip()


def parse_type(text: str) -> ItemType:
    """The item type of a name such as 单选, 单选题 or 单项选择题."""
    try:
        return _TYPE_ALIASES[text.removesuffix("题")]
    except KeyError:
        raise refuse(f"不认识的题型“{text[:20]}”", "题型") from None


def parse_milli(text: str, column: str) -> int:
    """A decimal as exact thousandths; more than three places are refused, not rounded."""
    plain = unicodedata.normalize("NFKC", text).removesuffix("分").strip()
    if not _DECIMAL.fullmatch(plain):
        raise refuse(f"“{text[:20]}”不是数字", column)
    milli = Decimal(plain) * 1000
    if milli != milli.to_integral_value():
        raise refuse(f"“{text[:20]}”超过三位小数", column)
    return int(milli)


def format_milli(milli: int) -> str:
    """Thousandths as the shortest decimal: 1500 is `1.5`, 1000 is `1`."""
    whole, rest = divmod(milli, 1000)
    return f"{whole}.{rest:03d}".rstrip("0") if rest else str(whole)


def parse_difficulty(text: str) -> int:
    """The difficulty of 易, 中, 难 or a decimal up to 1; empty is 中."""
    if not text:
        return DEFAULT_DIFFICULTY_MILLI
    return DIFFICULTIES[text] if text in DIFFICULTIES else parse_milli(text, "难度")


def format_difficulty(milli: int) -> str:
    """易, 中 or 难 where it is exactly that, else the decimal."""
    names = {value: name for name, value in DIFFICULTIES.items()}
    return names.get(milli) or format_milli(milli)


def parse_letters(text: str, item_type: ItemType) -> tuple[str, bool]:
    """The correct letters of a choice part, sorted, and whether the text had to be mended.

    Full-width letters, separators and a closing 。 are mended; anything else is refused.
    """
    plain = unicodedata.normalize("NFKC", text).strip().rstrip("。.").upper()
    if item_type is ItemType.TRUE_FALSE:
        if plain in _TRUE_WORDS:
            return "A", False
        if plain in _FALSE_WORDS:
            return "B", False
        raise refuse(f"判断题的答案应为“正确”或“错误”，现在是“{text[:20]}”", "答案")
    letters = re.sub(r"[\s,、;]", "", plain)
    if not letters or not all("A" <= char <= "Z" for char in letters):
        raise refuse(f"答案应为选项字母，现在是“{text[:20]}”", "答案")
    if len(set(letters)) != len(letters):
        raise refuse("答案中有重复的字母", "答案")
    ordered = "".join(sorted(letters))
    return ordered, ordered != text


def parse_blanks(text: str) -> BlanksKey:
    """The accepted texts of each blank: blanks by ；, alternatives by |."""
    is_unordered = text.startswith(UNORDERED_MARK)
    body = text.removeprefix(UNORDERED_MARK)
    blanks = tuple(
        tuple(option.strip() for option in re.split(r"[|｜]", blank))
        for blank in re.split(r"[；;]", body)
    )
    if not all(option for blank in blanks for option in blank):
        raise refuse("有一个空没有答案", "答案")
    return BlanksKey(blanks=blanks, is_unordered=is_unordered)


def format_blanks(key: BlanksKey) -> str:
    """The 答案 cell of a fill_blank part."""
    body = "；".join("|".join(blank) for blank in key.blanks)
    return UNORDERED_MARK + body if key.is_unordered else body


def parse_marking(text: str) -> MarkingKey:
    """The marking points of a cell: one a line, `要点|分值`."""
    points = []
    for number, line in enumerate(filter(None, map(str.strip, text.split("\n"))), 1):
        match = _MARKING_LINE.fullmatch(line)
        if match is None:
            raise refuse(f"第 {number} 个采分点应写成“要点|分值”", "采分点")
        points.append(
            MarkingPoint(
                text=match["text"].strip(), points_milli=parse_milli(match["points"], "采分点")
            )
        )
    return MarkingKey(marking_points=tuple(points))


def format_marking(key: MarkingKey) -> str:
    """The 采分点 cell."""
    return "\n".join(
        f"{point.text}|{format_milli(point.points_milli)}" for point in key.marking_points
    )
