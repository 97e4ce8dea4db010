"""Every refusal has a family, a stable code, named facts and one sentence of advice.

The family says what the *caller* should do; the code is what tests, logs and support talk about
(`docs/errors.md` lists them all); the advice is what a person at the exam centre reads.
Messages and advice are Chinese because their readers are; codes are English.
"""

from collections.abc import Mapping
from typing import Any

CODES: dict[str, str] = {}
"""Every code declared with `declare`, with its advice; `docs/errors.md` is generated from it."""


def declare(code: str, advice: str) -> str:
    """Register a stable error code with the advice shown beside it, and return the code.

    Raises:
        ValueError: The code is declared twice with different advice.
    """
    if CODES.setdefault(code, advice) != advice:
        raise ValueError(f"error code {code} is declared twice")
    return code


class ExamError(Exception):
    """Root of all our errors; never raised itself.

    Attributes:
        code: Stable identifier such as `journal.gap`.
        message: What is wrong and where, in Chinese, one sentence.
        facts: Named details for logs and tests; never answers, keys, tokens or names of people.
    """

    exit_status = 1

    def __init__(self, code: str, message: str, **facts: Any) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.facts: Mapping[str, Any] = facts

    @property
    def advice(self) -> str:
        """What the reader should do about it."""
        return CODES.get(self.code, "")


class InputError(ExamError):
    """Their bytes are wrong: refuse them and go on."""

    exit_status = 2


class StateError(ExamError):
    """The right request at the wrong moment: say so and go on."""

    exit_status = 2


class IntegrityError(ExamError):
    """A signature, hash or chain does not hold: stop this paper or session, keep the evidence."""

    exit_status = 2


class StorageError(ExamError):
    """Not safely on disk: stop acknowledging."""

    exit_status = 2


class TransportError(ExamError):
    """The other side could not be reached: try again."""

    exit_status = 3
