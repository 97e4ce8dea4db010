"""The table that a measurement prints: value, limit, ratio, and the peer of the same run."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from rich.console import Console
from rich.table import Table

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One thing measured; `limit` is what the project promises."""

    name: str
    value: float
    limit: float
    unit: str
    peer: str = ""

    @property
    def is_within(self) -> bool:
        """Whether the promise was kept."""
        return self.value <= self.limit


def timed(work: Callable[[], _T]) -> tuple[float, _T]:
    """How many seconds it took, and what came of it."""
    began = time.monotonic()
    result = work()
    return time.monotonic() - began, result


def print_table(title: str, rows: list[Row]) -> bool:
    """Print all rows; whether every one is within its limit."""
    table = Table(title=title)
    for name in ("measured", "value", "limit", "ratio", "peer in the same run"):
        table.add_column(
            name, justify="left" if name in {"measured", "peer in the same run"} else "right"
        )
    for row in rows:
        table.add_row(
            row.name,
            f"{row.value:.2f} {row.unit}",
            f"{row.limit:g} {row.unit}",
            f"{row.value / row.limit:.2f}{'' if row.is_within else ' OVER'}",
            row.peer,
        )
    Console(width=140).print(table)
    return all(row.is_within for row in rows)
