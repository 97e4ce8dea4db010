"""Every edit, removal, insertion and swap in the audit log shows, with its line."""

import hashlib

import msgspec
import pytest

from exam_core.errors import InputError, IntegrityError
from exam_core.formats.audit_log import GENESIS, AuditEntry, entry_hash, next_entry, verify_lines
from exam_core.formats.canonical import encode_canonical
from tests.support.refusals import refuses


def log(size: int) -> list[AuditEntry]:
    """A log of `size` entries."""
    entries: list[AuditEntry] = []
    for n in range(size):
        entries.append(
            next_entry(
                entries[-1] if entries else None,
                at_utc_ms=1_700_000_000_000 + n,
                actors=("zhang", "li"),
                role="chief",
                action="paper_opened",
                subject="S2026-1",
                details={"n": str(n)},
            )
        )
    return entries


ENTRIES = log(4)
LINES = [encode_canonical(entry) for entry in ENTRIES]


def test_a_whole_log_gives_its_head() -> None:
    """The head is the hash of the last line, by a rule that sha256sum can follow."""
    head = bytes(32)
    for line in LINES:
        head = hashlib.sha256(head + line).digest()

    assert verify_lines(LINES) == head.hex() == entry_hash(ENTRIES[-1])
    assert verify_lines([]) == GENESIS
    assert [entry.n for entry in ENTRIES] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        (LINES[1:], 1),
        ([LINES[0], *LINES[2:]], 2),
        ([LINES[1], LINES[0], *LINES[2:]], 1),
        ([LINES[0], LINES[0], *LINES[1:]], 2),
        ([LINES[0], LINES[1].replace(b"zhang", b"wang"), *LINES[2:]], 3),
        ([encode_canonical(msgspec.structs.replace(ENTRIES[0], n=2))], 1),
        ([encode_canonical(msgspec.structs.replace(ENTRIES[0], previous="no hash"))], 1),
    ],
)
def test_a_changed_log_is_refused(lines: list[bytes], named: int) -> None:
    """The first line that does not follow is named."""
    with refuses(IntegrityError, "audit.chain") as caught:
        verify_lines(lines)
    assert caught.value.facts == {"line": named}


@pytest.mark.parametrize("line", [b"", b"{}", LINES[0] + b"\n", LINES[0].replace(b":", b": ", 1)])
def test_a_malformed_line_is_refused(line: bytes) -> None:
    """A line in another encoding is refused, and the message says which."""
    with refuses(InputError, "audit.malformed") as caught:
        verify_lines([line])
    assert "第 1 行" in caught.value.message


def test_a_cut_log_has_another_head() -> None:
    """Lines removed at the end leave a whole log; the head written elsewhere shows it."""
    assert verify_lines(LINES[:-1]) != verify_lines(LINES)
