"""What items does a workbook hold? Row by row; a bad one is named by row and column, not fatal."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from openpyxl import Workbook

from exam_core.errors import InputError, declare
from exam_core.keys.model import KeyedImage, KeyedItem, KeyedPart
from exam_core.model.identifiers import BankItemId
from exam_core.model.items import ItemType
from paper_builder import limits
from paper_builder.bank.build import PartNotes, build_part
from paper_builder.bank.check import EXAMPLE_PREFIX, check_item, refuse
from paper_builder.bank.fields import (
    DEFAULT_POINTS_MILLI,
    clean_text,
    parse_difficulty,
    parse_milli,
    parse_type,
)
from paper_builder.bank.pictures import read_pictures
from paper_builder.bank.report import ReadResult
from paper_builder.bank.template import CHOICE_COLUMNS, COLUMNS, REQUIRED_COLUMNS, SHEET, Row
from paper_builder.bank.workbook import open_workbook

IMPORT_COLUMNS = declare(
    "import.columns", "请用 paper-builder template 生成的题库表，并保留第一行的列名。"
)
IMPORT_ROWS = declare("import.rows", "请把题库表分成几个文件后分别导入。")

_CASE_ONLY_FIELDS = ("领域", "知识点", "材料(案例)", "图片", "难度", "法律依据", "解析")
_COLUMNS_MAX = 100


class _Line(NamedTuple):
    """One row of the sheet; `fault` is the first cell that is no text, with its column."""

    number: int
    row: Row
    fault: tuple[str, str] | None


def read_xlsx(path: Path) -> ReadResult:
    """Every item of a workbook in the template's form, and every problem in it.

    Raises:
        InputError: `builder.*`, `import.kind`, `import.broken`, `import.bomb`, `import.columns`,
            `import.rows`: the file as a whole cannot be used.
    """
    result = ReadResult(file=path.name)
    folder = path.parent
    seen: dict[str, int] = {}
    with open_workbook(path) as book:
        for block in _blocks(_lines(book)):
            first = block[0]
            item_id = first.row.get("题号", "")
            if item_id.startswith(EXAMPLE_PREFIX):
                continue
            if item_id in seen:
                reason = f"题号与第 {seen[item_id]} 行重复"
                result.add_problem(first.number, reason, column="题号", item=item_id)
                continue
            if item_id:
                seen[item_id] = first.number
            _take(block, result, folder)
    return result


def _take(block: list[_Line], result: ReadResult, folder: Path) -> None:
    head = at = block[0]
    item_id = head.row.get("题号", "")
    notes: list[tuple[int, str]] = []
    try:
        item_type = _type_of(head)
        parts = []
        if item_type is not ItemType.CASE and len(block) > 1:
            raise refuse("只有案例可以有小题行", "题型")
        for place, line in enumerate(block[1:] or block, 1):
            at = line
            if line is head and item_type is ItemType.CASE:
                raise refuse("案例没有小题行", "题号")
            if line is not head and line.row["题号"] != f"{item_id}#{place}":
                raise refuse(f"小题的题号应为 {item_id}#{place}", "题号")
            part_notes = PartNotes()
            parts.append(_part_of(line, part_notes))
            notes += [(line.number, note) for note in part_notes]
        at = head
        pictures = read_pictures(head.row.get("图片", ""), folder)
        images = tuple(picture.image for picture in pictures)
        item = _item_of(head, item_type, tuple(parts), images)
        check_item(item)
    except InputError as error:
        column = str(error.facts.get("column", ""))
        result.add_problem(at.number, error.message, column=column, item=item_id)
        return
    result.items.append(item)
    result.images |= {picture.image.sha256: picture.content for picture in pictures}
    remark = "\n".join(filter(None, (line.row.get("备注", "") for line in block)))
    if remark:
        result.remarks[item.bank_item_id] = remark[: limits.note_chars_max]
    for number, note in notes:
        result.add_note(number, note, item=item_id)


def _type_of(line: _Line) -> ItemType:
    if line.fault:
        raise refuse(line.fault[1], line.fault[0])
    if not line.row.get("题号"):
        raise refuse("没有题号", "题号")
    if "#" in line.row["题号"]:
        raise refuse("小题的上面没有它的案例行", "题号")
    return parse_type(line.row.get("题型", ""))


def _item_of(
    line: _Line,
    item_type: ItemType,
    parts: tuple[KeyedPart, ...],
    images: tuple[KeyedImage, ...],
) -> KeyedItem:
    row = line.row
    if item_type is ItemType.CASE:
        for column in ("题干", *CHOICE_COLUMNS, "答案", "采分点"):
            if row.get(column):
                raise refuse("案例首行不填此列，请填在小题行", column)
        total = sum(part.points_milli for part in parts)
        if row.get("分值") and parse_milli(row["分值"], "分值") != total:
            raise refuse("案例分值不等于各小题分值之和", "分值")
    return KeyedItem(
        bank_item_id=BankItemId(row["题号"]),
        version=1,
        item_type=item_type,
        domain=row.get("领域", ""),
        knowledge_point=row.get("知识点", ""),
        difficulty_milli=parse_difficulty(row.get("难度", "")),
        legal_basis=row.get("法律依据", ""),
        parts=parts,
        material=row.get("材料(案例)", ""),
        explanation=row.get("解析", ""),
        images=images,
    )


def _part_of(line: _Line, notes: PartNotes) -> KeyedPart:
    row = line.row
    if line.fault:
        raise refuse(line.fault[1], line.fault[0])
    item_type = parse_type(row.get("题型", ""))
    is_case_part = "#" in row["题号"]
    if is_case_part:
        for column in _CASE_ONLY_FIELDS:
            if row.get(column):
                raise refuse("此列只填在案例首行", column)
    elif row.get("材料(案例)"):
        raise refuse("只有案例可以有材料", "材料(案例)")
    choices = [row.get(column, "") for column in CHOICE_COLUMNS]
    while choices and not choices[-1]:
        choices.pop()
    if "" in choices:
        raise refuse("选项中间有空缺", CHOICE_COLUMNS[choices.index("")])
    points = row.get("分值", "")
    if not points and (is_case_part or item_type is ItemType.SHORT_ANSWER):
        raise refuse("没有分值", "分值")
    return build_part(
        item_type=item_type,
        stem=row.get("题干", ""),
        choices=tuple(choices),
        answer=row.get("答案", ""),
        marking=row.get("采分点", ""),
        points_milli=parse_milli(points, "分值") if points else DEFAULT_POINTS_MILLI,
        notes=notes,
    )


def _blocks(lines: Iterator[_Line]) -> Iterator[list[_Line]]:
    """Rows that belong together: a case row with its part rows, any other row by itself."""
    block: list[_Line] = []
    for line in lines:
        head = block[0].row.get("题号", "") if block else ""
        if head and line.row.get("题号", "").startswith(f"{head}#"):
            block.append(line)
            continue
        if block:
            yield block
        block = [line]
    if block:
        yield block


def _lines(book: Workbook) -> Iterator[_Line]:
    sheet = book[SHEET] if SHEET in book.sheetnames else book.worksheets[0]
    sheet.reset_dimensions()
    rows = sheet.iter_rows(max_col=_COLUMNS_MAX)
    header = [_header_name(cell.value) for cell in next(rows, ())]
    missing = [column for column in REQUIRED_COLUMNS if column not in header]
    if missing:
        raise InputError(IMPORT_COLUMNS, f"工作表“{sheet.title}”缺少列：{'、'.join(missing)}")
    if len(set(header) & set(COLUMNS)) != sum(name in COLUMNS for name in header):
        raise InputError(IMPORT_COLUMNS, f"工作表“{sheet.title}”有重复的列名")
    for number, cells in enumerate(rows, 2):
        if number > limits.xlsx_rows_max:
            raise InputError(IMPORT_ROWS, f"题库表超过 {limits.xlsx_rows_max} 行")
        row: Row = {}
        fault = None
        for column, cell in zip(header, cells, strict=False):
            if column not in COLUMNS or cell.value is None:
                continue
            try:
                text = _cell_text(cell)
            except InputError as error:
                fault = fault or (column, error.message)
                text = ""
            if text:
                row[column] = text
        if row or fault:
            yield _Line(number, row, fault)


def _header_name(value: object) -> str:
    return str(value or "").strip().replace("（", "(").replace("）", ")")


def _cell_text(cell: Any) -> str:
    value = cell.value
    if cell.data_type == "f":
        raise refuse("单元格是公式，请改成文字")
    if isinstance(value, str) and cell.data_type != "e":
        return clean_text(value)
    if isinstance(value, dt.date | dt.time | dt.timedelta):
        raise refuse("单元格被表格软件改成了日期，请设为文本格式后重新填写")
    if isinstance(value, bool) or cell.data_type == "e":
        raise refuse("单元格不是文字，请设为文本格式后重新填写")
    if "%" in str(cell.number_format):
        raise refuse("单元格是百分比格式，请设为文本格式后重新填写")
    number = Decimal(repr(value))
    return str(int(number)) if number == number.to_integral_value() else f"{number:f}"
