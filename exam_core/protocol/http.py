"""The few HTTP requests of a kiosk, as JSON: enrolment, room, log-in, package.

    POST /v1/enrol     (console port, no client certificate)  EnrolRequest -> EnrolReply
    POST /v1/enrol/commit, /reveal, /result  (the same port)  see `comparison`
    GET  /v1/room      (kiosk port, client certificate)        RoomReply
    POST /v1/log-in    (kiosk port, client certificate)        LogInRequest -> LogInReply
    GET  /v1/package   (kiosk port, client certificate)        the .exampkg; ETag is its SHA-256
    WS   /v1/session   (kiosk port, client certificate)        see `messages`

A refusal is a Problem with the status from `STATUS_OF`.
"""

from typing import TypeVar

import msgspec

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
from exam_core.model.identifiers import AdmissionNumber, CentreId, SeatId, SessionId, SittingId
from exam_core.model.states import SessionState, SittingState
from exam_core.protocol.messages import MESSAGE_MALFORMED

STATUS_OF: dict[type[ExamError], int] = {
    InputError: 400,
    StateError: 409,
    IntegrityError: 422,
    StorageError: 507,
    TransportError: 503,
}
"""The one table from error family to HTTP status."""

_T = TypeVar("_T")


class _Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of request and reply bodies."""


class EnrolRequest(_Body, frozen=True, kw_only=True):
    """A new kiosk asks for the certificate of its seat; its two private keys never leave it.

    `signing_proof` is made by `protocol.enrolment.prove_signing_key`.
    """

    protocol: int
    seat_id: SeatId
    join_code: str
    csr_pem: str
    signing_key: PublicSigningKey
    signing_proof: str


class EnrolReply(_Body, frozen=True, kw_only=True):
    """The seat's client certificate."""

    certificate_pem: str


class CompareRequest(_Body, frozen=True, kw_only=True):
    """A new kiosk begins to compare; see `protocol.comparison`."""

    protocol: int
    seat_id: SeatId
    commitment: str


class CompareReply(_Body, frozen=True, kw_only=True):
    """The server's nonce, which it drew after the commitment."""

    request_id: str
    server_nonce: str


class CompareReveal(_Body, frozen=True, kw_only=True):
    """What the kiosk committed to, with the proof of its signing key."""

    request_id: str
    seat_id: SeatId
    nonce: str
    csr_pem: str
    signing_key: PublicSigningKey
    signing_proof: str


class CompareWait(_Body, frozen=True, kw_only=True):
    """Has a person compared?"""

    request_id: str


class CompareResult(_Body, frozen=True, kw_only=True):
    """The seat's client certificate; empty while nobody has compared."""

    certificate_pem: str


class RoomReply(_Body, frozen=True, kw_only=True):
    """What a kiosk may know before anybody logged in.

    `package_sha256` is empty while no package was imported. `session_state` is set when a session
    of this seat has begun and not closed: the kiosk may resume it with its token.
    """

    protocol: int
    centre_id: CentreId
    sitting_id: SittingId
    title: str
    seat_id: SeatId
    sitting_state: SittingState
    duration_ms: int
    package_sha256: str
    session_state: SessionState | None = None


class LogInRequest(_Body, frozen=True, kw_only=True):
    """What the candidate typed; the seat is the client certificate's."""

    admission_number: AdmissionNumber
    id_number: str
    room_code: str


class LogInReply(_Body, frozen=True, kw_only=True):
    """The session of this candidate at this seat, with the facts to confirm."""

    session_id: SessionId
    token: str
    admission_number: AdmissionNumber
    name: str
    unit: str
    team: str


class Problem(_Body, frozen=True, kw_only=True):
    """Why a request was refused."""

    code: str
    message: str
    advice: str


def encode_body(body: msgspec.Struct) -> bytes:
    """The JSON of a body."""
    return msgspec.json.encode(body)


def decode_body(data: bytes, kind: type[_T]) -> _T:
    """A body of the kind expected.

    Raises:
        InputError: `protocol.malformed`.
    """
    if len(data) > limits.http_body_bytes_max:
        raise InputError(MESSAGE_MALFORMED, "请求过长")
    try:
        return msgspec.json.decode(data, type=kind, strict=True)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(MESSAGE_MALFORMED, "请求格式不对") from error


def problem_of(error: ExamError) -> Problem:
    """The refusal that a caller sees for an error."""
    return Problem(code=error.code, message=error.message, advice=error.advice)


def status_of(error: ExamError) -> int:
    """The HTTP status of an error's family."""
    return next(status for kind, status in STATUS_OF.items() if isinstance(error, kind))
