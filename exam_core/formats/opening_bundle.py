"""`.examopen`: what one centre needs to open its forms, and two people to open it.

A signed header, readable before anybody comes with a key, says for which paper, sitting and
centre the file is. The body is age to the centre's opening key; inside it stand the content, age
to an identity drawn for this bundle, and that identity under each way in (`opening_locks`).
The outer layer can be taken off at a rehearsal, which proves the centre's key; the inner one
waits for the codes. Specified in `docs/spec/opening-bundle.md`.
"""

import hashlib
import re
from dataclasses import dataclass

import msgspec

from exam_core import limits
from exam_core.crypto.sealing import (
    Recipient,
    SealingIdentity,
    generate_identity,
    recipient_of,
    seal,
    unseal,
)
from exam_core.crypto.signing import PrivateSigningKey
from exam_core.errors import InputError, IntegrityError, declare
from exam_core.formats.byte_source import BytesSource
from exam_core.formats.canonical import decode_canonical, encode_canonical
from exam_core.formats.centre_descriptor import CentreDescriptor
from exam_core.formats.dsse import sign_envelope
from exam_core.formats.opening_key import OPENING_KEY
from exam_core.formats.opening_locks import Locks, OpeningCodes, Proof, make_locks, unlock
from exam_core.formats.signed_file import join_signed_file, read_envelope
from exam_core.formats.trust_root import TrustRoot, verify_by_root
from exam_core.model.identifiers import CentreId, FormNumber, PaperId, SittingId

OPENING_MALFORMED = declare(
    "opening.malformed", "这不是启封包，或启封包不完整；请重新拷贝，仍不行时请联系总部。"
)
OPENING_ALTERED = declare("opening.altered", "启封包内容与签名不符，停止使用并上报总部。")
OPENING_MISMATCH = declare(
    "opening.mismatch", "启封包与试卷包、场次或考点不是一套，请核对两个文件的来源。"
)
OPENING_OTHER_KEY = declare(
    "opening.other_key",
    "启封包是按本考点另一把启封密钥做的；请把本考点现用的考点文件送总部，由总部重做启封包。",
)

MAGIC = b"EXOP1\n"
HEADER_TYPE = "application/vnd.gongyuan.opening-header.v1+json"
CONTENT_TYPE = "application/vnd.gongyuan.opening.v1+json"

SECRET_BYTES = 32
_DIGEST_TEXT = re.compile(r"[0-9a-f]{64}")


class FormIdentity(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The private key of one form; it opens that form and no other."""

    form_number: FormNumber
    identity: SealingIdentity


class OpeningBundle(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The identities of this centre's forms, in the order of their numbers.

    `journal_secret` is 64 lower-case hex digits.
    """

    paper_id: PaperId
    sitting_id: SittingId
    centre_id: CentreId
    manifest_sha256: str
    identities: tuple[FormIdentity, ...]
    journal_secret: str

    def __post_init__(self) -> None:
        if not _DIGEST_TEXT.fullmatch(self.journal_secret):
            raise InputError(OPENING_MALFORMED, "启封包内容不全")
        _check_numbers(self.form_numbers())

    def form_numbers(self) -> tuple[FormNumber, ...]:
        """The forms that it opens."""
        return tuple(held.form_number for held in self.identities)


class OpeningHeader(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What headquarters says of a bundle in the open; it opens nothing.

    `recipient_sha256` is the fingerprint of the centre's opening recipient that the body is
    sealed to. `form_numbers` are the forms that this centre will be able to open.
    """

    paper_id: PaperId
    sitting_id: SittingId
    centre_id: CentreId
    manifest_sha256: str
    recipient_sha256: str
    form_numbers: tuple[FormNumber, ...]
    body_sha256: str

    def __post_init__(self) -> None:
        digests = (self.manifest_sha256, self.recipient_sha256, self.body_sha256)
        if not all(map(_DIGEST_TEXT.fullmatch, digests)):
            raise InputError(OPENING_MALFORMED, "启封包的标头不对")
        _check_numbers(self.form_numbers)


class _Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    content: bytes
    locks: Locks


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningFile:
    """A bundle file whose signatures and digest hold; still shut."""

    header: OpeningHeader
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedBundle:
    """A bundle without its outer layer: it waits for codes. In memory only."""

    header: OpeningHeader
    content: bytes
    locks: Locks


def recipient_fingerprint(recipient: Recipient) -> str:
    """SHA-256 of an opening recipient as text, in hex."""
    return hashlib.sha256(recipient.encode()).hexdigest()


def seal_bundle(
    bundle: OpeningBundle, keys: list[PrivateSigningKey], codes: OpeningCodes, recipient: Recipient
) -> bytes:
    """The bundle file for one centre; takes some seconds (scrypt, once for each way in).

    Raises:
        InputError: `seal.key`, `opening.code_*`.
    """
    identity = generate_identity()
    envelope = sign_envelope(encode_canonical(bundle), CONTENT_TYPE, keys)
    content = seal(envelope, [recipient_of(identity)])
    inner = _Body(content=content, locks=make_locks(identity, codes))
    body = seal(encode_canonical(inner), [recipient])
    header = OpeningHeader(
        paper_id=bundle.paper_id,
        sitting_id=bundle.sitting_id,
        centre_id=bundle.centre_id,
        manifest_sha256=bundle.manifest_sha256,
        recipient_sha256=recipient_fingerprint(recipient),
        form_numbers=bundle.form_numbers(),
        body_sha256=hashlib.sha256(body).hexdigest(),
    )
    return join_signed_file(MAGIC, sign_envelope(encode_canonical(header), HEADER_TYPE, keys), body)


def read_opening_file(data: bytes, root: TrustRoot) -> OpeningFile:
    """The file, once headquarters' signatures and the body's digest hold; needs no secret.

    Raises:
        InputError: `opening.malformed`, `signature.malformed`, `signature.type`.
        IntegrityError: `opening.altered`, `signature.*`.
    """
    envelope, start = read_envelope(BytesSource(data), MAGIC, code=OPENING_MALFORMED, name="启封包")
    payload, _ = verify_by_root(envelope, HEADER_TYPE, root)
    body = data[start:]
    header = decode_canonical(payload, OpeningHeader, OPENING_MALFORMED, "启封包标头")
    if hashlib.sha256(body).hexdigest() != header.body_sha256:
        raise IntegrityError(OPENING_ALTERED, "启封包不完整或被改动过")
    return OpeningFile(header=header, body=body)


def check_fits(
    header: OpeningHeader,
    centre: CentreDescriptor,
    *,
    paper_id: PaperId,
    sitting_id: SittingId,
    manifest_sha256: str,
) -> None:
    """Refuse a bundle of another centre, another key of it, another sitting or another package.

    Raises:
        IntegrityError: `opening.mismatch`, saying which; `opening.other_key`.
    """
    for is_same, code, message in (
        (
            header.centre_id == centre.centre_id,
            OPENING_MISMATCH,
            f"启封包是考点 {header.centre_id} 的",
        ),
        (
            header.recipient_sha256 == recipient_fingerprint(centre.opening_recipient),
            OPENING_OTHER_KEY,
            "启封包是按本考点的另一把启封密钥做的",
        ),
        (
            header.sitting_id == sitting_id,
            OPENING_MISMATCH,
            f"启封包属于场次 {header.sitting_id}",
        ),
        (
            (header.paper_id, header.manifest_sha256) == (paper_id, manifest_sha256),
            OPENING_MISMATCH,
            "启封包属于另一个试卷包",
        ),
    ):
        if not is_same:
            raise IntegrityError(code, message)


def unwrap_bundle(file: OpeningFile, opening_identity: SealingIdentity) -> LockedBundle:
    """Take the outer layer off, with the centre's key alone.

    Raises:
        InputError: `seal.key`, when the opening key is no key at all; `opening.malformed`.
        IntegrityError: `opening.key`.
    """
    recipient = recipient_of(opening_identity)
    if recipient_fingerprint(recipient) != file.header.recipient_sha256:
        raise IntegrityError(OPENING_KEY, "这把启封密钥不是启封包指定的那一把")
    try:
        inner = unseal(file.body, opening_identity)
    except IntegrityError as error:
        raise IntegrityError(OPENING_KEY, "启封密钥打不开这个启封包") from error
    body = decode_canonical(inner, _Body, OPENING_MALFORMED, "启封包内层")
    return LockedBundle(header=file.header, content=body.content, locks=body.locks)


def open_bundle(locked: LockedBundle, proof: Proof, root: TrustRoot) -> OpeningBundle:
    """The bundle, once the codes open it and it is what its header says; about a second.

    Raises:
        InputError: `opening.malformed`, `signature.*`.
        IntegrityError: `opening.code`, `opening.envelopes`, `opening.altered`,
            `opening.mismatch`, `signature.*`.
    """
    identity = unlock(locked.locks, proof)
    try:
        envelope = unseal(locked.content, identity)
    except (InputError, IntegrityError) as error:
        raise IntegrityError(OPENING_ALTERED, "启封包内层与所开的锁不是一套") from error
    payload = verify_by_root(envelope, CONTENT_TYPE, root).payload
    bundle = decode_canonical(payload, OpeningBundle, OPENING_MALFORMED, "启封包内容")
    header = locked.header
    said = (header.paper_id, header.sitting_id, header.centre_id, header.manifest_sha256)
    held = (bundle.paper_id, bundle.sitting_id, bundle.centre_id, bundle.manifest_sha256)
    if (*said, header.form_numbers) != (*held, bundle.form_numbers()):
        raise IntegrityError(OPENING_MISMATCH, "启封包的内容与其标头不符")
    return bundle


def _check_numbers(numbers: tuple[FormNumber, ...]) -> None:
    is_in_order = list(numbers) == sorted(set(numbers))
    if not is_in_order or not 1 <= len(numbers) <= limits.package_forms_max or numbers[0] < 1:
        raise InputError(OPENING_MALFORMED, "启封包中没有卷号，或卷号重复、顺序不对")
