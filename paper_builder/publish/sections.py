"""How is a form divided for print? By type, 一、二、…, each with what its items are worth."""

from collections.abc import Iterator
from dataclasses import dataclass

from exam_core.model.items import TITLES_ZH, Form, Item, ItemType
from paper_builder.bank.fields import format_milli

_ORDINALS = "一二三四五六"
_HINTS = {
    ItemType.SINGLE_CHOICE: "每题只有一个正确选项",
    ItemType.MULTIPLE_CHOICE: "每题有一个以上正确选项",
    ItemType.TRUE_FALSE: "判断正误",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """The items of one type, with the numbers that they have on the whole form."""

    heading: str
    item_type: ItemType
    numbered: tuple[tuple[int, Item], ...]


def sections_of(form: Form) -> Iterator[Section]:
    """The sections of a form, in its order; numbers run through from 1."""
    number = 1
    present = [kind for kind in ItemType if any(item.item_type is kind for item in form.items)]
    for ordinal, kind in zip(_ORDINALS, present, strict=False):
        items = [item for item in form.items if item.item_type is kind]
        yield Section(
            heading=f"{ordinal}、{TITLES_ZH[kind]}（{_worth(kind, items)}）",
            item_type=kind,
            numbered=tuple(enumerate(items, number)),
        )
        number += len(items)


def form_points_milli(form: Form) -> int:
    """What the whole form is worth, in thousandths."""
    return sum(item.points_milli for item in form.items)


def _worth(kind: ItemType, items: list[Item]) -> str:
    each = {item.points_milli for item in items}
    total = f"共{format_milli(sum(item.points_milli for item in items))}分"
    worth = f"每题{format_milli(each.pop())}分，{total}" if len(each) == 1 else total
    hint = _HINTS.get(kind)
    return f"{worth}。{hint}" if hint else worth
