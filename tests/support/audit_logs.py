"""Logs with checkpoints for tests, and everything that somebody may do to them."""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

import msgspec

from exam_core.crypto.signing import PrivateSigningKey, public_key_of
from exam_core.formats.audit_evidence import LogHead, LogReport, SeenNote, examine_log
from exam_core.formats.audit_log import (
    CHECKPOINT_TAKEN,
    AuditEntry,
    entry_hash,
    next_entry,
    verify_lines,
)
from exam_core.formats.canonical import encode_canonical
from exam_core.formats.checkpoint import (
    checkpoint_of,
    room_origin,
    sign_checkpoint,
    split_checkpoints,
)
from exam_core.model.identifiers import CentreId, SittingId

LOG_CODES = {"audit.chain", "audit.malformed", "audit.checkpoint"}
"""Of findings that say where the lines were changed."""

KEY = PrivateSigningKey("22" * 32)
ORIGIN = room_origin(CentreId("C01"), SittingId("S2026-1"))


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedLog:
    """A log with its checkpoints, and whose they are."""

    lines: tuple[bytes, ...]
    notes: tuple[str, ...]
    origin: str = ORIGIN
    key: PrivateSigningKey = KEY

    def examine(self, seen: Sequence[SeenNote] = (), paper: Sequence[LogHead] = ()) -> LogReport:
        """What the examination says."""
        return examine_log(
            self.lines,
            self.notes,
            origin=self.origin,
            key=public_key_of(self.key),
            seen=seen,
            paper=paper,
        )

    def sizes(self) -> list[int]:
        """How many lines each checkpoint covers."""
        return [int(note.split("\n")[1]) for note in self.notes]


def read_entries(lines: Iterable[bytes]) -> list[AuditEntry]:
    """What stands in the lines."""
    return [msgspec.json.decode(line, type=AuditEntry) for line in lines]


def note_over(lines: Sequence[bytes], key: PrivateSigningKey = KEY, origin: str = ORIGIN) -> str:
    """The checkpoint of a log that ends here."""
    return sign_checkpoint(checkpoint_of(lines, origin=origin, head=verify_lines(lines)), key)


def make_log(actions: int = 40, every: int = 8) -> SignedLog:
    """A log of so many actions with a checkpoint, and its line, after each `every` of them."""
    lines: list[bytes] = []
    notes: list[str] = []
    last: AuditEntry | None = None

    def add(action: str, **details: str) -> None:
        nonlocal last
        last = next_entry(
            last,
            at_utc_ms=1_700_000_000_000 + len(lines) * 1000,
            actors=("wang",),
            role="",
            action=action,
            subject=f"A{len(lines):03}",
            details=details,
        )
        lines.append(encode_canonical(last))

    for number in range(1, actions + 1):
        add("presence_confirmed", count=str(number))
        if number % every == 0:
            notes.append(note_over(lines))
            add(CHECKPOINT_TAKEN, reason="interval", size=str(len(lines)), root="…")
    return SignedLog(lines=tuple(lines), notes=tuple(notes))


def chained(lines: Sequence[bytes], first: int) -> tuple[bytes, ...]:
    """The lines, numbered and chained anew from this number on, as a log's owner can do."""
    done = list(lines[: first - 1])
    last = msgspec.json.decode(done[-1], type=AuditEntry) if done else None
    for line in lines[first - 1 :]:
        entry = msgspec.json.decode(line, type=AuditEntry)
        last = msgspec.structs.replace(
            entry,
            n=last.n + 1 if last else 1,
            previous=entry_hash(last) if last else "0" * 64,
        )
        done.append(encode_canonical(last))
    return tuple(done)


def re_signed(log: SignedLog) -> SignedLog:
    """The log with all its checkpoints signed anew, as only the holder of the key can do."""
    sizes = [size for size in log.sizes() if size <= len(log.lines)]
    notes = tuple(note_over(log.lines[:size], log.key, log.origin) for size in sizes)
    return replace(log, notes=notes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """A log that somebody changed.

    `first_line` is the first line that differs, 0 when only checkpoints were touched; then
    `checkpoint` is the note that gives it away, or, negative, the line that tells of one that is
    gone. In `is_rewritten` the rest was chained anew, so that no single line gives it away.
    """

    kind: str
    log: SignedLog
    first_line: int = 0
    checkpoint: int = 0
    is_rewritten: bool = False


def attacks(log: SignedLog, others: Sequence[SignedLog], seed: int) -> Iterator[Attack]:
    """Seeded attacks without end on what the last checkpoint of the log covers.

    `others` are logs that agree with it nowhere; their checkpoints are put among its own.
    """
    dice = random.Random(seed)  # noqa: S311  a campaign that can be repeated
    kinds = (
        _edit_bytes,
        _edit_field,
        _rewrite_field,
        _delete,
        _rewrite_deleted,
        _insert,
        _rewrite_inserted,
        _swap,
        _repeat,
        _truncate,
        _remove_checkpoint,
        _edit_checkpoint,
    )
    while True:
        kind = dice.randrange(len(kinds) + 1)
        if kind == len(kinds):
            yield _foreign_checkpoint(log, dice.choice(others), dice)
            continue
        attack = kinds[kind](log, dice)
        if attack.log != log:
            yield attack


def is_found(attack: Attack, report: LogReport) -> bool:
    """Whether the examination found the attack and named its place."""
    findings = report.findings
    if attack.checkpoint < 0:
        return any(one.first_line == -attack.checkpoint for one in findings)
    if attack.checkpoint:
        return any(one.checkpoint == attack.checkpoint for one in findings)
    if not findings or findings[0].code not in LOG_CODES:
        return False
    first, last = findings[0].first_line, findings[0].last_line
    if attack.is_rewritten:
        return first <= attack.first_line <= last
    return first <= attack.first_line == last


def first_difference(before: Sequence[bytes], after: Sequence[bytes]) -> int:
    """The number of the first line that is not the same; 0 when all are."""
    pairs = zip_longest(before, after)
    return next((number for number, (one, two) in enumerate(pairs, 1) if one != two), 0)


def _changed(
    kind: str, log: SignedLog, lines: Sequence[bytes], *, is_rewritten: bool = False
) -> Attack:
    return Attack(
        kind=kind,
        log=replace(log, lines=tuple(lines)),
        first_line=first_difference(log.lines, lines),
        is_rewritten=is_rewritten,
    )


def _covered(log: SignedLog, dice: random.Random) -> int:
    """The place of a line that a checkpoint covers, counted from 0."""
    return dice.randrange(log.sizes()[-1])


def _edit_bytes(log: SignedLog, dice: random.Random) -> Attack:
    data = bytearray(b"".join(line + b"\n" for line in log.lines))
    end = sum(len(line) + 1 for line in log.lines[: log.sizes()[-1]])
    at = dice.randrange(end)
    match dice.randrange(3):
        case 0:
            data[at] ^= dice.randrange(1, 256)
        case 1:
            del data[at]
        case _:
            data.insert(at, dice.randrange(256))
    return _changed("edit_bytes", log, bytes(data).split(b"\n")[:-1])


def _edited_field(log: SignedLog, dice: random.Random) -> tuple[list[bytes], int]:
    lines = list(log.lines)
    at = _covered(log, dice)
    entry = msgspec.json.decode(lines[at], type=AuditEntry)
    change: dict[str, Any] = dice.choice(
        [
            {"subject": entry.subject + "x"},
            {"action": "seat_unlocked"},
            {"actors": ("zhang", *entry.actors)},
            {"at_utc_ms": entry.at_utc_ms + dice.choice((-1, 1, 3_600_000))},
            {"details": {**entry.details, "reason": "另有原因"}},
            {"role": "chief"},
        ]
    )
    lines[at] = encode_canonical(msgspec.structs.replace(entry, **change))
    return lines, at


def _edit_field(log: SignedLog, dice: random.Random) -> Attack:
    lines, _ = _edited_field(log, dice)
    return _changed("edit_field", log, lines)


def _rewrite_field(log: SignedLog, dice: random.Random) -> Attack:
    lines, at = _edited_field(log, dice)
    return _changed("rewrite_field", log, chained(lines, at + 1), is_rewritten=True)


def _delete(log: SignedLog, dice: random.Random) -> Attack:
    at = _covered(log, dice)
    count = dice.randrange(1, 4)
    return _changed("delete", log, log.lines[:at] + log.lines[at + count :])


def _rewrite_deleted(log: SignedLog, dice: random.Random) -> Attack:
    at = _covered(log, dice)
    lines = log.lines[:at] + log.lines[at + 1 :]
    return _changed("rewrite_deleted", log, chained(lines, at + 1), is_rewritten=True)


def _invented(log: SignedLog, at: int, dice: random.Random) -> bytes:
    entry = msgspec.json.decode(log.lines[at], type=AuditEntry)
    return encode_canonical(
        msgspec.structs.replace(entry, subject=f"B{dice.randrange(1000)}", action="seat_unlocked")
    )


def _insert(log: SignedLog, dice: random.Random) -> Attack:
    at = _covered(log, dice)
    line = _invented(log, at, dice)  # with the number and the hash that belong there
    return _changed("insert", log, (*log.lines[:at], line, *log.lines[at:]))


def _rewrite_inserted(log: SignedLog, dice: random.Random) -> Attack:
    at = _covered(log, dice)
    lines = (*log.lines[:at], _invented(log, at, dice), *log.lines[at:])
    return _changed("rewrite_inserted", log, chained(lines, at + 1), is_rewritten=True)


def _swap(log: SignedLog, dice: random.Random) -> Attack:
    lines = list(log.lines)
    at, other = _covered(log, dice), dice.randrange(len(lines))
    lines[at], lines[other] = lines[other], lines[at]
    return _changed("swap", log, lines)


def _repeat(log: SignedLog, dice: random.Random) -> Attack:
    at, source = _covered(log, dice), dice.randrange(len(log.lines))
    return _changed("repeat", log, (*log.lines[:at], log.lines[source], *log.lines[at:]))


def _truncate(log: SignedLog, dice: random.Random) -> Attack:
    return _changed("truncate", log, log.lines[: _covered(log, dice)])


def _remove_checkpoint(log: SignedLog, dice: random.Random) -> Attack:
    notes = list(log.notes)
    at = dice.randrange(len(notes))
    size = log.sizes()[at]
    del notes[at]
    # Found by the line that tells of it, which stands right behind what it covered.
    return Attack(
        kind="remove_checkpoint", log=replace(log, notes=tuple(notes)), checkpoint=-(size + 1)
    )


def _edit_checkpoint(log: SignedLog, dice: random.Random) -> Attack:
    data = bytearray("".join(log.notes).encode())
    at = dice.randrange(len(data))
    data[at] ^= dice.randrange(1, 256)
    ends = [len("".join(log.notes[:count]).encode()) for count in range(1, len(log.notes) + 1)]
    place = next(number for number, end in enumerate(ends, 1) if at < end)
    notes = tuple(split_checkpoints(bytes(data)))
    return Attack(kind="edit_checkpoint", log=replace(log, notes=notes), checkpoint=place)


def _foreign_checkpoint(log: SignedLog, other: SignedLog, dice: random.Random) -> Attack:
    at = dice.randrange(len(log.notes))
    notes = list(log.notes)
    notes[at] = dice.choice(other.notes)
    return Attack(
        kind="foreign_checkpoint", log=replace(log, notes=tuple(notes)), checkpoint=at + 1
    )
