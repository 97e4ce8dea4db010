"""Every message that can be made comes back from its bytes, and only on its own side."""

from hypothesis import given
from hypothesis import strategies as st

from exam_core import limits
from exam_core.errors import InputError
from exam_core.model.identifiers import SegmentId, SessionId
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
    decode_kiosk_message,
    decode_server_message,
    encode_message,
)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
segments = st.binary(min_size=16, max_size=16).map(lambda raw: SegmentId(raw.hex()))
sessions = st.binary(min_size=16, max_size=16).map(lambda raw: SessionId(raw.hex()))
counts = st.integers(0, limits.journal_frames_max)
times = st.integers(-(2**31), 2**40)
frame_tuples = st.lists(st.binary(max_size=30), min_size=1, max_size=5).map(tuple)
held = st.lists(
    st.builds(HeldFrames, segment_id=segments, frames=counts, head=st.binary(max_size=32)),
    max_size=3,
).map(tuple)
numbers = st.integers(1, limits.order_number_max)
proofs = st.builds(
    CommitProof,
    boot=numbers,
    number=numbers,
    index=counts,
    size=numbers,
    path=st.lists(st.binary(max_size=32), max_size=limits.proof_steps_max).map(tuple),
    signature=st.binary(max_size=64),
)

kiosk_messages: st.SearchStrategy[KioskMessage] = st.one_of(
    st.builds(
        Attach,
        protocol=counts,
        session_id=sessions,
        token=texts,
        segment_id=segments,
        held=held,
    ),
    st.builds(Stage, stage=texts),
    st.builds(Save, segment_id=segments, first_seq=counts, frames=frame_tuples),
    st.builds(Submit, segment_id=segments, seq=counts, receipt=texts),
    st.builds(Heartbeat, unsynced=counts),
)
server_messages: st.SearchStrategy[ServerMessage] = st.one_of(
    st.builds(
        Attached,
        epochs=st.dictionaries(segments, counts, max_size=3),
        held=held,
        proofs=st.lists(proofs, max_size=3).map(tuple),
    ),
    st.builds(Ordered, order=st.binary(max_size=99), signature=st.binary(max_size=64)),
    st.builds(Restore, segment_id=segments, first_seq=counts, frames=frame_tuples),
    st.builds(Saved, segment_id=segments, frames=counts, head=st.binary(max_size=32), proof=proofs),
    st.builds(Checkpointed, note=texts),
    st.builds(
        Refused,
        code=texts,
        message=texts,
        segment_id=st.none() | segments,
        seq=st.none() | counts,
    ),
)


@given(message=kiosk_messages)
def test_kiosk_messages_come_back(message: KioskMessage) -> None:
    """The server reads exactly what the kiosk sent."""
    assert decode_kiosk_message(encode_message(message)) == message


@given(message=server_messages)
def test_server_messages_come_back(message: ServerMessage) -> None:
    """The kiosk reads exactly what the server sent."""
    assert decode_server_message(encode_message(message)) == message


@given(message=kiosk_messages | server_messages, data=st.data())
def test_damaged_messages_are_refused_or_read(
    message: KioskMessage | ServerMessage, data: st.DataObject
) -> None:
    """A changed byte gives another message or `protocol.malformed`, never anything else."""
    raw = bytearray(encode_message(message))
    at = data.draw(st.integers(0, len(raw) - 1), label="byte")
    raw[at] ^= data.draw(st.integers(1, 255), label="damage")

    for decode in (decode_kiosk_message, decode_server_message):
        try:
            decode(bytes(raw))
        except InputError as error:
            assert error.code == "protocol.malformed"  # noqa: PT017  most damage is refused
