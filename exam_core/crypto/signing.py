"""Ed25519 signing keys, and raw signatures over bytes.

What is signed and how several people sign one thing is in `exam_core.formats.dsse`.
Source: RFC 8032.
"""

import hashlib
from typing import NewType

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from exam_core.errors import InputError, declare

PUBLIC_KEY_BYTES = 32

SIGNING_KEY = declare("signing.key", "签名密钥格式不对，请检查选择的密钥文件。")

PublicSigningKey = NewType("PublicSigningKey", str)
"""A public Ed25519 key: 64 hex digits."""

PrivateSigningKey = NewType("PrivateSigningKey", str)
"""A private Ed25519 key: 64 hex digits of seed."""


def generate_signing_key() -> PrivateSigningKey:
    """Draw a new private signing key from the system's randomness."""
    return PrivateSigningKey(Ed25519PrivateKey.generate().private_bytes_raw().hex())


def public_key_of(key: PrivateSigningKey) -> PublicSigningKey:
    """The public half of a private signing key.

    Raises:
        InputError: `signing.key`.
    """
    return PublicSigningKey(_private(key).public_key().public_bytes_raw().hex())


def key_id(key: PublicSigningKey) -> str:
    """The name of a public key in envelopes and on paper: SHA-256 in hex.

    Raises:
        InputError: `signing.key`.
    """
    return hashlib.sha256(_public_bytes(key)).hexdigest()


def sign_bytes(message: bytes, key: PrivateSigningKey) -> bytes:
    """The signature, 64 bytes.

    Raises:
        InputError: `signing.key`.
    """
    return _private(key).sign(message)


def signature_holds(message: bytes, signature: bytes, key: PublicSigningKey) -> bool:
    """Whether `key` made this signature over these bytes."""
    try:
        Ed25519PublicKey.from_public_bytes(_public_bytes(key)).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _private(key: PrivateSigningKey) -> Ed25519PrivateKey:
    try:
        return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(key))
    except ValueError as error:
        raise InputError(SIGNING_KEY, "签名私钥格式不对") from error


def _public_bytes(key: PublicSigningKey) -> bytes:
    try:
        raw = bytes.fromhex(key)
    except ValueError as error:
        raise InputError(SIGNING_KEY, "签名公钥格式不对") from error
    if len(raw) != PUBLIC_KEY_BYTES:
        raise InputError(SIGNING_KEY, "签名公钥长度不对")
    return raw
