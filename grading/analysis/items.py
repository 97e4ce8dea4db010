"""How each item did; every figure comes with a status, and none is given that says nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from exam_core.keys.model import KeyedItem
from exam_core.model.identifiers import BankItemId
from exam_core.model.items import ItemType
from grading.scoring.outcome import round_half_even

CANDIDATES_MIN = 10
"""Below this many candidates a facility is chance more than item, so none is given."""


class StatisticsStatus(StrEnum):
    """Whether the figures of an item can be used."""

    OK = "ok"
    TOO_FEW = "too_few"  # fewer than CANDIDATES_MIN candidates; no facility
    CONSTANT = "constant"  # everybody scored the same; the item separates nobody


STATUS_ZH = {
    StatisticsStatus.OK: "正常",
    StatisticsStatus.TOO_FEW: "人数过少",
    StatisticsStatus.CONSTANT: "得分无差异",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemStatistics:
    """One item over all candidates who were present.

    `facility_milli` is the mean score as a share of the item's points, in thousandths, rounded
    half to even; None when the status is TOO_FEW.
    """

    bank_item_id: BankItemId
    domain: str
    item_type: ItemType
    points_milli: int
    candidates: int
    facility_milli: int | None
    status: StatisticsStatus


def item_statistics(item: KeyedItem, scores_milli: Sequence[int]) -> ItemStatistics:
    """The statistics of one item.

    Args:
        item: The item with its key.
        scores_milli: One score for each candidate whose form had the item, in any order.

    Source: facility as in Moodle's quiz statistics (mean score / maximum score).
    """
    points_milli = sum(part.points_milli for part in item.parts)
    facility_milli = None
    if len(scores_milli) < CANDIDATES_MIN:
        status = StatisticsStatus.TOO_FEW
    else:
        is_constant = len(set(scores_milli)) == 1
        status = StatisticsStatus.CONSTANT if is_constant else StatisticsStatus.OK
        mean = Fraction(sum(scores_milli), len(scores_milli))
        facility_milli = round_half_even(mean * 1000 / points_milli)
    return ItemStatistics(
        bank_item_id=item.bank_item_id,
        domain=item.domain,
        item_type=item.item_type,
        points_milli=points_milli,
        candidates=len(scores_milli),
        facility_milli=facility_milli,
        status=status,
    )


def statistics_of_items(
    items: Iterable[KeyedItem], scores: Iterable[tuple[BankItemId, int]]
) -> tuple[ItemStatistics, ...]:
    """The statistics of every item that stood on a candidate's form, in the order of `items`.

    Args:
        items: The items of the answer key.
        scores: The item score of every candidate present, item by item.
    """
    by_item: dict[BankItemId, list[int]] = {}
    for bank_item_id, score_milli in scores:
        by_item.setdefault(bank_item_id, []).append(score_milli)
    return tuple(
        item_statistics(item, by_item[item.bank_item_id])
        for item in items
        if item.bank_item_id in by_item
    )
