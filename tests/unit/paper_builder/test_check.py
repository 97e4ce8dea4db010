"""What the bank refuses, whatever way it comes in."""

from typing import Any

import msgspec
import pytest

from exam_core.errors import InputError
from exam_core.keys.model import BlanksKey, KeyedItem, MarkingKey, MarkingPoint
from exam_core.model.items import ItemType
from paper_builder.bank.check import check_item
from tests.support.refusals import refuses
from tests.unit.paper_builder.bank_items import bank_item, bank_part


def _with_part(kind: ItemType, **changed: Any) -> KeyedItem:
    item = bank_item("A-1", kind)
    part = msgspec.structs.replace(item.parts[0], **changed)
    return msgspec.structs.replace(item, parts=(part,))


def _blanks(*texts: str) -> KeyedItem:
    key = BlanksKey(blanks=tuple((text,) for text in texts))
    return _with_part(ItemType.FILL_BLANK, stem="甲" + "（）" * len(texts), key=key)


@pytest.mark.parametrize("kind", ItemType)
def test_good_items_pass(kind: ItemType) -> None:
    """One of every type."""
    check_item(bank_item("A-1", kind))


@pytest.mark.parametrize(
    ("changed", "column"),
    [
        ({"bank_item_id": ""}, "题号"),
        ({"bank_item_id": "A#1"}, "题号"),
        ({"bank_item_id": "甲" * 65}, "题号"),
        ({"bank_item_id": "示例-1"}, "题号"),
        ({"domain": ""}, "领域"),
        ({"domain": " 就业"}, "领域"),
        ({"legal_basis": "\x01"}, "法律依据"),
        ({"explanation": "\ufffe"}, "解析"),
        ({"difficulty_milli": 0}, "难度"),
        ({"difficulty_milli": 1001}, "难度"),
        ({"material": "材料"}, "材料(案例)"),
        ({"parts": ()}, "题型"),
        ({"item_type": ItemType.TRUE_FALSE}, "题型"),
        ({"parts": (bank_part(ItemType.SINGLE_CHOICE),) * 2}, "题型"),
    ],
)
def test_bad_fields_are_named(changed: dict[str, Any], column: str) -> None:
    """The column of the template that is at fault."""
    with refuses(InputError, "import.item") as caught:
        check_item(msgspec.structs.replace(bank_item("A-1"), **changed))
    assert caught.value.facts["column"] == column


@pytest.mark.parametrize(
    ("item", "column"),
    [
        (_with_part(ItemType.SINGLE_CHOICE, stem=""), "题干"),
        (_with_part(ItemType.SINGLE_CHOICE, points_milli=1_000_001), "分值"),
        (_with_part(ItemType.SINGLE_CHOICE, choices=("甲", "", "丙")), "选项B"),
        (_with_part(ItemType.TRUE_FALSE, choices=("对", "错")), "选项A"),
        (_with_part(ItemType.SHORT_ANSWER, choices=("甲",)), "选项A"),
        (_with_part(ItemType.FILL_BLANK, stem="甲（）乙()"), "题干"),
        (_blanks(*["甲"] * 11), "题干"),
        (_blanks("甲；乙"), "答案"),
        (_blanks("不分先后：甲"), "答案"),
        (_blanks("甲（）"), "答案"),
        (_blanks("甲" * 501), "答案"),
    ],
)
def test_bad_parts_are_named(item: KeyedItem, column: str) -> None:
    """The same for what a part holds."""
    with refuses(InputError, "import.item") as caught:
        check_item(item)
    assert caught.value.facts["column"] == column


@pytest.mark.parametrize("text", ["", "甲\n乙", "甲" * 5001])
def test_marking_points_fit_their_cell(text: str) -> None:
    """A point is one line of a cell."""
    key = MarkingKey(marking_points=(MarkingPoint(text=text, points_milli=4000),))
    with refuses(InputError, "import.item"):
        check_item(_with_part(ItemType.SHORT_ANSWER, key=key))


def test_cells_do_not_overflow() -> None:
    """What a spreadsheet would cut off is refused before it is written."""
    points = (MarkingPoint(text="甲" * 4900, points_milli=4000),) * 7
    with refuses(InputError, "import.item"):
        check_item(_with_part(ItemType.SHORT_ANSWER, key=MarkingKey(marking_points=points)))
    accepted = tuple(f"{number:0500d}" for number in range(40))
    key = BlanksKey(blanks=(accepted,))
    with refuses(InputError, "import.item"):
        check_item(_with_part(ItemType.FILL_BLANK, stem="甲（）", key=key))


def test_a_case_has_at_most_twenty_parts() -> None:
    """More would not fit a form."""
    case = bank_item("A-1", ItemType.CASE)
    check_item(msgspec.structs.replace(case, parts=case.parts * 10))
    with refuses(InputError, "import.item"):
        check_item(msgspec.structs.replace(case, parts=case.parts * 11))
