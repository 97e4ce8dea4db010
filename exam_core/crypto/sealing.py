"""Encryption with age (C2SP age v1): to X25519 recipients, or with a passphrase.

Plaintext is returned only after the whole message was verified; there is no streaming.
"""

import io
from typing import BinaryIO, NewType

import pyrage

from exam_core import limits
from exam_core.crypto import age_passphrase
from exam_core.crypto.bech32 import encode_bech32
from exam_core.errors import InputError, IntegrityError, declare

SEAL_OPEN = declare("seal.open", "解密失败：口令或密钥不对，或文件已损坏；请核对后重试。")
SEAL_KEY = declare("seal.key", "密钥格式不对，请检查选择的密钥文件。")

Recipient = NewType("Recipient", str)
"""A public sealing key: `age1…`."""

SealingIdentity = NewType("SealingIdentity", str)
"""A private sealing key: `AGE-SECRET-KEY-1…`."""

_HEADER_START = b"age-encryption.org/v1\n"
_HEADER_END = b"\n--- "
_STANZA_START = b"\n-> "


def generate_identity() -> SealingIdentity:
    """Draw a new private sealing key from the system's randomness."""
    return SealingIdentity(str(pyrage.x25519.Identity.generate()))


def identity_from(raw: bytes) -> SealingIdentity:
    """The private sealing key of these 32 bytes, which must be drawn or derived as a key is."""
    return SealingIdentity(encode_bech32("age-secret-key-", raw).upper())


def recipient_of(identity: SealingIdentity) -> Recipient:
    """The public key of a private sealing key.

    Raises:
        InputError: `seal.key`.
    """
    return Recipient(str(_identity(identity).to_public()))


def is_recipient(text: str) -> bool:
    """Whether this is a public X25519 sealing key, in the one spelling that age gives it."""
    try:
        return str(_recipient(Recipient(text))) == text
    except InputError:
        return False


def seal(plaintext: bytes, recipients: list[Recipient]) -> bytes:
    """Encrypt so that any one of the recipients can open it.

    Raises:
        InputError: `seal.key`, when a recipient is malformed or none is given.
    """
    if not recipients:
        raise InputError(SEAL_KEY, "没有指定接收方公钥")
    return bytes(pyrage.encrypt(plaintext, [_recipient(one) for one in recipients]))


def unseal(ciphertext: bytes, identity: SealingIdentity) -> bytes:
    """Decrypt what was sealed to this identity.

    Raises:
        IntegrityError: `seal.open`, for a wrong key and for altered bytes alike.
        InputError: `seal.key`.
    """
    return unseal_from(io.BytesIO(ciphertext), identity)


def unseal_from(sealed: BinaryIO, identity: SealingIdentity) -> bytes:
    """Decrypt a message that begins where `sealed` stands; the ciphertext is never held whole.

    The library streams into a buffer of ours, which costs one copy of the plaintext instead of
    three; a message that breaks off leaves nothing but the error.

    Raises:
        IntegrityError: `seal.open`, for a wrong key and for altered bytes alike.
        InputError: `seal.key`.
        OSError: The file could not be read.
    """
    key = _identity(identity)
    start = sealed.tell()
    _check_header(sealed.read(limits.age_header_bytes_max))
    sealed.seek(start)
    opened = io.BytesIO()
    try:
        pyrage.decrypt_io(sealed, opened, [key])
    except (pyrage.DecryptError, OSError) as error:
        raise IntegrityError(SEAL_OPEN, "无法解密：密钥不符或文件已损坏") from error
    return opened.getvalue()


def seal_with_passphrase(plaintext: bytes, passphrase: str) -> bytes:
    """Encrypt under a passphrase (scrypt); costs about a second by design."""
    return age_passphrase.encrypt(plaintext, passphrase)


def unseal_with_passphrase(ciphertext: bytes, passphrase: str) -> bytes:
    """Decrypt what was sealed under this passphrase.

    Raises:
        IntegrityError: `seal.open`, for a wrong passphrase and for altered bytes alike.
    """
    plaintext = age_passphrase.decrypt(ciphertext, passphrase)
    if plaintext is None:
        raise IntegrityError(SEAL_OPEN, "无法解密：口令不对或文件已损坏")
    return plaintext


def _recipient(text: Recipient) -> pyrage.x25519.Recipient:
    try:
        return pyrage.x25519.Recipient.from_str(text)
    except (pyrage.RecipientError, UnicodeEncodeError) as error:
        raise InputError(SEAL_KEY, "接收方公钥格式不对") from error


def _check_header(beginning: bytes) -> None:
    """Only binary age with a header of sane size; the library would also take the text armour."""
    is_binary = beginning.startswith(_HEADER_START)
    end = beginning.find(_HEADER_END)
    stanzas = beginning.count(_STANZA_START, 0, max(end, 0))
    if not is_binary or end < 0 or stanzas > limits.age_stanzas_max:
        raise IntegrityError(SEAL_OPEN, "无法解密：不是加密文件或文件已损坏")


def _identity(identity: SealingIdentity) -> pyrage.x25519.Identity:
    try:
        return pyrage.x25519.Identity.from_str(identity)
    except (pyrage.IdentityError, UnicodeEncodeError) as error:
        raise InputError(SEAL_KEY, "私钥格式不对") from error
