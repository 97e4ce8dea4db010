"""A roster is accepted whole, or refused with row and reason."""

from typing import Any

import pytest

from exam_core import limits
from exam_core.errors import InputError
from exam_core.model.roster import check_roster, id_number_is_valid, seat_id_is_valid
from tests.support.builders import candidate, id_number, roster
from tests.support.refusals import refuses


@pytest.mark.parametrize("number", ["11010519491231002X", "440524188001010014"])
def test_published_identity_numbers_are_valid(number: str) -> None:
    """The two examples of GB 11643-1999 hold."""
    assert id_number_is_valid(number)


@pytest.mark.parametrize(
    "number",
    [
        *("", "1", "1" * 17, "11010519491231002XX", "110105194912310021", "11010519491231002x"),
        *("１１０１０５１９４９１２３１００２X", "1101051949123100 X", "-1010519491231002X"),
    ],
)
def test_other_identity_numbers_are_not(number: str) -> None:
    """Wrong check character, length or script is noticed."""
    assert not id_number_is_valid(number)


def test_every_wrong_digit_is_noticed() -> None:
    """ISO 7064 MOD 11-2 finds every single wrong character."""
    right = id_number(123)
    for at in range(len(right)):
        for other in set("0123456789X") - {right[at]}:
            assert not id_number_is_valid(right[:at] + other + right[at + 1 :])


def test_a_good_roster_passes() -> None:
    """Candidates with different numbers, identities and seats can be seated."""
    check_roster(roster(32))


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"admission_number": ""}, "准考证号"),
        ({"admission_number": "2026 0001"}, "准考证号"),
        ({"admission_number": "２０２６"}, "准考证号"),
        ({"admission_number": "1" * (limits.admission_number_chars_max + 1)}, "准考证号过长"),
        ({"admission_number": ""}, "没有填准考证号"),
        ({"name": ""}, "姓名"),
        ({"name": "张\n三"}, "姓名中有换行"),
        ({"unit": "一\x07局"}, "单位中有"),
        ({"team": "甲\u2028队"}, "代表队中有"),
        ({"id_number": ""}, "没有填身份证号"),
        ({"id_number": "110105194912310000"}, "文本格式"),
        ({"id_number": "1.1010519491231E+17"}, "文本格式"),
        ({"seat_id": "a01"}, "机位与第 2 行重复"),
        ({"name": "名" * (limits.name_chars_max + 1)}, "姓名"),
        ({"id_number": "11010519491231002x"}, "身份证号"),
        ({"unit": ""}, "单位"),
        ({"team": ""}, "代表队"),
        ({"seat_id": ""}, "机位"),
        ({"admission_number": "20260001"}, "准考证号与第 2 行重复"),
        ({"id_number": id_number(1)}, "身份证号与第 2 行重复"),
        ({"seat_id": "A01"}, "机位与第 2 行重复"),
    ],
)
def test_one_bad_row_refuses_the_file(fields: dict[str, Any], word: str) -> None:
    """The refusal says which row of the file it is and what is wrong with it."""
    with refuses(InputError, "roster.row") as caught:
        check_roster([candidate(1), candidate(2), candidate(3, **fields)], first_row=2)
    assert caught.value.facts == {"row": 4}
    assert word in caught.value.message


def test_the_first_problem_of_a_row_is_told() -> None:
    """A row that is wrong in itself and also a duplicate is reported for what it is itself."""
    with refuses(InputError, "roster.row") as caught:
        check_roster([candidate(1), candidate(1, name="")])
    assert "姓名" in caught.value.message


@pytest.mark.parametrize(
    ("size", "words"), [(0, "没有考生"), (limits.roster_candidates_max + 1, "超过")]
)
def test_size_is_limited(size: int, words: str) -> None:
    """An empty roster and an endless one are refused, and no row is named."""
    with refuses(InputError, "roster.size") as caught:
        check_roster([candidate()] * size)
    assert words in caught.value.message
    assert "行" not in caught.value.message + caught.value.advice


@pytest.mark.parametrize("seat_id", ["A01", "3排-07", "a", "x" * limits.seat_id_chars_max])
def test_good_names_of_seats(seat_id: str) -> None:
    """Letters, digits, Chinese characters and hyphens."""
    check_roster([candidate(1, seat_id=seat_id)])


@pytest.mark.parametrize(
    "seat_id",
    [
        "..",
        ".",
        "A/01",
        "A 01",
        "A\n01",
        "A\0",
        "Ａ０１",
        "٣",
        "x" * (limits.seat_id_chars_max + 1),
    ],
)
def test_names_that_are_no_seat(seat_id: str) -> None:
    """No path, no space, no control character, nothing that reads alike, nothing long."""
    assert not seat_id_is_valid(seat_id)
    with refuses(InputError, "roster.row") as caught:
        check_roster([candidate(1, seat_id=seat_id)])
    assert "机位" in caught.value.message
