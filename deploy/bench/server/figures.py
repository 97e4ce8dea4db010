"""Measured values against their goals: percentiles, ratios, and what the table says. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_SMALL, _LARGE = 10, 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured value; `at_least` or `at_most` is what the project promises, or neither.

    `beside` names what it was compared with in the same run, and anything the reader must know.
    """

    name: str
    value: float
    unit: str
    at_least: float | None = None
    at_most: float | None = None
    beside: str = ""

    def __post_init__(self) -> None:
        if self.at_least is not None and self.at_most is not None:
            raise ValueError("a figure has one goal")

    @property
    def goal(self) -> str:
        """The goal in words; empty where nothing was promised."""
        if self.at_least is not None:
            return f"≥ {number(self.at_least)} {self.unit}"
        return "" if self.at_most is None else f"≤ {number(self.at_most)} {self.unit}"

    @property
    def holds(self) -> bool:
        """Whether the promise was kept; without one, yes."""
        if self.at_least is not None:
            return self.value >= self.at_least
        return self.at_most is None or self.value <= self.at_most

    @property
    def verdict(self) -> str:
        """`ok`, or by how much it was missed; empty where nothing was promised."""
        if not self.goal:
            return ""
        if self.holds:
            return "ok"
        if self.at_least is not None:
            return f"MISSED: {ratio(self.value, self.at_least):.2f} of the goal"
        return f"MISSED: {ratio(self.value, self.at_most or 0):.2f} × the limit"


def percentile(ascending: Sequence[float], share: float) -> float:
    """The smallest value that so large a share does not exceed (nearest rank); 0 of nothing."""
    if not ascending:
        return 0.0
    return ascending[max(0, math.ceil(share * len(ascending)) - 1)]


def ratio(value: float, other: float) -> float:
    """How many times `other` the value is; 0 when there is nothing to compare with."""
    return value / other if other else 0.0


def number(value: float) -> str:
    """A number with as many digits as can be believed."""
    if abs(value) >= _LARGE:
        return f"{value:,.0f}"
    return f"{value:.0f}" if abs(value) >= _SMALL * _SMALL else f"{value:.3g}"


def markdown(figures: Sequence[Figure]) -> str:
    """The figures as a table."""
    lines = [
        "| measured | value | goal | verdict | beside it, in the same run |",
        "| --- | ---: | ---: | --- | --- |",
    ]
    lines += [
        f"| {one.name} | {number(one.value)} {one.unit} | {one.goal} | {one.verdict} "
        f"| {one.beside} |"
        for one in figures
    ]
    return "\n".join(lines)
