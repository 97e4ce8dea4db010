"""The draw's random numbers: fixed for ever, by their published definition."""

import hashlib

import pytest

from paper_builder.assembly.margins import largest_remainder
from paper_builder.assembly.rng import Drbg

KEY = bytes(range(32))
KNOWN_BELOW = [874, 246, 698, 160, 119]
KNOWN_ORDER = [6, 3, 8, 5, 7, 1, 9, 2, 0, 4]
KNOWN_HEX = "15f5b3c2eecf4dae"


def test_words_are_the_published_ones() -> None:
    """Block i is SHA-256(key ‖ label ‖ 0 ‖ i), read as eight big-endian words."""
    stream = Drbg(KEY, "表/table")
    blocks = b"".join(
        hashlib.sha256(KEY + "表/table".encode() + b"\x00" + i.to_bytes(8, "big")).digest()
        for i in range(3)
    )
    words = [int.from_bytes(blocks[at : at + 4], "big") for at in range(0, len(blocks), 4)]
    assert [stream.word() for _ in words] == words


def test_known_answers() -> None:
    """Numbers that must never change, or old draws could not be repeated."""
    stream = Drbg(KEY, "vector")
    assert [stream.below(1000) for _ in range(5)] == KNOWN_BELOW
    assert Drbg(KEY, "vector").shuffled(range(10)) == KNOWN_ORDER
    assert Drbg(KEY, "vector").hex_digits(2) == KNOWN_HEX


def test_labels_make_streams() -> None:
    """Another label, or another key, is another stream."""
    first = Drbg(KEY, "a").hex_digits(8)
    assert first == Drbg(KEY, "a").hex_digits(8)
    assert len({first, Drbg(KEY, "b").hex_digits(8), Drbg(KEY[::-1], "a").hex_digits(8)}) == 3


def test_bounds_are_kept_and_words_are_rejected() -> None:
    """Numbers stay below the bound, and words past its last multiple are thrown away."""
    stream = Drbg(KEY, "bounds")
    assert {stream.below(3) for _ in range(60)} == {0, 1, 2}
    assert stream.below(1) == 0
    twin = Drbg(KEY, "reject")
    words = [twin.word() for _ in range(400)]
    bound = (1 << 31) + 1  # nearly every second word is at or past its only multiple
    kept = [word for word in words if word < bound]
    stream = Drbg(KEY, "reject")
    assert [stream.below(bound) for _ in kept] == kept
    assert len(kept) < len(words)


@pytest.mark.parametrize("bound", [0, -1, (1 << 32) + 1])
def test_impossible_bounds_are_our_own_mistake(bound: int) -> None:
    """Nothing random is below nought."""
    with pytest.raises(ValueError, match="bound"):
        Drbg(KEY, "x").below(bound)


def test_a_short_key_is_our_own_mistake() -> None:
    """A key that is no digest would make labels ambiguous."""
    with pytest.raises(ValueError, match="32 bytes"):
        Drbg(b"short", "x")


def test_shuffling_is_even() -> None:
    """Each of the 24 orders of four comes up about equally often (χ² with 23 degrees < 50)."""
    stream = Drbg(KEY, "even")
    counts: dict[tuple[int, ...], int] = {}
    rounds = 24 * 200
    for _ in range(rounds):
        order = tuple(stream.shuffled(range(4)))
        counts[order] = counts.get(order, 0) + 1
    chi_square = sum((count - 200) ** 2 / 200 for count in counts.values())
    assert len(counts) == 24
    assert chi_square < 50


def test_largest_remainders() -> None:
    """Shares add up, the largest remainders win, ties go to the earlier."""
    assert largest_remainder(100, [20, 35, 10, 25, 10]) == (20, 35, 10, 25, 10)
    assert largest_remainder(37, [20, 35, 10, 25, 10]) == (7, 13, 4, 9, 4)
    assert largest_remainder(1, [1, 1, 1]) == (1, 0, 0)
    assert largest_remainder(0, [1, 2]) == (0, 0)


@pytest.mark.parametrize(("total", "ratios"), [(-1, [1]), (1, [0, 0]), (1, [2, -1])])
def test_impossible_shares_are_our_own_mistake(total: int, ratios: list[int]) -> None:
    """The blueprint has refused such ratios before."""
    with pytest.raises(ValueError, match="negative"):
        largest_remainder(total, ratios)
