"""How is the two-way table rounded so that both margins stay exact and no cell is favoured?

Source: L. H. Cox, A Constructive Procedure for Unbiased Controlled Rounding, JASA 82 (1987).
"""

from collections.abc import Sequence

from paper_builder.assembly.rng import Drbg

Table = tuple[tuple[int, ...], ...]
"""Whole numbers by row and column."""


def round_table(row_totals: Sequence[int], column_totals: Sequence[int], drbg: Drbg) -> Table:
    """A table with exactly these margins, each cell its proportional share rounded down or up.

    The share of a cell is row · column ÷ total, and its expectation over the stream is exactly
    that. Cells are kept as multiples of 1 ÷ total, so that all arithmetic is in integers.
    """
    total = sum(row_totals)
    if total != sum(column_totals) or total <= 0:
        raise ValueError("the margins must have the same positive sum")
    cells = [[row * column for column in column_totals] for row in row_totals]
    while cycle := _fractional_cycle(cells, total):
        raised, lowered = cycle[0::2], cycle[1::2]
        up = min(
            [total - cells[row][column] % total for row, column in raised]
            + [cells[row][column] % total for row, column in lowered]
        )
        down = min(
            [cells[row][column] % total for row, column in raised]
            + [total - cells[row][column] % total for row, column in lowered]
        )
        # Up with probability down ÷ (up + down): the expected change is nought.
        step = up if drbg.below(up + down) < down else -down
        for row, column in raised:
            cells[row][column] += step
        for row, column in lowered:
            cells[row][column] -= step
    return tuple(tuple(cell // total for cell in row) for row in cells)


def _fractional_cycle(cells: Sequence[Sequence[int]], unit: int) -> list[tuple[int, int]]:
    """Cells with fractions that form a closed path, turning at each; empty when none has one.

    Margins are whole, so a row or column with one such cell has another: the walk never ends
    before it comes back to a line it has been on.
    """
    rows = range(len(cells))
    columns = range(len(cells[0]))
    start = next((row for row in rows if any(cell % unit for cell in cells[row])), None)
    if start is None:
        return []
    row, column = start, -1
    path: list[tuple[int, int]] = []
    row_left_at, column_left_at = {row: 0}, dict[int, int]()
    while True:
        column = next(other for other in columns if other != column and cells[row][other] % unit)
        path.append((row, column))
        if column in column_left_at:
            return path[column_left_at[column] :]
        column_left_at[column] = len(path)
        row = next(other for other in rows if other != row and cells[other][column] % unit)
        path.append((row, column))
        if row in row_left_at:
            return path[row_left_at[row] :]
        row_left_at[row] = len(path)
