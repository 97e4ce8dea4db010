"""What a server acknowledged it cannot deny, and nobody else can acknowledge for it."""

import time

import msgspec
import pytest

from exam_core.crypto.merkle import leaf_hash
from exam_core.crypto.signing import signature_holds
from exam_core.errors import IntegrityError
from exam_core.model.identifiers import SegmentId, SessionId, SittingId
from exam_core.protocol.acknowledgements import AckBook, Acknowledged, check_proof
from exam_core.protocol.messages import CommitProof, HeldFrames
from tests.support import builders
from tests.support.refusals import refuses

CENTRE = builders.centre().signing_key


def book(boot: int = 1) -> AckBook:
    """The centre's, at a start of the server."""
    return AckBook(builders.CENTRE_KEY, sitting_id=builders.SITTING_ID, boot=boot)


def acknowledged(number: int) -> Acknowledged:
    """Frames of session `number` that are on disk."""
    return Acknowledged(
        SessionId(f"{number:032x}"),
        HeldFrames(
            segment_id=SegmentId(f"{number:032x}"), frames=number, head=bytes([number]) * 32
        ),
    )


def check(proof: CommitProof, what: Acknowledged) -> None:
    """Check as the kiosk does."""
    check_proof(proof, what, sitting_id=builders.SITTING_ID, centre_key=CENTRE)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_each_of_a_commit_is_proven_by_one_signature(size: int) -> None:
    """Every kiosk's way leads to the one signed root, and to no other's place."""
    all_of_it = [acknowledged(number) for number in range(size)]

    proofs = book().sign(all_of_it)

    assert {proof.signature for proof in proofs} == {proofs[0].signature}
    for proof, what in zip(proofs, all_of_it, strict=True):
        check(proof, what)
    if size > 1:
        with refuses(IntegrityError, "ack.signature"):
            check(proofs[0], all_of_it[1])


def test_what_is_signed_is_what_the_specification_says() -> None:
    """Label and canonical JSON, over the root of canonical leaves."""
    (proof,) = book(boot=3).sign([acknowledged(1)])
    leaf = leaf_hash(
        b'{"frames":1,"head":"' + b"01" * 32 + b'","segment_id":"' + b"0" * 31 + b'1",'
        b'"session_id":"' + b"0" * 31 + b'1"}'
    )
    message = (
        b'gongyuan/commit/v1\n{"boot":3,"number":1,"root":"'
        + leaf.hex().encode()
        + b'","sitting_id":"S2026-1","size":1}'
    )

    assert signature_holds(message, proof.signature, CENTRE)


def test_numbers_rise_and_nothing_is_not_signed() -> None:
    """Every signature of one start has its own number."""
    acks = book()

    assert acks.sign([]) == []
    assert [acks.sign([acknowledged(1)])[0].number for _ in range(3)] == [1, 2, 3]


@pytest.mark.parametrize(
    "change",
    [
        {"boot": 2},
        {"number": 9},
        {"index": 0},
        {"index": -1},
        {"index": 9},
        {"size": 3},
        {"path": ()},
        {"path": (bytes(32),)},
        {"path": (bytes(31),)},
        {"signature": bytes(64)},
        {"signature": b""},
    ],
    ids=str,
)
def test_an_altered_proof_is_refused(change: dict[str, object]) -> None:
    """Every field of it counts."""
    _, proof = book().sign([acknowledged(0), acknowledged(1)])
    check(proof, acknowledged(1))

    with refuses(IntegrityError, "ack.signature"):
        check(msgspec.structs.replace(proof, **change), acknowledged(1))


def test_a_proof_is_for_its_frames_session_sitting_and_centre() -> None:
    """Other frames, another head, another candidate, another sitting, another server: refused."""
    what = acknowledged(2)
    (proof,) = book().sign([what])
    held = what.held
    for other in (
        what._replace(session_id=SessionId("00" * 16)),
        what._replace(held=msgspec.structs.replace(held, frames=3)),
        what._replace(held=msgspec.structs.replace(held, head=bytes(32))),
        what._replace(held=msgspec.structs.replace(held, segment_id=SegmentId("00" * 16))),
    ):
        with refuses(IntegrityError, "ack.signature"):
            check(proof, other)
    for sitting, key in (
        (SittingId("another"), CENTRE),
        (builders.SITTING_ID, builders.KIOSK.public_key),
    ):
        with refuses(IntegrityError, "ack.signature"):
            check_proof(proof, what, sitting_id=sitting, centre_key=key)


def test_signing_costs_a_commit_not_a_kiosk() -> None:
    """A commit for 500 kiosks is signed in a small part of what 500 signatures would cost."""
    acks = book()
    everybody = [acknowledged(number % 200) for number in range(500)]
    started = time.process_time()
    for _ in range(10):
        acks.sign(everybody)
    a_commit_s = (time.process_time() - started) / 10

    assert a_commit_s <= 0.1
