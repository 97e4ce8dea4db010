"""The share of a fill_blank part: normalised texts against the accepted ones."""

from collections.abc import Sequence
from fractions import Fraction

from exam_core.keys.model import BlankRule, BlanksKey
from grading.scoring.normalise import normalise_blank


def blanks_share(key: BlanksKey, blanks: Sequence[str], rule: BlankRule) -> Fraction:
    """The exact share, 0 to 1, of the points; every blank weighs the same.

    Args:
        key: The accepted texts, as authored.
        blanks: The given texts, normalised, one for each blank; an empty one matches nothing.
        rule: Whether blanks count one by one.
    """
    accepted = [frozenset(map(normalise_blank, texts)) for texts in key.blanks]
    fits = [
        [place for place, texts in enumerate(accepted) if blank and blank in texts]
        for blank in blanks
    ]
    if key.is_unordered:
        matched = _matching_size(fits)
    else:
        matched = sum(place in places for place, places in enumerate(fits))
    share = Fraction(matched, len(accepted))
    if rule is BlankRule.ALL_OR_NOTHING and share != 1:
        return Fraction(0)
    return share


def _matching_size(fits: Sequence[Sequence[int]]) -> int:
    """How many given texts can be right at once when each accepted place is used once.

    Taking the first place that fits can waste it on a text that had another; augmenting paths
    cannot. At most ten blanks, so the simple algorithm serves.

    Args:
        fits: For each given text, the places it would be right in.

    Source: H. W. Kuhn, "The Hungarian method for the assignment problem", 1955 (unweighted case).
    """
    taken_by: dict[int, int] = {}

    def place(given: int, tried: set[int]) -> bool:
        for target in fits[given]:
            if target in tried:
                continue
            tried.add(target)
            if target not in taken_by or place(taken_by[target], tried):
                taken_by[target] = given
                return True
        return False

    return sum(place(given, set()) for given in range(len(fits)))
