"""Seeded alterations of a room's results, and what a verification must say of each.

A centre that owns its signing key can sign whatever it made up: every edit is tried as somebody
without keys would make it (the manifest stays), as the centre alone would (it signs everything
anew but has no officials), and as the centre with two officials who sign anything.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from exam_core.crypto.sealing import recipient_of, seal
from exam_core.crypto.signing import PrivateSigningKey
from exam_core.formats.assignment import AssignedForm, Assignment, parse_assignment, sign_assignment
from exam_core.formats.audit_log import AuditEntry, next_entry
from exam_core.formats.canonical import encode_canonical
from exam_core.formats.dsse import unverified_payload
from exam_core.formats.journal import SegmentCipher, derive_journal_key, first_head, next_head
from exam_core.formats.results_bundle import build_results, join_results, split_results
from exam_core.formats.results_content import (
    ResultsContent,
    ResultsManifest,
    SegmentRecord,
    SessionRecord,
)
from tests.support import builders

STRANGER = type(builders.KIOSK)(builders.STRANGER)
"""What the room signs with instead of a kiosk."""


@dataclass(frozen=True, kw_only=True)
class Edit:
    """An alteration: the content afterwards, and a fault that must be named exactly."""

    kind: str
    content: ResultsContent
    code: str
    admission_number: str = ""
    segment_id: str = ""
    entry: int = -1
    line: int = 0


def edits(content: ResultsContent, *, count: int, seed: int) -> Iterator[Edit]:
    """`count` edits; the same seed gives the same ones."""
    rng = random.Random(seed)  # noqa: S311  repeatable damage, no secret
    for number in range(count):
        yield KINDS[number % len(KINDS)](rng, content)


def signed_by_nobody(bundle: bytes, content: ResultsContent) -> bytes:
    """The manifest as it was, other content sealed under it."""
    envelope, _ = split_results(bundle)
    return join_results(
        envelope, seal(encode_canonical(content), [recipient_of(builders.GRADING_IDENTITY)])
    )


def signed_anew(
    manifest: ResultsManifest, content: ResultsContent, *keys: PrivateSigningKey
) -> bytes:
    """Everything that follows from the content is signed anew."""
    last = msgspec.json.decode(content.audit_lines[-1], type=AuditEntry)
    head = _hash(last)
    fields = msgspec.structs.replace(manifest, audit_head=head)
    to = [recipient_of(builders.GRADING_IDENTITY)]
    return build_results(fields, content, (builders.CENTRE_KEY, *keys), to)


def _hash(entry: AuditEntry) -> str:
    following = next_entry(
        entry, at_utc_ms=0, actors=(), role="", action="", subject="", details={}
    )
    return following.previous


def _replace(content: ResultsContent, place: int, **fields: Any) -> ResultsContent:
    sessions = list(content.sessions)
    sessions[place] = msgspec.structs.replace(sessions[place], **fields)
    return msgspec.structs.replace(content, sessions=tuple(sessions))


def _pick(
    rng: random.Random, content: ResultsContent
) -> tuple[int, SessionRecord, SegmentRecord, int]:
    place = rng.randrange(len(content.sessions))
    session = content.sessions[place]
    (segment,) = session.segments
    return place, session, segment, rng.randrange(len(segment.frames))


def _with_frames(
    content: ResultsContent, place: int, segment: SegmentRecord, frames: list[bytes]
) -> ResultsContent:
    changed = msgspec.structs.replace(segment, frames=tuple(frames))
    return _replace(content, place, segments=(changed,))


def _journal_edit(kind: str, code: str, picked: Any, content: ResultsContent, entry: int) -> Edit:
    _, session, segment, _ = picked
    return Edit(
        kind=kind,
        content=content,
        code=code,
        admission_number=session.admission_number,
        segment_id=segment.segment_id,
        entry=entry,
    )


def _frame_byte(rng: random.Random, content: ResultsContent) -> Edit:
    picked = place, _, segment, seq = _pick(rng, content)
    frames = list(segment.frames)
    at = rng.randrange(len(frames[seq]))
    byte = bytes([frames[seq][at] ^ (1 << rng.randrange(8))])
    frames[seq] = frames[seq][:at] + byte + frames[seq][at + 1 :]
    return _journal_edit(
        "frame byte", "journal.", picked, _with_frames(content, place, segment, frames), seq
    )


def _frame_removed(rng: random.Random, content: ResultsContent) -> Edit:
    picked = place, session, segment, seq = _pick(rng, content)
    frames = list(segment.frames)
    is_last = seq == len(frames) - 1
    del frames[seq]
    changed = _with_frames(content, place, segment, frames)
    if is_last:  # what was handed in is gone: the receipt convicts
        return Edit(
            kind="last frame removed",
            content=changed,
            code="results.receipt",
            admission_number=session.admission_number,
        )
    return _journal_edit("frame removed", "journal.", picked, changed, seq)


def _frame_repeated(rng: random.Random, content: ResultsContent) -> Edit:
    picked = place, _, segment, seq = _pick(rng, content)
    frames = list(segment.frames)
    frames.insert(seq, frames[seq])
    return _journal_edit(
        "frame repeated", "journal.", picked, _with_frames(content, place, segment, frames), seq + 1
    )


def _frames_swapped(rng: random.Random, content: ResultsContent) -> Edit:
    picked = place, _, segment, seq = _pick(rng, content)
    other = rng.choice([one for one in range(len(content.sessions)) if one != place])
    (foreign,) = content.sessions[other].segments
    frames = list(segment.frames)
    frames[seq] = foreign.frames[seq]
    return _journal_edit(
        "frame of another candidate",
        "journal.",
        picked,
        _with_frames(content, place, segment, frames),
        seq,
    )


def _frame_rewritten(rng: random.Random, content: ResultsContent) -> Edit:
    """The room has the journal key: it writes an entry anew and chains the rest to it."""
    picked = place, session, segment, seq = _pick(rng, content)
    secret = derive_journal_key(builders.JOURNAL_KEY, session.session_id)
    cipher = SegmentCipher(secret, segment.segment_id)
    head = first_head(segment.segment_id)
    frames: list[bytes] = []
    for number, frame in enumerate(segment.frames):
        opened = cipher.open(frame)
        payload = (
            opened.payload.replace(b'"at_ms":', b'"at_ms":1') if number == seq else opened.payload
        )
        made = frame if number < seq else cipher.seal(number, head, payload, STRANGER)
        frames.append(made)
        head = next_head(head, made)
    return _journal_edit(
        "frame rewritten",
        "journal.signature",
        picked,
        _with_frames(content, place, segment, frames),
        seq,
    )


def _receipt(rng: random.Random, content: ResultsContent) -> Edit:
    place, session, _, _ = _pick(rng, content)
    at = rng.choice([n for n, char in enumerate(session.receipt) if char != " "])
    digit = rng.choice("0123456789abcdef".replace(session.receipt[at], ""))
    receipt = session.receipt[:at] + digit + session.receipt[at + 1 :]
    return Edit(
        kind="receipt",
        content=_replace(content, place, receipt=receipt),
        code="results.receipt",
        admission_number=session.admission_number,
    )


def _roster_row(rng: random.Random, content: ResultsContent) -> Edit:
    roster = list(content.roster)
    place = rng.randrange(len(roster))
    person = roster[place]
    fields = rng.choice(({"name": "冒名者"}, {"team": "第9队"}, {"unit": "别处"}))
    roster[place] = msgspec.structs.replace(person, **fields)
    return Edit(
        kind="roster row",
        content=msgspec.structs.replace(content, roster=tuple(roster)),
        code="assignment.roster",
        admission_number=person.admission_number,
    )


def _log_line(rng: random.Random, content: ResultsContent) -> Edit:
    lines = list(content.audit_lines)
    place = rng.randrange(len(lines))
    lines[place] = lines[place].replace('"role":""', f'"role":"x{rng.randrange(1000)}"')
    return Edit(
        kind="log line",
        content=msgspec.structs.replace(content, audit_lines=tuple(lines)),
        code="audit.",
        line=place + 1,
    )


def _form_number(rng: random.Random, content: ResultsContent) -> Edit:
    place, session, _, _ = _pick(rng, content)
    form = rng.choice([one for one in range(1, 10) if one != session.form_number])
    return Edit(
        kind="form number",
        content=_replace(content, place, form_number=form),
        code="assignment.session",
        admission_number=session.admission_number,
    )


def _table_row(rng: random.Random, content: ResultsContent) -> Edit:
    """The centre gives two candidates each other's forms and signs the table anew."""
    table: Assignment = parse_assignment(unverified_payload(content.assignment)[0])
    rows: list[AssignedForm] = list(table.rows)
    first, second = sorted(rng.sample(range(len(rows)), 2))
    rows[first], rows[second] = (
        msgspec.structs.replace(rows[first], form_number=rows[second].form_number),
        msgspec.structs.replace(rows[second], form_number=rows[first].form_number),
    )
    made = sign_assignment(msgspec.structs.replace(table, rows=tuple(rows)), builders.CENTRE_KEY)
    return Edit(
        kind="table row",
        content=msgspec.structs.replace(content, assignment=made),
        code="assignment.draw",
        admission_number=rows[first].admission_number,
    )


def _kiosk_key(rng: random.Random, content: ResultsContent) -> Edit:
    place, session, segment, _ = _pick(rng, content)
    stranger = msgspec.structs.replace(segment, signing_key=f"{rng.getrandbits(256):064x}")
    return Edit(
        kind="kiosk key",
        content=_replace(content, place, segments=(stranger,)),
        code="results.kiosk",
        admission_number=session.admission_number,
        segment_id=segment.segment_id,
    )


KINDS: tuple[Callable[[random.Random, ResultsContent], Edit], ...] = (
    _frame_byte,
    _frame_removed,
    _frame_repeated,
    _frames_swapped,
    _frame_rewritten,
    _receipt,
    _roster_row,
    _log_line,
    _form_number,
    _table_row,
    _kiosk_key,
)
