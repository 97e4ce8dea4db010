"""A lock-down is a sequence of operations, undone in reverse order."""

from collections.abc import Sequence
from enum import Enum, auto
from typing import Protocol


class OperationResult(Enum):
    """How an operation went."""

    DONE = auto()
    REFUSED = auto()  # the machine does not offer it: known, reported, and the examination goes on


class Operation(Protocol):
    """One change for the time of the examination."""

    @property
    def name(self) -> str:
        """A stable name for logs."""
        ...

    def apply(self) -> OperationResult:
        """Make the change."""
        ...

    def revert(self) -> None:
        """Undo the change; harmless when it was never or only half made."""


class LockDown:
    """Applies operations in order and reverts them in reverse.

    An operation counts as begun before it acts, so one that fails half-way is reverted too.
    """

    def __init__(self, operations: Sequence[Operation]) -> None:
        self._operations = tuple(operations)
        self._begun: list[Operation] = []

    @property
    def is_applied(self) -> bool:
        """Whether anything has been applied and not reverted."""
        return bool(self._begun)

    def apply(self) -> dict[str, OperationResult]:
        """Apply all; the result of each by name. An exception reverts what was begun."""
        results = {}
        try:
            for operation in self._operations:
                self._begun.append(operation)
                results[operation.name] = operation.apply()
        except BaseException:
            self.revert()
            raise
        return results

    def revert(self) -> None:
        """Undo all that was begun, the last first; one that fails does not stop the others.

        Raises:
            ExceptionGroup: What failed, once all the others were undone.
        """
        failures: list[Exception] = []
        while self._begun:
            operation = self._begun.pop()
            try:
                operation.revert()
            except Exception as error:  # noqa: BLE001  collected and raised below
                failures.append(error)
        if failures:
            raise ExceptionGroup("lock-down not fully reverted", failures)
