"""What scoring says about one part: the score, or that a person must mark it.

A rule gives an exact share of the points (`Fraction`); `outcome_of` turns it into thousandths
**once per part**, rounding half to even. Nothing later rounds again: totals are sums of integers.
"""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

import msgspec

from exam_core.errors import declare
from exam_core.model.identifiers import BankItemId

SCORE_MISFIT = declare(
    "score.misfit", "作答与试题对不上，停止计分；请核对结果包与答案包是否属于同一套试卷。"
)

RULES_VERSION = 1
"""Version of the scoring rules and of the text normaliser together; an archive names its own."""


class PartRef(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, order=True, eq=True
):
    """One part in the author's terms: the item, and the part's place in it, from 0."""

    bank_item_id: BankItemId
    part_index: int


class PartStatus(StrEnum):
    """How a part came out."""

    CORRECT = "correct"
    PARTIAL = "partial"
    WRONG = "wrong"
    BLANK = "blank"  # nothing given, or never touched: 0 without a marker
    NEEDS_MARKING = "needs_marking"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartOutcome:
    """The outcome of one part.

    `score_milli` is None exactly when `status` is NEEDS_MARKING. `blanks` holds the normalised
    text of each blank of a fill_blank response, in order; empty for every other type.
    """

    status: PartStatus
    score_milli: int | None
    blanks: tuple[str, ...] = ()


BLANK = PartOutcome(status=PartStatus.BLANK, score_milli=0)
NEEDS_MARKING = PartOutcome(status=PartStatus.NEEDS_MARKING, score_milli=None)


def round_half_even(exact_milli: Fraction) -> int:
    """The nearest whole thousandth; a tie goes to the even neighbour (as Python's `round`)."""
    return round(exact_milli)


def outcome_of(share: Fraction, points_milli: int, *, blanks: tuple[str, ...] = ()) -> PartOutcome:
    """The outcome of an exact share, 0 to 1, of a part's points."""
    if share == 1:
        status = PartStatus.CORRECT
    elif share == 0:
        status = PartStatus.WRONG
    else:
        status = PartStatus.PARTIAL
    score_milli = round_half_even(share * points_milli)
    return PartOutcome(status=status, score_milli=score_milli, blanks=blanks)


def marked_outcome(score_milli: int, points_milli: int) -> PartOutcome:
    """The outcome of a part that a person marked."""
    return outcome_of(Fraction(score_milli, points_milli), points_milli)


def points_text(milli: int, decimals: int = 0) -> str:
    """Thousandths as people write them: `points_text(1500)` is "1.5".

    Args:
        milli: Not negative.
        decimals: Places to show at least, 0 to 3; more are shown when they are not zero.
    """
    whole, rest = divmod(milli, 1000)
    places = f"{rest:03}".rstrip("0").ljust(decimals, "0")
    return f"{whole}.{places}" if places else str(whole)
