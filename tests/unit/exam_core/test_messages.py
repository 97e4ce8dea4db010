"""Messages come back as sent; anything else is refused as malformed."""

from typing import Any

import msgspec
import pytest

from exam_core import limits
from exam_core.errors import InputError
from exam_core.protocol import VERSION
from exam_core.protocol.messages import (
    Attach,
    Attached,
    Checkpointed,
    CommitProof,
    Heartbeat,
    HeldFrames,
    KioskMessage,
    Ordered,
    Refused,
    Restore,
    Save,
    Saved,
    ServerMessage,
    Stage,
    Submit,
    Telemetry,
    decode_kiosk_message,
    decode_server_message,
    encode_message,
)
from tests.support.builders import SEGMENT_ID, SESSION_ID, frames
from tests.support.refusals import refuses

HELD = HeldFrames(segment_id=SEGMENT_ID, frames=2, head=bytes(32))
FRAMES = tuple(frames())

PROOF = CommitProof(boot=1, number=2, index=0, size=2, path=(bytes(32),), signature=bytes(64))
FROM_KIOSK: list[KioskMessage] = [
    Attach(protocol=VERSION, session_id=SESSION_ID, token="t", segment_id=SEGMENT_ID, held=(HELD,)),
    Stage(stage="confirmed"),
    Save(segment_id=SEGMENT_ID, first_seq=0, frames=FRAMES),
    Submit(segment_id=SEGMENT_ID, seq=3, receipt="0123"),
    Heartbeat(unsynced=0),
    Telemetry(kind="link", details={"connections": 2, "unsynced": 14}),
]
FROM_SERVER: list[ServerMessage] = [
    Attached(epochs={SEGMENT_ID: 1}, held=(HELD,), proofs=(PROOF,)),
    Ordered(order=b"{}", signature=bytes(64)),
    Restore(segment_id=SEGMENT_ID, first_seq=0, frames=FRAMES),
    Saved(segment_id=SEGMENT_ID, frames=4, head=bytes(32), proof=PROOF),
    Checkpointed(note="…"),
    Refused(code="journal.gap", message="…"),
    Refused(code="journal.gap", message="…", segment_id=SEGMENT_ID, seq=7),
]


@pytest.mark.parametrize("message", FROM_KIOSK, ids=lambda one: type(one).__name__)
def test_kiosk_messages_come_back(message: KioskMessage) -> None:
    """The server reads what a kiosk sent; a kiosk would refuse it."""
    data = encode_message(message)

    assert decode_kiosk_message(data) == message
    with refuses(InputError, "protocol.malformed"):
        decode_server_message(data)


@pytest.mark.parametrize("message", FROM_SERVER, ids=lambda one: type(one).__name__)
def test_server_messages_come_back(message: ServerMessage) -> None:
    """The kiosk reads what the server sent; the server would refuse it."""
    data = encode_message(message)

    assert decode_server_message(data) == message
    with refuses(InputError, "protocol.malformed"):
        decode_kiosk_message(data)


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "shout"},
        {"extra": 1},
        {"first_seq": -1},
        {"first_seq": limits.journal_frames_max + 1},
        {"first_seq": 2**63},
        {"first_seq": 0.0},
        {"frames": []},
        {"frames": [b""] * (limits.save_frames_max + 1)},
        {"frames": ["text"]},
        {"segment_id": 7},
    ],
)
def test_a_save_that_cannot_be_is_refused(fields: dict[str, Any]) -> None:
    """Unknown fields, impossible numbers and too many or no frames are refused."""
    plain = {"type": "save", "segment_id": SEGMENT_ID, "first_seq": 0, "frames": [b"x"]}

    assert isinstance(decode_kiosk_message(msgspec.msgpack.encode(plain)), Save)
    with refuses(InputError, "protocol.malformed"):
        decode_kiosk_message(msgspec.msgpack.encode(plain | fields))


@pytest.mark.parametrize(
    "data",
    [b"", b"\xc1", b"\x91" * 100_000, b"\x81\xa1a\xa1\xff", bytes(limits.message_bytes_max + 1)],
)
def test_other_bytes_are_refused(data: bytes) -> None:
    """Rubbish, deep nesting and oversize are refused on both sides."""
    with refuses(InputError, "protocol.malformed"):
        decode_kiosk_message(data)
    with refuses(InputError, "protocol.malformed"):
        decode_server_message(data)


def test_full_saves_of_small_frames_fit_in_a_message() -> None:
    """As many frames as a save may have fit in a message when they are of usual size."""
    save = Save(segment_id=SEGMENT_ID, first_seq=0, frames=(bytes(2048),) * limits.save_frames_max)

    assert decode_kiosk_message(encode_message(save)) == save
    assert limits.journal_frame_bytes_max * 2 < limits.message_bytes_max
