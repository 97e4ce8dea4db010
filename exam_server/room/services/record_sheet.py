"""What the record sheet of a room says, read from its log and its checkpoints alone.

Nothing on it tells who answered what: no receipts, no heads of journals.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from exam_core.formats.audit_log import CHECKPOINT_TAKEN, AuditEntry
from exam_server.accounts.audit import TrailSnapshot
from exam_server.room.room_log import CheckpointReason
from exam_server.room.services.kiosk_count import ENROLLED, KioskCount, count_kiosks

COURSE = ("package_imported", "paper_opened", "sitting_start", "sitting_end", "results_exported")
"""The actions whose times head the sheet; of each the last one counts."""

INCIDENTS = frozenset(
    {
        "alarm_raised",
        "extra_time_granted",
        "kiosk_revoked",
        "log_set_aside",
        "opening_key_refused",
        "opening_refused",
        "package_refused",
        "paper_reopened",
        "roster_replaced",
        "room_time_extended",
        "root_installed",
        "seat_unlocked",
        "server_started",
        "session_ended",
        "sitting_hold",
        "sitting_resume",
    }
)
"""The actions that are no part of an exam without incidents; so is enrolment after the opening."""

TOLD = ("reason", "extra_ms", "code", "finding", "signing_key")
"""Details that the sheet shows; no others, so that it never shows a receipt."""

ANCHORS = (CheckpointReason.OPENING, CheckpointReason.END)
"""Checkpoints that are printed in full."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """A checkpoint on paper: `root` and `head` in hex, and the note as it was signed."""

    reason: str
    at_utc_ms: int
    size: int
    root: str
    head: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordSheet:
    """The facts of the sheet.

    Attributes:
        course: The line of each of `COURSE` that has happened.
        incidents: The lines of `INCIDENTS`, in order; starts of the server but the first.
        anchors: The last checkpoint for each of `ANCHORS` that was taken.
        lines: How many lines the log has.
        head: Its head now.
        kiosks: Who was enrolled, by moment: `opening`, once the paper was opened; then `end`, or
            `now` while it has not come.
        assignment_sha256: Of the table of who writes which form; empty before the draw.
    """

    course: Mapping[str, AuditEntry]
    incidents: Sequence[AuditEntry]
    anchors: Sequence[Anchor]
    lines: int
    head: str
    kiosks: Mapping[str, KioskCount]
    assignment_sha256: str


def read_record_sheet(log: TrailSnapshot) -> RecordSheet:
    """The facts of the sheet as the log has them at this moment."""
    entries = [msgspec.json.decode(line, type=AuditEntry) for line in log.lines]
    course = {entry.action: entry for entry in entries if entry.action in COURSE}
    drawn = [one for one in entries if one.action == "forms_assigned"]
    first_start = _first(entries, "server_started")
    opening = _first(entries, "paper_opened")
    return RecordSheet(
        course={action: course[action] for action in COURSE if action in course},
        incidents=[
            one
            for one in entries
            if (one.action in INCIDENTS and one.n != first_start)
            or (one.action == ENROLLED and 0 < opening < one.n)
        ],
        anchors=_anchors(entries, log.checkpoints),
        lines=len(entries),
        head=log.head,
        kiosks=_kiosks(entries, opening),
        assignment_sha256=drawn[-1].details["assignment_sha256"] if drawn else "",
    )


def _first(entries: Iterable[AuditEntry], action: str) -> int:
    return next((one.n for one in entries if one.action == action), 0)


def _kiosks(entries: Sequence[AuditEntry], opening: int) -> dict[str, KioskCount]:
    if not opening:
        return {}
    end = _first(entries, "sitting_end")
    return {
        "opening": count_kiosks(entries[:opening]),
        "end" if end else "now": count_kiosks(entries[:end] if end else entries),
    }


def _anchors(entries: Iterable[AuditEntry], notes: Iterable[str]) -> list[Anchor]:
    note_of = {int(note.split("\n")[1]): note for note in notes}
    taken = [one for one in entries if one.action == CHECKPOINT_TAKEN]
    last = {one.details["reason"]: one for one in taken}
    anchors = []
    for reason in ANCHORS:
        entry = last.get(reason)
        note = note_of.get(int(entry.details["size"])) if entry else None
        if entry and note:
            anchors.append(
                Anchor(
                    reason=reason,
                    at_utc_ms=entry.at_utc_ms,
                    size=int(entry.details["size"]),
                    root=entry.details["root"],
                    head=entry.previous,
                    note=note,
                )
            )
    return anchors
