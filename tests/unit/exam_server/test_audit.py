"""The audit trail is on disk before the answer, and shows every change."""

import os
from pathlib import Path

import pytest

from exam_core.errors import InputError, IntegrityError, StorageError
from exam_core.formats.audit_log import GENESIS, verify_lines
from exam_server.accounts.audit import AuditTrail
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
