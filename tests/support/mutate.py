"""Seeded damage to bytes: the mutants of the tampering campaigns.

The same seed gives the same mutants, so a failing one can be made again from its number. Mutants
equal to the original are never given.
"""

import random
from collections.abc import Iterator

_INTERESTING = (
    b"",
    b"\0",
    b"\xff" * 4,
    b"\n",
    b" ",
    b'"',
    b"{}",
    b"null",
    b"1e400",
    b"18446744073709551616",
    b"A" * 64,
    b"\xed\xa0\x80",
)


def mutants(original: bytes, *, count: int, seed: str) -> Iterator[bytes]:
    """`count` damaged copies: bits, bytes, numbers, cuts, insertions, swaps and repetitions."""
    rng = random.Random(seed)  # noqa: S311  repeatable damage, no secret
    made = 0
    while made < count:
        mutant = original
        for _ in range(rng.choice((1, 1, 1, 2, 4))):
            mutant = rng.choice(_KINDS)(rng, mutant)
        if mutant != original:
            made += 1
            yield mutant


def truncations(original: bytes) -> Iterator[bytes]:
    """The original cut at every byte, from nothing to all but the last byte."""
    return (original[:end] for end in range(len(original)))


def _span(rng: random.Random, data: bytes, longest: int = 64) -> tuple[int, int]:
    start = rng.randrange(len(data) + 1)
    return start, min(len(data), start + rng.randint(1, longest))


def _flip_bit(rng: random.Random, data: bytes) -> bytes:
    if not data:
        return data
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :]


def _set_byte(rng: random.Random, data: bytes) -> bytes:
    start, _ = _span(rng, data)
    return data[:start] + bytes([rng.randrange(256)]) + data[start + 1 :]


def _digit(rng: random.Random, data: bytes) -> bytes:
    places = [at for at, byte in enumerate(data[:4096]) if 0x30 <= byte <= 0x39]
    if not places:
        return data
    at = rng.choice(places)
    return data[:at] + str(rng.randrange(10)).encode() + data[at + 1 :]


def _cut(rng: random.Random, data: bytes) -> bytes:
    start, end = _span(rng, data)
    return data[:start] + data[end:]


def _truncate(rng: random.Random, data: bytes) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _insert(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data) + 1)
    what = rng.choice((*_INTERESTING, rng.randbytes(rng.randint(1, 16))))
    return data[:at] + what + data[at:]


def _replace(rng: random.Random, data: bytes) -> bytes:
    start, end = _span(rng, data, 8)
    return data[:start] + rng.choice(_INTERESTING) + data[end:]


def _swap(rng: random.Random, data: bytes) -> bytes:
    first, second = sorted((_span(rng, data), _span(rng, data)))
    if first[1] > second[0]:
        return data
    between = data[first[1] : second[0]]
    return (
        data[: first[0]] + data[slice(*second)] + between + data[slice(*first)] + data[second[1] :]
    )


def _repeat(rng: random.Random, data: bytes) -> bytes:
    start, end = _span(rng, data)
    return data[:end] + data[start:end] + data[end:]


def _zero(rng: random.Random, data: bytes) -> bytes:
    start, end = _span(rng, data)
    return data[:start] + bytes(end - start) + data[end:]


_KINDS = (
    *(_flip_bit, _flip_bit, _set_byte, _digit, _cut, _truncate),
    *(_insert, _replace, _swap, _repeat, _zero),
)
