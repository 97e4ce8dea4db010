"""Ed25519 signing keys, and raw signatures over bytes.

What is signed and how several people sign one thing is in `exam_core.formats.dsse`.
Source: RFC 8032.
"""

import functools
import hashlib
import re
from typing import NewType

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from exam_core.errors import InputError, declare

_KEY_TEXT = re.compile(r"[0-9a-f]{64}")

SIGNING_KEY = declare("signing.key", "签名密钥格式不对，请检查选择的密钥文件。")

PublicSigningKey = NewType("PublicSigningKey", str)
"""A public Ed25519 key: 64 lower-case hex digits; one key has one spelling."""

PrivateSigningKey = NewType("PrivateSigningKey", str)
"""A private Ed25519 key: 64 lower-case hex digits of seed."""


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


def signature_holds(message: bytes | memoryview, signature: bytes, key: PublicSigningKey) -> bool:
    """Whether `key` made this signature over these bytes."""
    try:
        _public(key).verify(signature, message)
    except InvalidSignature:
        return False
    return True


class Signer:
    """A private key that is read once and signs often.

    Attributes:
        public_key: What its signatures are checked with.

    Raises:
        InputError: `signing.key`.
    """

    def __init__(self, key: PrivateSigningKey) -> None:
        self._key = _private(key)
        self.public_key = PublicSigningKey(self._key.public_key().public_bytes_raw().hex())

    def sign(self, message: bytes) -> bytes:
        """The signature, 64 bytes."""
        return self._key.sign(message)


@functools.lru_cache(maxsize=1024)  # a room of kiosks; reading a key costs half a verification
def _public(key: PublicSigningKey) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(_public_bytes(key))


def _private(key: PrivateSigningKey) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(_key_bytes(key, "签名私钥格式不对"))


def _public_bytes(key: PublicSigningKey) -> bytes:
    return _key_bytes(key, "签名公钥格式不对")


def _key_bytes(key: str, problem: str) -> bytes:
    if not _KEY_TEXT.fullmatch(key):  # fromhex would also take capitals and spaces
        raise InputError(SIGNING_KEY, problem)
    return bytes.fromhex(key)
