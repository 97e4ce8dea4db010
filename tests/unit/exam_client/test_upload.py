"""What to send next: everything above the server's mark, once a connection."""

from pathlib import Path

import msgspec
import pytest

from exam_client import limits
from exam_client.journal import SessionJournal
from exam_client.journal.recovery import content_of
from exam_client.journal.segment_file import segment_path
from exam_client.sync.upload import Upload
from exam_core import limits as core_limits
from exam_core.errors import IntegrityError
from exam_core.model.identifiers import SegmentId
from exam_core.model.responses import TextResponse
from exam_core.protocol.messages import CommitProof, HeldFrames
from tests.support import builders
from tests.support.memory_files import MemoryFiles
from tests.support.refusals import refuses

FOLDER = Path("/session")
EARLIER = SegmentId("11" * 16)
OWN = SegmentId("22" * 16)
PROOF = CommitProof(boot=1, number=1, index=0, size=1, path=(), signature=bytes(64))


def _journal() -> SessionJournal:
    files = MemoryFiles()
    content = content_of(EARLIER, builders.frames(segment_id=EARLIER))
    files.put(segment_path(FOLDER, EARLIER, 1), content)
    journal = SessionJournal(
        files, FOLDER, signer=builders.KIOSK, clock_ms=lambda: 0, segment_id=OWN
    )
    journal.unlock(builders.JOURNAL_KEY)
    journal.append(builders.segment_started())
    return journal


def _held(journal: SessionJournal, segment_id: SegmentId, frames: int) -> HeldFrames:
    head = journal.head(segment_id, frames)
    return HeldFrames(segment_id=segment_id, frames=frames, head=head)


def _accept(held: HeldFrames, proof: CommitProof) -> None:
    """What `SessionCore` checks is not what these tests are about."""


def _attach(upload: Upload, *held: HeldFrames) -> None:
    upload.attached(held, [PROOF] * len(held))


def _sent(upload: Upload) -> list[tuple[SegmentId, int, int]]:
    sent = []
    while (save := upload.next_save()) is not None:
        sent.append((save.segment_id, save.first_seq, len(save.frames)))
    return sent


def test_everything_above_the_mark_is_sent_once() -> None:
    """Earlier segments first, from where the server stands; new frames follow as they come."""
    journal = _journal()
    upload = Upload(journal, _accept)
    assert _sent(upload) == []

    _attach(upload, _held(journal, EARLIER, 3))

    assert _sent(upload) == [(EARLIER, 3, 1), (OWN, 0, 1)]
    assert _sent(upload) == []
    journal.append(builders.response_recorded())
    assert _sent(upload) == [(OWN, 1, 1)]
    assert upload.unsynced == 3


def test_acknowledged_frames_are_sent_no_more() -> None:
    """The server's mark rises with each Saved and never falls by an older one."""
    journal = _journal()
    upload = Upload(journal, _accept)
    _attach(upload)
    _sent(upload)

    upload.saved(_held(journal, EARLIER, 4), PROOF)
    upload.saved(_held(journal, EARLIER, 2), PROOF)

    assert upload.is_acknowledged(EARLIER, 3)
    assert not upload.is_acknowledged(EARLIER, 4)
    assert upload.unsynced == 1


def test_a_new_connection_begins_at_the_servers_mark() -> None:
    """What was sent and not acknowledged is sent again."""
    journal = _journal()
    upload = Upload(journal, _accept)
    _attach(upload)
    _sent(upload)
    assert upload.is_sent(OWN, 0)

    upload.disconnected()

    assert not upload.is_sent(OWN, 0)
    _attach(upload, _held(journal, EARLIER, 4))
    assert _sent(upload) == [(OWN, 0, 1)]


def test_a_batch_keeps_the_limits() -> None:
    """Neither too many frames nor too many bytes go into one message."""
    journal = _journal()
    for number in range(core_limits.save_frames_max + 10):
        journal.append(builders.response_recorded(at_ms=number))
    long = TextResponse(text="长" * 20_000)
    for _ in range(15):
        journal.append(builders.response_recorded(response=long))
    upload = Upload(journal, _accept)
    _attach(upload, _held(journal, EARLIER, 4))

    batches = []
    while (save := upload.next_save()) is not None:
        batches.append(save.frames)

    assert max(map(len, batches)) == core_limits.save_frames_max
    assert all(sum(map(len, batch)) <= limits.save_batch_bytes_max for batch in batches)
    assert sum(map(len, batches)) == len(journal.frames(OWN))


def test_a_blocked_segment_is_not_sent() -> None:
    """Of a segment that the server refuses nothing goes out; all others do."""
    journal = _journal()
    upload = Upload(journal, _accept)
    upload.blocked.add(EARLIER)

    _attach(upload)

    assert _sent(upload) == [(OWN, 0, 1)]
    assert upload.unsynced == 5


@pytest.mark.parametrize("frames", [2, 9])
def test_a_server_with_another_history_is_found_out(frames: int) -> None:
    """A head that differs, or more of our own segment than we wrote, blocks that segment alone."""
    journal = _journal()
    upload = Upload(journal, _accept)
    wrong = OWN if frames > 4 else EARLIER
    held = HeldFrames(segment_id=wrong, frames=frames, head=bytes(32))

    with refuses(IntegrityError, "sync.head"):
        _attach(upload, held)
    with refuses(IntegrityError, "sync.head"):
        upload.saved(held, PROOF)

    assert upload.blocked == {wrong}
    assert upload.acknowledged[wrong] == 0
    assert [segment_id for segment_id, *_ in _sent(upload)] == [
        OWN if wrong == EARLIER else EARLIER
    ]


def test_frames_that_only_the_server_has_are_waited_for() -> None:
    """Where the server has more of an earlier segment there is nothing to compare or to send."""
    journal = _journal()
    upload = Upload(journal, _accept)

    _attach(upload, HeldFrames(segment_id=EARLIER, frames=9, head=bytes(32)))

    assert _sent(upload) == [(OWN, 0, 1)]
    assert upload.unsynced == 1


def test_what_the_centre_did_not_sign_counts_for_nothing() -> None:
    """Neither on attaching nor later; nothing is sent, and what was acknowledged still is."""

    def refuse(held: HeldFrames, proof: CommitProof) -> None:
        if proof.number == 2:
            raise IntegrityError("ack.signature", "签名不对", frames=held.frames)

    wrong = msgspec.structs.replace(PROOF, number=2)
    journal = _journal()
    upload = Upload(journal, refuse)
    for proofs in ([wrong], [PROOF, wrong], []):
        with refuses(IntegrityError, "ack.signature"):
            upload.attached([_held(journal, EARLIER, 4)], proofs)
    assert (upload.acknowledged, _sent(upload)) == ({}, [])
    _attach(upload, _held(journal, EARLIER, 2))

    with refuses(IntegrityError, "ack.signature"):
        upload.saved(_held(journal, EARLIER, 4), wrong)

    assert upload.acknowledged == {EARLIER: 2}
    assert upload.proofs == {EARLIER: (_held(journal, EARLIER, 2), PROOF)}
