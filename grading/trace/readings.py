"""What somebody read off a photograph: `ITEM=CADB`, `ITEM/2=BA?C`, `ITEM@12`, `ITEM@12=CADB`.

ITEM is the bank's number of the item, /2 the second part of a case, @12 the number that the page
shows; the letters are the author's, from top to bottom, with ? for a choice that cannot be read.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from exam_core.errors import InputError, declare
from exam_core.keys.model import LETTERS, AnswerKey
from exam_core.model.identifiers import BankItemId
from exam_core.model.items import CHOICE_TYPES, ItemType
from grading import limits

TRACE_SEEN = declare(
    "trace.seen",
    "每条读数写成“题库编号=字母”，例如 B0001=CADB：字母是作者给选项的字母，按页面从上到下排列，"
    "看不清的写 ?；用 grading trace-items 查题库编号和字母。",
)

_READING = re.compile(r"(?P<item>[^=@\s]+?)(?:/(?P<part>[1-9]\d?))?(?:@(?P<number>[1-9]\d{0,3}))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One fact of a page: the order of one part's choices, or the number of one item.

    Of `letters` and `number` exactly one is given; a ? in `letters` fits every letter.
    """

    bank_item_id: BankItemId
    part_index: int = 0
    letters: str = ""
    number: int = 0

    def __str__(self) -> str:
        if self.number:
            return f"{self.bank_item_id}@{self.number}"
        part = f"/{self.part_index + 1}" if self.part_index else ""
        return f"{self.bank_item_id}{part}={self.letters}"


def parse_readings(lines: Iterable[str], key: AnswerKey) -> tuple[Reading, ...]:
    """The facts in these lines, in their order; blank lines and # comments are passed over.

    Raises:
        InputError: `trace.seen`.
    """
    readings: list[Reading] = []
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if text and not text.startswith("#"):
            readings += _parse(text, key, f"第 {number} 条")
        if len(readings) > limits.trace_readings_max:
            raise InputError(TRACE_SEEN, f"读数多于 {limits.trace_readings_max} 条")
    if not readings:
        raise InputError(TRACE_SEEN, "没有读数")
    named = [(one.bank_item_id, one.part_index, bool(one.number)) for one in readings]
    if len(set(named)) != len(named):
        raise InputError(TRACE_SEEN, "同一题给了两次")
    return tuple(readings)


def _parse(text: str, key: AnswerKey, where: str) -> list[Reading]:
    left, equals, right = text.replace("？", "?").partition("=")
    letters = "".join(right.split()).upper()
    match = _READING.fullmatch(left.strip())
    if match is None or bool(equals) != bool(letters) or not (letters or match["number"]):
        raise InputError(TRACE_SEEN, f"{where}读数写得不对：{text[:40]}")
    item = next((one for one in key.items if one.bank_item_id == match["item"]), None)
    part_index = int(match["part"] or 1) - 1
    if item is None or part_index >= len(item.parts):
        raise InputError(TRACE_SEEN, f"{where}：本试卷没有 {left.strip()[:40]}")
    readings = []
    if match["number"]:
        readings.append(Reading(bank_item_id=item.bank_item_id, number=int(match["number"])))
    if letters:
        part = item.parts[part_index]
        if part.item_type not in CHOICE_TYPES or part.item_type is ItemType.TRUE_FALSE:
            raise InputError(TRACE_SEEN, f"{where}：{left.strip()[:40]} 没有打乱顺序的选项")
        _check_letters(letters, len(part.choices), where)
        readings.append(
            Reading(bank_item_id=item.bank_item_id, part_index=part_index, letters=letters)
        )
    return readings


def _check_letters(letters: str, choices: int, where: str) -> None:
    known = letters.replace("?", "")
    if len(letters) != choices or not known or len(set(known)) != len(known):
        raise InputError(TRACE_SEEN, f"{where}：这道题有 {choices} 个选项，每个字母写一次")
    if not set(known) <= set(LETTERS[:choices]):
        raise InputError(TRACE_SEEN, f"{where}：字母只能是 {LETTERS[:choices]} 或 ?")
