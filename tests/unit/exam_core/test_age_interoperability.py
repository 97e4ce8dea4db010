"""Foreign tools read what we write, and we read what they write: age(1), openssl(1), libsodium.

In an emergency headquarters opens a bundle with nothing but Debian's own programs; this shows that
they can.
"""

import base64
import json
import struct
import subprocess
from pathlib import Path

import nacl.exceptions
import nacl.signing
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from exam_core.crypto.sealing import generate_identity, recipient_of, seal, unseal
from exam_core.crypto.signing import public_key_of, sign_bytes, signature_holds
from exam_core.errors import IntegrityError
from exam_core.formats.canonical import encode_canonical
from exam_core.formats.paper_package import MAGIC, PAYLOAD_TYPE, open_form, verify_package
from exam_core.formats.signed_file import join_signed_file
from exam_core.model.identifiers import FormNumber
from tests.support import builders
from tests.support.builders import APPROVER, FORM_IDENTITY, GRADING_IDENTITY, SETTER
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


def dsse_pae(kind: str, payload: bytes) -> bytes:
    """What DSSE v1 signs, written here from its specification and not taken from ours."""
    return b" ".join(
        [
            b"DSSEv1",
            str(len(kind.encode())).encode(),
            kind.encode(),
            str(len(payload)).encode(),
            payload,
        ]
    )


def envelope_of(package: bytes) -> dict[str, object]:
    """The envelope of a package file, taken apart by hand."""
    (size,) = struct.unpack(">I", package[6:10])
    parsed: dict[str, object] = json.loads(package[10 : 10 + size])
    return parsed


def test_libsodium_verifies_the_signatures_of_a_package() -> None:
    """Both signatures hold for another implementation, and none for another payload."""
    envelope = envelope_of(builders.package())
    payload = base64.b64decode(str(envelope["payload"]))
    keys = {nacl.signing.VerifyKey(bytes.fromhex(public_key_of(key))) for key in (SETTER, APPROVER)}
    signatures = envelope["signatures"]
    assert isinstance(signatures, list)
    raw = [base64.b64decode(one["sig"]) for one in signatures]

    for key, signature in zip((SETTER, APPROVER), raw, strict=True):
        verifier = nacl.signing.VerifyKey(bytes.fromhex(public_key_of(key)))
        verifier.verify(dsse_pae(PAYLOAD_TYPE, payload), signature)
        with pytest.raises(nacl.exceptions.BadSignatureError):
            verifier.verify(dsse_pae(PAYLOAD_TYPE, payload + b" "), signature)
        with pytest.raises(nacl.exceptions.BadSignatureError):
            verifier.verify(dsse_pae("x", payload), signature)
    assert len(keys) == len(raw) == 2


def test_we_accept_a_package_that_libsodium_signed() -> None:
    """A package whose signatures come from another implementation is the same, byte for byte."""
    ours = builders.package()
    envelope = envelope_of(ours)
    payload = base64.b64decode(str(envelope["payload"]))
    envelope["signatures"] = [
        {
            "keyid": one["keyid"],
            "sig": base64.b64encode(
                nacl.signing.SigningKey(bytes.fromhex(key))
                .sign(dsse_pae(PAYLOAD_TYPE, payload))
                .signature
            ).decode(),
        }
        for one, key in zip(
            envelope_of(ours)["signatures"],  # type: ignore[call-overload]  # JSON
            (SETTER, APPROVER),
            strict=True,
        )
    ]
    (size,) = struct.unpack(">I", ours[6:10])

    assert join_signed_file(MAGIC, encode_canonical(envelope), ours[10 + size :]) == ours


@pytest.mark.parametrize("count", [1000])
def test_both_implementations_judge_signatures_alike(count: int) -> None:
    """A thousand messages, signed and spoiled: what one accepts, the other accepts."""
    public = public_key_of(SETTER)
    verifier = nacl.signing.VerifyKey(bytes.fromhex(public))
    for number in range(count):
        message = number.to_bytes(4, "big") * (number % 50)
        signature = bytearray(sign_bytes(message, SETTER))
        signature[number % 64] ^= (number // 64 % 2) << (number % 8)
        try:
            verifier.verify(message, bytes(signature))
            theirs = True
        except nacl.exceptions.BadSignatureError:
            theirs = False
        assert signature_holds(message, bytes(signature), public) is theirs


def test_age_opens_the_members_of_a_package(tmp_path: Path) -> None:
    """The members, cut out of the file by the manifest's numbers, are plain age files."""
    identity = tmp_path / "identity"
    identity.write_text(FORM_IDENTITY + "\n")
    forms = [builders.form(1), builders.form(2)]
    package = builders.package(*forms)
    (size,) = struct.unpack(">I", package[6:10])
    manifest = json.loads(base64.b64decode(str(envelope_of(package)["payload"])))

    for member, form in zip(manifest["members"], forms, strict=True):
        start = 10 + size + member["offset"]
        sealed = package[start : start + member["size"]]
        opened = run(AGE, "--decrypt", "--identity", str(identity), stdin=sealed)
        assert opened == encode_canonical(form)


def test_we_open_a_package_whose_members_age_sealed() -> None:
    """Headquarters could seal with Debian's program alone."""
    sealed = run(
        AGE, "--recipient", recipient_of(FORM_IDENTITY), stdin=encode_canonical(builders.form(1))
    )
    package = verify_package(builders.package(sealed_forms=[sealed]), builders.root())

    form = open_form(
        package.sealed_form(FormNumber(1)),
        FORM_IDENTITY,
        paper_id=builders.PAPER_ID,
        form_number=FormNumber(1),
    )
    assert form == builders.form(1)
