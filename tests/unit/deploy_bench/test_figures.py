"""The arithmetic of `make bench-server`: percentiles, ratios, goals and the table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.bench.server.figures import Figure, markdown, number, percentile, ratio


def test_percentile_is_a_value_that_was_measured() -> None:
    """Nearest rank: of a hundred values the 99th percentile is the 99th."""
    values = [float(one) for one in range(1, 101)]
    assert percentile(values, 0.5) == 50.0
    assert percentile(values, 0.99) == 99.0
    assert percentile(values, 1.0) == 100.0
    assert percentile([7.0], 0.5) == 7.0
    assert percentile([], 0.99) == 0.0


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0, 1))
def test_so_large_a_share_is_not_above_its_percentile(values: list[float], share: float) -> None:
    """At least the share of all values is at or below the percentile."""
    ascending = sorted(values)
    border = percentile(ascending, share)
    assert border in ascending
    assert sum(one <= border for one in ascending) >= share * len(ascending) - 1e-9


def test_ratio_of_nothing_is_zero() -> None:
    """A peer that measured nothing makes no ratio, and no crash."""
    assert ratio(6.0, 3.0) == 2.0
    assert ratio(6.0, 0.0) == 0.0


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0123, "0.0123"), (9.876, "9.88"), (99.96, "100"), (123.4, "123"), (7200.4, "7,200")],
)
def test_numbers_have_three_digits(value: float, shown: str) -> None:
    """No figure claims more digits than can be believed."""
    assert number(value) == shown


def test_a_floor_is_kept_or_missed_by_a_share() -> None:
    """A figure below what was promised says which part of it was reached."""
    kept = Figure(name="saves", value=7_300, unit="/s", at_least=7_200)
    missed = Figure(name="saves", value=3_600, unit="/s", at_least=7_200)
    assert (kept.holds, kept.verdict, kept.goal) == (True, "ok", "≥ 7,200 /s")
    assert (missed.holds, missed.verdict) == (False, "MISSED: 0.50 of the goal")


def test_a_ceiling_is_kept_or_passed_by_a_factor() -> None:
    """A figure above its limit says how many times the limit it is."""
    kept = Figure(name="p99", value=50, unit="ms", at_most=50)
    missed = Figure(name="p99", value=75, unit="ms", at_most=50)
    assert (kept.holds, kept.verdict, kept.goal) == (True, "ok", "≤ 50 ms")
    assert (missed.holds, missed.verdict) == (False, "MISSED: 1.50 × the limit")


def test_a_figure_without_a_goal_is_neither() -> None:
    """What was only measured holds and has no verdict."""
    figure = Figure(name="cpu", value=5, unit="µs")
    assert (figure.holds, figure.verdict, figure.goal) == (True, "", "")


def test_two_goals_are_a_mistake() -> None:
    """A floor and a ceiling at once are refused."""
    with pytest.raises(ValueError, match="one goal"):
        Figure(name="x", value=1, unit="", at_least=1, at_most=2)


def test_markdown_has_a_row_for_each_figure() -> None:
    """The page gets the same words as the screen."""
    text = markdown([Figure(name="p99", value=75, unit="ms", at_most=50, beside="bare: 9 ms")])
    assert (
        text.splitlines()[2] == "| p99 | 75 ms | ≤ 50 ms | MISSED: 1.50 × the limit | bare: 9 ms |"
    )
