"""What a response journal says: one canonical JSON value for each entry.

`at_ms` is the candidate's working time so far, by the kiosk's monotonic clock; it orders nothing
(sequence numbers do) and is kept as evidence.
"""

from enum import StrEnum
from typing import TypeAlias, cast

import msgspec

from exam_core import limits
from exam_core.crypto.signing import PublicSigningKey
from exam_core.errors import InputError, declare
from exam_core.formats.canonical import decode_canonical, encode_canonical
from exam_core.model.identifiers import (
    FormNumber,
    ItemId,
    PartId,
    SeatId,
    SegmentId,
    SessionId,
)
from exam_core.model.responses import Response

ENTRY_MALFORMED = declare(
    "journal.entry", "作答记录内容不对，已保留原始记录；请技术人员检查该机位。"
)


class _Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all entries."""

    at_ms: int

    def __post_init__(self) -> None:
        if not 0 <= self.at_ms <= 2 * limits.duration_ms_max:
            raise InputError(ENTRY_MALFORMED, "作答时刻超出范围")


class SegmentStarted(_Entry, frozen=True, kw_only=True, tag="segment_started"):
    """The first entry of every segment: which session and paper this is, and which kiosk's.

    `kiosk_key` is what the signatures of this segment are checked with.
    """

    session_id: SessionId
    manifest_sha256: str
    form_number: FormNumber
    seat_id: SeatId
    kiosk_key: PublicSigningKey


class ResponseRecorded(_Entry, frozen=True, kw_only=True, tag="response_recorded"):
    """The candidate's response to one part, whole; a later one replaces it, none is edited."""

    part_id: PartId
    response: Response


class ReviewFlagSet(_Entry, frozen=True, kw_only=True, tag="review_flag_set"):
    """The candidate marked an item for review, or took the mark away."""

    item_id: ItemId
    is_flagged: bool


class OrderKind(StrEnum):
    """What an order of the server did to this candidate's time, state or paper."""

    BEGIN = "begin"
    HOLD = "hold"
    RESUME = "resume"
    EXTRA_TIME = "extra_time"
    END = "end"


class OrderTaken(_Entry, frozen=True, kw_only=True, tag="order_taken"):
    """The kiosk obeyed an order of the centre; evidence of who changed this candidate's time.

    `boot` and `counter` name the order; a clock that says nothing new leaves no entry.
    """

    boot: int
    counter: int
    issued_by: str
    what: OrderKind
    time_left_ms: int


class CheckpointSeen(_Entry, frozen=True, kw_only=True, tag="checkpoint_seen"):
    """The room showed the kiosk this signed state of its log; evidence against a log rewritten.

    The kiosk has verified the note and writes each once; whoever reads it verifies it again.
    """

    note: str

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.note) > limits.note_chars_max:
            raise InputError(ENTRY_MALFORMED, "检查点过长")


class SubmitReason(StrEnum):
    """Why a session ends."""

    CANDIDATE = "candidate"
    TIME_UP = "time_up"
    PROCTOR = "proctor"


class SessionSubmitted(_Entry, frozen=True, kw_only=True, tag="session_submitted"):
    """The last entry: nothing after it counts.

    `heads` holds the head of every earlier segment of the session that this kiosk knows, so the
    receipt covers them all; `nonce` is 32 hex digits, so a receipt tells nothing of the answers.
    """

    reason: SubmitReason
    heads: dict[SegmentId, str]
    nonce: str


Entry: TypeAlias = (
    SegmentStarted
    | ResponseRecorded
    | ReviewFlagSet
    | OrderTaken
    | CheckpointSeen
    | SessionSubmitted
)


def encode_entry(entry: Entry) -> bytes:
    """The canonical bytes of an entry."""
    return encode_canonical(entry)


def decode_entry(payload: bytes) -> Entry:
    """The entry in a frame.

    Raises:
        InputError: `journal.entry`.
    """
    if len(payload) > limits.journal_payload_bytes_max:
        raise InputError(ENTRY_MALFORMED, "作答记录过长")
    return decode_canonical(payload, cast("type[Entry]", Entry), ENTRY_MALFORMED, "作答记录")
