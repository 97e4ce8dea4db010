"""Comparing a number keeps out who stands between kiosk and server, thanks to the commitment.

The attacker plays the server towards the kiosk and the kiosk towards the server, and wants both
to show the same number for different keys.
"""

import random
import secrets
from collections.abc import Callable

import msgspec
import pytest

from exam_core.crypto.signing import PublicSigningKey
from exam_core.errors import StateError
from exam_core.model.identifiers import SeatId
from exam_core.protocol.comparison import (
    Revealed,
    commitment_to,
    comparison_number,
    is_committed,
)
from exam_server import limits
from exam_server.room.services.comparison import Comparisons
from tests.support.fake_clock import FakeClock
from tests.support.scale import times

CA = "-----BEGIN CERTIFICATE-----\nthe centre's\n-----END CERTIFICATE-----\n"
SEAT = SeatId("A01")
GUESSES = 20
"""Values that an attacker tries where a choice is still open; each try is as good as a million."""


def revealed(rng: random.Random, keys: str) -> Revealed:
    """What somebody with these keys would reveal, with a fresh nonce."""
    return Revealed(
        seat_id=SEAT,
        csr_pem=f"request of {keys}",
        signing_key=PublicSigningKey(rng.randbytes(32).hex()),
        nonce=rng.randbytes(32).hex(),
    )


def number(one: Revealed, server_nonce: str) -> str:
    """What is shown."""
    return comparison_number(one, ca_certificate_pem=CA, server_nonce=server_nonce)


def server_side_first(rng: random.Random) -> bool:
    """The server's number is known; then the kiosk must be given a nonce before it reveals."""
    kiosk = revealed(rng, "kiosk")
    commitment = commitment_to(kiosk)
    own = revealed(rng, "attacker")
    wanted = number(own, rng.randbytes(32).hex())
    # The kiosk's nonce is unknown yet: the best is to try nonces on guesses of what it will say.
    guesses = (rng.randbytes(32).hex() for _ in range(GUESSES))
    imagined = revealed(rng, "kiosk")
    chosen = next((one for one in guesses if number(imagined, one) == wanted), "00" * 32)
    return is_committed(commitment, kiosk) and number(kiosk, chosen) == wanted


def kiosk_side_first(rng: random.Random) -> bool:
    """The kiosk's number is known; then the server must be given a commitment before its nonce."""
    kiosk = revealed(rng, "kiosk")
    wanted = number(kiosk, rng.randbytes(32).hex())
    own = revealed(rng, "attacker")
    commitment = commitment_to(own)
    server_nonce = rng.randbytes(32).hex()
    # Now everything is known, and nothing else than what was committed to is taken.
    others = [own, *(revealed(rng, "attacker") for _ in range(GUESSES))]
    return any(
        is_committed(commitment, one) and number(one, server_nonce) == wanted for one in others
    )


def both_halfway(rng: random.Random) -> bool:
    """Commit at the server, give its nonce on to the kiosk, reveal when both are settled."""
    kiosk, own = revealed(rng, "kiosk"), revealed(rng, "attacker")
    server_nonce = rng.randbytes(32).hex()
    commitment = commitment_to(own)
    other = msgspec.structs.replace(own, nonce=kiosk.nonce)
    return any(
        is_committed(commitment, one) and number(one, server_nonce) == number(kiosk, server_nonce)
        for one in (own, other)
    )


ATTACKS: list[Callable[[random.Random], bool]] = [
    server_side_first,
    kiosk_side_first,
    both_halfway,
]


def test_ten_thousand_attackers_in_the_middle_fail() -> None:
    """Each tries to choose its values after seeing the others'; at most one succeeds, by luck."""
    count = times(10_000)
    rng = random.Random(20261123)  # noqa: S311  repeatable attackers, no secret
    won = sum(ATTACKS[n % len(ATTACKS)](rng) for n in range(count))

    assert won <= 1 + count // 100_000
    print(f"campaign enrol_mitm {count}")  # noqa: T201  the runner reads it


def tries_of(comparisons: Comparisons, rng: random.Random, seat: SeatId, most: int) -> int:
    """Commit, take the nonce, compute the number, throw it away; how often that was possible."""
    own = msgspec.structs.replace(revealed(rng, "attacker"), seat_id=seat)
    drawn: list[str] = []

    def draw_all() -> None:
        while len(drawn) < most:
            drawn.append(number(own, comparisons.commit(seat, commitment_to(own))[1]))

    with pytest.raises(StateError, match=r"compare\.many"):
        draw_all()
    return len(drawn)


def test_who_aborts_and_begins_anew_gets_ten_numbers_of_a_million() -> None:
    """Abandoned commitments count: a chance of 10**-5 for a seat, however fast the attacker is."""
    rng, clock = random.Random(4), FakeClock()  # noqa: S311  repeatable
    comparisons = Comparisons(clock, CA)

    assert tries_of(comparisons, rng, SEAT, 5_000) == 10
    assert 10 / 10**6 <= 1e-5
    assert (comparisons.too_many(), comparisons.unreported()) == ([SEAT], [SEAT])
    clock.advance(599_999)
    assert tries_of(comparisons, rng, SEAT, 5_000) == 0
    assert comparisons.unreported() == [], "one line for one attack"
    clock.advance(1)
    assert tries_of(comparisons, rng, SEAT, 5_000) == 10
    clock.advance(600_000)
    assert comparisons.too_many() == []


def test_who_goes_from_seat_to_seat_is_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """All seats together have a bound of their own, and another seat's limit is its own."""
    rng = random.Random(5)  # noqa: S311  repeatable
    comparisons = Comparisons(FakeClock(), CA)
    seats = [SeatId(f"A{n:03}") for n in range(100)]
    assert sum(tries_of(comparisons, rng, seat, 50) for seat in seats) == 600

    monkeypatch.setattr(limits, "comparisons_room_max", 11)
    other = Comparisons(FakeClock(), CA)
    assert [tries_of(other, rng, seat, 50) for seat in seats[:3]] == [10, 1, 0]


def test_without_the_commitment_the_attacker_would_win() -> None:
    """Who sees the kiosk's nonce before choosing the server's finds one that fits."""
    rng = random.Random(1)  # noqa: S311  repeatable
    for _ in range(5):
        kiosk, own = revealed(rng, "kiosk"), revealed(rng, "attacker")
        wanted = number(own, rng.randbytes(32).hex())
        # Three of the six digits, so that the search takes a moment: it grows tenfold a digit.
        tries = (rng.randbytes(32).hex() for _ in range(100_000))
        assert any(number(kiosk, one)[-3:] == wanted[-3:] for one in tries)


@pytest.mark.parametrize("field", ["seat_id", "csr_pem", "signing_key", "nonce"])
def test_commitment_and_number_cover_everything(field: str) -> None:
    """Another seat, request, key or nonce is another commitment and another number."""
    rng = random.Random(2)  # noqa: S311  repeatable
    one = revealed(rng, "kiosk")
    nonce = secrets.token_hex(32)
    other = msgspec.structs.replace(one, **{field: "ab" * 32})

    assert not is_committed(commitment_to(one), other)
    assert number(one, nonce) != number(other, nonce)
    assert number(one, nonce) != number(one, "00" * 32)
    assert comparison_number(one, ca_certificate_pem="x", server_nonce=nonce) != number(one, nonce)


def test_numbers_have_six_digits() -> None:
    """Leading zeros are shown."""
    rng = random.Random(3)  # noqa: S311  repeatable
    numbers = {number(revealed(rng, "kiosk"), "00") for _ in range(200)}

    assert {len(one) for one in numbers} == {6}
    assert any(one.startswith("0") for one in numbers)
