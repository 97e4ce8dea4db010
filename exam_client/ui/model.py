"""What the windows need of the session engine, and nothing more of it."""

from typing import Protocol

from exam_client.session.snapshot import KioskSnapshot
from exam_core.model.identifiers import ItemId, PartId
from exam_core.model.responses import Response


class KioskEngine(Protocol):
    """The commands of `exam_client.session.SessionEngine`; each returns at once."""

    @property
    def snapshot(self) -> KioskSnapshot:
        """The latest snapshot."""
        ...

    def start(self) -> None:
        """Start working; once."""

    def stop(self) -> None:
        """Stop cleanly and wait for it."""

    def log_in(self, *, admission_number: str, id_number: str, room_code: str) -> None:
        """Log this candidate in."""

    def resume_with_code(self, code: str) -> None:
        """Go on without the server, with a resume code."""

    def confirm(self) -> None:
        """The candidate says: this is me."""

    def not_me(self) -> None:
        """The candidate says: this is not me."""

    def rules_read(self) -> None:
        """The candidate has read the rules."""

    def record(self, part_id: PartId, response: Response) -> None:
        """Record the whole response to one part."""

    def flag(self, item_id: ItemId, is_flagged: bool) -> None:
        """Mark an item for review, or take the mark away."""

    def submit(self) -> None:
        """Submit for good."""

    def pending_collected(self) -> None:
        """All that was typed has been recorded."""
