"""Ed25519 keys have one spelling, and signatures hold for one key and one message."""

import hashlib

import pytest

from exam_core.crypto.signing import (
    PrivateSigningKey,
    PublicSigningKey,
    generate_signing_key,
    key_id,
    public_key_of,
    sign_bytes,
    signature_holds,
)
from exam_core.errors import InputError
from tests.support.builders import APPROVER, SETTER
from tests.support.refusals import refuses

BAD_KEYS = ["", "zz" * 32, "ab" * 31, "ab" * 33, "AB" * 32, " ".join(["ab"] * 32), "ab" * 32 + "\n"]


def test_a_signature_holds_for_its_key_and_message_alone() -> None:
    """Another key, another message or another signature does not verify."""
    signature = sign_bytes(b"message", SETTER)

    assert signature_holds(b"message", signature, public_key_of(SETTER))
    assert not signature_holds(b"massage", signature, public_key_of(SETTER))
    assert not signature_holds(b"message", signature, public_key_of(APPROVER))
    assert not signature_holds(b"message", signature[:-1], public_key_of(SETTER))
    assert not signature_holds(b"message", b"", public_key_of(SETTER))


def test_drawn_keys_differ() -> None:
    """Two keys drawn one after the other are two keys."""
    assert generate_signing_key() != generate_signing_key()


def test_key_id_is_the_hash_of_the_public_key() -> None:
    """Anyone can compute the name of a key with sha256sum."""
    public = public_key_of(SETTER)

    assert key_id(public) == hashlib.sha256(bytes.fromhex(public)).hexdigest()


@pytest.mark.parametrize("text", BAD_KEYS)
def test_a_key_with_another_spelling_is_refused(text: str) -> None:
    """Capitals, spaces, other lengths and other digits are refused: one key counts once."""
    for call in (
        lambda: public_key_of(PrivateSigningKey(text)),
        lambda: sign_bytes(b"", PrivateSigningKey(text)),
        lambda: key_id(PublicSigningKey(text)),
        lambda: signature_holds(b"", b"", PublicSigningKey(text)),
    ):
        with refuses(InputError, "signing.key"):
            call()


def test_a_second_signature_scalar_is_refused() -> None:
    """Adding the group order to S gives another valid equation, and RFC 8032 forbids it."""
    order = 2**252 + 27742317777372353535851937790883648493
    signature = sign_bytes(b"message", SETTER)
    scalar = int.from_bytes(signature[32:], "little") + order

    forged = signature[:32] + scalar.to_bytes(32, "little")
    assert not signature_holds(b"message", forged, public_key_of(SETTER))
