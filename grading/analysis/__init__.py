"""How did the items do?

Pure functions on values; a figure that would mislead is withheld and its status says why.
"""

from grading.analysis.items import (
    CANDIDATES_MIN,
    STATUS_ZH,
    ItemStatistics,
    StatisticsStatus,
    item_statistics,
    statistics_of_items,
)

__all__ = [
    "CANDIDATES_MIN",
    "STATUS_ZH",
    "ItemStatistics",
    "StatisticsStatus",
    "item_statistics",
    "statistics_of_items",
]
