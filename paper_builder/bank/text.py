"""What items does a plain text hold, in the form in which the official bank circulates?

Section headings, `1．stem（）`, choices `A．…`, then `答案：…`. Specified in `docs/bank-import.md`.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

from exam_core.errors import InputError, declare
from exam_core.keys.model import LETTERS
from exam_core.model.items import CHOICE_TYPES, ItemType
from paper_builder import limits
from paper_builder.bank.pictures import read_pictures
from paper_builder.bank.report import ReadResult
from paper_builder.bank.text_item import TextDefaults, TextItem, build_text_item
from paper_builder.bank.workbook import IMPORT_KIND
from paper_builder.files import read_file

IMPORT_ENCODING = declare("import.encoding", "请把文本另存为 UTF-8 或 GB18030（ANSI）后重新导入。")

_TYPES_OF_HEADING = {
    "单选": ItemType.SINGLE_CHOICE,
    "单项选择": ItemType.SINGLE_CHOICE,
    "多选": ItemType.MULTIPLE_CHOICE,
    "多项选择": ItemType.MULTIPLE_CHOICE,
    "判断": ItemType.TRUE_FALSE,
    "是非": ItemType.TRUE_FALSE,
    "填空": ItemType.FILL_BLANK,
    "简答": ItemType.SHORT_ANSWER,
    "案例": ItemType.CASE,
    "案例分析": ItemType.CASE,
}
_HEADING = re.compile(
    r"第?[一二三四五六七八九十]{0,2}(?:部分)?\s*[、.．:：]?\s*"
    r"(?P<name>" + "|".join(sorted(_TYPES_OF_HEADING, key=len, reverse=True)) + r")题"
    r"\s*(?:[（(:：].*)?"
)
_STEM = re.compile(
    r"[（(]?\s*(?P<number>[0-9０-９]{1,5})\s*(?P<mark>[.．、。)）])\s*(?P<text>.*\S)"
)
_CHOICE = re.compile(r"[（(]?\s*(?P<letter>[A-ZＡ-Ｚ])\s*[.．、:：)）]\s*(?P<text>.*)")
_NEXT_CHOICE = re.compile(r"\s+[（(]?(?P<letter>[A-HＡ-Ｈ])\s*[.．、)）]\s*")
_KEY = re.compile(r"【?(?:正确|参考|标准)?答案(?:】\s*[:：]?|\s*[:：])\s*(?P<text>.*)")
_EXPLANATION = re.compile(r"【?(?:答案)?解析(?:】\s*[:：]?|\s*[:：])\s*(?P<text>.*)")
_PICTURE = re.compile(r"【?(?:图片|配图)(?:】\s*[:：]?|\s*[:：])\s*(?P<text>.*)")
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


def read_text(path: Path, defaults: TextDefaults) -> ReadResult:
    """Every item of a text, and every problem in it.

    Raises:
        InputError: `builder.*`, `import.kind`, `import.encoding`: no use in the file as a whole.
    """
    data = read_file(path, limits.text_bytes_max, "文本题库")
    reader = _Reader(result=ReadResult(file=path.name), defaults=defaults, folder=path.parent)
    for number, line in enumerate(_decode(data, path).split("\n"), 1):
        reader.take(number, line.replace("\t", " ").replace("\ufeff", "").strip())
    reader.finish()
    if not reader.has_heading:
        raise InputError(IMPORT_KIND, f"{path} 中没有“一单选题”这样的题型标题")
    return reader.result


def _decode(data: bytes, path: Path) -> str:
    if data.startswith(_UTF16_MARKS):
        raise InputError(IMPORT_ENCODING, f"{path} 是 UTF-16 编码")
    if b"\x00" in data:
        raise InputError(IMPORT_KIND, f"{path} 不是文本文件")
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        return text.replace("\r\n", "\n").replace("\r", "\n")
    raise InputError(IMPORT_ENCODING, f"{path} 既不是 UTF-8 也不是 GB18030 编码")


@dataclass(slots=True, kw_only=True)
class _Reader:
    """Goes down the lines once; `item` is the item being read, if any."""

    result: ReadResult
    defaults: TextDefaults
    folder: Path
    item_type: ItemType | None = None
    item: TextItem | None = None
    number: int = 0  # of the last item in this section
    has_heading: bool = False
    seen: dict[str, int] = field(default_factory=dict)

    def take(self, line_number: int, line: str) -> None:
        if not line:
            return
        heading = _HEADING.fullmatch(line)
        if heading:
            self.finish()
            self.item_type = _TYPES_OF_HEADING[heading["name"]]
            self.has_heading = True
            self.number = 0
        elif (stem := _STEM.fullmatch(line)) and self._starts_item(stem):
            self.finish()
            self.number = _number(stem)
            self.item = TextItem(line=line_number, number=self.number, stem=stem["text"])
        elif self.item is not None:
            self._continue_item(self.item, line_number, line)
        elif self.has_heading:
            self.result.add_problem(line_number, "不属于任何试题的文字")

    def finish(self) -> None:
        """Close the item being read: it comes in or is reported."""
        item, self.item = self.item, None
        if item is None:
            return
        name = f"第 {item.number} 题"
        try:
            pictures = read_pictures(item.pictures, self.folder)
            images = tuple(picture.image for picture in pictures)
            built = build_text_item(item, self.item_type, self.defaults, images)
        except InputError as error:
            line = item.fault_line or item.line
            self.result.add_problem(line, error.message, item=name)
            return
        first = self.seen.setdefault(built.bank_item_id, item.line)
        if first != item.line:
            self.result.add_problem(item.line, f"与第 {first} 行的试题重复", item=name)
            return
        self.result.items.append(built)
        self.result.images |= {picture.image.sha256: picture.content for picture in pictures}
        for note in item.notes:
            self.result.add_note(item.line, note, item=name)

    def _starts_item(self, stem: re.Match[str]) -> bool:
        if self.item is None or self.item.key is not None:
            return True
        # Inside an unfinished item only the very next number starts another one: `2.5倍` and
        # `3．…` in the middle of a stem do not.
        is_decimal = stem["mark"] == "." and stem["text"][0].isdigit()
        return _number(stem) == self.number + 1 and not is_decimal

    def _continue_item(self, item: TextItem, line_number: int, line: str) -> None:
        explanation = _EXPLANATION.fullmatch(line)
        key = _KEY.fullmatch(line)
        picture = _PICTURE.fullmatch(line)
        if picture:
            item.pictures += "\n" + picture["text"]
        elif explanation and item.key is not None:
            item.explanation = explanation["text"]
        elif key:
            if item.key is not None:
                item.blame(line_number, "有两行答案，像是两道题粘在一起")
            item.key = key["text"]
        elif item.key == "":
            item.key = line
        elif item.key is not None:
            item.blame(line_number, f"答案之后有多余的文字“{line[:20]}”")
        elif self.item_type in CHOICE_TYPES and self.item_type is not ItemType.TRUE_FALSE:
            self._take_choice(item, line_number, line)
        else:
            item.stem += "\n" + line

    def _take_choice(self, item: TextItem, line_number: int, line: str) -> None:
        match = _CHOICE.fullmatch(line)
        if match is None:
            if item.choices:
                item.choices[-1] += "\n" + line
            else:
                item.stem += "\n" + line
            return
        for letter, text in _split_choices(match["letter"], match["text"]):
            if len(item.choices) >= len(LETTERS):
                item.blame(line_number, f"选项超过 {len(LETTERS)} 个，像是两道题粘在一起")
            elif letter != LETTERS[len(item.choices)]:
                expected = LETTERS[len(item.choices)]
                item.blame(line_number, f"选项 {letter} 的位置上应为 {expected}")
            else:
                item.choices.append(text)


def _number(stem: re.Match[str]) -> int:
    return int(unicodedata.normalize("NFKC", stem["number"]))


def _split_choices(letter: str, text: str) -> list[tuple[str, str]]:
    """Several choices on one line, as long as their letters follow each other."""
    found = [(unicodedata.normalize("NFKC", letter), text)]
    while True:
        last, rest = found[-1]
        match = _NEXT_CHOICE.search(rest)
        if match is None or ord(unicodedata.normalize("NFKC", match["letter"])) != ord(last) + 1:
            return [(name, value.strip()) for name, value in found]
        found[-1] = (last, rest[: match.start()])
        found.append((chr(ord(last) + 1), rest[match.end() :]))
