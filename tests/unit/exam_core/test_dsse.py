"""An envelope gives its payload only to enough distinct trusted signers."""

import base64
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from exam_core import limits
from exam_core.crypto.signing import PublicSigningKey, key_id, public_key_of, signature_holds
from exam_core.errors import InputError, IntegrityError
from exam_core.formats.canonical import encode_canonical
from exam_core.formats.dsse import sign_envelope, verify_envelope
from tests.support.builders import APPROVER, SETTER, STRANGER, signing_key
from tests.support.refusals import refuses

KIND = "application/vnd.gongyuan.test.v1+json"
TRUSTED = {key_id(public_key_of(key)): public_key_of(key) for key in (SETTER, APPROVER)}
SIGNED = sign_envelope(b"payload", KIND, [SETTER, APPROVER])


def verify(
    envelope: bytes,
    *,
    kind: str = KIND,
    trusted: Mapping[str, PublicSigningKey] = TRUSTED,
    threshold: int = 2,
) -> bytes:
    """Verify as setter and approver would be."""
    return verify_envelope(envelope, kind, trusted, threshold)


def changed(**fields: Any) -> bytes:
    """SIGNED with other fields, in canonical form."""
    return encode_canonical(msgspec.json.decode(SIGNED) | fields)


def signatures() -> list[dict[str, str]]:
    """The two signatures of SIGNED."""
    found: list[dict[str, str]] = msgspec.json.decode(SIGNED)["signatures"]
    return found


def test_the_signed_bytes_are_those_of_dsse() -> None:
    """Pre-authentication encoding is the published one, so that other tools can check."""
    envelope = msgspec.json.decode(sign_envelope(b"hello world", "http://example.com/x", [SETTER]))
    public = public_key_of(SETTER)

    assert signature_holds(
        b"DSSEv1 20 http://example.com/x 11 hello world",
        base64.b64decode(envelope["signatures"][0]["sig"]),
        public,
    )


@pytest.mark.parametrize("payload", [b"", b"payload", bytes(range(256)), "试卷".encode()])
def test_what_was_signed_comes_back(payload: bytes) -> None:
    """The payload is returned byte for byte."""
    assert verify(sign_envelope(payload, KIND, [SETTER, APPROVER])) == payload


def test_order_and_strangers_do_not_matter() -> None:
    """Signatures count in any order, and one by an unknown key neither counts nor harms."""
    assert verify(sign_envelope(b"x", KIND, [STRANGER, APPROVER, SETTER])) == b"x"


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ([], "signature.threshold"),
        ([SETTER], "signature.threshold"),
        ([STRANGER], "signature.unknown_key"),
        ([SETTER, STRANGER], "signature.unknown_key"),
    ],
)
def test_too_few_trusted_signers_are_refused(keys: list[Any], code: str) -> None:
    """One person alone, or one with a stranger, is not two; a stranger is told."""
    with refuses(IntegrityError, code) as caught:
        verify(sign_envelope(b"payload", KIND, keys))
    assert caught.value.facts["threshold"] == 2


def test_one_person_does_not_count_twice() -> None:
    """The same key twice refuses the envelope, whatever the threshold."""
    envelope = sign_envelope(b"payload", KIND, [SETTER, SETTER])

    for threshold in (1, 2):
        with refuses(IntegrityError, "signature.repeated"):
            verify(envelope, threshold=threshold)


def test_a_signature_under_another_name_is_refused() -> None:
    """A trusted name with somebody else's signature refuses all, even above the threshold."""
    first, second = signatures()
    forged = [first, second | {"sig": first["sig"]}]

    with refuses(IntegrityError, "signature.invalid"):
        verify(changed(signatures=forged), threshold=1)


def test_another_payload_is_refused() -> None:
    """Signatures hold for the bytes that were signed."""
    with refuses(IntegrityError, "signature.invalid"):
        verify(changed(payload=base64.b64encode(b"Payload").decode()))


def test_another_type_is_refused() -> None:
    """A file of another kind is refused as such; a relabelled one by its signature."""
    with refuses(InputError, "signature.type") as caught:
        verify(SIGNED, kind=KIND + "x")
    assert caught.value.facts == {"expected": KIND + "x", "found": KIND}
    with refuses(IntegrityError, "signature.invalid"):
        verify(changed(payloadType=KIND + "x"), kind=KIND + "x")


@pytest.mark.parametrize(
    "envelope",
    [
        b"",
        b"{}",
        SIGNED + b"\n",
        SIGNED.replace(b":", b": ", 1),
        changed(extra=1),
        changed(payload="cGF5bG9hZA"),
        changed(payload="cGF5bG9hZB=="),
        changed(payload="cGF5bG9hZA==\n"),
        changed(payload="cGF5-_9hZA=="),
        changed(payload="A" * (2**20 - 4) + "AA==" + "AAAA"),
        changed(payload="试卷"),
        changed(signatures=[signatures()[0] | {"sig": "@"}]),
        changed(signatures=[{"keyid": "k", "sig": ""}] * (limits.signatures_max + 1)),
    ],
)
def test_malformed_envelopes_are_refused(envelope: bytes) -> None:
    """Another JSON, another base64 or too many signatures is refused as malformed."""
    with refuses(InputError, "signature.malformed"):
        verify(envelope)


def test_as_many_signatures_as_allowed_are_read() -> None:
    """The limit itself is accepted."""
    strangers = [signing_key(f"stranger {n}") for n in range(limits.signatures_max - 2)]

    assert verify(sign_envelope(b"x", KIND, [*strangers, SETTER, APPROVER])) == b"x"


def test_a_threshold_of_nobody_is_our_fault() -> None:
    """Asking for no signature at all is a fault of the calling program."""
    with pytest.raises(ValueError, match="threshold"):
        verify(SIGNED, threshold=0)
