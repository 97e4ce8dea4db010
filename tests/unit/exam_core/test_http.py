"""Bodies of the few HTTP requests, and how an error becomes a status."""

import msgspec
import pytest

from exam_core import limits
from exam_core.crypto.signing import PublicSigningKey
from exam_core.errors import (
    ExamError,
    InputError,
    IntegrityError,
    StateError,
    StorageError,
    TransportError,
)
from exam_core.model.identifiers import AdmissionNumber, SeatId, SittingId
from exam_core.model.states import SessionState, SittingState
from exam_core.protocol.http import (
    EnrolReply,
    EnrolRequest,
    LogInReply,
    LogInRequest,
    Problem,
    RoomReply,
    decode_body,
    encode_body,
    problem_of,
    status_of,
)
from tests.support.builders import CENTRE_ID, SESSION_ID, id_number
from tests.support.refusals import refuses

ADMISSION = AdmissionNumber("20260001")
BODIES: list[msgspec.Struct] = [
    EnrolRequest(
        protocol=1,
        seat_id=SeatId("A01"),
        join_code="12345678",
        csr_pem="PEM",
        signing_key=PublicSigningKey("11" * 32),
        signing_proof="22" * 64,
    ),
    EnrolReply(certificate_pem="PEM"),
    RoomReply(
        protocol=1,
        centre_id=CENTRE_ID,
        sitting_id=SittingId("S1"),
        title="笔试",
        seat_id=SeatId("A01"),
        sitting_state=SittingState.PREPARED,
        duration_ms=1,
        package_sha256="",
        session_state=SessionState.INTERACTING,
    ),
    LogInRequest(admission_number=ADMISSION, id_number=id_number(), room_code="123456"),
    LogInReply(
        session_id=SESSION_ID, token="t", admission_number=ADMISSION, name="张", unit="", team=""
    ),
    Problem(code="login.refused", message="…", advice="…"),
]


@pytest.mark.parametrize("body", BODIES, ids=lambda one: type(one).__name__)
def test_bodies_come_back(body: msgspec.Struct) -> None:
    """What one side encodes the other decodes."""
    assert decode_body(encode_body(body), type(body)) == body


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"[]",
        b'{"certificate_pem":7}',
        b'{"certificate_pem":"x","key":"y"}',
        b"[" * 50_000,
        bytes(limits.http_body_bytes_max + 1),
    ],
)
def test_other_bodies_are_refused(data: bytes) -> None:
    """Rubbish, unknown fields, nesting and oversize are refused as malformed."""
    with refuses(InputError, "protocol.malformed"):
        decode_body(data, EnrolReply)


@pytest.mark.parametrize(
    ("family", "status"),
    [
        (InputError, 400),
        (StateError, 409),
        (IntegrityError, 422),
        (StorageError, 507),
        (TransportError, 503),
    ],
)
def test_every_family_has_a_status(family: type[ExamError], status: int) -> None:
    """The family alone decides the status; the body carries code, message and advice."""
    error = family("journal.frame", "作答记录帧不完整", seq=1)

    assert status_of(error) == status
    assert problem_of(error) == Problem(
        code="journal.frame", message="作答记录帧不完整", advice=error.advice
    )
