"""Vectors of what an exam room makes: journal, results bundle, audit log."""

import hashlib
import struct
from collections.abc import Iterator
from typing import Any

import msgspec

from exam_core.crypto.signing import PrivateSigningKey, Signer
from exam_core.formats import results_bundle as results_format
from exam_core.formats.audit_log import AuditEntry, next_entry, verify_lines
from exam_core.formats.canonical import encode_canonical
from exam_core.formats.checkpoint import checkpoint_of, room_origin, sign_checkpoint
from exam_core.formats.dsse import sign_envelope
from exam_core.formats.journal import (
    SegmentCipher,
    SegmentWriter,
    first_head,
    next_head,
    segment_header,
)
from exam_core.formats.journal_entries import CheckpointSeen, Entry, encode_entry
from exam_core.formats.results_content import Counts
from exam_core.formats.signed_file import join_signed_file
from exam_core.formats.signed_note import sign_note
from exam_core.model.identifiers import CentreId, SegmentId, SittingId
from tests.support import builders
from tests.vectors.made import Folder, Made, flip
from tests.vectors.recipes import KEYS, ingredient


def response_journal() -> Iterator[Made]:
    """Entries, segments whole and damaged, and chains of frames."""
    folder = Folder("response-journal", "segment")
    entry_folder = folder.reading("entry")
    entries: list[Entry] = [
        builders.segment_started(session_id=KEYS.session_id),
        builders.response_recorded("p1", "A"),
        builders.response_recorded("p2", "B"),
        builders.session_submitted(),
    ]
    payloads = [encode_entry(entry) for entry in entries]
    for name, payload in zip(("started", "response", "other", "submitted"), payloads, strict=True):
        if name != "other":
            yield entry_folder.good(f"entry-{name}", payload, f"an entry: {name}")
    late = payloads[1].replace(b'"at_ms":1000', b'"at_ms":86400001')
    edited = payloads[1].replace(b"response_recorded", b"response_edited")
    seen = CheckpointSeen(at_ms=1500, note="a signed note\n")
    yield entry_folder.good("entry-checkpoint", encode_entry(seen), "an entry: checkpoint")
    yield entry_folder.bad("entry-late", late, "journal.entry", "after twenty-four hours")
    yield entry_folder.bad("entry-type", edited, "journal.entry", "an unknown type")
    yield entry_folder.bad("entry-empty", b"", "journal.entry", "nothing")

    writer = SegmentWriter(bytes.fromhex(KEYS.journal_key), KEYS.segment_id, builders.KIOSK)
    frames = [writer.append(payload) for payload in payloads]
    header = segment_header(KEYS.segment_id)
    whole = header + b"".join(frames)
    start = len(header) + len(frames[0])
    last = len(whole) - len(frames[-1])
    foreign = segment_header(SegmentId("f0" * 16)) + b"".join(frames)
    for name, data, claim in (
        ("whole", whole, "four entries, clean"),
        ("no-frame", header, "a header alone is clean"),
        ("torn", whole[:-1], "the last frame was cut short: torn tail"),
        ("torn-zeros", whole[: last + 20] + bytes(300), "zeros where data never came: torn tail"),
        ("damaged-middle", flip(whole, start + 30), "one bit in frame 1: damaged, others kept"),
        ("damaged-length", flip(whole, start + 6), "a wrong length: damaged, others kept"),
        ("damaged-last", flip(whole, -1), "one bit in the last frame: damaged, not torn"),
        ("missing", header + b"".join(frames[:1] + frames[2:]), "frame 1 is gone: damaged"),
        ("repeated", header + b"".join([*frames, frames[0]]), "frame 0 again: damaged"),
        ("foreign", foreign, "another segment's frames: nothing opens, damaged"),
    ):
        yield folder.good(name, data, claim)
    yield folder.bad("magic", b"EXJ2" + whole[4:], "journal.malformed", "another version")
    yield folder.bad("header", whole[:19], "journal.malformed", "half a header")
    yield from _chains(folder, frames)


def _chains(folder: Folder, frames: list[bytes]) -> Iterator[Made]:
    cipher = SegmentCipher(bytes.fromhex(KEYS.journal_key), KEYS.segment_id)
    fork = cipher.seal(1, first_head(KEYS.segment_id), b"fork", builders.KIOSK)
    stranger = Signer(KEYS.stranger)
    foreign = cipher.seal(0, first_head(KEYS.segment_id), b"another kiosk", stranger)
    last = cipher.seal(1, next_head(first_head(KEYS.segment_id), frames[0]), b"later", stranger)
    yield folder.reading("chain").good("chain", encode_canonical(frames), "frames as they travel")
    for name, chain, error, claim in (
        ("gap", [frames[0], frames[2]], "journal.chain", "a frame is missing"),
        ("swap", [frames[1], frames[0]], "journal.chain", "two frames are swapped"),
        ("fork", [frames[0], fork], "journal.chain", "the right number, another past"),
        ("foreign", [foreign], "journal.signature", "another kiosk's signature"),
        ("foreign-last", [frames[0], last], "journal.signature", "another kiosk went on"),
        ("altered", [flip(frames[0], -1)], "journal.frame", "one bit changed"),
        ("cut", [frames[0][:-1]], "journal.frame", "a frame is cut short"),
        ("tiny", [frames[0][:4] + struct.pack("<IQ", 0, 0)], "journal.frame", "no room for a tag"),
    ):
        yield folder.reading("chain").bad(f"chain-{name}", encode_canonical(chain), error, claim)


def results_bundle() -> Iterator[Made]:
    """Results, signed by enough people and too few, with people counted rightly and wrongly."""
    folder = Folder("results-bundle", "results")
    kind, magic = results_format._PAYLOAD_TYPE, results_format.MAGIC
    centre, stranger = KEYS.centre, KEYS.stranger
    first, second, third = KEYS.officials

    def bundle(sealed: bytes, *keys: PrivateSigningKey, **fields: Any) -> bytes:
        digest = hashlib.sha256(sealed).hexdigest()
        manifest = builders.results_manifest(**({"content_sha256": digest} | fields))
        signed = sign_envelope(encode_canonical(manifest), kind, keys or (centre, first, second))
        return join_signed_file(magic, signed, sealed)

    sealed = ingredient("results-content.age")
    good = bundle(sealed)
    nobody = Counts(rostered=2, submitted=0, unsubmitted=0, absent=2)
    unsubmitted = Counts(rostered=2, submitted=0, unsubmitted=1, absent=1)
    (head,) = builders.results_manifest().sessions
    yield folder.good("results", good, "two on the roster, one submitted")
    yield folder.good("results-all", bundle(sealed, centre, third, first, second), "all three sign")
    for name, data, error, claim in (
        ("magic", b"EXRS2\n" + good[6:], "results.malformed", "another version"),
        ("cut-envelope", good[:100], "results.malformed", "half an envelope"),
        ("cut", good[:-1], "results.altered", "cut short"),
        ("altered", flip(good, -1), "results.altered", "one bit changed"),
        ("stranger", bundle(sealed, stranger), "results.no_centre", "not the centre"),
        ("officials", bundle(sealed, first, second), "results.no_centre", "officials alone"),
        ("no-official", bundle(sealed, centre), "results.no_official", "the centre alone"),
        ("one-official", bundle(sealed, centre, first), "results.one_official", "one official"),
        (
            "same-official",
            bundle(sealed, centre, first, first),
            "signature.repeated",
            "one official twice",
        ),
        (
            "foreign-official",
            bundle(sealed, centre, first, stranger),
            "results.foreign_official",
            "somebody who is no official of this centre",
        ),
        (
            "other-centre",
            bundle(sealed, centre_id=CentreId("C02")),
            "results.altered",
            "signed for another centre",
        ),
        ("counts", bundle(sealed, counts=nobody), "results.counts", "a session is not counted"),
        ("receipt", bundle(sealed, counts=unsubmitted), "results.counts", "a receipt is denied"),
        ("no-head", bundle(sealed, sessions=()), "results.heads", "a session without its head"),
        (
            "head",
            bundle(sealed, sessions=(msgspec.structs.replace(head, frames=3),)),
            "results.heads",
            "a frame less than signed",
        ),
        (
            "head-receipt",
            bundle(sealed, sessions=(msgspec.structs.replace(head, receipt="1234"),)),
            "results.heads",
            "another receipt than signed",
        ),
        ("log", bundle(sealed, audit_lines=1), "results.altered", "a line of the log is missing"),
        (
            "assignment",
            bundle(sealed, assignment_sha256="00" * 32),
            "results.altered",
            "another assignment table than signed",
        ),
        (
            "pretty",
            bundle(ingredient("results-content-pretty.age")),
            "results.malformed",
            "content that is not canonical",
        ),
        ("foreign", bundle(ingredient("form-1.age")), "seal.open", "sealed to somebody else"),
    ):
        yield folder.bad(name, data, error, claim)


def _log_lines() -> list[bytes]:
    """Four lines, with their line feeds."""
    entries: list[AuditEntry] = []
    for n, action in enumerate(("signed_in", "paper_opened", "sitting_started", "sitting_ended")):
        entries.append(
            next_entry(
                entries[-1] if entries else None,
                at_utc_ms=1_700_000_000_000 + 60_000 * n,
                actors=("zhang", "li") if action == "paper_opened" else ("zhang",),
                role="chief",
                action=action,
                subject="S2026-1",
                details={"n": str(n)},
            )
        )
    return [encode_canonical(entry) + b"\n" for entry in entries]


def audit_log() -> Iterator[Made]:
    """Logs, whole and changed."""
    folder = Folder("audit-log", "audit log")
    lines = _log_lines()
    yield folder.good("four-lines", b"".join(lines), "four actions, one by two people")
    yield folder.good("empty", b"", "a log without lines has the genesis head")
    edited = lines[1].replace(b"li", b"mo")
    for name, chosen, error, claim in (
        ("removed", [lines[0], lines[2], lines[3]], "audit.chain", "line 2 is gone"),
        ("first-removed", lines[1:], "audit.chain", "line 1 is gone"),
        (
            "swapped",
            [lines[0], lines[2], lines[1], lines[3]],
            "audit.chain",
            "two lines are swapped",
        ),
        ("repeated", [*lines, lines[3]], "audit.chain", "the last line twice"),
        ("edited", [lines[0], edited, *lines[2:]], "audit.chain", "a name was changed"),
        ("blank", [lines[0], b"\n", *lines[1:]], "audit.malformed", "a blank line"),
        ("spaced", [lines[0].replace(b":", b": ", 1)], "audit.malformed", "not canonical"),
    ):
        yield folder.bad(name, b"".join(chosen), error, claim)


def checkpoint() -> Iterator[Made]:
    """Checkpoints of the log above, and what is none."""
    folder = Folder("checkpoint", "checkpoint")
    origin = room_origin(CentreId("C01"), SittingId("S2026-1"))
    lines = [line[:-1] for line in _log_lines()]

    def note(count: int, key: PrivateSigningKey = KEYS.centre, origin: str = origin) -> str:
        covered = lines[:count]
        state = checkpoint_of(covered, origin=origin, head=verify_lines(covered))
        return sign_checkpoint(state, key)

    whole = note(4)
    yield folder.good("four-lines", whole.encode(), "the state of the log of four lines")
    yield folder.good("empty", note(0).encode(), "the state of a log without lines")
    elsewhere = room_origin(CentreId("C01"), SittingId("S2026-2"))
    body, _, below = whole.partition("\n\n")
    more = sign_note(f"{body}\nmore\n", name=origin, key=KEYS.centre)
    for name, data, error, claim in (
        ("size", whole.replace("\n4\n", "\n3\n"), "note.signature", "another size"),
        ("head", whole.replace("\nhead d", "\nhead e"), "note.signature", "another head"),
        ("stranger", note(4, KEYS.stranger), "note.signature", "another key signed"),
        ("origin", note(4, origin=elsewhere), "checkpoint.origin", "another sitting's log"),
        ("more", more, "checkpoint.malformed", "a line more, signed"),
        ("two", f"{body}\n\n{below}{below}", "checkpoint.malformed", "two signatures"),
        ("unsigned", f"{body}\n", "checkpoint.malformed", "no signature"),
        ("hyphen", whole.replace("— ", "- "), "note.malformed", "no em dash"),
        ("crlf", whole.replace("\n", "\r\n"), "checkpoint.malformed", "other line ends"),
        ("empty-file", "", "checkpoint.malformed", "nothing"),
    ):
        yield folder.bad(name, data.encode(), error, claim)
