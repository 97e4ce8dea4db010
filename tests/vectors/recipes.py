"""What the vectors are made from: keys, plaintexts and sealed bytes, each made once and kept.

age draws a new file key for every file, so sealed bytes cannot be made a second time. They are
ingredients, committed like the keys; everything in the vector folders follows from them by
`make_vectors.py` without any randomness. `make_missing()` makes those that are not there.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from exam_core.crypto.sealing import (
    Recipient,
    SealingIdentity,
    generate_identity,
    recipient_of,
    seal,
)
from exam_core.crypto.signing import public_key_of
from exam_core.formats.canonical import encode_canonical
from exam_core.formats.dsse import sign_envelope
from exam_core.formats.officials import seal_official_key
from exam_core.formats.opening_bundle import CONTENT_TYPE
from exam_core.formats.opening_key import seal_opening_key
from exam_core.formats.opening_locks import make_locks
from exam_core.formats.package_manifest import Manifest, Member, MemberRole
from exam_core.formats.resume_file import ResumeKeys, ResumeTicket, resume_recipients, seal_resume
from exam_core.keys import package as key_package
from exam_core.model.identifiers import FormNumber, ImageId, SeatId
from tests.support import builders
from tests.support.pictures import png
from tests.vectors.readers import INGREDIENTS, Keys

IMAGE_ID = ImageId("1f" * 16)
KEYS = Keys(
    setter=builders.SETTER,
    approver=builders.APPROVER,
    stranger=builders.STRANGER,
    centre=builders.CENTRE_KEY,
    centre_public=public_key_of(builders.CENTRE_KEY),
    officials=builders.OFFICIAL_KEYS,
    kiosk=builders.KIOSK_KEY,
    kiosk_public=builders.KIOSK.public_key,
    form_identity=builders.FORM_IDENTITY,
    opening_identity=builders.OPENING_IDENTITY,
    grading_identity=builders.GRADING_IDENTITY,
    opening_code=builders.OPENING_CODE,
    envelope_codes=builders.ENVELOPE_CODES,
    opening_passphrase="考点启封口令",
    journal_key=builders.JOURNAL_KEY.hex(),
    segment_id=builders.SEGMENT_ID,
    session_id=builders.SESSION_ID,
    root=builders.root(),
)


RESUME_TICKET = ResumeTicket(
    sitting_id=builders.SITTING_ID,
    seat_id=SeatId("A01"),
    session_id=builders.SESSION_ID,
    code_number=1,
)
RESUME_KEYS = ResumeKeys(
    package_sha256="ab" * 32,
    form_number=FormNumber(1),
    form_identity=builders.FORM_IDENTITY,
    journal_key=builders.JOURNAL_KEY,
    recipients=resume_recipients(
        builders.JOURNAL_KEY, sitting_id=builders.SITTING_ID, seat_id=SeatId("A01")
    ),
)


def _device() -> Recipient:
    return recipient_of(KEYS.opening_identity)


def ingredient(name: str) -> bytes:
    """The bytes of an ingredient."""
    return (INGREDIENTS / name).read_bytes()


def manifest_of(*names: str, images: Sequence[str] = (), **fields: Any) -> Manifest:
    """The manifest of a package of these sealed forms, and of one image."""
    members = []
    offset = 0
    roles = [(MemberRole.FORM, str(number)) for number in range(1, len(names) + 1)]
    roles += [(MemberRole.IMAGE, str(IMAGE_ID))] * len(images)
    for (role, name), ingredient_name in zip(roles, (*names, *images), strict=True):
        sealed = ingredient(ingredient_name)
        digest = hashlib.sha256(sealed).hexdigest()
        members.append(Member(role=role, name=name, offset=offset, size=len(sealed), sha256=digest))
        offset += len(sealed)
    return builders.manifest(members=tuple(members), total_forms=len(names), **fields)


def make_missing() -> list[str]:
    """Make the ingredients that are not there, in order; the names of those made."""
    INGREDIENTS.mkdir(exist_ok=True)
    made = []
    for name, make in _RECIPES.items():
        if not (INGREDIENTS / name).exists():
            (INGREDIENTS / name).write_bytes(make())
            made.append(name)
    return made


def _json(value: object) -> bytes:
    return encode_canonical(value)


def _sealed_form(name: str) -> bytes:
    return seal(ingredient(name), [recipient_of(KEYS.form_identity)])


def _form_with_image() -> bytes:
    plain = builders.form(1)
    first = msgspec.structs.replace(plain.items[0], images=(builders.image(IMAGE_ID),))
    seals = (builders.image_seal(IMAGE_ID, png(), KEYS.form_identity),)
    shown = msgspec.structs.replace(plain, items=(first, *plain.items[1:]), image_seals=seals)
    return encode_canonical(shown)


def _form_with_key() -> bytes:
    plain = msgspec.json.decode(ingredient("form-1.json"))
    plain["items"][0]["parts"][0]["key"] = {"letters": "B", "type": "choice"}
    return encode_canonical(plain)


def _opening_content(*signers: str) -> bytes:
    keys = [getattr(KEYS, signer) for signer in signers]
    envelope = sign_envelope(ingredient("opening-content.json"), CONTENT_TYPE, keys)
    return seal(envelope, [recipient_of(_bundle_identity())])


def _bundle_identity() -> SealingIdentity:
    return SealingIdentity(ingredient("opening-identity.txt").decode())


def _opening_locks() -> bytes:
    return encode_canonical(make_locks(_bundle_identity(), builders.codes()))


def _opening_body(content: str) -> bytes:
    locks = msgspec.json.decode(ingredient("opening-locks.json"))
    inner = encode_canonical({"content": ingredient(content), "locks": locks})
    return seal(inner, [recipient_of(KEYS.opening_identity)])


def _sealed_key(name: str, *signers: str) -> bytes:
    keys = [getattr(KEYS, signer) for signer in signers]
    envelope = sign_envelope(ingredient(name), key_package.PAYLOAD_TYPE, keys)
    return _to_graders(envelope)


def _to_graders(plaintext: bytes) -> bytes:
    return seal(plaintext, [recipient_of(KEYS.grading_identity)])


def _key_without_map() -> bytes:
    plain = msgspec.json.decode(ingredient("answer-key.json"))
    plain["forms"][0]["items"][0]["parts"][0]["letters"] = {}
    return encode_canonical(plain)


_RECIPES: dict[str, Callable[[], bytes]] = {
    "keys.json": lambda: msgspec.json.format(encode_canonical(KEYS)) + b"\n",
    "root.json": lambda: _json(builders.root()),
    "centre.json": lambda: _json(builders.centre()),
    "roster.json": lambda: _json(builders.roster(2)),
    "form-1.json": lambda: _json(builders.form(1)),
    "form-2.json": lambda: _json(builders.form(2)),
    "form-with-key.json": _form_with_key,
    "form-1.age": lambda: _sealed_form("form-1.json"),
    "form-2.age": lambda: _sealed_form("form-2.json"),
    "form-with-image.json": _form_with_image,
    "form-with-image.age": lambda: _sealed_form("form-with-image.json"),
    "image.age": lambda: seal(png(), [recipient_of(KEYS.form_identity)]),
    "form-with-key.age": lambda: _sealed_form("form-with-key.json"),
    "official-key.age": lambda: seal_official_key(
        builders.OFFICIAL_KEYS[0], KEYS.opening_passphrase
    ),
    "opening-content.json": lambda: _json(builders.bundle()),
    "opening-identity.txt": lambda: generate_identity().encode(),
    "opening-content.age": lambda: _opening_content("setter", "approver"),
    "opening-content-one-signer.age": lambda: _opening_content("setter"),
    "opening-locks.json": _opening_locks,
    "opening-body.age": lambda: _opening_body("opening-content.age"),
    "opening-body-one-signer.age": lambda: _opening_body("opening-content-one-signer.age"),
    "opening-key.age": lambda: seal_opening_key(KEYS.opening_identity, KEYS.opening_passphrase),
    "answer-key.json": lambda: _json(builders.answer_key()),
    "answer-key-without-map.json": _key_without_map,
    "answer-key.age": lambda: _sealed_key("answer-key.json", "setter", "approver"),
    "answer-key-one-signer.age": lambda: _sealed_key("answer-key.json", "setter"),
    "answer-key-twice-signed.age": lambda: _sealed_key("answer-key.json", "setter", "setter"),
    "answer-key-without-map.age": lambda: _sealed_key(
        "answer-key-without-map.json", "setter", "approver"
    ),
    "resume-keys.json": lambda: _json(RESUME_KEYS),
    "resume.age": lambda: seal_resume(RESUME_KEYS, RESUME_TICKET, _device()),
    "resume-second.age": lambda: seal_resume(
        RESUME_KEYS, msgspec.structs.replace(RESUME_TICKET, code_number=2), _device()
    ),
    "resume-other-device.age": lambda: seal_resume(
        RESUME_KEYS, RESUME_TICKET, recipient_of(KEYS.grading_identity)
    ),
    "resume-magic.age": lambda: seal(b"EXRA2\n{}\nx", [_device()]),
    "resume-number.age": lambda: seal(
        b"EXRA1\n" + _json(RESUME_TICKET).replace(b'"code_number":1', b'"code_number":4') + b"\nx",
        [_device()],
    ),
    "results-content.json": lambda: _json(builders.results_content()),
    "results-content.age": lambda: _to_graders(ingredient("results-content.json")),
    "results-content-pretty.age": lambda: _to_graders(
        msgspec.json.format(ingredient("results-content.json"))
    ),
}
