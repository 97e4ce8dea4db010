"""Checkpoints: what they say of a log, and what is refused."""

import pytest

from exam_core.crypto.merkle import leaf_hash, tree_root
from exam_core.crypto.signing import PrivateSigningKey, public_key_of
from exam_core.errors import ExamError
from exam_core.formats.checkpoint import (
    Checkpoint,
    checkpoint_of,
    grading_origin,
    open_checkpoint,
    room_origin,
    sign_checkpoint,
    split_checkpoints,
)
from exam_core.formats.signed_note import sign_note
from exam_core.model.identifiers import CentreId, SittingId

KEY = PrivateSigningKey("22" * 32)
PUBLIC = public_key_of(KEY)
ORIGIN = room_origin(CentreId("C01"), SittingId("S2026-1"))
STATE = checkpoint_of([b"one", b"two"], origin=ORIGIN, head="ab" * 32)
NOTE = sign_checkpoint(STATE, KEY)


def test_a_checkpoint_comes_back() -> None:
    """What was signed is read again, and says size, root and head."""
    opened = open_checkpoint(NOTE, origin=ORIGIN, key=PUBLIC)

    assert opened == STATE
    assert (opened.size, opened.head) == (2, "ab" * 32)
    assert opened.root == tree_root([leaf_hash(b"one"), leaf_hash(b"two")]).hex()
    assert NOTE.startswith(f"{ORIGIN}\n2\n")
    assert sign_checkpoint(STATE, KEY) == NOTE


def test_origins_are_names_of_notes() -> None:
    """Whatever the ids are, the origin has neither spaces nor line ends nor a plus."""
    origin = room_origin(CentreId("一 考点"), SittingId("a+b/c\n"))

    assert origin == "gongyuan/%E4%B8%80%20%E8%80%83%E7%82%B9/a%2Bb%2Fc%0A/room"
    assert grading_origin(PUBLIC) == f"gongyuan/{PUBLIC}/grading"


def signed(*lines: str) -> str:
    """A note of the log's key that has these lines."""
    return sign_note("\n".join((*lines, "")), name=ORIGIN, key=KEY)


ROOT = "IU5ZkUZcvPcTwLRGYQfKBBCCvLHZ6CJZz3ml1kAm8ms="
HEAD = "head " + "ab" * 32


@pytest.mark.parametrize(
    ("note", "code"),
    [
        ("", "checkpoint.malformed"),
        (signed(ORIGIN, "2", ROOT), "checkpoint.malformed"),
        (signed(ORIGIN, "2", ROOT, HEAD, "more"), "checkpoint.malformed"),
        (signed(ORIGIN, "", "2", ROOT), "checkpoint.malformed"),
        (signed(ORIGIN, "02", ROOT, HEAD), "checkpoint.malformed"),
        (signed(ORIGIN, "-2", ROOT, HEAD), "checkpoint.malformed"),
        (signed(ORIGIN, "9" * 19, ROOT, HEAD), "checkpoint.malformed"),
        (signed(ORIGIN, "2", ROOT[:-4], HEAD), "checkpoint.malformed"),
        (signed(ORIGIN, "2", ROOT[:-2] + "t=", HEAD), "checkpoint.malformed"),
        (signed(ORIGIN, "2", "!" + ROOT[1:], HEAD), "checkpoint.malformed"),
        (signed(ORIGIN, "2", ROOT, HEAD.upper()), "checkpoint.malformed"),
        (signed(ORIGIN, "2", ROOT, HEAD[:-1]), "checkpoint.malformed"),
        (signed(ORIGIN, "2", ROOT, "tail " + "ab" * 32), "checkpoint.malformed"),
        (NOTE.replace("S2026-1", "S2026-2"), "checkpoint.origin"),
        (NOTE.replace("\n2\n", "\n3\n"), "note.signature"),
        (sign_checkpoint(STATE, PrivateSigningKey("33" * 32)), "note.signature"),
        (NOTE.replace("— ", "- "), "note.malformed"),
    ],
)
def test_what_is_no_checkpoint_of_this_log_is_refused(note: str, code: str) -> None:
    """Another form, another log, another key: each has its own code."""
    with pytest.raises(ExamError) as caught:
        open_checkpoint(note, origin=ORIGIN, key=PUBLIC)

    assert caught.value.code == code


def test_a_file_is_its_notes_one_after_the_other() -> None:
    """Splitting gives every note back; an empty file has none."""
    more = sign_checkpoint(Checkpoint(origin=ORIGIN, size=3, root="00" * 32, head="cd" * 32), KEY)

    assert split_checkpoints((NOTE + more).encode()) == [NOTE, more]
    assert split_checkpoints(b"") == []


def test_a_damaged_note_takes_no_neighbour_along() -> None:
    """Bytes that are no text, and a tail cut short, are notes of their own that do not open."""
    data = NOTE.encode()
    notes = split_checkpoints(data.replace(b"S2026", b"\xff2026") + data + data[:40])

    assert len(notes) == 3
    assert notes[1] == NOTE
    for bad in (notes[0], notes[2]):
        with pytest.raises(ExamError):
            open_checkpoint(bad, origin=ORIGIN, key=PUBLIC)
