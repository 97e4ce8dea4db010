"""What did an import find? Every problem with its place and reason, and what became of the rest."""

from dataclasses import dataclass, field
from typing import Any

from exam_core.keys.model import KeyedItem
from exam_core.model.identifiers import BankItemId
from paper_builder import limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing found in a file: `row` is a line of a text or a row of a sheet, from 1."""

    file: str
    row: int
    reason: str
    column: str = ""
    item: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The finding as plain values, for `--json`."""
        return {
            "file": self.file,
            "row": self.row,
            "column": self.column,
            "item": self.item,
            "reason": self.reason,
        }


@dataclass(slots=True, kw_only=True)
class ReadResult:
    """What a file gave: good items in order, and what was found on the way.

    `images` are the pictures of those items, by SHA-256 in hex. `problems` are items left out;
    `notes` are items that came in after mending.
    """

    file: str
    items: list[KeyedItem] = field(default_factory=list)
    remarks: dict[BankItemId, str] = field(default_factory=dict)
    images: dict[str, bytes] = field(default_factory=dict)
    problems: list[Finding] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)
    problems_unlisted: int = 0

    def add_problem(self, row: int, reason: str, *, column: str = "", item: str = "") -> None:
        """Report an item that is left out."""
        if len(self.problems) >= limits.problems_max:
            self.problems_unlisted += 1
            return
        self.problems.append(
            Finding(file=self.file, row=row, reason=reason, column=column, item=item)
        )

    def add_note(self, row: int, reason: str, *, item: str = "") -> None:
        """Report what was mended in an item that came in."""
        if len(self.notes) < limits.problems_max:
            self.notes.append(Finding(file=self.file, row=row, reason=reason, item=item))


@dataclass(frozen=True, slots=True, kw_only=True)
class PutCounts:
    """How many items became new, became a new version, or were held already."""

    added: int
    changed: int
    unchanged: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """The whole of one import; it is already in the bank when this exists."""

    read: ReadResult
    counts: PutCounts

    def as_dict(self) -> dict[str, Any]:
        """The report for `--json`."""
        return {
            "file": self.read.file,
            "added": self.counts.added,
            "changed": self.counts.changed,
            "unchanged": self.counts.unchanged,
            "skipped": len(self.read.problems) + self.read.problems_unlisted,
            "problems": [finding.as_dict() for finding in self.read.problems],
            "notes": [finding.as_dict() for finding in self.read.notes],
        }
