"""The proof that a kiosk holds the signing key with which it enrols."""

import pytest

from exam_core.crypto.signing import PublicSigningKey, generate_signing_key, public_key_of
from exam_core.errors import InputError
from exam_core.protocol.enrolment import prove_signing_key, signing_proof_holds
from tests.support.refusals import refuses

KEY = generate_signing_key()
PUBLIC = public_key_of(KEY)


def test_the_proof_holds_for_its_key_and_request_only() -> None:
    """Another key or another request does not fit."""
    proof = prove_signing_key("PEM", KEY)

    assert signing_proof_holds("PEM", PUBLIC, proof)
    assert not signing_proof_holds("PEM2", PUBLIC, proof)
    assert not signing_proof_holds("PEM", public_key_of(generate_signing_key()), proof)


@pytest.mark.parametrize(
    "spoil", [str.upper, lambda one: one[:-2], lambda one: one + "00", str.title]
)
def test_a_proof_has_one_spelling(spoil: object) -> None:
    """Capitals, cut and lengthened signatures are none."""
    assert callable(spoil)
    assert not signing_proof_holds("PEM", PUBLIC, spoil(prove_signing_key("PEM", KEY)))


def test_what_is_no_hex_is_no_proof() -> None:
    """Text that is no number proves nothing, and a key that is none is refused."""
    assert not signing_proof_holds("PEM", PUBLIC, "not hex")
    with refuses(InputError, "signing.key"):
        signing_proof_holds("PEM", PublicSigningKey("short"), "00" * 64)
