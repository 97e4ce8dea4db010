"""Repeatable chance for the demo: numbers from a seed and a label, alike on every machine."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

_T = TypeVar("_T")


class Chance:
    """A stream of numbers that depends on its seed and label alone."""

    def __init__(self, seed: str, label: str) -> None:
        self._prefix = f"demo/{label}/{seed}/".encode()
        self._count = 0

    def below(self, n: int) -> int:
        """A number from 0 to n - 1; the bias of 2**-192 is of no matter in a demo."""
        self._count += 1
        digest = hashlib.sha256(self._prefix + str(self._count).encode()).digest()
        return int.from_bytes(digest, "big") % n

    def happens(self, per_mille: int) -> bool:
        """True in `per_mille` of 1000 cases."""
        return self.below(1000) < per_mille

    def pick(self, values: Sequence[_T]) -> _T:
        """One of the values."""
        return values[self.below(len(values))]
