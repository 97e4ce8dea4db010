"""The audit log: one canonical JSON line for each action, each bound to the line before it.

`h(0)` is 32 zero bytes and `h(n) = SHA-256(h(n-1) ‖ line n)`; a line carries the hash before it,
so an edit, a removal or a swap shows at the next line. Lines are never changed.
Specified in `docs/spec/audit-log.md`.
"""

import hashlib
from collections.abc import Iterable

import msgspec

from exam_core.errors import InputError, IntegrityError, declare
from exam_core.formats.canonical import decode_canonical, encode_canonical

AUDIT_MALFORMED = declare("audit.malformed", "审计日志中有一行格式不对，保留原件并上报。")
AUDIT_CHAIN = declare("audit.chain", "审计日志被改动、删除或调换过，保留原件并上报。")

GENESIS = "0" * 64

CHECKPOINT_TAKEN = "checkpoint_taken"
"""The action whose details `size` and `root` say that a checkpoint was taken of so many lines."""


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who did what to what, and when by the machine's own clock.

    `actors` holds two names where two people must act. `details` never holds answers or secrets.
    """

    n: int
    at_utc_ms: int
    actors: tuple[str, ...]
    role: str
    action: str
    subject: str
    details: dict[str, str]
    previous: str


def next_entry(
    last: AuditEntry | None,
    *,
    at_utc_ms: int,
    actors: tuple[str, ...],
    role: str,
    action: str,
    subject: str,
    details: dict[str, str],
) -> AuditEntry:
    """The entry that follows `last`, or the first one."""
    return AuditEntry(
        n=last.n + 1 if last else 1,
        at_utc_ms=at_utc_ms,
        actors=actors,
        role=role,
        action=action,
        subject=subject,
        details=details,
        previous=entry_hash(last) if last else GENESIS,
    )


def entry_hash(entry: AuditEntry) -> str:
    """`h(n)` of an entry, in hex."""
    return hashlib.sha256(bytes.fromhex(entry.previous) + encode_canonical(entry)).hexdigest()


def split_lines(data: bytes) -> list[bytes]:
    """The lines of a log's file; only line feeds end them, and what follows the last is none."""
    return data.split(b"\n")[:-1]


def every_line(data: bytes) -> list[bytes]:
    """The lines of a log that is examined: nothing may stand after the last line feed.

    Raises:
        InputError: `audit.malformed`, naming the line that has no end.
    """
    *lines, rest = data.split(b"\n")
    if rest:
        n = len(lines) + 1
        message = f"审计日志第 {n} 行没有写完：断电会这样，重启服务后再验；否则是被改动过"
        raise InputError(AUDIT_MALFORMED, message, line=n)
    return lines


def verify_lines(lines: Iterable[bytes]) -> str:
    """Check a whole log and return the hash of its last entry, or the genesis hash.

    Raises:
        InputError: `audit.malformed`.
        IntegrityError: `audit.chain`, naming the line.
    """
    head = GENESIS
    for n, line in enumerate(lines, 1):
        entry = decode_canonical(line, AuditEntry, AUDIT_MALFORMED, f"审计日志第 {n} 行")
        if entry.n != n or entry.previous != head:
            raise IntegrityError(AUDIT_CHAIN, f"审计日志在第 {n} 行处不连续", line=n)
        head = entry_hash(entry)
    return head
