"""A slip in a code costs nothing and opens nothing; a wrong code opens nothing either."""

import random
from itertools import chain

import pytest

from exam_core import limits
from exam_core.crypto import age_passphrase, opening_code
from exam_core.crypto.opening_code import generate_code
from exam_core.crypto.sealing import recipient_of
from exam_core.errors import ExamError, InputError
from exam_core.formats.opening_bundle import (
    LockedBundle,
    open_bundle,
    read_opening_file,
    seal_bundle,
    unwrap_bundle,
)
from exam_core.formats.opening_locks import (
    OpeningCodes,
    draw_codes,
    prove_by_code,
    prove_by_envelopes,
)
from tests.support import builders
from tests.support.builders import APPROVER, ENVELOPE_CODES, OPENING_CODE, SETTER
from tests.support.refusals import refuses
from tests.support.scale import times

LOCK_WITH = 1


@pytest.fixture
def locked(monkeypatch: pytest.MonkeyPatch) -> LockedBundle:
    """A bundle whose outer layer the centre's key took off; a guess at its locks costs little."""
    monkeypatch.setattr(limits, "scrypt_log_n", LOCK_WITH)
    recipient = recipient_of(builders.OPENING_IDENTITY)
    data = seal_bundle(builders.bundle(), [SETTER, APPROVER], builders.codes(), recipient)
    return unwrap_bundle(read_opening_file(data, builders.root()), builders.OPENING_IDENTITY)


@pytest.fixture
def derivations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every passphrase for which a slow key derivation was begun."""
    begun: list[str] = []
    derive = age_passphrase._wrapper

    def counted(passphrase: str, salt: bytes, log_n: int) -> object:
        begun.append(passphrase)
        return derive(passphrase, salt, log_n)

    monkeypatch.setattr(age_passphrase, "_wrapper", counted)
    return begun


def typed(groups: list[str], place: int, group: str) -> str:
    """The code with another group at one place."""
    return " ".join((*groups[:place], group, *groups[place + 1 :]))


def test_every_slip_in_every_group_is_caught_before_the_derivation(
    locked: LockedBundle, derivations: list[str]
) -> None:
    """486,000 slips: every wrong digit and every swap of unequal neighbours, of all 10,000 groups.

    Each is typed as one of the code's groups, in turn at each place; the refusal names that place
    and no key derivation was begun. The right code begins one.
    """
    groups = OPENING_CODE.split()
    count = 0
    for body in range(10_000):
        group = f"{body:04d}{opening_code._damm(f'{body:04d}')}"
        wrong = (
            group[:at] + digit + group[at + 1 :]
            for at in range(5)
            for digit in "0123456789"
            if digit != group[at]
        )
        swapped = (
            group[:at] + group[at + 1] + group[at] + group[at + 2 :]
            for at in range(4)
            if group[at] != group[at + 1]
        )
        for slip in chain(wrong, swapped):
            place = count % opening_code.GROUPS
            with pytest.raises(InputError) as caught:
                open_bundle(locked, prove_by_code(typed(groups, place, slip)), builders.root())
            assert caught.value.code == "opening.code_group"
            assert caught.value.facts == {"groups": [place + 1]}
            count += 1
    assert count == 486_000
    assert derivations == []
    open_bundle(locked, prove_by_code(OPENING_CODE), builders.root())
    assert derivations == [OPENING_CODE]


def test_a_slip_in_an_envelope_is_named_before_the_derivation(
    locked: LockedBundle, derivations: list[str]
) -> None:
    """The refusal says which envelope and which group."""
    slip = ENVELOPE_CODES[2][:-1] + str((int(ENVELOPE_CODES[2][-1]) + 1) % 10)
    with refuses(InputError, "opening.code_group") as caught:
        open_bundle(locked, prove_by_envelopes({1: ENVELOPE_CODES[0], 3: slip}), builders.root())
    assert "信封 3" in caught.value.message
    assert "第 6 组" in caught.value.message
    assert derivations == []


@pytest.mark.parametrize(
    "given",
    [
        {},
        {1: ENVELOPE_CODES[0]},
        {1: ENVELOPE_CODES[0], 2: ENVELOPE_CODES[0]},
        {1: ENVELOPE_CODES[0], 2: ENVELOPE_CODES[0].replace(" ", "")},
        {1: ENVELOPE_CODES[0], 4: ENVELOPE_CODES[1]},
        {1: ENVELOPE_CODES[0], 2: ENVELOPE_CODES[1], 3: ENVELOPE_CODES[2]},
    ],
)
def test_one_envelope_is_not_two(given: dict[int, str]) -> None:
    """One official's envelope, typed once or twice, however it is spaced, is refused as one."""
    with refuses(InputError, "opening.same_envelope"):
        prove_by_envelopes(given)


@pytest.mark.sealing
def test_wrong_codes_open_nothing(locked: LockedBundle) -> None:
    """10,000 well-formed wrong codes and pairs of envelopes: none opens, each is refused by name.

    Drawn from a fixed seed; near misses (one group of the right code changed to another valid
    group) are among them.
    """
    seeded = random.Random("wrong codes")  # noqa: S311  reproducible, not secret
    right = OPENING_CODE.split()
    count = times(10_000)

    def group() -> str:
        body = f"{seeded.randrange(10_000):04d}"
        return body + str(opening_code._damm(body))

    for turn in range(count):
        near = typed(right, turn % 6, group())
        code = near if turn % 2 and near != OPENING_CODE else " ".join(group() for _ in right)
        by_code = turn % 4 < 2
        other = ENVELOPE_CODES[turn % 3]
        numbers = (turn % 3 + 1, (turn + 1) % 3 + 1)
        proof = (
            prove_by_code(code)
            if by_code
            else prove_by_envelopes({numbers[0]: other, numbers[1]: code})
        )
        with pytest.raises(ExamError) as caught:
            open_bundle(locked, proof, builders.root())
        assert caught.value.code == ("opening.code" if by_code else "opening.envelopes")

    print(f"campaign wrong_codes {count}")  # noqa: T201  the runner reads it


def test_drawn_codes_are_four_different_ones() -> None:
    """A given opening code is kept in its written form; the envelopes' are always drawn."""
    drawn = draw_codes(OPENING_CODE.replace(" ", "-"))

    assert drawn.opening_code == OPENING_CODE
    assert len({draw_codes().opening_code, drawn.opening_code, *drawn.envelope_codes}) == 5
    with refuses(InputError, "opening.code_shape"):
        draw_codes("12")


def test_codes_of_one_bundle_must_differ() -> None:
    """One code in two envelopes would let one person open."""
    same = generate_code()
    with pytest.raises(ValueError, match="same"):
        OpeningCodes(opening_code=OPENING_CODE, envelope_codes=(same, same, generate_code()))
