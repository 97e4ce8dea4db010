"""Rows of the roster as the values that formats carry."""

from exam_core.model.identifiers import AdmissionNumber, SeatId
from exam_core.model.roster import Candidate
from exam_server.store import room as tables


def candidate_of(row: tables.CandidateRow) -> Candidate:
    """The person of a row."""
    return Candidate(
        admission_number=AdmissionNumber(row.admission_number),
        name=row.name,
        id_number=row.id_number,
        unit=row.unit,
        team=row.team,
        seat_id=SeatId(row.seat_id),
        is_substitute=row.is_substitute,
    )
