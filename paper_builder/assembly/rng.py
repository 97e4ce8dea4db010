"""Where do the draw's random numbers come from? SHA-256 in counter mode, fixed for ever.

Block i of a stream is SHA-256(key ‖ label in UTF-8 ‖ 0x00 ‖ i as u64 big-endian), read as eight
u32 big-endian words. Any language repeats it; no library's generator is used, for none promises
the same numbers in its next version. Streams with different labels are independent.
"""

import hashlib
from collections.abc import Sequence
from typing import TypeVar

_T = TypeVar("_T")
_WORD_RANGE = 1 << 32
_WORDS_PER_BLOCK = 8


class Drbg:
    """One stream of random words; the key is 32 bytes, the label says what the stream is for."""

    __slots__ = ("_counter", "_prefix", "_words")

    def __init__(self, key: bytes, label: str) -> None:
        if len(key) != hashlib.sha256().digest_size:
            raise ValueError("the key of a Drbg has 32 bytes")
        self._prefix = hashlib.sha256(key + label.encode() + b"\x00")
        self._counter = 0
        self._words: list[int] = []  # of the current block, last word first

    def word(self) -> int:
        """The next word: 0 to 2³² − 1."""
        if not self._words:
            block = self._prefix.copy()
            block.update(self._counter.to_bytes(8, "big"))
            digest = block.digest()
            self._counter += 1
            self._words = [
                int.from_bytes(digest[4 * at : 4 * at + 4], "big")
                for at in reversed(range(_WORDS_PER_BLOCK))
            ]
        return self._words.pop()

    def below(self, bound: int) -> int:
        """A number from 0 to `bound` − 1, all equally likely.

        Words from the last multiple of `bound` on are thrown away.
        """
        if not 1 <= bound <= _WORD_RANGE:
            raise ValueError(f"bound must be between 1 and 2**32, got {bound}")
        limit = _WORD_RANGE - _WORD_RANGE % bound
        while (word := self.word()) >= limit:
            pass
        return word % bound

    def shuffled(self, values: Sequence[_T]) -> list[_T]:
        """The values in a random order, all orders equally likely.

        Source: R. Durstenfeld, Algorithm 235 (CACM 7, 1964), from the last place to the second.
        """
        result = list(values)
        for last in range(len(result) - 1, 0, -1):
            other = self.below(last + 1)
            result[last], result[other] = result[other], result[last]
        return result

    def hex_digits(self, words: int) -> str:
        """Opaque lower-case hex digits, eight for each word."""
        return "".join(f"{self.word():08x}" for _ in range(words))
