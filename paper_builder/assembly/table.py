"""How many items does each domain × type cell of the paper get, from what the bank has?"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from exam_core.errors import InputError, declare
from exam_core.model.items import TITLES_ZH, ItemType
from paper_builder.assembly.flow import Shortage, fit_table
from paper_builder.assembly.rng import Drbg
from paper_builder.assembly.rounding import Table, round_table

DRAW_INFEASIBLE = declare(
    "draw.infeasible", "请按提示向题库补充所缺题型的试题，或调整蓝图的比例；没有写出任何文件。"
)


class TableMethod(StrEnum):
    """How a table was made; part of the draw record."""

    CONTROLLED_ROUNDING = "controlled_rounding"
    MIN_COST_FLOW = "min_cost_flow"


@dataclass(frozen=True, slots=True, kw_only=True)
class CellTable:
    """The counts by domain and type; both margins are the blueprint's."""

    counts: Table
    method: TableMethod


def plan_cells(
    *,
    domains: Sequence[str],
    domain_totals: Sequence[int],
    item_types: Sequence[ItemType],
    type_totals: Sequence[int],
    stock: Sequence[Sequence[int]],
    key: bytes,
) -> CellTable:
    """The table of a draw: rounded without bias, or fitted where the bank is short.

    Args:
        domains: Names of the rows.
        domain_totals: Items of each row.
        item_types: Names of the columns.
        type_totals: Items of each column; together as many as the rows.
        stock: What the bank has, by row and column.
        key: The key of the draw.

    Raises:
        InputError: `draw.infeasible`, naming each cell, what it needs and what the bank has.
    """
    wanted = round_table(domain_totals, type_totals, Drbg(key, "table/rounding"))
    short = [
        (row, column)
        for row in range(len(domains))
        for column in range(len(item_types))
        if wanted[row][column] > stock[row][column]
    ]
    if not short:
        return CellTable(counts=wanted, method=TableMethod.CONTROLLED_ROUNDING)
    fitted = fit_table(domain_totals, type_totals, stock, Drbg(key, "table/flow"))
    if not isinstance(fitted, Shortage):
        return CellTable(counts=fitted, method=TableMethod.MIN_COST_FLOW)
    cells = [
        {
            "domain": domains[row],
            "item_type": item_types[column].value,
            "needs": wanted[row][column],
            "has": stock[row][column],
        }
        for row, column in short
    ]
    named = "；".join(
        f"{domains[row]}×{TITLES_ZH[item_types[column]]} "
        f"需要 {wanted[row][column]} 题，题库有 {stock[row][column]} 题"
        for row, column in short
    )
    where = "、".join(domains[row] for row in fitted.rows)
    raise InputError(
        DRAW_INFEASIBLE,
        f"题库不能满足蓝图：{named}。"
        f"在各领域、各题型之间调剂后，{where}合计仍缺 {fitted.missing} 题",
        cells=cells,
        missing=fitted.missing,
    )
