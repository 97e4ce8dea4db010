"""Who writes which form follows from a seed, and a table or a roster that was changed shows."""

from typing import Any

import msgspec
import pytest

from exam_core.errors import InputError, IntegrityError
from exam_core.formats.assignment import (
    Assignment,
    assignment_digest,
    changed_people,
    check_draw,
    check_roster_unchanged,
    sign_assignment,
    verify_assignment,
)
from exam_core.model.form_draw import draw_forms
from exam_core.model.identifiers import FormNumber
from tests.support import builders
from tests.support.refusals import refuses

ROSTER = builders.roster(4)
TABLE = builders.assignment(4)


def changed(**fields: Any) -> Assignment:
    """The table with other fields."""
    return msgspec.structs.replace(TABLE, **fields)


def test_a_signed_table_comes_back() -> None:
    """With the forms that the draw gives, in order of admission number, and the spare."""
    signed = sign_assignment(TABLE, builders.CENTRE_KEY)
    draw = draw_forms(bytes.fromhex(TABLE.seed), TABLE.form_of(), builders.form_numbers(5))

    assert verify_assignment(signed, builders.centre()) == TABLE
    assert TABLE.form_of() == draw.forms
    assert TABLE.spares == draw.spares
    assert len(assignment_digest(signed)) == 64


def test_the_order_of_the_roster_does_not_matter() -> None:
    """People are taken by their admission numbers, wherever the file has them."""
    check_roster_unchanged(builders.assignment(4, roster=ROSTER[::-1]), ROSTER)

    assert builders.assignment(4, roster=ROSTER[::-1]) == TABLE


def test_two_forms_exchanged_are_named() -> None:
    """The first candidate whose form the draw does not give."""
    first, second, *rest = TABLE.rows
    rows = (
        msgspec.structs.replace(first, form_number=second.form_number),
        msgspec.structs.replace(second, form_number=first.form_number),
        *rest,
    )

    with refuses(IntegrityError, "assignment.draw") as refusal:
        check_draw(changed(rows=rows))
    assert refusal.value.facts["admission_number"] == "20260001"


def test_spares_and_seed_are_part_of_the_draw() -> None:
    """Other spares are refused, and so is a seed that gives other forms."""
    with refuses(IntegrityError, "assignment.draw"):
        check_draw(changed(spares=()))
    with refuses(IntegrityError, "assignment.draw"):
        check_draw(changed(seed="33" * 32))
    with refuses(InputError, "assignment.algorithm"):
        check_draw(changed(algorithm="by hand"))


def test_a_centre_draws_from_its_own_forms() -> None:
    """Forms 41 to 44 and a spare 60: nobody gets another, and other forms are another draw."""
    own = (FormNumber(41), FormNumber(42), FormNumber(43), FormNumber(44), FormNumber(60))
    table = builders.assignment(4, form_numbers=own[::-1])
    check_draw(table)

    assert table.form_numbers == own
    assert sorted((*table.form_of().values(), *table.spares)) == list(own)
    other = msgspec.structs.replace(table, form_numbers=(FormNumber(40), *own[1:]))
    with refuses(IntegrityError, "assignment.draw"):
        check_draw(other)


def test_another_centre_cannot_use_its_key_for_it() -> None:
    """A table that names another centre is refused under this centre's signature."""
    other = sign_assignment(changed(centre_id="C02"), builders.CENTRE_KEY)
    with refuses(IntegrityError, "assignment.other"):
        verify_assignment(other, builders.centre())
    stranger = sign_assignment(TABLE, builders.STRANGER)
    with refuses(IntegrityError, "signature.unknown_key"):
        verify_assignment(stranger, builders.centre())


@pytest.mark.parametrize(
    ("roster", "numbers"),
    [
        (ROSTER, ()),
        (ROSTER[:3], ("20260004",)),
        (builders.roster(5), ("20260005",)),
        ((builders.candidate(1, name="冒名者"), *ROSTER[1:]), ("20260001",)),
        ((*ROSTER[:3], builders.candidate(4, seat_id="Z01")), ("20260004",)),
    ],
)
def test_changed_people_are_named(roster: Any, numbers: tuple[str, ...]) -> None:
    """A person changed, removed or added after the draw is named by admission number."""
    assert changed_people(TABLE, roster) == numbers
    if numbers:
        with refuses(IntegrityError, "assignment.roster") as refusal:
            check_roster_unchanged(TABLE, roster)
        assert refusal.value.facts["admission_number"] == numbers[0]
    else:
        check_roster_unchanged(TABLE, roster)


def test_the_whole_roster_counts_too() -> None:
    """Nobody may stand on it twice, and its digest must be the one of the draw."""
    with refuses(IntegrityError, "assignment.roster"):
        check_roster_unchanged(TABLE, (*ROSTER, ROSTER[0]))
    with refuses(IntegrityError, "assignment.roster"):
        check_roster_unchanged(changed(roster_sha256="ab" * 32), ROSTER)


@pytest.mark.parametrize(
    "fields",
    [
        {"seed": "22"},
        {"seed": "GG" * 32},
        {"manifest_sha256": ""},
        {"roster_sha256": "AB" * 32},
        {"rows": ()},
        {"rows": TABLE.rows[::-1]},
        {"rows": (TABLE.rows[0], TABLE.rows[0])},
        {"rows": (msgspec.structs.replace(TABLE.rows[0], person_sha256="x"),)},
        {"form_numbers": ()},
        {"form_numbers": builders.form_numbers(3)},
        {"form_numbers": builders.form_numbers(20_001)},
        {"form_numbers": (1, 2, 3, 4, 20_001)},
        {"form_numbers": (0, 1, 2, 3, 4)},
        {"form_numbers": (1, 2, 2, 3, 4)},
        {"form_numbers": (5, 4, 3, 2, 1)},
    ],
)
def test_what_is_no_table_is_refused(fields: dict[str, Any]) -> None:
    """Seed, digests, order, and forms for everybody, but no more than a package has."""
    with refuses(InputError, "assignment.malformed"):
        changed(**fields)


def test_more_people_than_a_room_has_are_refused() -> None:
    """The roster's own limit holds for the table."""
    row = TABLE.rows[0]
    rows = tuple(msgspec.structs.replace(row, admission_number=f"{n:08d}") for n in range(5001))
    with refuses(InputError, "assignment.malformed"):
        changed(rows=rows, form_numbers=builders.form_numbers(5001))


def test_everybody_needs_a_form() -> None:
    """A draw for more people than forms is our own mistake; the import refuses before."""
    with pytest.raises(ValueError, match="more candidates"):
        builders.assignment(4, form_numbers=builders.form_numbers(3))
