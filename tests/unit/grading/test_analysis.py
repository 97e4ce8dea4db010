"""Item statistics, and when they are withheld."""

import pytest

from exam_core.model.identifiers import BankItemId
from grading.analysis import (
    CANDIDATES_MIN,
    STATUS_ZH,
    StatisticsStatus,
    item_statistics,
    statistics_of_items,
)
from tests.unit.grading import archives

CASE = archives.items()[5]
"""Worth 4 points in two parts."""


@pytest.mark.parametrize(
    ("scores", "facility_milli", "status"),
    [
        ([4000] * (CANDIDATES_MIN - 1), None, StatisticsStatus.TOO_FEW),
        ([4000] * CANDIDATES_MIN, 1000, StatisticsStatus.CONSTANT),
        ([0] * CANDIDATES_MIN, 0, StatisticsStatus.CONSTANT),
        ([4000, 0] * 5, 500, StatisticsStatus.OK),
        ([4000] * 2 + [0] * 9, 182, StatisticsStatus.OK),
    ],
)
def test_facility(scores: list[int], facility_milli: int | None, status: StatisticsStatus) -> None:
    """The mean share of the points, or a status that says why there is none."""
    statistics = item_statistics(CASE, scores)

    assert (statistics.facility_milli, statistics.status) == (facility_milli, status)
    assert (statistics.candidates, statistics.points_milli) == (len(scores), 4000)


def test_items_come_in_the_order_of_the_key() -> None:
    """An item that no candidate's form had is left out."""
    names = [BankItemId("B0006"), BankItemId("B0001"), BankItemId("B0006")]

    found = statistics_of_items(archives.items(), [(name, 0) for name in names])

    assert [(one.bank_item_id, one.candidates) for one in found] == [("B0001", 1), ("B0006", 2)]


def test_every_status_has_chinese_words() -> None:
    """No status reaches a document in English."""
    assert set(STATUS_ZH) == set(StatisticsStatus)
