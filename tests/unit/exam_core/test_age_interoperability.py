"""Foreign tools read what we write, and we read what they write: age(1) and openssl(1).

In an emergency headquarters opens a bundle with nothing but Debian's own programs; this shows that
they can.
"""

import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from exam_core.crypto.sealing import generate_identity, recipient_of, seal, unseal
from exam_core.crypto.signing import public_key_of, sign_bytes, signature_holds
from exam_core.errors import IntegrityError
from tests.support.builders import GRADING_IDENTITY, SETTER
from tests.support.refusals import refuses

AGE = "/usr/bin/age"
OPENSSL = "/usr/bin/openssl"
SIZES = [0, 1, 65_535, 65_536, 65_537, 300_000]

ED25519_PRIVATE_PREFIX = bytes.fromhex("302e020100300506032b657004220420")  # RFC 8410, section 7


def run(*command: str, stdin: bytes = b"") -> bytes:
    """The output of a program that must succeed."""
    done = subprocess.run(command, input=stdin, check=False, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.mark.parametrize("size", SIZES)
def test_age_opens_what_we_seal(tmp_path: Path, size: int) -> None:
    """Debian's age decrypts our files, whole chunks and edges alike."""
    identity = tmp_path / "identity"
    identity.write_text(GRADING_IDENTITY + "\n")
    plaintext = bytes(n % 251 for n in range(size))

    sealed = seal(plaintext, [recipient_of(generate_identity()), recipient_of(GRADING_IDENTITY)])

    assert run(AGE, "--decrypt", "--identity", str(identity), stdin=sealed) == plaintext


@pytest.mark.parametrize("size", SIZES)
def test_we_open_what_age_seals(size: int) -> None:
    """We decrypt the files of Debian's age."""
    plaintext = bytes(n % 251 for n in range(size))

    sealed = run(AGE, "--recipient", recipient_of(GRADING_IDENTITY), stdin=plaintext)

    assert unseal(sealed, GRADING_IDENTITY) == plaintext


def test_the_armour_of_age_is_refused() -> None:
    """The text form is readable for age, but it is not ours."""
    sealed = run(AGE, "--armor", "--recipient", recipient_of(GRADING_IDENTITY), stdin=b"x")

    with refuses(IntegrityError, "seal.open"):
        unseal(sealed, GRADING_IDENTITY)


def test_openssl_verifies_our_signatures(tmp_path: Path) -> None:
    """`openssl pkeyutl` accepts our signature and refuses it for another message."""
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key_of(SETTER)))
    key, message, signature = (tmp_path / name for name in ("key.pem", "message", "signature"))
    key.write_bytes(
        public.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    message.write_bytes("试卷".encode())
    signature.write_bytes(sign_bytes("试卷".encode(), SETTER))
    command = [OPENSSL, "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", str(key)]
    command += ["-in", str(message), "-sigfile", str(signature)]

    assert b"Verified Successfully" in run(*command)
    message.write_bytes("答案".encode())
    assert subprocess.run(command, check=False, capture_output=True, timeout=60).returncode != 0


def test_we_verify_signatures_of_openssl(tmp_path: Path) -> None:
    """A signature made by openssl with the same key is the same signature."""
    key, message = tmp_path / "key.der", tmp_path / "message"
    key.write_bytes(ED25519_PRIVATE_PREFIX + bytes.fromhex(SETTER))
    message.write_bytes(b"message")

    signature = run(
        *(OPENSSL, "pkeyutl", "-sign", "-rawin", "-keyform", "DER", "-inkey", str(key)),
        *("-in", str(message)),
    )

    assert signature_holds(b"message", signature, public_key_of(SETTER))
    assert signature == sign_bytes(b"message", SETTER)
