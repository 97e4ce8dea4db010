"""age: only the right identity or passphrase opens, and everything else is one refusal."""

import pyrage
import pytest

from exam_core import limits
from exam_core.crypto.sealing import (
    Recipient,
    SealingIdentity,
    generate_identity,
    recipient_of,
    seal,
    seal_with_passphrase,
    unseal,
    unseal_with_passphrase,
)
from exam_core.errors import InputError, IntegrityError
from tests.support.builders import FORM_IDENTITY, GRADING_IDENTITY
from tests.support.refusals import refuses


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 200_000])
def test_any_recipient_opens(size: int) -> None:
    """Each recipient gets the whole plaintext back, also at the edges of age's chunks."""
    plaintext = bytes(size)
    identities = [generate_identity(), generate_identity()]

    sealed = seal(plaintext, [recipient_of(identity) for identity in identities])

    assert [unseal(sealed, identity) for identity in identities] == [plaintext] * 2


def test_a_stranger_does_not_open() -> None:
    """An identity that is no recipient is refused."""
    sealed = seal(b"paper", [recipient_of(FORM_IDENTITY)])

    with refuses(IntegrityError, "seal.open"):
        unseal(sealed, GRADING_IDENTITY)


@pytest.mark.parametrize("text", ["", "age1", "age1qqq", "AGE-SECRET-KEY-1", "密钥", "\ud800"])
def test_malformed_keys_are_refused(text: str) -> None:
    """A key that is none is refused as a key, before any data is looked at."""
    for call in (
        lambda: seal(b"", [Recipient(text)]),
        lambda: unseal(b"", SealingIdentity(text)),
        lambda: recipient_of(SealingIdentity(text)),
    ):
        with refuses(InputError, "seal.key"):
            call()


def test_sealing_to_nobody_is_refused() -> None:
    """A file that nobody can open is not made."""
    with refuses(InputError, "seal.key"):
        seal(b"", [])


def test_the_text_armour_is_refused() -> None:
    """The library would read it, but one plaintext should have one kind of file."""
    key = pyrage.x25519.Recipient.from_str(recipient_of(FORM_IDENTITY))
    armoured = pyrage.encrypt(b"paper", [key], armored=True)

    with refuses(IntegrityError, "seal.open"):
        unseal(armoured, FORM_IDENTITY)


def test_an_endless_header_is_refused() -> None:
    """A header without end within the limit is not given to the library at all."""
    with refuses(IntegrityError, "seal.open"):
        unseal(
            b"age-encryption.org/v1\n" + b"-> X\n\n" * limits.age_header_bytes_max, FORM_IDENTITY
        )


def test_a_crowd_of_stanzas_is_refused() -> None:
    """Each costs a key agreement, and the library takes seconds over some thousands."""
    many = [recipient_of(FORM_IDENTITY)] * (limits.age_stanzas_max + 1)

    with refuses(IntegrityError, "seal.open"):
        unseal(seal(b"paper", many), FORM_IDENTITY)
    assert unseal(seal(b"paper", many[: limits.results_recipients_max]), FORM_IDENTITY) == b"paper"


@pytest.mark.parametrize("data", [b"", b"age", b"PK\x03\x04", b"age-encryption.org/v2\n"])
def test_other_files_are_refused(data: bytes) -> None:
    """Something that is no age file is refused by both ways of opening."""
    with refuses(IntegrityError, "seal.open"):
        unseal(data, FORM_IDENTITY)
    with refuses(IntegrityError, "seal.open"):
        unseal_with_passphrase(data, "passphrase")


@pytest.mark.usefixtures("cheap_scrypt")
def test_only_the_passphrase_opens() -> None:
    """The passphrase opens; another one, no text at all, and a cut file do not."""
    sealed = seal_with_passphrase(b"opening key", "正确的口令")

    assert unseal_with_passphrase(sealed, "正确的口令") == b"opening key"
    for data, passphrase in (
        (sealed, "错误的口令"),
        (sealed, "\ud800"),
        (sealed[:-1], "正确的口令"),
        (seal(b"", [recipient_of(FORM_IDENTITY)]), "正确的口令"),
    ):
        with refuses(IntegrityError, "seal.open"):
            unseal_with_passphrase(data, passphrase)
    with refuses(IntegrityError, "seal.open"):
        unseal(sealed, FORM_IDENTITY)
