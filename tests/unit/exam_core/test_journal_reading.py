"""What of a session's journal counts, and what is named as an anomaly instead."""

import pytest

from exam_core import limits
from exam_core.crypto.signing import PublicSigningKey, Signer
from exam_core.errors import InputError, IntegrityError
from exam_core.formats.journal import SegmentWriter, first_head, next_head, receipt_of
from exam_core.formats.journal_entries import CheckpointSeen, Entry, ReviewFlagSet, encode_entry
from exam_core.formats.journal_reading import (
    Anomaly,
    FormShape,
    HeldSegment,
    SegmentChecker,
    SessionFacts,
    SessionReading,
    read_session,
)
from exam_core.model.identifiers import ChoiceId, FormNumber, ItemId, PartId, SegmentId
from exam_core.model.responses import ChoiceResponse, TextResponse
from tests.support import builders
from tests.support.builders import response_recorded, segment_started, session_submitted

FORM = builders.form()
PART_ID = "i1.1"
OTHER_SEGMENT = SegmentId("0e" * 16)


FACTS = SessionFacts(
    session_id=builders.SESSION_ID,
    manifest_sha256="ab" * 32,
    form_number=FormNumber(1),
    shape=FormShape(
        parts={part.part_id: part for part in FORM.parts()},
        item_ids=frozenset(item.item_id for item in FORM.items),
    ),
    journal_key=builders.JOURNAL_KEY,
)


STRANGER = Signer(builders.STRANGER)


def frames_of(
    *entries: Entry | bytes,
    segment_id: SegmentId = builders.SEGMENT_ID,
    signer: Signer = builders.KIOSK,
) -> tuple[bytes, ...]:
    """The chained frames of entries, and of payloads as they are."""
    writer = SegmentWriter(builders.JOURNAL_KEY, segment_id, signer)
    return tuple(
        writer.append(one if isinstance(one, bytes) else encode_entry(one)) for one in entries
    )


def read(*frames: bytes) -> SessionReading:
    """What a session of one segment with these frames holds."""
    return read_session(
        FACTS,
        [
            HeldSegment(
                segment_id=builders.SEGMENT_ID,
                signing_key=builders.KIOSK.public_key,
                epoch=1,
                frames=frames,
            )
        ],
    )


def found(reading: SessionReading) -> list[tuple[int, str, int]]:
    """Place, code and count of each anomaly."""
    return [(one.seq, one.code, one.frames) for one in reading.anomalies]


def picked(reading: SessionReading) -> str:
    """The letter picked for the one part of these tests; empty when none counts."""
    response = reading.content.responses.get(PartId(PART_ID))
    assert response is None or isinstance(response, ChoiceResponse)
    return response.choice_ids[0][-1] if response else ""


def test_an_honest_session_counts_whole() -> None:
    """Responses, marks for review and the receipt are there, and nothing is odd."""
    flag = ReviewFlagSet(at_ms=1, item_id=ItemId("i1"), is_flagged=True)
    frames = frames_of(segment_started(), response_recorded(PART_ID), flag, session_submitted())

    reading = read(*frames)

    assert picked(reading) == "A"
    assert reading.content.flagged == {"i1"}
    assert reading.receipts == {receipt_of(frames[3])}
    assert reading.anomalies == ()


def test_nothing_holds_nothing() -> None:
    """Neither a session without segments nor an empty segment is odd."""
    assert read_session(FACTS, []).anomalies == ()
    assert read().anomalies == ()
    assert read().receipts == frozenset()


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (response_recorded("elsewhere"), "response.unknown_part"),
        (
            ReviewFlagSet(at_ms=1, item_id=ItemId("other"), is_flagged=True),
            "response.unknown_part",
        ),
        (response_recorded(PART_ID, response=TextResponse(text="甲")), "response.misfit"),
        (
            response_recorded(
                PART_ID, response=ChoiceResponse(choice_ids=(ChoiceId("elsewhere"),))
            ),
            "response.misfit",
        ),
        (segment_started(), "journal.entry"),
        (b'{"type":"nonsense"}', "journal.entry"),
        (b"", "journal.entry"),
    ],
    ids=["part", "flag", "kind", "choice", "second start", "nonsense", "empty"],
)
def test_an_impossible_entry_costs_itself_alone(bad: Entry | bytes, code: str) -> None:
    """What stands before and after it counts, and it is named with its place."""
    first, last = response_recorded(PART_ID, "A"), response_recorded(PART_ID, "B")

    reading = read(*frames_of(segment_started(), first, bad, bad, last, session_submitted()))

    assert picked(reading) == "B"
    assert reading.content.submitted is not None
    assert found(reading) == [(2, code, 2)]


@pytest.mark.parametrize(
    "start",
    [
        segment_started(session_id="00" * 16),
        segment_started(manifest_sha256="00" * 32),
        segment_started(form_number=2),
        response_recorded(PART_ID, "C"),
    ],
    ids=["session", "paper", "form", "response"],
)
def test_a_wrong_first_entry_is_named_and_does_not_count(start: Entry) -> None:
    """The entries after it were sealed for this session and count by themselves."""
    reading = read(*frames_of(start, response_recorded(PART_ID, "A")))

    assert picked(reading) == "A"
    assert found(reading) == [(0, "journal.entry", 1)]
    assert picked(read(*frames_of(start))) == ""


def _altered(frame: bytes) -> bytes:
    return frame[:-1] + bytes([frame[-1] ^ 1])


def test_from_the_first_frame_that_does_not_hold_a_segment_is_left_out() -> None:
    """Altered, cut, missing, moved or foreign frames end the segment; what came before counts."""
    entries: list[Entry] = [segment_started()]
    entries += [response_recorded(PART_ID, letter) for letter in "ABC"]
    whole = frames_of(*entries)
    foreign = frames_of(*entries, segment_id=OTHER_SEGMENT)

    for frames, anomaly in (
        ((*whole[:2], _altered(whole[2]), whole[3]), (2, "journal.frame", 2)),
        ((*whole[:2], b"garbage", whole[3]), (2, "journal.frame", 2)),
        ((*whole[:2], whole[3]), (2, "journal.chain", 1)),
        ((*whole[:2], whole[1], *whole[2:]), (2, "journal.chain", 3)),
        ((*whole[:2], *foreign[2:]), (2, "journal.frame", 2)),
    ):
        assert picked(read(*frames)) == "A"
        assert found(read(*frames)) == [anomaly]


def test_a_frame_with_the_number_of_another_place_ends_the_segment() -> None:
    """The head before it is right, and it claims a place further on."""
    writer = SegmentWriter(builders.JOURNAL_KEY, builders.SEGMENT_ID, builders.KIOSK)
    start = writer.append(encode_entry(segment_started()))
    writer.seq = 5
    moved = writer.append(encode_entry(response_recorded(PART_ID)))

    assert found(read(start, moved)) == [(1, "journal.chain", 1)]


def test_keyless_garbage_in_front_spoils_its_own_segment_only() -> None:
    """A segment that begins with garbage is left out; the next one counts."""
    garbage = SegmentWriter(bytes(32), OTHER_SEGMENT, builders.KIOSK)
    bad = HeldSegment(
        segment_id=OTHER_SEGMENT,
        signing_key=builders.KIOSK.public_key,
        epoch=1,
        frames=(garbage.append(b"{}"), garbage.append(b"{}")),
    )
    good = HeldSegment(
        segment_id=builders.SEGMENT_ID,
        signing_key=builders.KIOSK.public_key,
        epoch=2,
        frames=frames_of(segment_started(), response_recorded(PART_ID), session_submitted()),
    )

    for order in ([bad, good], [good, bad]):
        reading = read_session(FACTS, order)
        assert picked(reading) == "A"
        assert reading.anomalies == (
            Anomaly(segment_id=OTHER_SEGMENT, seq=0, code="journal.frame", frames=2),
        )


def test_nothing_counts_after_the_submit_entry() -> None:
    """Later responses are named; a kiosk that merely started again is not odd."""
    late = response_recorded(PART_ID, "D")
    frames = frames_of(
        segment_started(), response_recorded(PART_ID, "A"), session_submitted(), late, late
    )
    again = HeldSegment(
        segment_id=OTHER_SEGMENT,
        signing_key=builders.KIOSK.public_key,
        epoch=2,
        frames=frames_of(segment_started(), session_submitted(), segment_id=OTHER_SEGMENT),
    )

    reading = read_session(
        FACTS,
        [
            again,
            HeldSegment(
                segment_id=builders.SEGMENT_ID,
                signing_key=builders.KIOSK.public_key,
                epoch=1,
                frames=frames,
            ),
        ],
    )

    assert picked(reading) == "A"
    assert found(reading) == [(3, "response.after_end", 2)]
    assert reading.receipts == {receipt_of(frames[2]), receipt_of(again.frames[1])}


def test_anomalies_stand_in_order_and_one_for_each_reason() -> None:
    """However many frames a kiosk sends, people read a few lines."""
    unknown, nonsense = response_recorded("elsewhere"), b"nonsense"
    frames = frames_of(segment_started(), nonsense, *[unknown] * 50, nonsense)

    assert found(read(*frames)) == [(1, "journal.entry", 2), (2, "response.unknown_part", 50)]


def test_what_a_room_never_exports_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """More frames than a room takes, and a segment id that is none."""
    frames = frames_of(segment_started(), response_recorded(PART_ID))
    monkeypatch.setattr(limits, "journal_frames_max", 1)
    with pytest.raises(InputError, match=r"journal\.frame"):
        read(*frames)
    with pytest.raises(InputError, match=r"journal\.malformed"):
        read_session(
            FACTS,
            [
                HeldSegment(
                    segment_id=SegmentId("x"),
                    signing_key=builders.KIOSK.public_key,
                    epoch=1,
                    frames=(),
                )
            ],
        )


def test_a_frame_that_was_kept_unseen_and_does_not_hold_ends_the_chain() -> None:
    """A kiosk cannot go on behind its own garbage, also when the chain covers the garbage."""
    checker = SegmentChecker(FACTS, builders.SEGMENT_ID, builders.KIOSK.public_key)
    head = first_head(builders.SEGMENT_ID)
    writer = SegmentWriter(builders.JOURNAL_KEY, builders.SEGMENT_ID, builders.KIOSK)
    for _ in range(2):
        with pytest.raises(InputError, match=r"journal\.frame"):
            checker.check(b"garbage", head)
        head = next_head(head, b"garbage")
    for seq in (2, 3):
        writer.seq, writer.head = seq, head
        frame = writer.append(encode_entry(response_recorded(PART_ID)))
        with pytest.raises(IntegrityError, match=r"journal\.chain"):
            checker.check(frame, head)
        head = next_head(head, frame)


def test_a_frame_that_was_refused_leaves_its_place_free() -> None:
    """The right frame is accepted at the place where a wrong one was refused."""
    checker = SegmentChecker(FACTS, builders.SEGMENT_ID, builders.KIOSK.public_key)
    head = first_head(builders.SEGMENT_ID)
    (frame,) = frames_of(segment_started())
    with pytest.raises(IntegrityError, match=r"journal\.frame"):
        checker.check(_altered(frame), head)

    assert checker.check(frame, head).entry == segment_started()
    refused = checker.check(frames_of(frame, b"nonsense")[0], head)
    assert refused.entry is None
    assert refused.refusal is not None
    assert refused.refusal[0] == "journal.entry"


def signed_by(*signers: Signer) -> tuple[bytes, ...]:
    """A chain that says A, B, C … after its start, each frame signed by the next of these."""
    writer = SegmentWriter(builders.JOURNAL_KEY, builders.SEGMENT_ID, builders.KIOSK)
    entries: list[Entry] = [segment_started()]
    entries += [response_recorded(PART_ID, letter) for letter in "ABCD"]
    frames = []
    for entry, signer in zip(entries, signers, strict=False):
        writer._signer = signer
        frames.append(writer.append(encode_entry(entry)))
    return tuple(frames)


def test_what_stands_after_the_last_good_signature_does_not_count() -> None:
    """Whoever has the journal key and not the kiosk's can add nothing; what was there counts."""
    kiosk = builders.KIOSK

    for signers, letter, anomalies in (
        ((kiosk, kiosk, kiosk), "B", []),
        ((kiosk, kiosk, STRANGER, STRANGER), "A", [(2, "journal.signature", 2)]),
        ((STRANGER, STRANGER), "", [(0, "journal.signature", 2)]),
        ((kiosk, STRANGER, kiosk), "B", []),  # the kiosk signed the chain through it
    ):
        reading = read(*signed_by(*signers))
        assert picked(reading) == letter
        assert found(reading) == anomalies


def test_a_broken_chain_and_a_missing_signature_are_both_named() -> None:
    """The chain ends where a frame was altered; what of it nobody signed is named besides."""
    frames = signed_by(builders.KIOSK, STRANGER, STRANGER, STRANGER)

    reading = read(*frames[:3], _altered(frames[3]))

    assert found(reading) == [(1, "journal.signature", 2), (3, "journal.frame", 1)]


def test_a_first_entry_that_names_another_key_does_not_count() -> None:
    """The room enrolled the kiosk that attached; whatever the entry claims, that key holds."""
    start = segment_started(kiosk_key=STRANGER.public_key)

    assert found(read(*frames_of(start, response_recorded(PART_ID)))) == [
        (0, "journal.signature", 1)
    ]
    foreign = frames_of(start, response_recorded(PART_ID), signer=STRANGER)
    assert found(read(*foreign)) == [(0, "journal.signature", 2)]


def test_a_frame_signed_by_another_is_refused_and_leaves_its_place_free() -> None:
    """The right frame is accepted at that place; nothing goes on behind one that was kept."""
    checker = SegmentChecker(FACTS, builders.SEGMENT_ID, builders.KIOSK.public_key)
    head = first_head(builders.SEGMENT_ID)
    foreign, after = frames_of(segment_started(), response_recorded(PART_ID), signer=STRANGER)
    with pytest.raises(IntegrityError, match=r"journal\.signature"):
        checker.check(foreign, head)
    with pytest.raises(IntegrityError, match=r"journal\.signature"):
        checker.check(after, next_head(head, foreign))

    (right,) = frames_of(segment_started())
    assert checker.check(right, head).entry == segment_started()


def test_frames_that_were_kept_unseen_are_opened_up_to_the_first_that_does_not_follow() -> None:
    """How far the kiosk answers for a segment is found without refusing anything."""
    checker = SegmentChecker(FACTS, builders.SEGMENT_ID, builders.KIOSK.public_key)
    frames = signed_by(builders.KIOSK, STRANGER, builders.KIOSK, STRANGER)
    heads = [first_head(builders.SEGMENT_ID)]
    for frame in frames:
        heads.append(next_head(heads[-1], frame))
    given = list(zip(frames, heads, strict=False))

    opened = checker.opened(given)

    assert len(opened) == 4
    assert checker.signed_until(opened) == 3
    assert checker.signed_until(opened[3:], 3) == 0
    assert len(checker.opened([*given[:2], (_altered(frames[2]), heads[2])])) == 2
    assert len(checker.opened([*given[:2], (frames[2], heads[1])])) == 2
    assert checker.check(frames[0], heads[0]).entry == segment_started()


def test_a_room_that_names_no_key_is_refused() -> None:
    """The key of a segment is the centre's word, not the kiosk's."""
    segment = HeldSegment(
        segment_id=builders.SEGMENT_ID,
        epoch=1,
        signing_key=PublicSigningKey("no key"),
        frames=frames_of(segment_started()),
    )

    with pytest.raises(InputError, match=r"signing\.key"):
        read_session(FACTS, [segment])


def test_checkpoints_that_the_kiosk_saw_are_read_and_are_no_responses() -> None:
    """In the order in which it saw them; whether they hold is for whoever has the key."""
    reading = read(
        *frames_of(
            segment_started(),
            CheckpointSeen(at_ms=1, note="one"),
            response_recorded(PART_ID, "A"),
            CheckpointSeen(at_ms=2, note="two"),
            session_submitted(),
        )
    )

    assert reading.checkpoints == ("one", "two")
    assert picked(reading) == "A"
    assert found(reading) == []


def test_a_checkpoint_longer_than_any_is_no_entry() -> None:
    """Nobody fills a journal with it."""
    with pytest.raises(InputError, match=r"journal\.entry"):
        CheckpointSeen(at_ms=1, note="x" * (limits.note_chars_max + 1))


def test_a_kiosk_answers_up_to_its_last_signature_also_when_it_is_looked_for_later() -> None:
    """A frame may take its place with its signature unseen; one look at the newest answers."""
    checker = SegmentChecker(FACTS, builders.SEGMENT_ID, builders.KIOSK.public_key)
    writer = SegmentWriter(builders.JOURNAL_KEY, builders.SEGMENT_ID, Signer(builders.STRANGER))
    first_signed = writer.append(encode_entry(segment_started()))
    head = writer.head
    frame = writer.append(encode_entry(response_recorded(PART_ID)))
    forged = checker.check(frame, head, is_signed=True)
    assert not checker.is_signed(1, forged.opened)
    writer._signer = builders.KIOSK
    head = writer.head
    own = writer.append(encode_entry(response_recorded(PART_ID)))

    assert checker.is_signed(2, checker.check(own, head, is_signed=True).opened)
    assert checker.signed_among([first_signed, frame, own], 0) == 3
    assert checker.signed_among([frame, own], 1) == 2
    assert checker.signed_among([frame], 1) == 0
