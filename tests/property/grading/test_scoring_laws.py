"""Laws of normalising and scoring."""

from hypothesis import given
from hypothesis import strategies as st

from exam_core.keys.model import (
    BlankRule,
    BlanksKey,
    ChoiceKey,
    MappedPart,
    MultipleChoiceRule,
    ScoringScheme,
)
from exam_core.model.identifiers import ChoiceId, PartId
from exam_core.model.items import ItemType
from exam_core.model.responses import BlanksResponse, ChoiceResponse
from grading.scoring import PartStatus, normalise_blank, score_part
from grading.scoring.numerals import numerals_to_digits
from tests.unit.grading import archives

LETTERS = "ABCDEFGH"
TRICKY = "零〇一二三两十拾百千万亿点.0123456789,，年月日号-/分之%‰‱《》“。、 ①½～Aé\u200b\u0301"
TEXTS = st.text(st.sampled_from(TRICKY), max_size=14) | st.text(max_size=30)
SCHEMES = st.builds(
    ScoringScheme,
    multiple_choice=st.sampled_from(MultipleChoiceRule),
    fill_blank=st.sampled_from(BlankRule),
)
PICKS = st.sets(st.sampled_from(LETTERS[:6]))


@given(TEXTS)
def test_normalising_is_idempotent(text: str) -> None:
    """The normal form of a normal form is itself."""
    once = normalise_blank(text)

    assert normalise_blank(once) == once


@given(TEXTS)
def test_white_space_at_the_ends_never_matters(text: str) -> None:
    """Spaces, wide ones too, around a text change nothing."""
    assert normalise_blank(f" \u3000{text}\t") == normalise_blank(text)


@given(st.integers(0, 99_999_999))
def test_numerals_read_back(number: int) -> None:
    """Every number written in formal Chinese is read as itself."""
    assert numerals_to_digits(in_chinese(number)) == str(number)


@given(
    correct=PICKS.filter(bool),
    picked=PICKS,
    points_milli=st.integers(1, 10_000),
    scheme=SCHEMES,
    order=st.permutations(range(6)),
)
def test_choice_ids_do_not_matter(
    correct: set[str],
    picked: set[str],
    points_milli: int,
    scheme: ScoringScheme,
    order: list[int],
) -> None:
    """Other ids and another order of choices and picks give the same score, within 0..points."""
    key = ChoiceKey(letters="".join(sorted(correct)))
    part = archives.part(ItemType.MULTIPLE_CHOICE, points_milli, key, LETTERS[:6])
    outcomes = set()
    for numbers in (range(6), order):
        ids = {
            letter: ChoiceId(f"c{place}") for letter, place in zip(LETTERS, numbers, strict=False)
        }
        mapped = MappedPart(
            part_id=PartId("p"),
            letters={ids[letter]: letter for letter in LETTERS[:6]},
            order=LETTERS[:6],
        )
        response = ChoiceResponse(choice_ids=tuple(sorted(ids[letter] for letter in picked)))
        outcome = score_part(part, mapped, response, scheme)
        outcomes.add((outcome.status, outcome.score_milli))

    assert len(outcomes) == 1
    ((status, score_milli),) = outcomes
    assert score_milli is not None
    assert 0 <= score_milli <= points_milli
    assert (status == PartStatus.CORRECT) == (picked == correct)
    assert (status == PartStatus.BLANK) == (not picked)


@given(
    blanks=st.lists(st.lists(st.sampled_from("甲乙丙丁"), min_size=1), min_size=1, max_size=5),
    data=st.data(),
    scheme=SCHEMES,
)
def test_unordered_blanks_do_not_care_for_order(
    blanks: list[list[str]], data: st.DataObject, scheme: ScoringScheme
) -> None:
    """Any order of the given texts scores the same, and never less than the ordered rule."""
    count = len(blanks)
    texts = data.draw(st.lists(st.sampled_from("甲乙丙丁戊"), min_size=count, max_size=count))
    shuffled = data.draw(st.permutations(texts))

    def score(given_texts: list[str], *, is_unordered: bool) -> int:
        key = BlanksKey(blanks=tuple(map(tuple, blanks)), is_unordered=is_unordered)
        part = archives.part(ItemType.FILL_BLANK, 1000, key)
        mapped = MappedPart(part_id=PartId("p"), letters={}, order="")
        outcome = score_part(part, mapped, BlanksResponse(texts=tuple(given_texts)), scheme)
        assert outcome.score_milli is not None
        return outcome.score_milli

    free = score(texts, is_unordered=True)
    assert free == score(shuffled, is_unordered=True)
    assert 0 <= score(texts, is_unordered=False) <= free <= 1000


def in_chinese(number: int) -> str:
    """A number below 10**8 in formal Chinese; the slow, obvious way."""
    if not number:
        return "零"
    high, low = divmod(number, 10_000)
    text = _four_digits(high) + "万" if high else ""
    if low:
        text += ("零" if high and low < 1000 else "") + _four_digits(low)
    return text


def _four_digits(number: int) -> str:
    text, owes_zero = "", False
    for unit, value in (("千", 1000), ("百", 100), ("十", 10), ("", 1)):
        digit = number // value % 10
        if not digit:
            owes_zero = bool(text)
            continue
        text += ("零" if owes_zero else "") + "零一二三四五六七八九"[digit] + unit
        owes_zero = False
    return text
