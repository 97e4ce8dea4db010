"""Laws of the two-way table: margins exact, cells floor or ceiling, no cell favoured."""

from collections.abc import Sequence
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from paper_builder.assembly.flow import Shortage, fit_table
from paper_builder.assembly.margins import largest_remainder
from paper_builder.assembly.rng import Drbg
from paper_builder.assembly.rounding import Table, round_table

RATIOS = st.lists(st.integers(0, 60), min_size=1, max_size=7).filter(any)
KEYS = st.binary(min_size=32, max_size=32)


def _margins(table: Sequence[Sequence[int]]) -> tuple[list[int], list[int]]:
    return [sum(row) for row in table], [sum(column) for column in zip(*table, strict=True)]


@given(total=st.integers(0, 500), ratios=RATIOS)
def test_shares_add_up_and_stay_close(total: int, ratios: list[int]) -> None:
    """Each share is its quota rounded down or up, and together they are the total."""
    shares = largest_remainder(total, ratios)
    assert sum(shares) == total
    for share, ratio in zip(shares, ratios, strict=True):
        assert abs(share - Fraction(total * ratio, sum(ratios))) < 1


@given(total=st.integers(1, 500), rows=RATIOS, columns=RATIOS, key=KEYS)
def test_rounded_tables_are_exact(
    total: int, rows: list[int], columns: list[int], key: bytes
) -> None:
    """For any ratios and totals: both margins exact, every cell floor or ceiling of its share."""
    row_totals = largest_remainder(total, rows)
    column_totals = largest_remainder(total, columns)
    table = round_table(row_totals, column_totals, Drbg(key, "x"))
    assert _margins(table) == (list(row_totals), list(column_totals))
    for row, row_total in zip(table, row_totals, strict=True):
        for cell, column_total in zip(row, column_totals, strict=True):
            assert abs(cell - Fraction(row_total * column_total, total)) < 1


@given(
    total=st.integers(1, 60),
    rows=RATIOS,
    columns=RATIOS,
    stock=st.lists(st.integers(0, 20), min_size=49, max_size=49),
    key=KEYS,
)
def test_fitted_tables_are_exact_or_provably_impossible(
    total: int, rows: list[int], columns: list[int], stock: list[int], key: bytes
) -> None:
    """Within the stock and exact on both margins; or a cut shows that no table can be."""
    row_totals = largest_remainder(total, rows)
    column_totals = largest_remainder(total, columns)
    capacities = [[stock[7 * row + column] for column in range(len(columns))]
                  for row in range(len(rows))]  # fmt: skip
    found = fit_table(row_totals, column_totals, capacities, Drbg(key, "x"))
    if isinstance(found, Shortage):
        needed = sum(row_totals[row] for row in found.rows)
        others = [column for column in range(len(columns)) if column not in found.columns]
        room = sum(column_totals[column] for column in found.columns) + sum(
            capacities[row][column] for row in found.rows for column in others
        )
        assert found.missing > 0
        assert needed - room == found.missing
    else:
        assert _margins(found) == (list(row_totals), list(column_totals))
        for row, limits in zip(found, capacities, strict=True):
            assert all(0 <= cell <= limit for cell, limit in zip(row, limits, strict=True))


def test_rounding_favours_no_cell() -> None:
    """Over 3,000 streams each cell's mean is its share, within four standard errors."""
    rows, columns, rounds = (20, 35, 10, 25, 10), (50, 20, 10, 10, 5, 5), 3000
    sums = [[0] * len(columns) for _ in rows]
    for number in range(rounds):
        table: Table = round_table(rows, columns, Drbg(number.to_bytes(32, "big"), "x"))
        for row, cells in enumerate(table):
            for column, cell in enumerate(cells):
                sums[row][column] += cell
    for row, row_total in enumerate(rows):
        for column, column_total in enumerate(columns):
            share = Fraction(row_total * column_total, 100)
            part = float(share % 1)
            error = (part * (1 - part) / rounds) ** 0.5
            assert abs(sums[row][column] / rounds - float(share)) <= 4 * error + 1e-12
