"""How each kind of test vector is read: bytes and the fixed keys in, the value out.

The test of the vectors and the script that makes them share these, so both mean the same by
"read". What a reader returns can be written as JSON and stands beside each good vector.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from exam_core.crypto.sealing import SealingIdentity
from exam_core.crypto.signing import PrivateSigningKey, PublicSigningKey
from exam_core.formats.assignment import check_roster_unchanged, verify_assignment
from exam_core.formats.audit_log import AUDIT_MALFORMED, AuditEntry, every_line, verify_lines
from exam_core.formats.canonical import decode_canonical
from exam_core.formats.centre_descriptor import parse_centre, verify_centre
from exam_core.formats.checkpoint import open_checkpoint, room_origin
from exam_core.formats.dsse import verify_envelope
from exam_core.formats.journal import open_chain
from exam_core.formats.journal_entries import decode_entry
from exam_core.formats.journal_recovery import recover_segment
from exam_core.formats.officials import open_official_key
from exam_core.formats.opening_bundle import (
    check_fits,
    open_bundle,
    read_opening_file,
    unwrap_bundle,
)
from exam_core.formats.opening_key import open_opening_key
from exam_core.formats.opening_locks import prove_by_code, prove_by_envelopes
from exam_core.formats.paper_package import open_form, open_image, verify_package
from exam_core.formats.results_bundle import (
    open_results,
)
from exam_core.formats.resume_file import (
    open_device_layer,
    parse_resume_code,
    resume_code,
    resume_recipients,
    unlock_resume,
)
from exam_core.formats.trust_root import TrustRoot, accept_root_update, fingerprint, parse_root
from exam_core.keys.package import open_key_package
from exam_core.model.identifiers import (
    CentreId,
    FormNumber,
    PaperId,
    SeatId,
    SegmentId,
    SessionId,
    SittingId,
)
from exam_core.model.roster import Candidate
from exam_core.protocol.comparison import Revealed, comparison_number, is_committed
from exam_core.protocol.enrolment import signing_proof_holds
from exam_core.protocol.messages import Ordered, decode_kiosk_message, decode_server_message
from exam_core.protocol.orders import OrderMark, check_order, open_order

FOLDER = Path(__file__).parent
INGREDIENTS = FOLDER / "ingredients"
LIST = FOLDER / "vectors.json"
TEST_TYPE = "application/vnd.gongyuan.test.v1+json"


class Keys(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fixed keys of all vectors; worthless anywhere else."""

    setter: PrivateSigningKey
    approver: PrivateSigningKey
    stranger: PrivateSigningKey
    centre: PrivateSigningKey
    centre_public: PublicSigningKey
    officials: tuple[PrivateSigningKey, ...]
    kiosk: PrivateSigningKey
    kiosk_public: PublicSigningKey
    form_identity: SealingIdentity
    opening_identity: SealingIdentity
    grading_identity: SealingIdentity
    opening_code: str
    envelope_codes: tuple[str, str, str]
    opening_passphrase: str
    journal_key: str
    segment_id: SegmentId
    session_id: SessionId
    root: TrustRoot


class Vector(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of `vectors.json`.

    `error` is the code that reading must raise; without it, reading must give what stands in the
    file named `value`. `given` holds what differs from the fixed keys.
    """

    file: str
    reader: str
    claim: str
    error: str | None = None
    value: str | None = None
    given: dict[str, str] = {}


def load_keys() -> Keys:
    """The keys as they are kept with the vectors."""
    return msgspec.json.decode((INGREDIENTS / "keys.json").read_bytes(), type=Keys)


def read(vector: Vector, data: bytes, keys: Keys) -> Any:
    """Read a vector with its reader."""
    return READERS[vector.reader](data, keys, vector.given)


_Given = Mapping[str, str]


def _canonical(data: bytes, _: Keys, __: _Given) -> Any:
    return decode_canonical(data, AuditEntry, AUDIT_MALFORMED, "审计日志")


def _root(data: bytes, _: Keys, __: _Given) -> Any:
    root = parse_root(data)
    return {"root": root, "fingerprint": fingerprint(root)}


def _root_update(data: bytes, keys: Keys, _: _Given) -> Any:
    root = accept_root_update(data, keys.root)
    return {"root": root, "fingerprint": fingerprint(root)}


def _envelope(data: bytes, keys: Keys, _: _Given) -> Any:
    return {"payload": verify_envelope(data, TEST_TYPE, keys.root.trusted(), 2)}


def _unsigned_centre(data: bytes, _: Keys, __: _Given) -> Any:
    return parse_centre(data)


def _centre(data: bytes, keys: Keys, _: _Given) -> Any:
    return verify_centre(data, keys.root)


def _package(data: bytes, keys: Keys, _: _Given) -> Any:
    package = verify_package(data, keys.root)
    return {"manifest": package.manifest, "manifest_sha256": package.manifest_sha256}


def _package_image(data: bytes, keys: Keys, _: _Given) -> Any:
    """Form 1 of a package with the digests of its pictures, opened."""
    package = verify_package(data, keys.root)
    form = open_form(
        package.sealed_form(FormNumber(1)),
        keys.form_identity,
        paper_id=PaperId("P2026A"),
        form_number=FormNumber(1),
    )
    pictures = [open_image(package, seal) for seal in form.image_seals]
    return {
        "form": form,
        "members": package.manifest.members,
        "pictures_sha256": [hashlib.sha256(picture).hexdigest() for picture in pictures],
    }


def _form(data: bytes, keys: Keys, given: _Given) -> Any:
    return open_form(
        data,
        keys.form_identity,
        paper_id=PaperId("P2026A"),
        form_number=FormNumber(int(given.get("form_number", "1"))),
    )


def _bundle(data: bytes, keys: Keys, given: _Given) -> Any:
    file = read_opening_file(data, keys.root)
    centre = parse_centre((INGREDIENTS / "centre.json").read_bytes())
    check_fits(
        file.header,
        msgspec.structs.replace(centre, centre_id=given.get("centre_id", "C01")),
        paper_id=PaperId("P2026A"),
        sitting_id=SittingId(given.get("sitting_id", "S2026-1")),
        manifest_sha256=given.get("manifest_sha256", "ab" * 32),
    )
    locked = unwrap_bundle(file, keys.opening_identity)
    numbers = [int(number) for number in given.get("envelopes", "").split()]
    if numbers:
        proof = prove_by_envelopes({n: keys.envelope_codes[n - 1] for n in numbers})
    else:
        proof = prove_by_code(given.get("code", keys.opening_code))
    return open_bundle(locked, proof, keys.root)


def _opening_key(data: bytes, keys: Keys, given: _Given) -> Any:
    return open_opening_key(data, given.get("passphrase", keys.opening_passphrase))


def _official_key(data: bytes, keys: Keys, given: _Given) -> Any:
    return open_official_key(data, given.get("passphrase", keys.opening_passphrase))


def _key_package(data: bytes, keys: Keys, _: _Given) -> Any:
    return open_key_package(data, keys.grading_identity, keys.root)


def _results(data: bytes, keys: Keys, _: _Given) -> Any:
    centre = parse_centre((INGREDIENTS / "centre.json").read_bytes())
    manifest, content = open_results(data, keys.grading_identity, centre)
    return {"manifest": manifest, "content": content}


def _assignment(data: bytes, _: Keys, __: _Given) -> Any:
    centre = parse_centre((INGREDIENTS / "centre.json").read_bytes())
    assignment = verify_assignment(data, centre)
    roster = msgspec.json.decode((INGREDIENTS / "roster.json").read_bytes(), type=list[Candidate])
    check_roster_unchanged(assignment, roster)
    return assignment


def _segment(data: bytes, keys: Keys, _: _Given) -> Any:
    found = asdict(recover_segment(data, bytes.fromhex(keys.journal_key)))
    found["frames_sha256"] = [hashlib.sha256(frame).hexdigest() for frame in found.pop("frames")]
    opened = found.pop("opened")
    found["payloads"] = [payload for _, _, payload in opened]
    found["signatures"] = [signature.hex() for _, signature, _ in opened]
    return found | {"head": found["head"].hex()}


def _chain(data: bytes, keys: Keys, _: _Given) -> Any:
    frames = msgspec.json.decode(data, type=list[bytes])
    return open_chain(bytes.fromhex(keys.journal_key), keys.segment_id, frames, keys.kiosk_public)


def _entry(data: bytes, _: Keys, __: _Given) -> Any:
    return decode_entry(data)


def _audit(data: bytes, _: Keys, __: _Given) -> Any:
    return {"head": verify_lines(every_line(data))}


def _checkpoint(data: bytes, keys: Keys, _: _Given) -> Any:
    origin = room_origin(CentreId("C01"), SittingId("S2026-1"))
    return open_checkpoint(data.decode(), origin=origin, key=keys.centre_public)


class _CodeOf(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    journal_secret: str
    number: int
    seat_id: SeatId
    sitting_id: SittingId


def _resume_code(data: bytes, _: Keys, __: _Given) -> Any:
    of = msgspec.json.decode(data, type=_CodeOf)
    secret = bytes.fromhex(of.journal_secret)
    recipients = resume_recipients(secret, sitting_id=of.sitting_id, seat_id=of.seat_id)
    code = resume_code(secret, sitting_id=of.sitting_id, seat_id=of.seat_id, number=of.number)
    return {"code": code, "recipient": recipients[of.number - 1]}


def _typed_resume_code(data: bytes, _: Keys, __: _Given) -> Any:
    return {"code": parse_resume_code(data.decode())}


def _resume(data: bytes, keys: Keys, given: _Given) -> Any:
    locked = open_device_layer(data, keys.opening_identity)
    return {"ticket": locked.ticket, "keys": unlock_resume(locked, given["code"])}


def _order(data: bytes, keys: Keys, given: _Given) -> Any:
    message = decode_server_message(data)
    assert isinstance(message, Ordered)
    order = open_order(message, keys.centre_public)
    boot, counter = map(int, given.get("last", "0 0").split())
    check_order(
        order,
        sitting_id=SittingId("S2026-1"),
        seat_id=SeatId("A01"),
        session_id=keys.session_id,
        last=OrderMark(boot, counter),
    )
    return order


class _Enrolment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    csr_pem: str
    signing_key: PublicSigningKey
    signing_proof: str


def _enrolment(data: bytes, _: Keys, __: _Given) -> Any:
    one = msgspec.json.decode(data, type=_Enrolment)
    return {"holds": signing_proof_holds(one.csr_pem, one.signing_key, one.signing_proof)}


class _Comparison(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    revealed: Revealed
    ca_certificate_pem: str
    server_nonce: str
    commitment: str


def _comparison(data: bytes, _: Keys, __: _Given) -> Any:
    one = msgspec.json.decode(data, type=_Comparison)
    number = comparison_number(
        one.revealed, ca_certificate_pem=one.ca_certificate_pem, server_nonce=one.server_nonce
    )
    return {"is_committed": is_committed(one.commitment, one.revealed), "number": number}


def _kiosk_message(data: bytes, _: Keys, __: _Given) -> Any:
    return decode_kiosk_message(data)


READERS: dict[str, Callable[[bytes, Keys, _Given], Any]] = {
    "order": _order,
    "kiosk_message": _kiosk_message,
    "enrolment": _enrolment,
    "comparison": _comparison,
    "canonical": _canonical,
    "root": _root,
    "root update": _root_update,
    "envelope": _envelope,
    "unsigned centre": _unsigned_centre,
    "centre": _centre,
    "package": _package,
    "form": _form,
    "package image": _package_image,
    "opening bundle": _bundle,
    "opening key": _opening_key,
    "official key": _official_key,
    "answer-key package": _key_package,
    "results": _results,
    "assignment": _assignment,
    "segment": _segment,
    "chain": _chain,
    "entry": _entry,
    "audit log": _audit,
    "resume": _resume,
    "resume code": _resume_code,
    "typed resume code": _typed_resume_code,
    "checkpoint": _checkpoint,
}
