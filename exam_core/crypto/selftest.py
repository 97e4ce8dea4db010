"""A short test of the installed cryptography, run when a program starts.

It answers one question: do the libraries on *this* machine give the published answers? A wheel
for another processor, a patched OpenSSL or a half-finished upgrade shows here, before the exam,
and not when the paper is opened. It takes a few milliseconds and touches nothing.
Source: RFC 8032 (section 7.1, TEST 2), RFC 5869 (A.1), RFC 8439 (2.8.2); an age file of our own.
"""

import base64
from collections.abc import Callable

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from exam_core.crypto.sealing import SealingIdentity, generate_identity, recipient_of, seal, unseal
from exam_core.crypto.signing import (
    PrivateSigningKey,
    PublicSigningKey,
    public_key_of,
    sign_bytes,
    signature_holds,
)
from exam_core.errors import IntegrityError, declare

SELFTEST_FAILED = declare(
    "selftest.failed", "本机的密码组件自检未通过，不能用于考试；请重新安装程序或更换机器。"
)

_ED25519_PRIVATE = PrivateSigningKey(
    "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"
)
_ED25519_PUBLIC = PublicSigningKey(
    "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
)
_ED25519_MESSAGE = b"\x72"
_ED25519_SIGNATURE = bytes.fromhex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)

_HKDF_SECRET = b"\x0b" * 22
_HKDF_SALT = bytes(range(0x0D))
_HKDF_INFO = bytes(range(0xF0, 0xFA))
_HKDF_OUTPUT = bytes.fromhex(
    "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
)

_AEAD_KEY = bytes(range(0x80, 0xA0))
_AEAD_NONCE = bytes.fromhex("070000004041424344454647")
_AEAD_ASSOCIATED = bytes.fromhex("50515253c0c1c2c3c4c5c6c7")
_AEAD_PLAINTEXT = (
    b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
    b"sunscreen would be it."
)
_AEAD_SEALED = bytes.fromhex(
    "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b"
    "1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
    "3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691"
)

_AGE_IDENTITY = SealingIdentity(
    "AGE-SECRET-KEY-1JV6YWLNWPYT4UCFH2HRLTNR87SXKVUJQSS4Z2EDXM53XDMYVV7EQYEJPE8"
)
_AGE_PLAINTEXT = b"gongyuan"
_AGE_FILE = base64.b64decode(
    "YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBKU3ZYcHl1cTdaT0VZanNoOEY0c2dRRTMzTDM5d0h0YU9H"
    "RlFma0FwU21FCnNzV0RsTFhGVmpONjVFV1VXSkZxWUNsb0NQbDVJei9MT0M1bkpvUGY5MWcKLT4gODEtZ3JlYXNl"
    "IHAjLX1AMXlhCnhrTzY2TUp2NERVNC9abWNjT0NUeC9FbjZGdS9EZWdCbGtNWjNnME4vckhUWXhBTzd1V0ZiSGhO"
    "T3R0M0RFemUKT2NIM1lOV2NVSVN3S2NZYUtDM1pSQkM4NGdqQkk0WGhSM0pSM2paVmh4OEdrd01tKzNpbW5JNjVj"
    "dmdnSkVsRgpBcjQKLS0tIENOaFJ2NW8vdlhEVFVMWDNVVGlUUUlaMGVBRXRUSXJGc09Za2tCR1lwQ28KkPIlIvSe"
    "rkHNRZ/wdqkq0/FAWVfvh19Sm4Sx1BQ5Va68l4Wj49NRMA=="
)


def run_self_test() -> None:
    """Return when every known answer came out right.

    Raises:
        IntegrityError: `selftest.failed`, naming the algorithm.
    """
    for name, holds in _CHECKS:
        if not _passes(holds):
            raise IntegrityError(SELFTEST_FAILED, f"密码自检未通过：{name}", algorithm=name)


def _passes(holds: Callable[[], bool]) -> bool:
    try:
        return holds()
    except Exception:  # noqa: BLE001  whatever a broken library raises, the answer is the same
        return False


def _ed25519_holds() -> bool:
    return (
        public_key_of(_ED25519_PRIVATE) == _ED25519_PUBLIC
        and sign_bytes(_ED25519_MESSAGE, _ED25519_PRIVATE) == _ED25519_SIGNATURE
        and signature_holds(_ED25519_MESSAGE, _ED25519_SIGNATURE, _ED25519_PUBLIC)
        and not signature_holds(b"\x73", _ED25519_SIGNATURE, _ED25519_PUBLIC)
    )


def _hkdf_holds() -> bool:
    hkdf = HKDF(hashes.SHA256(), len(_HKDF_OUTPUT), _HKDF_SALT, _HKDF_INFO)
    return hkdf.derive(_HKDF_SECRET) == _HKDF_OUTPUT


def _chacha20_poly1305_holds() -> bool:
    aead = ChaCha20Poly1305(_AEAD_KEY)
    sealed = aead.encrypt(_AEAD_NONCE, _AEAD_PLAINTEXT, _AEAD_ASSOCIATED)
    opened = aead.decrypt(_AEAD_NONCE, _AEAD_SEALED, _AEAD_ASSOCIATED)
    return sealed == _AEAD_SEALED and opened == _AEAD_PLAINTEXT


def _age_holds() -> bool:
    identity = generate_identity()
    sealed = seal(_AGE_PLAINTEXT, [recipient_of(identity)])
    is_sealed = _AGE_PLAINTEXT not in sealed
    opens_new = unseal(sealed, identity) == _AGE_PLAINTEXT
    return is_sealed and opens_new and unseal(_AGE_FILE, _AGE_IDENTITY) == _AGE_PLAINTEXT


_CHECKS: tuple[tuple[str, Callable[[], bool]], ...] = (
    ("Ed25519", _ed25519_holds),
    ("HKDF-SHA256", _hkdf_holds),
    ("ChaCha20-Poly1305", _chacha20_poly1305_holds),
    ("age X25519", _age_holds),
)
