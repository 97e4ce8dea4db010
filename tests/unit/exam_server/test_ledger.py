"""What a Save may add to a segment."""

import pytest

from exam_core.errors import InputError, IntegrityError, StateError
from exam_core.formats.journal import SegmentWriter
from exam_server import limits
from exam_server.room.saving.ledger import SegmentLedger
from tests.support import builders


def ledger(frames: list[bytes], durable: int | None = None) -> SegmentLedger:
    """A ledger that took these frames."""
    one = SegmentLedger(builders.SEGMENT_ID, 1, builders.KIOSK.public_key)
    for place, frame in enumerate(frames, 1):
        one.take(frame)
        if durable is None or place <= durable:
            one.committed(one.frames, one.head)
    return one


def test_only_frames_that_are_not_held_are_new() -> None:
    """A Save that overlaps what is held adds the rest."""
    frames = builders.frames()
    held = ledger(frames[:2])

    assert held.new_frames(0, tuple(frames)) == tuple(frames[2:])
    assert held.new_frames(2, tuple(frames[2:3])) == (frames[2],)
    assert held.new_frames(0, tuple(frames[:2])) == ()


def test_the_head_follows_the_journal() -> None:
    """The server's head is the one the kiosk has."""
    writer = SegmentWriter(builders.JOURNAL_KEY, builders.SEGMENT_ID, builders.KIOSK)
    frames = [writer.append(b"{}") for _ in range(5)]

    assert ledger(frames).durable_head == writer.head


def test_a_gap_is_refused_with_the_place_to_go_on_from() -> None:
    """The facts say which frame is expected."""
    frames = builders.frames()
    with pytest.raises(StateError) as refusal:
        ledger(frames[:1]).new_frames(2, tuple(frames[2:]))
    assert refusal.value.code == "journal.gap"
    assert refusal.value.facts["expected"] == 1


def test_a_negative_place_is_a_gap() -> None:
    """No Save begins before the first frame."""
    with pytest.raises(StateError, match=r"journal\.gap"):
        ledger([]).new_frames(-1, tuple(builders.frames()))


def test_a_frame_that_claims_another_place_is_a_gap() -> None:
    """The number inside the frame must be its place."""
    frames = builders.frames()
    with pytest.raises(StateError, match=r"journal\.gap"):
        ledger([]).new_frames(0, (frames[1],))


def test_more_frames_than_a_segment_may_have_are_refused() -> None:
    """The limit of frames holds."""
    held = ledger([])
    held.frames = 200_000
    with pytest.raises(StateError, match=r"journal\.gap"):
        held.new_frames(200_000, (builders.frames()[0],))


def test_other_bytes_at_a_held_place_are_a_conflict() -> None:
    """The same place never holds two frames."""
    frames = builders.frames()
    other = builders.frames(b"{}", b"[]")
    with pytest.raises(IntegrityError) as refusal:
        ledger(frames[:2]).new_frames(1, (other[1],))
    assert refusal.value.code == "journal.conflict"
    assert refusal.value.facts["seq"] == 1


def test_bytes_that_are_no_frame_are_refused() -> None:
    """Garbage takes no place."""
    with pytest.raises(InputError, match=r"journal\.frame"):
        ledger([]).new_frames(0, (b"garbage",))


def test_after_a_failed_commit_only_durable_frames_are_held() -> None:
    """What was taken but not committed is offered again and taken again."""
    frames = builders.frames()
    one = ledger(frames[:3], durable=1)
    one.forget_uncommitted()

    assert one.frames == one.durable == 1
    assert one.new_frames(1, tuple(frames[1:])) == tuple(frames[1:])


def test_an_older_commit_takes_nothing_back() -> None:
    """Answers may come in any order; the durable count only rises."""
    one = ledger(builders.frames())
    one.committed(1, b"old head")
    assert one.durable == 4
    assert one.durable_head == one.head
    assert (one.durable_frames.frames, one.durable_frames.head) == (4, one.head)


def test_old_frames_on_disk_are_forgotten() -> None:
    """Whatever comes in three hours, the ledger keeps the digests of the last few alone."""
    frames = builders.frames(*[b"{}"] * 500)
    one = ledger(frames)

    kept = 500 - one.forgotten(0, 500)
    assert limits.digests_kept <= kept <= 2 * limits.digests_kept
    assert one.forgotten(500 - kept, 10) == 0
    assert one.forgotten(500 - kept - 3, 10) == 3
    assert one.forgotten(0, 10) == 10
    assert one.forgotten(-1, 10) == 0
    assert len(one._digests) <= 2 * limits.digests_kept * 32
    assert one.new_frames(500 - kept, tuple(frames[500 - kept :])) == ()
    other = builders.frames(*[b"[]"] * 500)
    with pytest.raises(IntegrityError, match=r"journal\.conflict"):
        one.new_frames(499, (other[499],))


def test_frames_that_are_not_on_disk_are_never_forgotten() -> None:
    """However many there are: nobody else could say what they were."""
    frames = builders.frames(*[b"{}"] * 200)
    one = ledger(frames, durable=0)
    assert one.forgotten(0, 200) == 0
    one.committed(150, b"head")
    one.forget_uncommitted()
    assert (one.frames, one.forgotten(0, 150)) == (150, 150 - limits.digests_kept)
    assert one.new_frames(140, tuple(frames[140:150])) == ()


def test_a_loaded_segment_knows_no_frame_by_digest() -> None:
    """It goes on from the place that the database knows."""
    frames = builders.frames(b"{}", b"{}", b"{}")
    whole = ledger(frames)
    half = ledger(frames[:2])
    one = SegmentLedger(
        builders.SEGMENT_ID,
        1,
        builders.KIOSK.public_key,
        segment_no=7,
        frames=2,
        head=half.head,
    )

    assert (one.segment_no, one.durable, one.forgotten(0, 3)) == (7, 2, 2)
    (new,) = one.new_frames(2, (frames[2],))
    one.take(new)
    assert (one.frames, one.head) == (whole.frames, whole.head)


def test_a_ledger_goes_on_from_what_is_found_on_disk() -> None:
    """After a commit of unknown outcome: nothing is known by digest, nothing is under way."""
    frames = builders.frames(b"{}", b"{}", b"{}")
    one = ledger(frames, durable=1)
    one.answered = 1
    one.found(2, ledger(frames[:2]).head)

    assert (one.frames, one.durable, one.answered, one.forgotten(0, 3)) == (2, 2, 1, 2)
    one.take(frames[2])
    assert one.head == ledger(frames).head
