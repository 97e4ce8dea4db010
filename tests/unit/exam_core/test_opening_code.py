"""The opening code catches every slip inside a group before the slow part begins."""

from collections import Counter

import pytest

from exam_core.crypto import opening_code
from exam_core.crypto.opening_code import generate_code, group_is_valid, parse_code
from exam_core.errors import InputError
from tests.support.builders import OPENING_CODE
from tests.support.refusals import refuses


@pytest.fixture(scope="module")
def groups() -> list[str]:
    """All 10,000 valid groups."""
    return [f"{body:04d}{opening_code._damm(f'{body:04d}')}" for body in range(10_000)]


def test_all_groups_have_one_check_digit(groups: list[str]) -> None:
    """Of 100,000 groups exactly one in ten is valid."""
    valid = {f"{number:05d}" for number in range(100_000) if group_is_valid(f"{number:05d}")}

    assert valid == set(groups)
    assert len(valid) == 10_000


def test_every_single_wrong_digit_is_caught(groups: list[str]) -> None:
    """450,000 wrong digits: none gives another valid group."""
    valid = set(groups)
    slips = (
        group[:at] + digit + group[at + 1 :]
        for group in groups
        for at in range(5)
        for digit in "0123456789"
        if digit != group[at]
    )

    count = 0
    for slip in slips:
        assert slip not in valid
        count += 1
    assert count == 450_000


def test_every_swap_of_neighbours_is_caught(groups: list[str]) -> None:
    """Two neighbours typed in the wrong order never give another valid group."""
    valid = set(groups)
    for group in groups:
        for at in range(4):
            swapped = group[:at] + group[at + 1] + group[at] + group[at + 2 :]
            assert swapped == group or swapped not in valid


@pytest.mark.parametrize("group", ["", "1234", "123456", "1234a", "１２３４０", "12 40", "-1234"])
def test_other_texts_are_no_group(group: str) -> None:
    """A group is five ASCII digits."""
    assert not group_is_valid(group)


def test_no_digits_are_drawn_more_often_than_others() -> None:
    """In each of the six groups each leading digit has its share: a remainder favours low ones.

    The bound of a chi-square is passed by chance once in ten million runs.
    """
    drawn = [generate_code().split() for _ in range(5_000)]
    for place in range(6):
        counts = Counter(groups[place][0] for groups in drawn)
        expected = len(drawn) / 10

        assert sum((counts[n] - expected) ** 2 / expected for n in "0123456789") < 52


def test_drawn_codes_parse_to_themselves() -> None:
    """A drawn code has six valid groups and stands in its written form; two differ."""
    first, second = generate_code(), generate_code()

    assert parse_code(first) == first
    assert first != second
    assert all(group_is_valid(group) for group in first.split(" "))


@pytest.mark.parametrize(
    "written",
    [
        OPENING_CODE,
        OPENING_CODE.replace(" ", ""),
        OPENING_CODE.replace(" ", "-"),
        OPENING_CODE.replace(" ", "－"),
        f"\u3000{OPENING_CODE}\r\n",
        OPENING_CODE.translate({ord("0") + n: 0xFF10 + n for n in range(10)}),
    ],
)
def test_spacing_and_width_do_not_matter(written: str) -> None:
    """However it was typed, the code has one written form."""
    assert parse_code(written) == OPENING_CODE


@pytest.mark.parametrize(
    "written", ["", "1", OPENING_CODE[:-1], OPENING_CODE + "0", OPENING_CODE + "x", "一" * 30]
)
def test_a_wrong_shape_is_refused(written: str) -> None:
    """Too few or too many digits, and other characters, are refused as a shape."""
    with refuses(InputError, "opening.code_shape"):
        parse_code(written)


def test_wrong_groups_are_named() -> None:
    """The person is told which groups to read again."""
    digits = list(OPENING_CODE.replace(" ", ""))
    for at in (7, 29):
        digits[at] = str((int(digits[at]) + 1) % 10)

    with refuses(InputError, "opening.code_group") as caught:
        parse_code("".join(digits))
    assert caught.value.facts == {"groups": [2, 6]}
    assert "2、6" in caught.value.message


@pytest.mark.parametrize("zero", ["\u0660", "\u06f0", "\u0966", "\U0001d7ce"])
def test_digits_of_other_scripts_are_no_digits(zero: str) -> None:
    """The specification knows ASCII and full-width digits alone."""
    with refuses(InputError, "opening.code_shape"):
        parse_code(OPENING_CODE.translate({ord("0") + n: ord(zero) + n for n in range(10)}))
