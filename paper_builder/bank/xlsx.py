"""How do items become a workbook? In the template's own form, so that reading loses nothing."""

import io
from collections.abc import Iterable, Mapping
from pathlib import Path

from exam_core.errors import InputError
from exam_core.keys.model import BlanksKey, ChoiceKey, KeyedItem, KeyedPart, MarkingKey
from exam_core.model.identifiers import BankItemId
from exam_core.model.items import ItemType
from paper_builder.bank.check import ITEM_MALFORMED, check_item
from paper_builder.bank.fields import (
    TYPE_NAMES,
    format_blanks,
    format_difficulty,
    format_marking,
    format_milli,
)
from paper_builder.bank.pictures import picture_name
from paper_builder.bank.template import CHOICE_COLUMNS, Row, example_rows, new_workbook
from paper_builder.files import write_file


def write_template(path: Path) -> None:
    """Write the empty template with its example rows.

    Raises:
        StorageError: `builder.write`.
    """
    write_file(path, _workbook_bytes(example_rows()))


def write_items(
    path: Path, items: Iterable[KeyedItem], remarks: Mapping[BankItemId, str] | None = None
) -> None:
    """Write items as a workbook that the importer reads back to the same items.

    Versions are not in the workbook: the bank counts them. `remarks` fills the 备注 column.

    Raises:
        InputError: `import.item`, naming an item that the template cannot carry.
        StorageError: `builder.write`.
    """
    rows: list[Row] = []
    for item in items:
        try:
            check_item(item)
        except InputError as error:
            raise InputError(
                ITEM_MALFORMED, f"试题 {item.bank_item_id}：{error.message}", **error.facts
            ) from error
        rows += _rows_of(item, (remarks or {}).get(item.bank_item_id, ""))
    write_file(path, _workbook_bytes(rows))


def _workbook_bytes(rows: Iterable[Row]) -> bytes:
    stream = io.BytesIO()
    new_workbook(rows).save(stream)
    return stream.getvalue()


def _rows_of(item: KeyedItem, remark: str) -> list[Row]:
    head: Row = {
        "题号": item.bank_item_id,
        "题型": TYPE_NAMES[item.item_type],
        "领域": item.domain,
        "知识点": item.knowledge_point,
        "材料(案例)": item.material,
        "图片": "\n".join(
            f"{picture_name(image)}|{image.alternative_text}" for image in item.images
        ),
        "难度": format_difficulty(item.difficulty_milli),
        "法律依据": item.legal_basis,
        "解析": item.explanation,
        "备注": remark,
    }
    if item.item_type is not ItemType.CASE:
        return [head | _part_row(item.parts[0])]
    rows = [head | {"分值": format_milli(sum(part.points_milli for part in item.parts))}]
    for number, part in enumerate(item.parts, 1):
        name = {"题号": f"{item.bank_item_id}#{number}", "题型": TYPE_NAMES[part.item_type]}
        rows.append(name | _part_row(part))
    return rows


def _part_row(part: KeyedPart) -> Row:
    row: Row = {"题干": part.stem, "分值": format_milli(part.points_milli)}
    match part.key:
        case ChoiceKey(letters=letters) if part.item_type is ItemType.TRUE_FALSE:
            return row | {"答案": "正确" if letters == "A" else "错误"}
        case ChoiceKey(letters=letters):
            choices = dict(zip(CHOICE_COLUMNS, part.choices, strict=False))
            return row | choices | {"答案": letters}
        case BlanksKey() as key:
            return row | {"答案": format_blanks(key)}
        case MarkingKey() as key:
            return row | {"采分点": format_marking(key)}
