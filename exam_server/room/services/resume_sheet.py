"""The sheet with every seat's one-time resume codes, for the proctor's sealed envelope.

The codes follow from the journal secret, which only the open paper has: they are made for the
page and kept nowhere.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from exam_core.formats.resume_file import CODES_OF_SEAT, resume_code
from exam_core.model.identifiers import SeatId, SittingId
from exam_server.accounts.audit import AuditTrail
from exam_server.accounts.people import Person
from exam_server.room.services.opening import OpenedPaper


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatCodes:
    """The codes of one seat, in the order in which they are used."""

    seat_id: SeatId
    codes: tuple[str, ...]


def print_sheet(
    trail: AuditTrail,
    person: Person,
    opened: OpenedPaper,
    *,
    sitting_id: SittingId,
    seat_ids: Iterable[SeatId],
) -> list[SeatCodes]:
    """What the sheet says, by seat; that somebody saw it is in the audit log on return.

    Raises:
        StorageError: `storage.full`, `storage.failed`; nothing may be shown then.
    """
    seats = [
        SeatCodes(
            seat_id=seat_id,
            codes=tuple(
                resume_code(
                    opened.journal_secret, sitting_id=sitting_id, seat_id=seat_id, number=number
                )
                for number in range(1, CODES_OF_SEAT + 1)
            ),
        )
        for seat_id in sorted(seat_ids)
    ]
    trail.record(
        "resume_sheet_printed", actors=(person.name,), subject=sitting_id, seats=len(seats)
    )
    return seats
