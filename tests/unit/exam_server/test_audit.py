"""The audit trail is on disk before the answer, and shows every change."""

import os
from pathlib import Path

import pytest

from exam_core.errors import InputError, IntegrityError, StorageError
from exam_core.formats.audit_log import GENESIS, verify_lines
from exam_server.accounts.audit import AuditTrail, LogSigner
from tests.support.audit_logs import KEY, ORIGIN
from tests.support.fake_clock import FakeClock


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the log is."""
    return tmp_path / "audit.jsonl"


def trail_of(file: Path, *actions: str) -> AuditTrail:
    """A trail with these actions recorded."""
    trail = AuditTrail(file, FakeClock())
    for action in actions:
        trail.record(action, actors=("wang",), subject="A01", count=1)
    return trail


def test_the_chain_goes_on_after_a_restart(file: Path) -> None:
    """A new process continues the numbers and hashes."""
    assert AuditTrail(file, FakeClock()).head == GENESIS
    trail_of(file, "one", "two")
    trail = trail_of(file, "three")

    assert len(trail.lines()) == 3
    assert verify_lines(file.read_bytes().splitlines()) == trail.head


def test_a_line_cut_short_is_kept_beside_and_the_log_goes_on(file: Path) -> None:
    """It was never answered; nothing of it is thrown away."""
    trail_of(file, "one")
    whole = file.read_bytes()
    file.write_bytes(whole + b'{"action":"tw')

    trail = trail_of(file, "two")

    assert len(trail.lines()) == 2
    assert [part.read_bytes() for part in file.parent.glob("*.torn-*")] == [b'{"action":"tw']


def test_a_changed_line_stops_the_start(file: Path) -> None:
    """Evidence is not written over."""
    trail_of(file, "one", "two")
    file.write_bytes(file.read_bytes().replace(b"A01", b"A02", 1))
    with pytest.raises(IntegrityError, match=r"audit\.chain"):
        AuditTrail(file, FakeClock())


def test_a_line_that_is_no_entry_stops_the_start(file: Path) -> None:
    """A stray line is named."""
    trail_of(file, "one")
    file.write_bytes(file.read_bytes() + b"stray\n")
    with pytest.raises(InputError, match=r"audit\.malformed"):
        AuditTrail(file, FakeClock())


def test_a_failed_sync_leaves_the_log_as_it_was(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The entry is refused and the next one follows the last good one."""
    trail = trail_of(file, "one")

    def fail(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", fail)
        with pytest.raises(StorageError, match=r"storage\.full"):
            trail.record("two")
    trail.record("three")

    assert verify_lines(file.read_bytes().splitlines()) == trail.head
    assert len(trail.lines()) == 2


SIGNER = LogSigner(origin=ORIGIN, key=KEY)


def signed(file: Path, *actions: str) -> AuditTrail:
    """A trail whose checkpoints are signed, with these actions recorded."""
    trail = trail_of(file, *actions)
    trail.sign_with(SIGNER)
    return trail


def test_a_checkpoint_and_the_line_that_tells_of_it(file: Path) -> None:
    """The note is on disk before the line; both hold after a restart."""
    trail = signed(file, "one", "two")

    note = trail.take_checkpoint("interval")

    assert note
    assert note.split("\n")[1] == "2"
    assert file.with_name("checkpoints.txt").read_text() == note
    assert len(trail.lines()) == 3
    again = signed(file)
    assert again.checkpoints() == (note,)
    assert again.latest_checkpoint() == note
    assert again.snapshot() == trail.snapshot()
    assert again.examine().covered == 2


def test_nobody_signs_before_it_is_known_whose_log_it_is(file: Path) -> None:
    """No checkpoint is taken, and there is nothing to examine."""
    trail = trail_of(file, "one")

    assert trail.take_checkpoint("interval") is None
    assert trail.latest_checkpoint() == ""
    with pytest.raises(ValueError, match="nobody signs"):
        trail.examine()


def test_a_log_without_lines_has_a_checkpoint_too(file: Path) -> None:
    """Of size 0."""
    note = signed(file).take_checkpoint("interval")

    assert note
    assert note.split("\n")[1] == "0"


def test_a_note_cut_short_is_kept_beside(file: Path) -> None:
    """The notes before it count, and the next one follows them."""
    first = signed(file, "one").take_checkpoint("interval")
    notes = file.with_name("checkpoints.txt")
    notes.write_bytes(notes.read_bytes() + first.encode()[:200] if first else b"")

    trail = signed(file, "two")

    assert trail.checkpoints() == (first,)
    assert [part.read_bytes() for part in file.parent.glob("checkpoints.torn-*")] == [
        first.encode()[:200] if first else b""
    ]
    assert trail.take_checkpoint("interval")
    assert signed(file).examine().findings == ()


def test_a_crash_between_note_and_line_is_mended(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The note is there without its line; the same state gives no second note."""
    trail = signed(file, "one")
    with monkeypatch.context() as patch:
        patch.setattr(trail, "_append", lambda *_, **__: (_ for _ in ()).throw(OSError("killed")))
        with pytest.raises(OSError, match="killed"):
            trail.take_checkpoint("interval")

    again = signed(file)
    assert len(again.checkpoints()) == 1
    again.take_checkpoint("interval")

    assert len(again.checkpoints()) == 1
    assert len(again.lines()) == 2
    assert again.examine().findings == ()


def test_a_missing_file_of_checkpoints_stops_the_start(file: Path) -> None:
    """The log tells of them."""
    signed(file, "one").take_checkpoint("interval")
    file.with_name("checkpoints.txt").unlink()

    with pytest.raises(IntegrityError, match=r"checkpoint\.missing"):
        signed(file)
