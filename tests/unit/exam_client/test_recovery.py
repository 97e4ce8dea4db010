"""Reading segments back: every proven frame, no other, from however many files."""

from exam_client.journal.recovery import content_of, is_segment, read_segment
from exam_core.crypto.signing import Signer
from exam_core.formats.journal import SegmentWriter, segment_header
from exam_core.formats.journal_entries import Entry, decode_entry, encode_entry
from exam_core.formats.journal_recovery import claimed_frames
from exam_core.model.identifiers import SegmentId
from tests.support import builders

KEY = builders.JOURNAL_KEY
KIOSK_KEY = builders.KIOSK.public_key
SEGMENT_ID = builders.SEGMENT_ID
FRAMES = builders.frames()
ENTRIES = list(builders.entries())


def _file_of(*frames: bytes) -> bytes:
    return content_of(SEGMENT_ID, frames)


def test_a_clean_segment_is_read_whole() -> None:
    """All frames and entries come back, and nothing is called damaged."""
    found = read_segment(SEGMENT_ID, [builders.segment()], KEY, KIOSK_KEY)

    assert (found.frames, found.entries) == (FRAMES, ENTRIES)
    assert (found.stranded, found.is_damaged) == ({}, False)


def test_files_are_joined_by_sequence_number() -> None:
    """Two files of one segment, one cut short, give the longer of both without alarm."""
    found = read_segment(
        SEGMENT_ID, [_file_of(*FRAMES[:2]) + FRAMES[2][:9], _file_of(*FRAMES)], KEY, KIOSK_KEY
    )

    assert (found.frames, found.is_damaged) == (FRAMES, False)


def test_what_stands_behind_a_gap_is_stranded() -> None:
    """A frame that is gone in the middle strands the entries after it, and is reported."""
    found = read_segment(SEGMENT_ID, [_file_of(FRAMES[0], FRAMES[2], FRAMES[3])], KEY, KIOSK_KEY)

    assert found.frames == FRAMES[:1]
    assert found.stranded == {2: ENTRIES[2], 3: ENTRIES[3]}
    assert found.is_damaged


def test_the_missing_frame_heals_the_gap() -> None:
    """With the lost frame from elsewhere the chain is whole again; the damage stays reported."""
    found = read_segment(
        SEGMENT_ID, [_file_of(FRAMES[0], *FRAMES[2:]), _file_of(FRAMES[1])], KEY, KIOSK_KEY
    )

    assert (found.frames, found.stranded) == (FRAMES, {})
    assert found.is_damaged


def test_two_proven_frames_of_one_number_are_damage() -> None:
    """A cipher that was used twice is reported; the first file holds."""
    other = SegmentWriter(KEY, SEGMENT_ID, builders.KIOSK)
    twin = other.append(encode_entry(builders.response_recorded("p9")))

    found = read_segment(SEGMENT_ID, [_file_of(*FRAMES), _file_of(twin)], KEY, KIOSK_KEY)

    assert found.frames == FRAMES
    assert found.is_damaged


def test_a_frame_of_another_chain_is_not_taken() -> None:
    """A proven frame that is chained to another history ends the good part."""
    other = SegmentWriter(KEY, SEGMENT_ID, builders.KIOSK)
    other.append(encode_entry(builders.response_recorded("p9")))
    foreign = other.append(encode_entry(builders.response_recorded("p8")))

    found = read_segment(SEGMENT_ID, [_file_of(FRAMES[0], foreign)], KEY, KIOSK_KEY)

    assert found.frames == FRAMES[:1]
    assert list(found.stranded) == [1]


def test_an_entry_that_cannot_be_read_keeps_its_frame() -> None:
    """A sound frame with an unknown entry is kept for the server and reported; so behind a gap."""
    writer = SegmentWriter(KEY, SEGMENT_ID, builders.KIOSK)
    frames = [writer.append(payload) for payload in (b"{}", b"{}", b"{}")]

    found = read_segment(SEGMENT_ID, [_file_of(frames[0], frames[2])], KEY, KIOSK_KEY)

    assert (found.frames, found.entries, found.stranded) == (frames[:1], [None], {})
    assert found.is_damaged


def test_without_the_key_whole_frames_can_be_counted() -> None:
    """Frames that look whole are claimed up to the first that does not, or is out of order."""
    assert claimed_frames(builders.segment()) == FRAMES
    assert claimed_frames(builders.segment()[:-1]) == FRAMES[:-1]
    assert claimed_frames(_file_of(FRAMES[1])) == []
    assert claimed_frames(segment_header(SEGMENT_ID)) == []


def test_files_name_their_segment() -> None:
    """A file is its segment's by its header; one cut off in the header is nobody's."""
    assert is_segment(builders.segment(), SEGMENT_ID)
    assert not is_segment(builders.segment(), SegmentId("aa" * 16))
    assert not is_segment(b"EXJ1", SEGMENT_ID)


def test_entries_decode_as_written() -> None:
    """What a frame says is what was appended."""
    assert [decode_entry(encode_entry(entry)) for entry in ENTRIES] == ENTRIES


def _segment_of(kiosk: Signer, named: Signer, signers: list[Signer]) -> bytes:
    """A segment that names one kiosk and is signed by these, one frame each."""
    writer = SegmentWriter(KEY, SEGMENT_ID, kiosk)
    entries: list[Entry] = [builders.segment_started(kiosk_key=named.public_key)]
    entries += [builders.response_recorded(f"p{number}") for number in range(1, len(signers))]
    frames = []
    for entry, signer in zip(entries, signers, strict=True):
        writer._signer = signer
        frames.append(writer.append(encode_entry(entry)))
    return _file_of(*frames)


def test_a_segment_of_another_kiosk_is_proven_with_the_key_that_it_names() -> None:
    """After a swap the earlier machine's frames count here too."""
    other = Signer(builders.STRANGER)

    found = read_segment(SEGMENT_ID, [_segment_of(other, other, [other] * 3)], KEY, KIOSK_KEY)

    assert (len(found.entries), found.is_damaged) == (3, False)


def test_what_no_kiosk_signed_is_left_out_and_reported() -> None:
    """A server that knows the journal key can add nothing behind the kiosk's last signature."""
    kiosk, other = builders.KIOSK, Signer(builders.STRANGER)

    found = read_segment(
        SEGMENT_ID, [_segment_of(kiosk, kiosk, [kiosk, kiosk, other])], KEY, KIOSK_KEY
    )
    assert (len(found.frames), found.stranded, found.is_damaged) == (2, {}, True)
    found = read_segment(SEGMENT_ID, [_segment_of(kiosk, other, [kiosk, kiosk])], KEY, KIOSK_KEY)
    assert (found.frames, found.stranded, found.is_damaged) == ([], {}, True)


def test_a_segment_that_names_no_key_is_not_proven() -> None:
    """A text that is no key is nobody's signature."""
    writer = SegmentWriter(KEY, SEGMENT_ID, builders.KIOSK)
    started = builders.segment_started(kiosk_key="no key")

    found = read_segment(
        SEGMENT_ID, [_file_of(writer.append(encode_entry(started)))], KEY, KIOSK_KEY
    )

    assert (found.frames, found.is_damaged) == ([], True)


def test_behind_a_gap_at_the_front_only_the_own_kiosk_is_believed() -> None:
    """Nobody can tell any more whose the segment was."""
    other = Signer(builders.STRANGER)
    foreign = builders.frames(signer=other)

    own = read_segment(SEGMENT_ID, [_file_of(*FRAMES[1:3])], KEY, KIOSK_KEY)
    assert list(own.stranded) == [1, 2]
    found = read_segment(SEGMENT_ID, [_file_of(*foreign[1:3])], KEY, KIOSK_KEY)
    assert (found.stranded, found.is_damaged) == ({}, True)
