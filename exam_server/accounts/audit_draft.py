"""Lines of the audit log before they are on disk: of changes that are committed together."""

from dataclasses import dataclass
from typing import Protocol


class AuditRecorder(Protocol):
    """Where a service says what happened: the log itself, or a draft of lines for it."""

    def record(
        self,
        action: str,
        *,
        actors: tuple[str, ...] | None = None,
        role: str = "",
        subject: str = "",
        **details: str | int,
    ) -> None:
        """Note one line."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftLine:
    """What a line will say; its number, its time and its place in the chain come later."""

    action: str
    actors: tuple[str, ...] | None
    role: str
    subject: str
    details: dict[str, str | int]


class AuditDraft:
    """Lines in their order; nothing of them is on disk before `AuditTrail.append`."""

    def __init__(self) -> None:
        self.lines: list[DraftLine] = []

    def record(
        self,
        action: str,
        *,
        actors: tuple[str, ...] | None = None,
        role: str = "",
        subject: str = "",
        **details: str | int,
    ) -> None:
        """Note one line."""
        self.lines.append(
            DraftLine(action=action, actors=actors, role=role, subject=subject, details=details)
        )

    def forget_from(self, count: int) -> None:
        """Keep the first `count` lines: what came after was refused."""
        del self.lines[count:]
