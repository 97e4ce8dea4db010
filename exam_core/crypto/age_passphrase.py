"""age files under a passphrase, with one fixed work factor; whole files in memory only.

The age library chooses the work factor by timing the machine, and by the same clock refuses files
that it thinks too slow. Measured on a loaded machine, it refused a right opening code and sealed
with a factor sixteen times too weak. Nothing may depend on what else a server is doing at the
hour of opening, so this one recipient type of age is written out here; files go both ways between
this and any other age program.
Source: C2SP age specification, version 1: "The scrypt recipient type", "Header MAC", "Payload".
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from exam_core import limits

_HEADER = re.compile(
    rb"age-encryption\.org/v1\n"
    rb"-> scrypt ([A-Za-z0-9+/]{22}) ([1-9][0-9]?)\n"
    rb"([A-Za-z0-9+/]{43})\n"
    rb"---(?= ([A-Za-z0-9+/]{43})\n)"
)
_MAC_FIELD_BYTES = 1 + 43 + 1  # a space, the MAC, a line feed
_SCRYPT_LABEL = b"age-encryption.org/v1/scrypt"
_SALT_BYTES = 16
_FILE_KEY_BYTES = 16
_NONCE_BYTES = 16
_CHUNK_BYTES = 64 * 1024
_TAG_BYTES = 16


def encrypt(plaintext: bytes, passphrase: str) -> bytes:
    """The age file of `plaintext`; takes about a second and 256 MiB, by design."""
    file_key = secrets.token_bytes(_FILE_KEY_BYTES)
    salt = secrets.token_bytes(_SALT_BYTES)
    nonce = secrets.token_bytes(_NONCE_BYTES)
    log_n = limits.scrypt_log_n
    wrapped = _wrapper(passphrase, salt, log_n).encrypt(bytes(12), file_key, None)
    header = b"age-encryption.org/v1\n-> scrypt %b %d\n%b\n---" % (
        _to_text(salt),
        log_n,
        _to_text(wrapped),
    )
    aead = ChaCha20Poly1305(_derive(file_key, nonce, b"payload"))
    sealed = (
        aead.encrypt(_chunk_nonce(number, is_last=is_last), chunk, None)
        for number, (chunk, is_last) in enumerate(_chunks(plaintext, _CHUNK_BYTES))
    )
    mac = _to_text(_mac(file_key, header))
    return b"".join((header, b" ", mac, b"\n", nonce, *sealed))


def decrypt(data: bytes, passphrase: str) -> bytes | None:
    """The plaintext; None when the passphrase is not right or any byte was altered.

    A file with a larger work factor than ours is refused unopened: it would cost memory and time
    that an exam room's server may not have.
    """
    header = _HEADER.match(data)
    if header is None or int(header[2]) > limits.scrypt_log_n:
        return None
    salt, wrapped, mac = (_from_text(header[group]) for group in (1, 3, 4))
    nonce_at = header.end() + _MAC_FIELD_BYTES
    payload_at = nonce_at + _NONCE_BYTES
    if salt is None or wrapped is None or mac is None or len(data) < payload_at + _TAG_BYTES:
        return None
    try:
        wrapper = _wrapper(passphrase, salt, int(header[2]))
        file_key = wrapper.decrypt(bytes(12), wrapped, None)
        if not hmac.compare_digest(mac, _mac(file_key, header[0])):
            return None
        key = _derive(file_key, data[nonce_at:payload_at], b"payload")
        return _open_payload(ChaCha20Poly1305(key), data[payload_at:])
    except (InvalidTag, UnicodeEncodeError):
        return None


def _open_payload(aead: ChaCha20Poly1305, sealed: bytes) -> bytes | None:
    opened = [
        aead.decrypt(_chunk_nonce(number, is_last=is_last), chunk, None)
        for number, (chunk, is_last) in enumerate(_chunks(sealed, _CHUNK_BYTES + _TAG_BYTES))
    ]
    # Of two spellings of one plaintext, with and without an empty last chunk, age allows one.
    return None if len(opened) > 1 and not opened[-1] else b"".join(opened)


def _chunks(data: bytes, size: int) -> Iterator[tuple[bytes, bool]]:
    last = max(0, (len(data) - 1) // size)
    for number in range(last + 1):
        yield data[number * size : (number + 1) * size], number == last


def _chunk_nonce(number: int, *, is_last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([is_last])


def _wrapper(passphrase: str, salt: bytes, log_n: int) -> ChaCha20Poly1305:
    scrypt = Scrypt(salt=_SCRYPT_LABEL + salt, length=32, n=2**log_n, r=8, p=1)
    return ChaCha20Poly1305(scrypt.derive(passphrase.encode()))


def _derive(file_key: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(hashes.SHA256(), 32, salt, info).derive(file_key)


def _mac(file_key: bytes, header: bytes) -> bytes:
    return hmac.digest(_derive(file_key, b"", b"header"), header, hashlib.sha256)


def _to_text(raw: bytes) -> bytes:
    return base64.b64encode(raw).rstrip(b"=")


def _from_text(text: bytes) -> bytes | None:
    raw = base64.b64decode(text + b"=" * (-len(text) % 4))
    return raw if _to_text(raw) == text else None
