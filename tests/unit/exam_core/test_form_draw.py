"""The draw of forms can be repeated and favours nobody."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_core.model import form_draw
from exam_core.model.form_draw import draw_forms
from exam_core.model.identifiers import AdmissionNumber, FormNumber
from tests.support.builders import form_numbers

NUMBERS = [AdmissionNumber(f"2026{serial:04d}") for serial in range(1, 33)]


@given(
    seed=st.binary(min_size=32, max_size=32), spares=st.integers(0, 9), people=st.integers(0, 32)
)
def test_everyone_gets_a_form_of_their_own(seed: bytes, spares: int, people: int) -> None:
    """No form twice, none that does not exist, whatever order the roster has."""
    drawn = draw_forms(seed, NUMBERS[:people], form_numbers(people + spares))

    assert set(drawn.forms) == set(NUMBERS[:people])
    assert sorted((*drawn.forms.values(), *drawn.spares)) == list(range(1, people + spares + 1))
    assert drawn == draw_forms(seed, reversed(NUMBERS[:people]), form_numbers(people + spares))


def test_the_draw_is_fixed_by_its_seed() -> None:
    """A vector: who repeats the draw elsewhere gets this."""
    drawn = draw_forms(bytes(32), NUMBERS[:8], form_numbers(10))
    assert (list(drawn.forms.values()), drawn.spares) == EXPECTED


EXPECTED = ([4, 5, 2, 7, 3, 10, 8, 9], (6, 1))


def test_the_places_are_shuffled_whatever_the_numbers_are() -> None:
    """Forms with gaps fall as forms without: the smallest where 1 fell, and so on."""
    gaps = [FormNumber(3 * number + 40) for number in range(10, 0, -1)]
    drawn = draw_forms(bytes(32), NUMBERS[:8], gaps)
    forms, spares = EXPECTED
    assert list(drawn.forms.values()) == [3 * number + 40 for number in forms]
    assert drawn.spares == tuple(3 * number + 40 for number in spares)


def test_no_form_is_favoured() -> None:
    """Over many seeds the first candidate gets each of seven forms about equally often."""
    counts = Counter(
        draw_forms(seed.to_bytes(32, "big"), NUMBERS[:3], form_numbers(7)).forms[NUMBERS[0]]
        for seed in range(7_000)
    )
    assert set(counts) == set(range(1, 8))
    assert max(counts.values()) - min(counts.values()) < 250


def test_more_candidates_than_forms_is_our_own_mistake() -> None:
    """The import refuses before it comes to this."""
    with pytest.raises(ValueError, match="more candidates"):
        draw_forms(bytes(32), NUMBERS, form_numbers(3))


def test_numbers_above_the_largest_multiple_are_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """With half of the range cut off every other number is drawn again, and forms stay whole."""
    monkeypatch.setattr(form_draw, "_SPAN", 2**63)
    drawn = form_draw.draw_forms(bytes(32), NUMBERS[:8], form_numbers(10))

    assert sorted((*drawn.forms.values(), *drawn.spares)) == list(range(1, 11))
    assert (list(drawn.forms.values()), drawn.spares) != EXPECTED
