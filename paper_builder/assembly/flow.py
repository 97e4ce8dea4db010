"""Which table is closest to the proportional one when the bank is short in some cells?

Min-cost flow from rows to columns through cells of limited capacity: both margins exact, the sum
of squared deviations least, ties by the seed. Where there is none, a cut proves it.
Source: R. K. Ahuja, T. L. Magnanti, J. B. Orlin, Network Flows (1993), section 9.7.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from paper_builder.assembly.rng import Drbg
from paper_builder.assembly.rounding import Table

_TIE_RANGE = 1 << 16
_TIE_SCALE = 1 << 32  # above the sum of the ties along any path


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortage:
    """Why no table exists: these rows need more than they can get.

    The columns that are not among `columns` have no item left for `rows`; the ones in `columns`
    are full. `missing` items are short, at the least.
    """

    rows: tuple[int, ...]
    columns: tuple[int, ...]
    missing: int


def fit_table(
    row_totals: Sequence[int],
    column_totals: Sequence[int],
    capacities: Sequence[Sequence[int]],
    drbg: Drbg,
) -> Table | Shortage:
    """The table with these margins within these capacities, closest to proportional."""
    network = _Network(row_totals, column_totals, capacities, drbg)
    missing = sum(row_totals)
    while missing:
        if not network.push_one():
            rows, columns = network.reached()
            return Shortage(rows=rows, columns=columns, missing=missing)
        missing -= 1
    return tuple(tuple(row) for row in network.cells)


class _Network:
    """Rows are nodes 0 to m − 1, columns m to m + n − 1; a cell is an edge with convex cost."""

    def __init__(
        self,
        row_totals: Sequence[int],
        column_totals: Sequence[int],
        capacities: Sequence[Sequence[int]],
        drbg: Drbg,
    ) -> None:
        self._rows = len(row_totals)
        self._columns = len(column_totals)
        self._row_totals = row_totals
        self._column_totals = column_totals
        self._capacities = capacities
        self._total = sum(row_totals)
        self._ties = [[drbg.below(_TIE_RANGE) for _ in column_totals] for _ in row_totals]
        self._row_left = list(row_totals)
        self._column_left = list(column_totals)
        self._cost: list[int | None] = []
        self._before: list[int] = []
        self.cells = [[0] * self._columns for _ in row_totals]

    def push_one(self) -> bool:
        """Move one more item along the cheapest path; False when there is no path."""
        self._find_paths()
        ends = [
            (cost, column)
            for column in range(self._columns)
            if self._column_left[column] and (cost := self._cost[self._rows + column]) is not None
        ]
        if not ends:
            return False
        _, column = min(ends)
        self._column_left[column] -= 1
        node = self._rows + column
        while (before := self._before[node]) >= 0:
            if node >= self._rows:
                self.cells[before][node - self._rows] += 1
            else:
                self.cells[node][before - self._rows] -= 1
            node = before
        self._row_left[node] -= 1
        return True

    def reached(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The rows and columns that the last search could get to."""
        rows = tuple(row for row in range(self._rows) if self._cost[row] is not None)
        columns = tuple(
            column for column in range(self._columns) if self._cost[self._rows + column] is not None
        )
        return rows, columns

    def _find_paths(self) -> None:
        """Bellman–Ford from every row that still has items to place."""
        has_left = [row_left > 0 for row_left in self._row_left] + [False] * self._columns
        self._cost = [0 if is_start else None for is_start in has_left]
        self._before = [-1] * len(has_left)
        is_changed = True
        while is_changed:  # ends: cheapest paths leave no cycle of negative cost behind
            is_changed = False
            for row in range(self._rows):
                for column in range(self._columns):
                    is_changed |= self._relax(row, column)

    def _relax(self, row: int, column: int) -> bool:
        node = self._rows + column
        filled = self.cells[row][column]
        from_row, from_column = self._cost[row], self._cost[node]
        if from_row is not None and filled < self._capacities[row][column]:
            cost = from_row + self._unit_cost(row, column, filled + 1)
            if from_column is None or cost < from_column:
                self._cost[node], self._before[node] = cost, row
                return True
        if from_column is not None and filled:
            cost = from_column - self._unit_cost(row, column, filled)
            if from_row is None or cost < from_row:
                self._cost[row], self._before[row] = cost, node
                return True
        return False

    def _unit_cost(self, row: int, column: int, nth: int) -> int:
        """What the nth item of a cell adds to the squared deviation, times the total."""
        share = self._row_totals[row] * self._column_totals[column]
        added = (2 * nth - 1) * self._total - 2 * share
        return added * _TIE_SCALE + self._ties[row][column]
