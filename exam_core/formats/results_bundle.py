"""`.examresults`: what a room hands to the grading site, signed by three, sealed to graders.

Signed outside by the centre and by two of its officials, sealed inside: the counts that must
reconcile and the head of everybody's journals can be read by everyone, the responses only by the
grading site. Frames travel verbatim, as the kiosks made them.
Specified in `docs/spec/results-bundle.md`.
"""

import hashlib
import struct
from collections.abc import Sequence

import msgspec

from exam_core import limits
from exam_core.crypto.sealing import Recipient, SealingIdentity, seal, unseal
from exam_core.crypto.signing import PrivateSigningKey, key_id
from exam_core.errors import InputError, IntegrityError, declare
from exam_core.formats.canonical import decode_canonical, encode_canonical
from exam_core.formats.centre_descriptor import CentreDescriptor
from exam_core.formats.dsse import (
    SIGNATURE_THRESHOLD,
    SIGNATURE_UNKNOWN_KEY,
    add_signature,
    sign_envelope,
    unverified_payload,
    verify_signatures,
)
from exam_core.formats.results_content import (
    RESULTS_ALTERED,
    ResultsContent,
    ResultsManifest,
    reconcile,
    session_heads,
)
from exam_core.formats.signed_file import join_signed_file

RESULTS_MALFORMED = declare("results.malformed", "考试结果包不完整或不是结果包，请重新拷贝。")
RESULTS_NO_CENTRE = declare(
    "results.no_centre", "考试结果包没有该考点的签名；请核对考点文件，或请考点重新导出。"
)
RESULTS_NO_OFFICIAL = declare(
    "results.no_official", "考试结果包没有签名官员的签名；请考点由两名官员签名后导出。"
)
RESULTS_ONE_OFFICIAL = declare(
    "results.one_official", "考试结果包只有一名官员签名，须两名；请考点补齐后重新导出。"
)
RESULTS_FOREIGN_OFFICIAL = declare(
    "results.foreign_official", "有签名不是该考点签名官员的；请核对考点文件，查明是谁签的。"
)

MAGIC = b"EXRS1\n"

_PAYLOAD_TYPE = "application/vnd.gongyuan.examresults.v1+json"
_LENGTH = struct.Struct(">I")


def seal_results(
    manifest_fields: ResultsManifest,
    content: ResultsContent,
    centre_key: PrivateSigningKey,
    recipients: list[Recipient],
) -> tuple[bytes, bytes]:
    """The envelope, signed by the centre alone, and the sealed content; both final.

    What follows from the content (its digest, the heads, the digests of log and assignment's
    table) is filled into the manifest here.
    """
    sealed = seal(encode_canonical(content), recipients)
    manifest = msgspec.structs.replace(
        manifest_fields,
        sessions=session_heads(content.sessions),
        audit_lines=len(content.audit_lines),
        assignment_sha256=hashlib.sha256(content.assignment).hexdigest(),
        content_sha256=hashlib.sha256(sealed).hexdigest(),
    )
    return sign_envelope(encode_canonical(manifest), _PAYLOAD_TYPE, [centre_key]), sealed


def sign_results(envelope: bytes, official_key: PrivateSigningKey) -> bytes:
    """The envelope with an official's signature added."""
    return add_signature(envelope, _PAYLOAD_TYPE, official_key)


def join_results(envelope: bytes, sealed: bytes) -> bytes:
    """The bundle file."""
    return join_signed_file(MAGIC, envelope, sealed)


def build_results(
    manifest_fields: ResultsManifest,
    content: ResultsContent,
    keys: Sequence[PrivateSigningKey],
    recipients: list[Recipient],
) -> bytes:
    """The bundle file in one step; the first of `keys` is the centre's, the others officials'."""
    envelope, sealed = seal_results(manifest_fields, content, keys[0], recipients)
    for key in keys[1:]:
        envelope = sign_results(envelope, key)
    return join_results(envelope, sealed)


def open_results(
    data: bytes, identity: SealingIdentity, centre: CentreDescriptor
) -> tuple[ResultsManifest, ResultsContent]:
    """Manifest and content, once signatures, digest, counts and heads hold.

    Raises:
        InputError: `results.malformed`, `results.counts`, `journal.malformed`, `signature.*`,
            `seal.key`.
        IntegrityError: `results.altered`, `results.heads`, `results.no_centre`,
            `results.no_official`, `results.one_official`, `results.foreign_official`,
            `signature.*`, `seal.open`.
    """
    envelope, sealed = split_results(data)
    manifest = parse_manifest(verify_results_envelope(envelope, centre)[0])
    check_manifest_centre(manifest, centre)
    check_sealed(manifest, sealed)
    content = open_content(sealed, identity)
    reconcile(manifest, content)
    return manifest, content


def split_results(data: bytes) -> tuple[bytes, bytes]:
    """The envelope and the sealed content of a file, nothing of them verified.

    Raises:
        InputError: `results.malformed`.
    """
    start = len(MAGIC) + _LENGTH.size
    if not data.startswith(MAGIC) or len(data) < start:
        raise InputError(RESULTS_MALFORMED, "这不是考试结果包，或不完整")
    (size,) = _LENGTH.unpack_from(data, len(MAGIC))
    if size > limits.results_manifest_bytes_max or start + size > len(data):
        raise InputError(RESULTS_MALFORMED, "考试结果包不完整或长度不对")
    return data[start : start + size], data[start + size :]


def verify_results_envelope(
    envelope: bytes, centre: CentreDescriptor
) -> tuple[bytes, tuple[str, ...]]:
    """The payload and the officials' key ids, once the centre and two officials signed.

    Raises:
        InputError: `signature.malformed`, `signature.type`.
        IntegrityError: `results.no_centre`, `results.no_official`, `results.one_official`,
            `results.foreign_official`, `signature.invalid`, `signature.repeated`.
    """
    centre_id = key_id(centre.signing_key)
    officials = {key_id(one.signing_key): one.signing_key for one in centre.officials}
    trusted = {centre_id: centre.signing_key} | officials
    try:
        payload, signers = verify_signatures(envelope, _PAYLOAD_TYPE, trusted, 1)
    except IntegrityError as error:
        if error.code not in {SIGNATURE_THRESHOLD, SIGNATURE_UNKNOWN_KEY}:
            raise
        raise IntegrityError(RESULTS_NO_CENTRE, "考点没有签名") from error
    if centre_id not in signers:
        raise IntegrityError(RESULTS_NO_CENTRE, "考点没有签名")
    signed = tuple(signer for signer in signers if signer in officials)
    if len(signed) < limits.officials_min:
        if set(unverified_payload(envelope)[1]) - set(trusted):
            raise IntegrityError(RESULTS_FOREIGN_OFFICIAL, "有签名者不是该考点的签名官员")
        code = RESULTS_ONE_OFFICIAL if signed else RESULTS_NO_OFFICIAL
        raise IntegrityError(code, f"须 2 名官员签名，只有 {len(signed)} 名")
    return payload, signed


def parse_manifest(payload: bytes) -> ResultsManifest:
    """The manifest from the payload of the envelope.

    Raises:
        InputError: `results.malformed`, `results.counts`.
    """
    return decode_canonical(payload, ResultsManifest, RESULTS_MALFORMED, "考试结果清单")


def check_manifest_centre(manifest: ResultsManifest, centre: CentreDescriptor) -> None:
    """Refuse what a centre signed for another one.

    Raises:
        IntegrityError: `results.altered`.
    """
    if manifest.centre_id != centre.centre_id:
        raise IntegrityError(RESULTS_ALTERED, "考试结果包写的是另一个考点")


def check_sealed(manifest: ResultsManifest, sealed: bytes) -> None:
    """Refuse a sealed content that is not the one which was signed.

    Raises:
        IntegrityError: `results.altered`.
    """
    if hashlib.sha256(sealed).hexdigest() != manifest.content_sha256:
        raise IntegrityError(RESULTS_ALTERED, "考试结果包内容被改动过")


def open_content(sealed: bytes, identity: SealingIdentity) -> ResultsContent:
    """The content, from under its seal.

    Raises:
        InputError: `results.malformed`, `seal.key`.
        IntegrityError: `seal.open`.
    """
    plain = unseal(sealed, identity)
    return decode_canonical(plain, ResultsContent, RESULTS_MALFORMED, "考试结果")
