"""A vector in the making: where it goes, how it is read, what it claims."""

from dataclasses import dataclass, replace
from typing import NamedTuple

from tests.vectors.readers import Vector
from tests.vectors.recipes import KEYS

BOTH = [KEYS.setter, KEYS.approver]
"""The two signers of headquarters."""


class Made(NamedTuple):
    """A vector and its bytes."""

    vector: Vector
    data: bytes


@dataclass(frozen=True, slots=True)
class Folder:
    """The folder of a format, and the reader of the vectors put there."""

    name: str
    reader: str
    version: int = 1

    def reading(self, reader: str) -> "Folder":
        """The same folder with another reader."""
        return replace(self, reader=reader)

    def good(self, name: str, data: bytes, claim: str, **given: str) -> Made:
        """A vector that is read to a value."""
        file = f"{self.name}/v{self.version}/good-{name}"
        vector = Vector(
            file=f"{file}.bin",
            value=f"{file}.value.json",
            reader=self.reader,
            claim=claim,
            given=given,
        )
        return Made(vector, data)

    def bad(self, name: str, data: bytes, error: str, claim: str, **given: str) -> Made:
        """A vector that is refused with this code."""
        file = f"{self.name}/v{self.version}/bad-{name}.bin"
        vector = Vector(file=file, reader=self.reader, claim=claim, error=error, given=given)
        return Made(vector, data)


def flip(data: bytes, at: int) -> bytes:
    """The data with one bit changed; negative places count from the end."""
    at %= len(data)
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
