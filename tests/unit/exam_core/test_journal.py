"""The journal gives back every finished frame, and says what else it found."""

import hashlib
import struct

import pytest

from exam_core import limits
from exam_core.crypto.signing import Signer, signature_holds
from exam_core.errors import InputError, IntegrityError
from exam_core.formats.journal import (
    HEADER_BYTES,
    KEY_BYTES,
    SegmentCipher,
    SegmentWriter,
    derive_journal_key,
    first_head,
    frame_sequence,
    next_head,
    open_chain,
    receipt_of,
    segment_header,
    segment_id_of,
)
from exam_core.formats.journal_recovery import Health, RecoveredSegment, recover_segment
from exam_core.model.identifiers import SegmentId, SessionId
from tests.support.builders import JOURNAL_KEY, KIOSK, SEGMENT_ID, STRANGER, frames, segment
from tests.support.refusals import refuses

PAYLOADS = (b"one", b"two", b"three", b"")
FRAMES = frames(*PAYLOADS)
FILE = segment(*PAYLOADS)
OTHER_ID = SegmentId("f0" * 16)


def recovered(data: bytes) -> RecoveredSegment:
    """Recover with the right key."""
    return recover_segment(data, JOURNAL_KEY)


def flipped(data: bytes, at: int) -> bytes:
    """The data with one byte changed."""
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


def without(number: int) -> bytes:
    """The file with one frame taken out."""
    kept = [frame for at, frame in enumerate(FRAMES) if at != number]
    return segment_header(SEGMENT_ID) + b"".join(kept)


def test_a_whole_segment_is_clean() -> None:
    """Frames, payloads, length and head are all there."""
    found = recovered(FILE)
    head = first_head(SEGMENT_ID)
    for frame in FRAMES:
        head = next_head(head, frame)

    assert (found.segment_id, found.health) == (SEGMENT_ID, Health.CLEAN)
    assert (found.good_bytes, found.head) == (len(FILE), head)
    assert (found.frames, found.payloads) == (FRAMES, list(PAYLOADS))


def test_a_segment_without_frames_is_clean() -> None:
    """A kiosk that died before its first entry left a header, and that is no damage."""
    found = recovered(segment_header(SEGMENT_ID))

    assert (found.health, found.frames, found.head) == (Health.CLEAN, [], first_head(SEGMENT_ID))


def test_the_writer_counts_and_chains() -> None:
    """The attributes of the writer follow every frame."""
    writer = SegmentWriter(JOURNAL_KEY, SEGMENT_ID, KIOSK)

    assert (writer.seq, writer.head) == (0, first_head(SEGMENT_ID))
    assert [writer.append(payload) for payload in PAYLOADS] == FRAMES
    assert (writer.seq, writer.head) == (4, recovered(FILE).head)


def test_every_cut_gives_the_finished_frames() -> None:
    """Power lost at any byte costs the unfinished frame and nothing else."""
    ends = [HEADER_BYTES]
    for frame in FRAMES:
        ends.append(ends[-1] + len(frame))

    for cut in range(HEADER_BYTES, len(FILE) + 1):
        found = recovered(FILE[:cut])
        finished = sum(end <= cut for end in ends) - 1
        assert found.frames == FRAMES[:finished]
        assert found.good_bytes == ends[finished]
        assert found.health is (Health.CLEAN if cut in ends else Health.TORN_TAIL)


@pytest.mark.parametrize("zeros", [1, 15, 16, 17, 100, 4096])
@pytest.mark.parametrize("written", [0, 1, 4, 7, 16, 20, 40])
def test_zeros_after_a_cut_are_a_torn_tail(written: int, zeros: int) -> None:
    """A file that grew before its data came to disk ends in zeros; that is no alarm."""
    tail = FRAMES[3][:written] + bytes(zeros)

    found = recovered(segment_header(SEGMENT_ID) + b"".join(FRAMES[:3]) + tail)

    assert found.health is Health.TORN_TAIL
    assert found.frames == FRAMES[:3]


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("part", ["marker", "seq", "body", "tag"])
def test_damage_in_a_frame_costs_that_frame_and_alarms(number: int, part: str) -> None:
    """Every other frame is still read, and the segment is called damaged, also at the end."""
    start = HEADER_BYTES + sum(map(len, FRAMES[:number]))
    within = {"marker": 1, "seq": 9, "body": 20, "tag": len(FRAMES[number]) - 1}[part]

    found = recovered(flipped(FILE, start + within))

    assert found.health is Health.DAMAGED
    assert found.frames == [frame for at, frame in enumerate(FRAMES) if at != number]


@pytest.mark.parametrize("number", range(3))
def test_a_damaged_length_costs_one_frame(number: int) -> None:
    """Reading finds the next frame by its marker."""
    start = HEADER_BYTES + sum(map(len, FRAMES[:number]))
    for at in range(4, 8):
        found = recovered(flipped(FILE, start + at))
        assert found.health is Health.DAMAGED
        assert found.frames == [frame for at, frame in enumerate(FRAMES) if at != number]


def test_an_impossible_length_at_the_end_is_damage() -> None:
    """A last frame that claims more than any frame may have was not cut short, it was changed."""
    start = HEADER_BYTES + sum(map(len, FRAMES[:3]))
    data = FILE[: start + 4] + struct.pack("<I", limits.journal_frame_bytes_max + 1)

    assert recovered(data + FILE[start + 8 :]).health is Health.DAMAGED


@pytest.mark.parametrize(
    "data",
    [
        flipped(FILE, 10),
        FILE + FRAMES[0],
        FILE + b"garbage",
        FILE + FRAMES[3][:20] + FRAMES[3][:20],
        without(0),
        without(1),
        segment_header(SEGMENT_ID) + FRAMES[1] + FRAMES[0] + FRAMES[2] + FRAMES[3],
        segment_header(SEGMENT_ID) + FRAMES[0] * 2,
        FILE[:HEADER_BYTES] + b"\0" + FILE[HEADER_BYTES:],
        segment_header(OTHER_ID) + b"".join(FRAMES),
    ],
)
def test_what_no_cut_explains_is_damage(data: bytes) -> None:
    """Missing, repeated, swapped, foreign frames and rubbish are never called a torn tail."""
    assert recovered(data).health is Health.DAMAGED


def test_a_foreign_key_reads_nothing_and_alarms() -> None:
    """With another session's key nothing opens, and the file is not called torn."""
    found = recover_segment(FILE, bytes(32))

    assert (found.frames, found.health) == ([], Health.DAMAGED)


def test_frames_sealed_twice_differ_from_a_fork() -> None:
    """Two frames with one number that chain to different heads cannot both count."""
    fork = SegmentCipher(JOURNAL_KEY, SEGMENT_ID).seal(1, bytes(32), b"fork", KIOSK)

    found = recovered(segment_header(SEGMENT_ID) + FRAMES[0] + fork)

    assert found.health is Health.DAMAGED
    assert found.payloads == [b"one", b"fork"]


@pytest.mark.parametrize("data", [b"", b"EXJ1", FILE[: HEADER_BYTES - 1], b"EXJ2" + FILE[4:]])
def test_no_header_no_journal(data: bytes) -> None:
    """A file whose header is not whole is refused."""
    with refuses(InputError, "journal.malformed"):
        segment_id_of(data)
    with refuses(InputError, "journal.malformed"):
        recovered(data)


@pytest.mark.parametrize(
    "text",
    ["", "zz" * 16, "0f" * 15, "0f" * 17, "0F" * 16, " ".join(["0f"] * 16), "0f" * 16 + "\n"],
)
def test_a_segment_id_has_one_spelling(text: str) -> None:
    """Two spellings would be two segments with one key."""
    for call in (segment_header, first_head, lambda one: SegmentCipher(JOURNAL_KEY, one)):
        with refuses(InputError, "journal.malformed"):
            call(SegmentId(text))


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        FRAMES[0][:15],
        FRAMES[0][:-1],
        FRAMES[0] + b"\0",
        b"\0" + FRAMES[0][1:],
        b"\xe5\x4aRC" + struct.pack("<IQ", 111, 0) + bytes(111),
        b"\xe5\x4aRC"
        + struct.pack("<IQ", limits.journal_frame_bytes_max + 1, 0)
        + bytes(limits.journal_frame_bytes_max + 1),
    ],
)
def test_what_is_no_whole_frame_is_refused(frame: bytes) -> None:
    """Length, marker and the smallest and largest size are checked before any key is used."""
    with refuses(InputError, "journal.frame"):
        frame_sequence(frame)
    with refuses(InputError, "journal.frame"):
        SegmentCipher(JOURNAL_KEY, SEGMENT_ID).open(frame)


def test_an_altered_or_foreign_frame_is_refused() -> None:
    """A changed frame, another segment's or another key's does not open."""
    for cipher, frame in (
        (SegmentCipher(JOURNAL_KEY, SEGMENT_ID), flipped(FRAMES[0], 30)),
        (SegmentCipher(JOURNAL_KEY, OTHER_ID), FRAMES[0]),
        (SegmentCipher(bytes(32), SEGMENT_ID), FRAMES[0]),
    ):
        with refuses(IntegrityError, "journal.frame") as caught:
            cipher.open(frame)
        assert caught.value.facts == {"seq": 0}


def test_payload_size_is_limited() -> None:
    """The largest payload makes a frame that can be read; one byte more is refused."""
    largest = bytes(limits.journal_payload_bytes_max)

    assert recovered(segment(largest, b"after")).payloads == [largest, b"after"]
    with refuses(InputError, "journal.frame"):
        SegmentWriter(JOURNAL_KEY, SEGMENT_ID, KIOSK).append(largest + b"\0")


def test_a_chain_opens_whole() -> None:
    """All payloads in order, or none."""
    assert open_chain(JOURNAL_KEY, SEGMENT_ID, FRAMES, KIOSK.public_key) == list(PAYLOADS)
    assert open_chain(JOURNAL_KEY, SEGMENT_ID, [], KIOSK.public_key) == []


@pytest.mark.parametrize("order", [[1], [0, 2], [0, 0], [1, 0, 2, 3], [0, 1, 3, 2]])
def test_a_chain_with_a_gap_is_refused(order: list[int]) -> None:
    """Missing, repeated and swapped frames are refused at their place."""
    with refuses(IntegrityError, "journal.chain"):
        open_chain(JOURNAL_KEY, SEGMENT_ID, [FRAMES[at] for at in order], KIOSK.public_key)


def test_a_fork_is_refused() -> None:
    """The right number is not enough: the frame must follow the frames before it."""
    fork = SegmentCipher(JOURNAL_KEY, SEGMENT_ID).seal(1, first_head(SEGMENT_ID), b"fork", KIOSK)

    with refuses(IntegrityError, "journal.chain") as caught:
        open_chain(JOURNAL_KEY, SEGMENT_ID, [FRAMES[0], fork], KIOSK.public_key)
    assert caught.value.facts == {"seq": 1}


def test_an_endless_chain_is_refused() -> None:
    """More frames than anybody can write are refused before any is opened."""
    with refuses(InputError, "journal.frame"):
        open_chain(
            JOURNAL_KEY, SEGMENT_ID, [b""] * (limits.journal_frames_max + 1), KIOSK.public_key
        )


def test_every_session_and_segment_has_its_own_key() -> None:
    """One secret gives different keys to different sessions, and those to different segments."""
    keys = {derive_journal_key(b"s" * 32, SessionId(name * 16)) for name in ("0a", "0b")}
    sealed = {
        SegmentCipher(JOURNAL_KEY, name).seal(0, bytes(32), b"", KIOSK)
        for name in (SEGMENT_ID, OTHER_ID)
    }

    assert {len(key) for key in keys} == {KEY_BYTES}
    assert len(keys) == len(sealed) == 2


def test_the_receipt_is_the_hash_of_the_submit_frame() -> None:
    """Ten groups of four digits that anyone can compute from the frame."""
    digest = hashlib.sha256(FRAMES[-1]).hexdigest()

    assert receipt_of(FRAMES[-1]).replace(" ", "") == digest[:40]
    assert len(receipt_of(FRAMES[-1]).split(" ")) == 10


def test_a_frame_bears_the_signature_of_its_kiosk() -> None:
    """Over label, segment, number, head and payload; any other key, place or payload fails."""
    cipher = SegmentCipher(JOURNAL_KEY, SEGMENT_ID)
    opened = cipher.open(FRAMES[1])
    message = (
        b"gongyuan/frame/v1\n" + bytes.fromhex(SEGMENT_ID) + (1).to_bytes(8, "big") + opened.head
    )

    assert signature_holds(message + opened.payload, opened.signature, KIOSK.public_key)
    assert cipher.is_signed(1, opened, KIOSK.public_key)
    assert not cipher.is_signed(2, opened, KIOSK.public_key)
    assert not cipher.is_signed(1, opened._replace(payload=b"other"), KIOSK.public_key)
    assert not cipher.is_signed(1, opened._replace(head=bytes(32)), KIOSK.public_key)
    assert not cipher.is_signed(1, opened, Signer(STRANGER).public_key)
    assert not SegmentCipher(JOURNAL_KEY, OTHER_ID).is_signed(1, opened, KIOSK.public_key)


def test_a_chain_of_another_kiosk_is_refused() -> None:
    """The place of the first frame that the kiosk did not sign is named."""
    writer = SegmentWriter(JOURNAL_KEY, SEGMENT_ID, KIOSK)
    chain = [writer.append(b"one")]
    writer._signer = Signer(STRANGER)
    chain.append(writer.append(b"two"))

    with refuses(IntegrityError, "journal.signature") as caught:
        open_chain(JOURNAL_KEY, SEGMENT_ID, chain, KIOSK.public_key)
    assert caught.value.facts == {"seq": 1}
