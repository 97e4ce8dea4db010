"""What the load generator knows of a room and its kiosks; written by `making`, read by it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from exam_core.crypto.signing import PrivateSigningKey, PublicSigningKey
from exam_core.model.identifiers import (
    AdmissionNumber,
    FormNumber,
    SeatId,
    SegmentId,
    SessionId,
    SittingId,
)


class PlannedKiosk(msgspec.Struct, frozen=True, kw_only=True):
    """One seat with its candidate; session and token are empty before the log-in."""

    seat_id: SeatId
    admission_number: AdmissionNumber
    id_number: str
    certificate_pem: str
    signing_key: PrivateSigningKey
    segment_id: SegmentId
    session_id: SessionId = SessionId("")
    token: str = ""
    form_number: FormNumber = FormNumber(0)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A room as its kiosks see it.

    The journal secret is the bench's own: with it frames are made before the paper is opened.
    """

    sitting_id: SittingId
    centre_key: PublicSigningKey
    authority_file: str
    package_file: str
    root_file: str
    manifest_sha256: str
    room_code: str
    journal_secret: bytes
    tls_key_pem: str
    kiosks: tuple[PlannedKiosk, ...]


def write_plan(file: Path, plan: Plan) -> None:
    """Put a plan into a file."""
    file.write_bytes(msgspec.msgpack.encode(plan))


def read_plan(file: Path) -> Plan:
    """The plan in a file."""
    return msgspec.msgpack.decode(file.read_bytes(), type=Plan)
