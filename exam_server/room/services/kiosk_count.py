"""Which kiosks a log says are enrolled: a number and a digest, small enough for paper."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from exam_core.formats.audit_log import AuditEntry

ENROLLED = "kiosk_enrolled"


@dataclass(frozen=True, slots=True, kw_only=True)
class KioskCount:
    """How many kiosks may connect, and a digest of which.

    `sha256` is over one line for each, sorted: the seat, a space, the signing key in hex, a line
    feed; UTF-8.
    """

    count: int
    sha256: str


def count_kiosks(entries: Iterable[AuditEntry]) -> KioskCount:
    """The kiosks enrolled after these lines; one seat has one, the last, until it is revoked."""
    enrolled: dict[str, AuditEntry] = {}
    for entry in entries:
        if entry.action == ENROLLED:
            enrolled[entry.subject] = entry
        elif entry.action == "kiosk_revoked" and entry.subject in enrolled:
            present = enrolled[entry.subject].details["fingerprint"]
            if entry.details["fingerprint"] == present:
                del enrolled[entry.subject]
    lines = sorted(f"{seat} {one.details['signing_key']}\n" for seat, one in enrolled.items())
    return KioskCount(count=len(lines), sha256=hashlib.sha256("".join(lines).encode()).hexdigest())
