"""The share of a part answered by picking choices, by named rule."""

from collections.abc import Set as AbstractSet
from fractions import Fraction
from typing import assert_never

from exam_core.keys.model import MultipleChoiceRule

FULL = Fraction(1)
NONE = Fraction(0)


def choice_share(
    correct: AbstractSet[str], picked: AbstractSet[str], rule: MultipleChoiceRule
) -> Fraction:
    """The exact share, 0 to 1, of the points.

    With one correct choice and one pick every rule says the same, so single_choice and true_false
    come here too. A wrong pick never costs more than the part itself.
    """
    if picked == correct:
        return FULL
    if not picked or not picked < correct:
        return NONE
    match rule:
        case MultipleChoiceRule.ALL_OR_NOTHING:
            return NONE
        case MultipleChoiceRule.HALF_IF_INCOMPLETE:
            return Fraction(1, 2)
        case MultipleChoiceRule.PER_CHOICE:
            return Fraction(len(picked), len(correct))
        case _:
            assert_never(rule)
