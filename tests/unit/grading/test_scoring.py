"""Objective scoring: every rule against values worked by hand."""

from fractions import Fraction
from typing import Any

import pytest

from exam_core.errors import InputError
from exam_core.keys.model import (
    BlankRule,
    BlanksKey,
    ChoiceKey,
    KeyedPart,
    MappedPart,
    MultipleChoiceRule,
    ScoringScheme,
)
from exam_core.model.identifiers import ChoiceId, PartId
from exam_core.model.items import ItemType
from exam_core.model.responses import BlanksResponse, ChoiceResponse, Response, TextResponse
from grading.scoring import (
    PartOutcome,
    PartStatus,
    describe_scheme,
    form_parts,
    marked_outcome,
    outcome_of,
    points_text,
    round_half_even,
    score_part,
)
from tests.support.refusals import refuses
from tests.unit.grading import archives

MULTIPLE = archives.part(ItemType.MULTIPLE_CHOICE, 2000, ChoiceKey(letters="ABC"), "ABCDE")
SINGLE = archives.part(ItemType.SINGLE_CHOICE, 1000, ChoiceKey(letters="B"), "ABCD")
WRITTEN = archives.part(ItemType.SHORT_ANSWER, 4000, archives.marking_key(4000))


def mapped(letters: str = "ABCDE") -> MappedPart:
    """A mapping whose ids do not show their letter."""
    ids = {ChoiceId(f"x{ord(letter) * 7 % 31}"): letter for letter in letters}
    return MappedPart(part_id=PartId("p"), letters=ids, order=letters)


def pick(letters: str) -> ChoiceResponse:
    """These letters, by their ids."""
    by_letter = {letter: choice_id for choice_id, letter in mapped().letters.items()}
    return ChoiceResponse(choice_ids=tuple(by_letter[letter] for letter in letters))


def score(part: KeyedPart, response: Response | None, **scheme: Any) -> PartOutcome:
    """The outcome under a scheme."""
    where = mapped() if part.choices else mapped("")
    return score_part(part, where, response, ScoringScheme(**scheme))


def blanks(*texts: tuple[str, ...], is_unordered: bool = False) -> KeyedPart:
    """A three-point part with these accepted texts."""
    key = BlanksKey(blanks=texts, is_unordered=is_unordered)
    return archives.part(ItemType.FILL_BLANK, 3000, key)


@pytest.mark.parametrize(
    ("picked", "all_or_nothing", "half", "per_choice"),
    [
        ("", 0, 0, 0),
        ("A", 0, Fraction(1, 2), Fraction(1, 3)),
        ("AB", 0, Fraction(1, 2), Fraction(2, 3)),
        ("ABC", 1, 1, 1),
        ("CBA", 1, 1, 1),
        ("AD", 0, 0, 0),
        ("ABD", 0, 0, 0),
        ("ABCD", 0, 0, 0),
        ("ABCDE", 0, 0, 0),
        ("DE", 0, 0, 0),
    ],
)
def test_multiple_choice_rules(
    picked: str, all_or_nothing: Fraction, half: Fraction, per_choice: Fraction
) -> None:
    """The golden table for key ABC of ABCDE, in thousandths of two points."""
    for rule, share in (
        (MultipleChoiceRule.ALL_OR_NOTHING, all_or_nothing),
        (MultipleChoiceRule.HALF_IF_INCOMPLETE, half),
        (MultipleChoiceRule.PER_CHOICE, per_choice),
    ):
        outcome = score(MULTIPLE, pick(picked), multiple_choice=rule)

        assert outcome.score_milli == round(share * 2000)


@pytest.mark.parametrize(
    ("picked", "status", "score_milli"),
    [("B", "correct", 1000), ("C", "wrong", 0), ("", "blank", 0)],
)
def test_single_choice(picked: str, status: str, score_milli: int) -> None:
    """One pick is right, wrong or missing, whatever the multiple-choice rule says."""
    outcome = score(SINGLE, pick(picked), multiple_choice=MultipleChoiceRule.PER_CHOICE)

    assert (outcome.status, outcome.score_milli) == (status, score_milli)


def test_untouched_part_is_blank() -> None:
    """A part without any response scores 0 and waits for nobody, written ones too."""
    for part in (SINGLE, MULTIPLE, blanks(("甲",)), WRITTEN):
        assert score(part, None) == PartOutcome(status=PartStatus.BLANK, score_milli=0)


@pytest.mark.parametrize(("text", "status"), [(" \n", "blank"), ("应当支付", "needs_marking")])
def test_written_part_needs_a_marker_when_something_is_there(text: str, status: str) -> None:
    """White space alone is no answer; anything else is a person's to judge."""
    outcome = score(WRITTEN, TextResponse(text=text))

    assert outcome.status == status
    assert outcome.score_milli == (0 if status == "blank" else None)


def test_blanks_in_order_each_earn_their_share() -> None:
    """Two of three right earn two thirds, and the normalised texts are kept."""
    part = blanks(("三十日", "一个月"), ("50%",), ("公平",))

    outcome = score(part, BlanksResponse(texts=("30 日", "百分之五十", "")))

    assert outcome == PartOutcome(
        status=PartStatus.PARTIAL, score_milli=2000, blanks=("30日", "50%", "")
    )


def test_blanks_all_or_nothing() -> None:
    """Under all_or_nothing one wrong blank costs the part."""
    part = blanks(("甲",), ("乙",))
    rule = BlankRule.ALL_OR_NOTHING

    assert score(part, BlanksResponse(texts=("甲", "丙")), fill_blank=rule).score_milli == 0
    assert score(part, BlanksResponse(texts=("甲", "乙")), fill_blank=rule).score_milli == 3000


def test_ordered_blanks_do_not_swap() -> None:
    """The right texts in the wrong places are wrong when order matters."""
    outcome = score(blanks(("公平",), ("就业",)), BlanksResponse(texts=("就业", "公平")))

    assert (outcome.status, outcome.score_milli) == (PartStatus.WRONG, 0)


def test_unordered_blanks_use_each_accepted_text_once() -> None:
    """Writing one right text twice earns one share, not two."""
    part = blanks(("公平",), ("就业",), is_unordered=True)

    assert score(part, BlanksResponse(texts=("就业", "公平"))).score_milli == 3000
    assert score(part, BlanksResponse(texts=("公平", "公平"))).score_milli == 1500


def test_unordered_blanks_are_matched_as_well_as_possible() -> None:
    """A text that fits two places yields the one that another text needs."""
    part = blanks(("甲", "乙"), ("乙", "丙"), ("甲",), is_unordered=True)

    assert score(part, BlanksResponse(texts=("甲", "乙", "丙"))).score_milli == 3000
    assert score(part, BlanksResponse(texts=("丙", "甲", "丙"))).score_milli == 2000


def test_untouched_blanks_are_blank() -> None:
    """Blanks of white space are no answer."""
    assert score(blanks(("甲",), ("乙",)), BlanksResponse(texts=(" ", ""))).status == "blank"


@pytest.mark.parametrize(
    ("part", "response"),
    [
        (SINGLE, TextResponse(text="B")),
        (SINGLE, pick("AB")),
        (MULTIPLE, pick("AA")),
        (MULTIPLE, ChoiceResponse(choice_ids=(ChoiceId("other"),))),
        (WRITTEN, BlanksResponse(texts=("甲",))),
        (blanks(("甲",)), BlanksResponse(texts=("甲", "乙"))),
        (blanks(("甲",)), TextResponse(text="甲")),
    ],
)
def test_misfit_is_refused(part: KeyedPart, response: Response) -> None:
    """A response that cannot belong to the part is never scored."""
    with refuses(InputError, "score.misfit"):
        score(part, response)


@pytest.mark.parametrize(
    ("exact", "rounded"),
    [(Fraction(1, 2), 0), (Fraction(3, 2), 2), (Fraction(5, 2), 2), (Fraction(2000, 3), 667)],
)
def test_rounding_is_half_even(exact: Fraction, rounded: int) -> None:
    """A tie goes to the even thousandth."""
    assert round_half_even(exact) == rounded


def test_rounding_happens_once_for_each_part() -> None:
    """Two thirds of one point are 667 thousandths, and a marked part keeps its score."""
    assert outcome_of(Fraction(2, 3), 1000).score_milli == 667
    assert marked_outcome(2500, 4000).score_milli == 2500
    assert marked_outcome(0, 4000).status is PartStatus.WRONG


@pytest.mark.parametrize(
    ("milli", "decimals", "text"),
    [(1500, 0, "1.5"), (1000, 0, "1"), (1000, 2, "1.00"), (667, 1, "0.667"), (0, 1, "0.0")],
)
def test_points_text(milli: int, decimals: int, text: str) -> None:
    """Thousandths are written exactly, with at least the places asked for."""
    assert points_text(milli, decimals) == text


def test_parts_of_every_form_come_in_the_order_of_the_key() -> None:
    """Form 2 stands in reverse on paper and in the key's order here."""
    forms = form_parts(archives.answer_key())

    refs = [[one.ref for one in parts] for parts in forms.values()]
    assert len(refs) == 2
    assert refs[0] == refs[1] == sorted(refs[0])
    assert {one.mapped.part_id[:2] for one in forms[archives.form_map(2).form_number]} == {"f2"}


def test_every_rule_is_described() -> None:
    """The description names what the scheme says, whichever rules are chosen."""
    lines = {
        describe_scheme(ScoringScheme(multiple_choice=multiple, fill_blank=blank))[:2]
        for multiple in MultipleChoiceRule
        for blank in BlankRule
    }

    assert len(lines) == len(MultipleChoiceRule) * len(BlankRule)
