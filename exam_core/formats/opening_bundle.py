"""The opening bundle: what one centre needs to open its forms, and two people to open it.

Nested: age to the centre's opening key, inside it age under the opening code, inside it an
envelope signed at headquarters. The outer layer can be taken off at a rehearsal, which proves the
centre's key; the inner one waits for the code. Specified in `docs/spec/opening-bundle.md`.
"""

import re

import msgspec

from exam_core.crypto.opening_code import parse_code
from exam_core.crypto.sealing import (
    Recipient,
    SealingIdentity,
    seal,
    seal_with_passphrase,
    unseal,
    unseal_with_passphrase,
)
from exam_core.crypto.signing import PrivateSigningKey
from exam_core.errors import InputError, IntegrityError, declare
from exam_core.formats.canonical import decode_canonical, encode_canonical
from exam_core.formats.dsse import sign_envelope, verify_envelope
from exam_core.formats.trust_root import TrustRoot
from exam_core.model.identifiers import CentreId, FormNumber, PaperId, SittingId

OPENING_KEY = declare(
    "opening.key",
    "考点启封密钥或其口令不对，或启封包不是给本考点的，或启封包已损坏；"
    "请核对密钥文件和口令，仍打不开时请重新拷贝并导入启封包。",
)
OPENING_CODE = declare("opening.code", "启封码不对，请与总部逐组核对后重新输入；试卷没有打开。")
OPENING_MALFORMED = declare("opening.malformed", "启封包内容不对，请联系总部重新取得启封包。")
OPENING_MISMATCH = declare("opening.mismatch", "启封包与试卷包不是一套，请核对两个文件的来源。")

SECRET_BYTES = 32
_SECRET_TEXT = re.compile(r"[0-9a-f]{64}")
_PAYLOAD_TYPE = "application/vnd.gongyuan.opening.v1+json"


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
        if not _SECRET_TEXT.fullmatch(self.journal_secret) or not self.identities:
            raise InputError(OPENING_MALFORMED, "启封包内容不全")
        numbers = [held.form_number for held in self.identities]
        if numbers != sorted(set(numbers)) or numbers[0] < 1:
            raise InputError(OPENING_MALFORMED, "启封包中的卷号重复或顺序不对")


def seal_bundle(
    bundle: OpeningBundle, keys: list[PrivateSigningKey], code: str, recipient: Recipient
) -> bytes:
    """The bundle file for one centre; takes about two seconds (scrypt)."""
    envelope = sign_envelope(encode_canonical(bundle), _PAYLOAD_TYPE, keys)
    return seal(seal_with_passphrase(envelope, parse_code(code)), [recipient])


def unwrap_bundle(data: bytes, opening_identity: SealingIdentity) -> bytes:
    """Take the outer layer off, with the centre's key alone.

    Raises:
        InputError: `seal.key`, when the opening key is no key at all.
        IntegrityError: `opening.key`.
    """
    try:
        return unseal(data, opening_identity)
    except IntegrityError as error:
        raise IntegrityError(OPENING_KEY, "启封密钥打不开这个启封包") from error


def open_bundle(
    inner: bytes, code: str, root: TrustRoot, *, manifest_sha256: str, centre_id: CentreId
) -> OpeningBundle:
    """The bundle from its inner layer, once it belongs to this package and this centre.

    Raises:
        InputError: `opening.code_shape`, `opening.code_group`, `opening.malformed`.
        IntegrityError: `opening.code`, `opening.mismatch`, `signature.*`.
    """
    written = parse_code(code)
    try:
        envelope = unseal_with_passphrase(inner, written)
    except IntegrityError as error:
        raise IntegrityError(OPENING_CODE, "启封码不对") from error
    payload = verify_envelope(envelope, _PAYLOAD_TYPE, root.trusted(), root.threshold)
    bundle = decode_canonical(payload, OpeningBundle, OPENING_MALFORMED, "启封包")
    if (bundle.manifest_sha256, bundle.centre_id) != (manifest_sha256, centre_id):
        raise IntegrityError(OPENING_MISMATCH, "启封包属于另一个试卷包或另一个考点")
    return bundle


def seal_opening_key(identity: SealingIdentity, passphrase: str) -> bytes:
    """The centre's opening key as a file that the passphrase opens."""
    return seal_with_passphrase(identity.encode(), passphrase)


def open_opening_key(data: bytes, passphrase: str) -> SealingIdentity:
    """The centre's opening key from its file.

    Raises:
        IntegrityError: `opening.key`.
    """
    try:
        return SealingIdentity(unseal_with_passphrase(data, passphrase).decode("ascii"))
    except (IntegrityError, UnicodeDecodeError) as error:
        raise IntegrityError(OPENING_KEY, "启封密钥文件或其口令不对") from error
