"""Which items are drawn? Every paper that keeps the rules has exactly the same chance.

Each cell is sampled without replacement; at the first rule broken the whole paper is thrown away
and drawn again. Mending it instead would favour some items over others.
Source: D. Belov and R. Armstrong, Monte Carlo Test Assembly (Applied Psychological Measurement
29, 2005): uniform sampling from the feasible papers.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from exam_core.errors import InputError, declare
from exam_core.keys.model import KeyedItem
from paper_builder import limits
from paper_builder.assembly.rng import Drbg

DRAW_BUDGET = declare(
    "draw.budget", "请放宽每个知识点的题数上限，或向题库补充其他知识点的试题；没有写出任何文件。"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """The items of one domain and type, in the order of the pool, and how many to draw."""

    items: Sequence[KeyedItem]
    needed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The items drawn, in the order of drawing, and how many papers were begun for it."""

    items: tuple[KeyedItem, ...]
    tries: int


def select_items(
    cells: Sequence[Cell],
    knowledge_point_max: int,
    drbg: Drbg,
    tries_max: int = limits.draw_tries_max,
) -> Selection:
    """Draw from every cell until a whole paper keeps the rules.

    Cells are drawn in the order given; large ones first find a broken rule soonest. The order
    and `tries_max` are part of the draw's definition.

    Args:
        cells: Each with at least as many items as it needs.
        knowledge_point_max: The most items of one knowledge point; 0 for no limit.
        drbg: One stream for all tries.
        tries_max: Then the demands are held to be too tight.

    Raises:
        InputError: `draw.budget`, naming the knowledge points that broke the rule most often.
    """
    broken_by: Counter[str] = Counter()
    for number in range(1, tries_max + 1):
        drawn = _try_once(cells, knowledge_point_max, drbg, broken_by)
        if drawn is not None:
            return Selection(items=tuple(drawn), tries=number)
    named = "、".join(f"{name}（{count} 次）" for name, count in broken_by.most_common(5))
    raise InputError(
        DRAW_BUDGET,
        f"试抽 {tries_max} 次都有知识点超过 {knowledge_point_max} 题，最多的是 {named}",
        tries=tries_max,
    )


def _try_once(
    cells: Sequence[Cell], knowledge_point_max: int, drbg: Drbg, broken_by: Counter[str]
) -> list[KeyedItem] | None:
    drawn: list[KeyedItem] = []
    of_point: Counter[str] = Counter()
    for cell in cells:
        # Fisher–Yates from the front, on a sparse copy: only places that were touched are kept.
        moved: dict[int, int] = {}
        for place in range(cell.needed):
            other = place + drbg.below(len(cell.items) - place)
            item = cell.items[moved.get(other, other)]
            moved[other] = moved.get(place, place)
            point = item.knowledge_point
            of_point[point] += 1
            if knowledge_point_max and point and of_point[point] > knowledge_point_max:
                broken_by[point] += 1
                return None
            drawn.append(item)
    return drawn
