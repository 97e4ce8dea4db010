"""Messages on the WebSocket of one kiosk, as MessagePack; decoded strictly.

The kiosk attaches first; after that either side may send at any time. Frames are opaque here:
their bytes go into the journal and the store as they are.
"""

from typing import Annotated, TypeAlias, TypeVar

import msgspec

from exam_core import limits
from exam_core.errors import InputError, declare
from exam_core.model.identifiers import SegmentId, SessionId

MESSAGE_MALFORMED = declare("protocol.malformed", "收到无法识别的消息；请检查该机位的程序版本。")


_Count = Annotated[int, msgspec.Meta(ge=0, le=limits.journal_frames_max)]
"""A number of frames, or of one frame; checked when a message is decoded."""

_Number = Annotated[int, msgspec.Meta(ge=1, le=limits.order_number_max)]


_Word = Annotated[
    str, msgspec.Meta(pattern=r"^[a-z_]+\Z", max_length=limits.telemetry_kind_chars_max)
]

_Reading = Annotated[int, msgspec.Meta(ge=0, le=limits.order_number_max)]


class _Message(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all messages."""


class HeldFrames(_Message, frozen=True, kw_only=True):
    """How far one side holds a segment: `frames` from number 0 without gaps, and their head."""

    segment_id: SegmentId
    frames: _Count
    head: bytes


class CommitProof(_Message, frozen=True, kw_only=True):
    """That an acknowledgement is one of those which the centre signed; see `acknowledgements`.

    `path` leads from leaf `index` of `size` to the root; (`boot`, `number`) says which root.
    """

    boot: _Number
    number: _Number
    index: int
    size: _Number
    path: Annotated[tuple[bytes, ...], msgspec.Meta(max_length=limits.proof_steps_max)]
    signature: bytes


# From the kiosk


class Attach(_Message, frozen=True, kw_only=True, tag="attach"):
    """First message of a connection: who this is, and what the kiosk has on its disk.

    `segment_id` is the segment this process writes; `held` covers it and all earlier ones.
    """

    protocol: int
    session_id: SessionId
    token: str
    segment_id: SegmentId
    held: tuple[HeldFrames, ...]


class Deliver(_Message, frozen=True, kw_only=True, tag="deliver"):
    """First message of a machine whose candidate goes on elsewhere: it brings its own frames.

    After `Attached`, which names only segments of this kiosk, it sends `Save` and nothing else.
    """

    protocol: int
    session_id: SessionId


class Stage(_Message, frozen=True, kw_only=True, tag="stage"):
    """Where the candidate is before the paper: confirmed, rules_read."""

    stage: str


class Save(_Message, frozen=True, kw_only=True, tag="save"):
    """The next frames of a segment, from `first_seq` on. Safe to repeat."""

    segment_id: SegmentId
    first_seq: _Count
    frames: tuple[bytes, ...]


class Submit(_Message, frozen=True, kw_only=True, tag="submit"):
    """The frame `seq` of this segment is the submit entry; its frames were sent before."""

    segment_id: SegmentId
    seq: _Count
    receipt: str


class Heartbeat(_Message, frozen=True, kw_only=True, tag="heartbeat"):
    """Every ten seconds: alive, with the number of entries the server has not acknowledged."""

    unsynced: _Count


class Telemetry(_Message, frozen=True, kw_only=True, tag="telemetry"):
    """How a kiosk fares, in numbers; nobody answers, and the server may drop it."""

    kind: _Word
    details: Annotated[dict[_Word, _Reading], msgspec.Meta(max_length=limits.telemetry_details_max)]


# From the server


class Attached(_Message, frozen=True, kw_only=True, tag="attached"):
    """The connection stands. `held` says what the server has of this session's segments.

    `epochs` gives the epoch of every segment; a larger one was attached later. `proofs` are those
    of `held`, in the same order.
    """

    epochs: dict[SegmentId, int]
    held: tuple[HeldFrames, ...]
    proofs: tuple[CommitProof, ...]


class Ordered(_Message, frozen=True, kw_only=True, tag="ordered"):
    """An order of the centre with its signature; see `protocol.orders`.

    Nothing else that the server says changes the kiosk's time, state or paper.
    """

    order: bytes
    signature: bytes


class Restore(_Message, frozen=True, kw_only=True, tag="restore"):
    """Frames of an earlier segment that the kiosk does not have."""

    segment_id: SegmentId
    first_seq: _Count
    frames: tuple[bytes, ...]


class Saved(_Message, frozen=True, kw_only=True, tag="saved"):
    """All frames of the segment below `frames` are durable on the server; `head` covers them."""

    segment_id: SegmentId
    frames: _Count
    head: bytes
    proof: CommitProof


class Checkpointed(_Message, frozen=True, kw_only=True, tag="checkpointed"):
    """The signed state of the room's log, for the kiosk to keep: evidence against its owner."""

    note: str


class Refused(_Message, frozen=True, kw_only=True, tag="refused"):
    """A message was not taken; nothing of it was stored as a response that counts."""

    code: str
    message: str
    segment_id: SegmentId | None = None
    seq: int | None = None


KioskMessage: TypeAlias = Attach | Deliver | Stage | Save | Submit | Heartbeat | Telemetry
ServerMessage: TypeAlias = Attached | Ordered | Restore | Saved | Checkpointed | Refused

_T = TypeVar("_T")

_encoder = msgspec.msgpack.Encoder()
_kiosk_decoder: msgspec.msgpack.Decoder[KioskMessage] = msgspec.msgpack.Decoder(KioskMessage)
_server_decoder: msgspec.msgpack.Decoder[ServerMessage] = msgspec.msgpack.Decoder(ServerMessage)


def encode_message(message: KioskMessage | ServerMessage) -> bytes:
    """The bytes of one WebSocket message."""
    return _encoder.encode(message)


def decode_kiosk_message(data: bytes) -> KioskMessage:
    """A message from a kiosk.

    Raises:
        InputError: `protocol.malformed`.
    """
    message = _decode(data, _kiosk_decoder)
    if isinstance(message, Save) and not 1 <= len(message.frames) <= limits.save_frames_max:
        raise InputError(MESSAGE_MALFORMED, "一次保存的记录条数不对")
    return message


def decode_server_message(data: bytes) -> ServerMessage:
    """A message from the server.

    Raises:
        InputError: `protocol.malformed`.
    """
    return _decode(data, _server_decoder)


def _decode(data: bytes, decoder: msgspec.msgpack.Decoder[_T]) -> _T:
    if len(data) > limits.message_bytes_max:
        raise InputError(MESSAGE_MALFORMED, "消息过长")
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(MESSAGE_MALFORMED, "消息格式不对") from error
