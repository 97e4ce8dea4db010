"""DSSE envelopes: signed bytes with a type, by one or several named keys.

An envelope is verified against a set of trusted keys and a threshold of *distinct* keys; the
payload is returned only then. What was signed is what is returned: nothing is re-serialised.
Source: DSSE v1.0.2 (secure-systems-lab), protocol.md and envelope.md.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from exam_core import limits
from exam_core.crypto.signing import (
    PrivateSigningKey,
    PublicSigningKey,
    key_id,
    public_key_of,
    sign_bytes,
    signature_holds,
)
from exam_core.errors import InputError, IntegrityError, declare
from exam_core.formats.canonical import decode_canonical, encode_canonical

SIGNATURE_MALFORMED = declare("signature.malformed", "签名文件格式不对，请重新取得该文件。")
SIGNATURE_TYPE = declare("signature.type", "文件种类不符，请检查是否选错了文件。")
SIGNATURE_INVALID = declare("signature.invalid", "签名不对，文件可能被改动过；停止使用并上报。")
SIGNATURE_REPEATED = declare(
    "signature.repeated", "同一密钥签了两次，不能算两人；请退回总部由不同的人签名。"
)
SIGNATURE_THRESHOLD = declare(
    "signature.threshold", "签名人数不足；请退回总部，由还没有签名的人补签。"
)
SIGNATURE_UNKNOWN_KEY = declare(
    "signature.unknown_key",
    "有签名者不在可信名单内，其余签名不够；请先核对信任根是否最新，再向总部核实签名人。",
)

_SIGNATURE_MARK = b'"keyid":'
"""Once in every signature, and nowhere else: a quote inside a text would be escaped."""

_PAYLOAD_LEAD = b'{"payload":"'
_TEXT_STEP = 1024 * 1024  # of base64 at a time; whole groups of four


class Signature(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One signature of an envelope; `keyid` is the SHA-256 of the public key, in hex."""

    keyid: str
    sig: str


class Envelope(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"
):
    """A DSSE envelope: base64 payload, its type, its signatures."""

    payload: str
    payload_type: str
    signatures: tuple[Signature, ...]


class Verified(NamedTuple):
    """A payload, and the key ids of those whose signatures hold, in the envelope's order."""

    payload: bytes
    signers: tuple[str, ...]


def sign_envelope(payload: bytes, payload_type: str, keys: Sequence[PrivateSigningKey]) -> bytes:
    """An envelope with one signature for each key, in the order given, in canonical form."""
    signatures = tuple(
        Signature(
            keyid=key_id(public_key_of(key)),
            sig=base64.b64encode(sign_bytes(_pae(payload_type, payload), key)).decode(),
        )
        for key in keys
    )
    return encode_canonical(
        Envelope(
            payload=base64.b64encode(payload).decode(),
            payload_type=payload_type,
            signatures=signatures,
        )
    )


def add_signature(envelope_bytes: bytes, payload_type: str, key: PrivateSigningKey) -> bytes:
    """The envelope with one more signature at the end; the others are not looked at.

    Raises:
        InputError: `signature.malformed`.
    """
    envelope = decode_canonical(envelope_bytes, Envelope, SIGNATURE_MALFORMED, "签名信封")
    payload = _b64(envelope.payload.encode())
    signature = Signature(
        keyid=key_id(public_key_of(key)),
        sig=base64.b64encode(sign_bytes(_pae(payload_type, payload), key)).decode(),
    )
    return encode_canonical(
        msgspec.structs.replace(envelope, signatures=(*envelope.signatures, signature))
    )


def unverified_payload(envelope_bytes: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Payload and claimed key ids of an envelope, believed by nobody: for reports on what is wrong.

    Raises:
        InputError: `signature.malformed`.
    """
    envelope = decode_canonical(envelope_bytes, Envelope, SIGNATURE_MALFORMED, "签名信封")
    return _b64(envelope.payload.encode()), tuple(one.keyid for one in envelope.signatures)


def verify_envelope(
    envelope_bytes: bytes,
    payload_type: str,
    trusted: Mapping[str, PublicSigningKey],
    threshold: int,
) -> bytes:
    """The payload alone of what `verify_signatures` accepts; raises as it does."""
    return verify_signatures(envelope_bytes, payload_type, trusted, threshold).payload


def verify_signatures(
    envelope_bytes: bytes,
    payload_type: str,
    trusted: Mapping[str, PublicSigningKey],
    threshold: int,
) -> Verified:
    """The payload and its signers, once `threshold` distinct trusted keys have signed it.

    Args:
        envelope_bytes: The envelope in canonical form.
        payload_type: The only type that is accepted.
        trusted: Public keys by key id.
        threshold: At least 1. Signatures by unknown keys neither count nor harm; a signature that
            names a trusted key and does not verify, or a key that signs twice, refuses all.

    Raises:
        InputError: `signature.malformed`, `signature.type`.
        IntegrityError: `signature.invalid`, `signature.repeated`, `signature.threshold`, and in its
            place `signature.unknown_key` when somebody whom we do not know signed as well.
    """
    if threshold < 1:
        raise ValueError("threshold must be at least 1")
    # Counted before they are values: a million of them would fill memory first.
    if envelope_bytes.count(_SIGNATURE_MARK) > limits.signatures_max:
        raise InputError(SIGNATURE_MALFORMED, "签名个数过多")
    envelope, text = _cut(envelope_bytes)
    if envelope.payload_type != payload_type:
        raise InputError(
            SIGNATURE_TYPE, "文件种类不符", expected=payload_type, found=envelope.payload_type
        )
    signed, payload_at = _signed_bytes(payload_type, text)
    signers: list[str] = []
    for signature in envelope.signatures:
        key = trusted.get(signature.keyid)
        if key is None:
            continue
        if signature.keyid in signers:
            raise IntegrityError(SIGNATURE_REPEATED, "同一密钥签了两次", keyid=signature.keyid)
        if not signature_holds(signed, _b64(signature.sig.encode()), key):
            raise IntegrityError(SIGNATURE_INVALID, "签名不对", keyid=signature.keyid)
        signers.append(signature.keyid)
    if len(signers) < threshold:
        unknown = len(envelope.signatures) - len(signers)
        raise IntegrityError(
            SIGNATURE_UNKNOWN_KEY if unknown else SIGNATURE_THRESHOLD,
            f"需要 {threshold} 个可信签名，只有 {len(signers)} 个"
            + (f"；另有 {unknown} 个签名来自不认识的密钥" if unknown else ""),
            threshold=threshold,
            signers=len(signers),
        )
    return Verified(bytes(signed[payload_at:]), tuple(signers))


def _cut(envelope_bytes: bytes) -> tuple[Envelope, memoryview]:
    """The envelope without its payload, and the payload's text where it stands.

    Nobody is believed yet and the text may fill the file: it is neither copied nor encoded again.
    Its alphabet has no quote, so the first one ends it; keys are sorted, so it comes first.
    """
    end = envelope_bytes.find(b'"', len(_PAYLOAD_LEAD))
    is_short = len(envelope_bytes) - end <= limits.envelope_rest_bytes_max
    if not envelope_bytes.startswith(_PAYLOAD_LEAD) or end < 0 or not is_short:
        raise InputError(SIGNATURE_MALFORMED, "签名信封格式不对")
    rest = _PAYLOAD_LEAD + envelope_bytes[end:]
    envelope = decode_canonical(rest, Envelope, SIGNATURE_MALFORMED, "签名信封")
    return envelope, memoryview(envelope_bytes)[len(_PAYLOAD_LEAD) : end]


def _signed_bytes(payload_type: str, text: memoryview) -> tuple[memoryview, int]:
    """What is signed for a payload in base64, and where in it the payload begins; made in place."""
    size = len(text) // 4 * 3 - bytes(text[-2:]).count(b"=")
    signed = bytearray(_pae_head(payload_type, max(size, 0)))
    payload_at = len(signed)
    for at in range(0, len(text), _TEXT_STEP):
        is_last = at + _TEXT_STEP >= len(text)
        part = _b64(text[at : at + _TEXT_STEP])
        if not is_last and len(part) != _TEXT_STEP // 4 * 3:
            raise InputError(SIGNATURE_MALFORMED, "签名信封中的编码不对")
        signed += part
    return memoryview(signed), payload_at


def _pae(payload_type: str, payload: bytes) -> bytes:
    return _pae_head(payload_type, len(payload)) + payload


def _pae_head(payload_type: str, size: int) -> bytes:
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d " % (len(kind), kind, size)


def _b64(text: bytes | memoryview) -> bytes:
    try:
        raw = binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error as error:
        raise InputError(SIGNATURE_MALFORMED, "签名信封中的编码不对") from error
    if base64.b64encode(raw) != text:
        raise InputError(SIGNATURE_MALFORMED, "签名信封中的编码不唯一")
    return raw
