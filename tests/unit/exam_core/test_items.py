"""Parts, items and forms refuse what no honest builder makes."""

from typing import Any

import pytest

from exam_core import limits
from exam_core.errors import InputError
from exam_core.model.items import CHOICE_TYPES, TITLES_ZH, ItemType, Part
from tests.support import builders
from tests.support.builders import choice, form, item, part
from tests.support.refusals import refuses

PART_TYPES = [kind for kind in ItemType if kind is not ItemType.CASE]


@pytest.mark.parametrize("item_type", PART_TYPES)
def test_every_part_type_can_be_built(item_type: ItemType) -> None:
    """Choice types carry choices, fill_blank carries blanks, short_answer neither."""
    made = part(item_type=item_type)

    assert bool(made.choices) == (item_type in CHOICE_TYPES)
    assert bool(made.blank_count) == (item_type is ItemType.FILL_BLANK)


@pytest.mark.parametrize(
    "fields",
    [
        {"item_type": ItemType.CASE},
        {"points_milli": 0},
        {"points_milli": -1},
        {"stem": ""},
        {"stem": "长" * (limits.stem_chars_max + 1)},
        {"choices": ()},
        {"choices": (choice("A"),)},
        {"choices": tuple(choice(f"{n}") for n in range(limits.part_choices_max + 1))},
        {"choices": (choice("A"), choice("A"))},
        {"item_type": ItemType.SHORT_ANSWER, "choices": (choice("A"),)},
        {"item_type": ItemType.SHORT_ANSWER, "choices": (choice("A"), choice("B"))},
        {"item_type": ItemType.FILL_BLANK, "blank_count": 0},
        {"item_type": ItemType.FILL_BLANK, "blank_count": limits.part_blanks_max + 1},
        {"item_type": ItemType.FILL_BLANK, "blank_count": -1},
        {"blank_count": 1},
        {"blank_count": limits.part_blanks_max + 1},
        {"item_type": ItemType.SHORT_ANSWER, "blank_count": -1},
    ],
)
def test_a_part_that_cannot_be_is_refused(fields: dict[str, Any]) -> None:
    """A part that breaks one rule is refused, and the refusal names it."""
    with refuses(InputError, "form.malformed") as caught:
        part("p9", **fields)
    assert caught.value.facts["part_id"] == "p9"


@pytest.mark.parametrize(
    "fields",
    [
        {"stem": "长" * limits.stem_chars_max},
        {"choices": tuple(choice(f"{n}") for n in range(limits.part_choices_max))},
        {"choices": (choice("A"), choice("B"))},
        {"item_type": ItemType.FILL_BLANK, "blank_count": limits.part_blanks_max},
        {"points_milli": 1},
    ],
)
def test_limits_of_a_part_are_inclusive(fields: dict[str, Any]) -> None:
    """What stands exactly at a limit is accepted."""
    assert isinstance(part(**fields), Part)


@pytest.mark.parametrize(
    "fields",
    [
        {"parts": ()},
        {"parts": (part("a"), part("b"))},
        {"item_type": ItemType.TRUE_FALSE, "parts": (part("a"),)},
        {"material": "多余的材料"},
        {"item_type": ItemType.CASE, "material": ""},
        {"item_type": ItemType.CASE, "material": "长" * (limits.stem_chars_max + 1)},
        {
            "item_type": ItemType.CASE,
            "parts": tuple(part(f"p{n}") for n in range(limits.item_parts_max + 1)),
        },
    ],
)
def test_an_item_that_cannot_be_is_refused(fields: dict[str, Any]) -> None:
    """An item whose type, parts and material do not agree is refused by name."""
    with refuses(InputError, "form.malformed") as caught:
        item("i9", **fields)
    assert caught.value.facts["item_id"] == "i9"


def test_points_of_an_item_are_those_of_its_parts() -> None:
    """A case is worth what its parts are worth together."""
    assert item(item_type=ItemType.CASE).points_milli == 2000


@pytest.mark.parametrize(
    "fields",
    [
        {"form_number": 0},
        {"items": ()},
        {"items": tuple(item(f"i{n}") for n in range(limits.form_items_max + 1))},
        {"items": (item("i1", parts=(part("a"),)), item("i1", parts=(part("b"),)))},
        {"items": (item("i1", parts=(part("a"),)), item("i2", parts=(part("a"),)))},
    ],
)
def test_a_form_that_cannot_be_is_refused(fields: dict[str, Any]) -> None:
    """A form needs a number, items, and ids that are unique on it."""
    with refuses(InputError, "form.malformed"):
        form(**fields)


def test_parts_come_in_the_order_of_the_form() -> None:
    """All parts are listed, those of a case in its place."""
    names = [one.part_id for one in form().parts()]

    assert names == ["i1.1", "i2.1", "i3.1", "i4.1", "i5.1", "i6.1", "i6.2"]


def test_every_type_has_a_chinese_title() -> None:
    """No screen ever has to show an English type name."""
    assert set(TITLES_ZH) == set(ItemType)


def test_a_form_has_no_field_for_a_key() -> None:
    """What a kiosk receives cannot even say which choice is right."""
    names = {*builders.form().__struct_fields__, *part().__struct_fields__}
    names |= {*item().__struct_fields__, *choice("A").__struct_fields__}

    assert names == {
        *("paper_id", "form_number", "title", "items", "image_seals"),
        *("item_id", "item_type", "parts", "material", "images"),
        *("part_id", "stem", "points_milli", "choices", "blank_count"),
        *("choice_id", "text"),
    }
