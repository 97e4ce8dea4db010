"""What the text of a cell means."""

import pytest

from exam_core.errors import InputError
from exam_core.keys.model import BlanksKey, MarkingKey
from exam_core.model.items import ItemType
from paper_builder.bank import fields
from paper_builder.bank.check import mend_blanks
from tests.support.refusals import refuses


@pytest.mark.parametrize(
    ("text", "milli"), [("1", 1000), ("1.5", 1500), ("0.125", 125), ("４分", 4000), ("2.500", 2500)]
)
def test_points_are_read_exactly(text: str, milli: int) -> None:
    """Decimals up to three places become whole thousandths."""
    assert fields.parse_milli(text, "分值") == milli


@pytest.mark.parametrize("text", ["", "一", "1.2345", "-1", "1e3", "1,5", "9" * 40])
def test_points_that_are_no_short_decimal_are_refused(text: str) -> None:
    """Nothing is rounded and nothing is guessed."""
    with refuses(InputError, "import.item") as caught:
        fields.parse_milli(text, "分值")
    assert caught.value.facts["column"] == "分值"


@pytest.mark.parametrize(("milli", "text"), [(1000, "1"), (1500, "1.5"), (125, "0.125"), (0, "0")])
def test_points_are_written_shortest(milli: int, text: str) -> None:
    """Thousandths are written without needless zeros."""
    assert fields.format_milli(milli) == text


@pytest.mark.parametrize(
    ("text", "letters", "is_mended"),
    [
        ("C", "C", False),
        ("Ｃ", "C", True),
        ("ABD", "ABD", False),
        ("ＡＢＤ。", "ABD", True),
        ("D、A，B", "ABD", True),
        ("abd", "ABD", True),
    ],
)
def test_letters_are_mended_and_said_to_be(text: str, letters: str, is_mended: bool) -> None:
    """Full-width letters, separators and order are mended, and the caller is told."""
    assert fields.parse_letters(text, ItemType.MULTIPLE_CHOICE) == (letters, is_mended)


@pytest.mark.parametrize("text", ["", "AA", "A1", "甲", "AB2．下列"])
def test_letters_that_are_no_letters_are_refused(text: str) -> None:
    """A key with anything else in it is not guessed at."""
    with refuses(InputError, "import.item"):
        fields.parse_letters(text, ItemType.MULTIPLE_CHOICE)


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("正确", "A"),
        ("正确。", "A"),
        ("对", "A"),
        ("√", "A"),
        ("错误。", "B"),
        ("错", "B"),
        ("×", "B"),
    ],
)
def test_true_false_keys_have_many_words(text: str, letter: str) -> None:
    """The official bank writes 正确。 and authors write 对."""
    assert fields.parse_letters(text, ItemType.TRUE_FALSE) == (letter, False)


def test_a_true_false_key_of_another_kind_is_refused() -> None:
    """也许 is neither right nor wrong."""
    with refuses(InputError, "import.item"):
        fields.parse_letters("也许", ItemType.TRUE_FALSE)


def test_blanks_have_alternatives_and_may_be_unordered() -> None:
    """Blanks are separated by ；, alternatives by |, and 不分先后： lets them change places."""
    key = fields.parse_blanks("不分先后：30日|三十日；公平")
    assert key == BlanksKey(blanks=(("30日", "三十日"), ("公平",)), is_unordered=True)
    assert fields.format_blanks(key) == "不分先后：30日|三十日；公平"


@pytest.mark.parametrize("text", ["公平；", "|公平", "；", "不分先后："])
def test_an_empty_blank_is_refused(text: str) -> None:
    """Every blank needs an accepted text."""
    with refuses(InputError, "import.item"):
        fields.parse_blanks(text)


@pytest.mark.parametrize("typed", ["()", "（ ）", "( )", "____", "（__）"])
def test_a_blank_has_one_form(typed: str) -> None:
    """However a blank was typed, the stem has （）."""
    assert mend_blanks(f"应当{typed}办理") == "应当（）办理"


def test_marking_points_may_contain_a_bar() -> None:
    """The last bar of a line separates the points."""
    key = fields.parse_marking("责令|改正|1.5\n罚款｜0.5分")
    assert isinstance(key, MarkingKey)
    assert [(point.text, point.points_milli) for point in key.marking_points] == [
        ("责令|改正", 1500),
        ("罚款", 500),
    ]


def test_a_marking_point_without_points_is_refused() -> None:
    """要点 alone is not worth anything."""
    with refuses(InputError, "import.item") as caught:
        fields.parse_marking("责令改正|1\n罚款")
    assert "第 2 个" in caught.value.message


@pytest.mark.parametrize(("text", "milli"), [("易", 850), ("中", 600), ("", 600), ("0.725", 725)])
def test_difficulty_is_a_word_or_a_share(text: str, milli: int) -> None:
    """易, 中, 难 or the expected share of full marks."""
    assert fields.parse_difficulty(text) == milli


def test_type_names_have_aliases() -> None:
    """单选题 is 单选; what is unknown is refused."""
    assert fields.parse_type("单选题") is ItemType.SINGLE_CHOICE
    with refuses(InputError, "import.item"):
        fields.parse_type("论述")
