"""The domain × type table where the bank is short, and the message where there is none."""

import pytest

from exam_core.errors import InputError
from exam_core.model.items import ItemType
from paper_builder.assembly.flow import Shortage, fit_table
from paper_builder.assembly.rng import Drbg
from paper_builder.assembly.rounding import round_table
from paper_builder.assembly.table import CellTable, TableMethod, plan_cells
from tests.support.refusals import refuses

KEY = bytes(32)
KINDS = (ItemType.SINGLE_CHOICE, ItemType.TRUE_FALSE, ItemType.CASE)


def _plan(stock: list[list[int]]) -> CellTable:
    return plan_cells(
        domains=["甲", "乙"],
        domain_totals=[6, 4],
        item_types=KINDS,
        type_totals=[5, 3, 2],
        stock=stock,
        key=KEY,
    )


def test_a_full_bank_gets_the_rounded_table() -> None:
    """Where no cell is short, the table is the unbiased one."""
    table = _plan([[9, 9, 9], [9, 9, 9]])
    assert table.method is TableMethod.CONTROLLED_ROUNDING
    assert table.counts == round_table([6, 4], [5, 3, 2], Drbg(KEY, "table/rounding"))


def test_a_short_cell_is_made_up_elsewhere() -> None:
    """Both margins stay exact, no cell takes more than there is, and the record says how."""
    table = _plan([[9, 9, 0], [9, 9, 9]])
    assert table.method is TableMethod.MIN_COST_FLOW
    assert table.counts[0][2] == 0
    assert [sum(row) for row in table.counts] == [6, 4]
    assert [sum(column) for column in zip(*table.counts, strict=True)] == [5, 3, 2]


def test_an_impossible_table_names_cells_needs_and_stock() -> None:
    """Each short cell with what it needs and has, and how many are missing after all moves."""
    with refuses(InputError, "draw.infeasible") as caught:
        _plan([[9, 9, 1], [9, 9, 0]])
    error = caught.value
    assert error.facts["missing"] == 1
    assert {"domain": "乙", "item_type": "case", "needs": 1, "has": 0} in error.facts["cells"]
    assert "乙×案例分析题 需要 1 题，题库有 0 题" in error.message
    assert "仍缺 1 题" in error.message
    assert error.exit_status == 2


def test_the_flow_takes_back_what_it_placed() -> None:
    """A greedy placement that blocks the rest is undone along a longer path."""
    capacities = [[5, 5], [5, 0]]
    table = fit_table([5, 5], [5, 5], capacities, Drbg(KEY, "x"))
    assert table == ((0, 5), (5, 0))


def test_the_cut_names_the_rows_that_cannot_be_served() -> None:
    """The certificate: these rows, those full columns, so many short."""
    found = fit_table([4, 2], [3, 3], [[1, 9], [0, 9]], Drbg(KEY, "x"))
    assert isinstance(found, Shortage)
    assert found.missing == 2
    assert 1 in found.columns


def test_the_flow_is_closest_to_proportional() -> None:
    """With room everywhere it is one of the tables that controlled rounding makes."""
    table = fit_table([20, 35, 10], [40, 25], [[99] * 2] * 3, Drbg(KEY, "x"))
    assert not isinstance(table, Shortage)
    for row, total in zip(table, [20, 35, 10], strict=True):
        for cell, column in zip(row, [40, 25], strict=True):
            assert abs(cell * 65 - total * column) < 65


def test_margins_that_differ_are_our_own_mistake() -> None:
    """The blueprint's margins always have the same sum."""
    with pytest.raises(ValueError, match="same positive sum"):
        round_table([1], [2], Drbg(KEY, "x"))
    with pytest.raises(ValueError, match="same positive sum"):
        round_table([0], [0], Drbg(KEY, "x"))
