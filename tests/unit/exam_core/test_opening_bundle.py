"""Two people open the paper, each with something of their own; neither alone can."""

from typing import Any

import msgspec
import pytest

from exam_core.crypto.sealing import SealingIdentity, recipient_of
from exam_core.errors import InputError, IntegrityError
from exam_core.formats.canonical import encode_canonical
from exam_core.formats.dsse import sign_envelope
from exam_core.formats.opening_bundle import (
    SECRET_BYTES,
    FormIdentity,
    OpeningBundle,
    open_bundle,
    open_opening_key,
    seal_bundle,
    seal_opening_key,
    unwrap_bundle,
)
from exam_core.model.identifiers import CentreId, FormNumber
from tests.support.builders import (
    APPROVER,
    CENTRE_ID,
    FORM_IDENTITY,
    GRADING_IDENTITY,
    JOURNAL_KEY,
    OPENING_CODE,
    OPENING_IDENTITY,
    SETTER,
    bundle,
    root,
)
from tests.support.refusals import refuses

WRONG_CODE = "00000 00000 00000 00000 00000 00000"
MANIFEST = bundle().manifest_sha256
KIND = "application/vnd.gongyuan.opening.v1+json"


@pytest.fixture(scope="module")
def sealed() -> bytes:
    """A bundle file for C01, made once: scrypt is slow by design."""
    return seal_bundle(bundle(), [SETTER, APPROVER], OPENING_CODE, recipient_of(OPENING_IDENTITY))


def opened(
    inner: bytes,
    *,
    code: str = OPENING_CODE,
    manifest_sha256: str = MANIFEST,
    centre_id: CentreId = CENTRE_ID,
) -> OpeningBundle:
    """Open the inner layer as centre C01 does."""
    return open_bundle(inner, code, root(), manifest_sha256=manifest_sha256, centre_id=centre_id)


def test_key_and_code_together_open(sealed: bytes) -> None:
    """With both, the bundle comes back; the code may be typed without spaces."""
    inner = unwrap_bundle(sealed, OPENING_IDENTITY)

    assert opened(inner, code=OPENING_CODE.replace(" ", "")) == bundle()
    assert len(JOURNAL_KEY) == SECRET_BYTES


def test_the_key_alone_does_not_open(sealed: bytes) -> None:
    """The rehearsal takes the outer layer off and learns nothing; a wrong code opens nothing."""
    inner = unwrap_bundle(sealed, OPENING_IDENTITY)

    assert FORM_IDENTITY.encode() not in inner
    with refuses(IntegrityError, "opening.code"):
        opened(inner, code=WRONG_CODE)


def test_the_code_alone_does_not_open(sealed: bytes) -> None:
    """Without the centre's key even the right code has nothing to open."""
    with refuses(IntegrityError, "opening.key"):
        unwrap_bundle(sealed, GRADING_IDENTITY)
    with refuses(IntegrityError, "opening.code"):
        opened(sealed)


def test_a_mistyped_code_is_told_at_once() -> None:
    """A slip in a group is named before the slow derivation, and no bytes are touched."""
    with refuses(InputError, "opening.code_group"):
        opened(b"", code="1" + OPENING_CODE[1:-1] + "0")
    with refuses(InputError, "opening.code_shape"):
        opened(b"", code="")


def opens_to(monkeypatch: pytest.MonkeyPatch, plaintext: bytes) -> None:
    """Let every passphrase open to `plaintext`, without the slow derivation."""
    module = "exam_core.formats.opening_bundle.unseal_with_passphrase"
    monkeypatch.setattr(module, lambda *_: plaintext)


def test_another_package_or_centre_is_a_mismatch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bundle opens one package at one centre."""
    opens_to(monkeypatch, sign_envelope(encode_canonical(bundle()), KIND, [SETTER, APPROVER]))

    assert opened(b"") == bundle()
    with refuses(IntegrityError, "opening.mismatch"):
        opened(b"", manifest_sha256="cd" * 32)
    with refuses(IntegrityError, "opening.mismatch"):
        opened(b"", centre_id=CentreId("C02"))


def test_a_file_that_is_no_key_is_told_apart(sealed: bytes) -> None:
    """A malformed opening key is a wrong file, not a wrong bundle."""
    with refuses(InputError, "seal.key"):
        unwrap_bundle(sealed, SealingIdentity("AGE"))


def test_what_the_code_opens_must_be_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who knows the code still cannot make a bundle: headquarters' signatures decide."""
    opens_to(monkeypatch, sign_envelope(encode_canonical(bundle()), KIND, [SETTER]))
    with refuses(IntegrityError, "signature.threshold"):
        opened(b"")
    opens_to(monkeypatch, sign_envelope(encode_canonical(bundle()), "text/plain", [SETTER]))
    with refuses(InputError, "signature.type"):
        opened(b"")
    opens_to(monkeypatch, sign_envelope(b"{}", KIND, [SETTER, APPROVER]))
    with refuses(InputError, "opening.malformed"):
        opened(b"")


def identity(number: int) -> FormIdentity:
    """The identity of one form."""
    return FormIdentity(form_number=FormNumber(number), identity=FORM_IDENTITY)


@pytest.mark.parametrize(
    "fields",
    [
        {"identities": ()},
        {"identities": (identity(1), identity(1))},
        {"identities": (identity(2), identity(1))},
        {"identities": (identity(0),)},
        {"journal_secret": ""},
        {"journal_secret": "ab" * 31},
        {"journal_secret": "AB" * 32},
        {"journal_secret": "zz" * 32},
        {"journal_secret": " ".join(["ab"] * 32)},
    ],
)
def test_a_bundle_that_cannot_be_is_refused(fields: dict[str, Any]) -> None:
    """A bundle has identities, each form once and in order, and a whole journal secret."""
    with refuses(InputError, "opening.malformed"):
        bundle(**fields)


def test_a_centre_holds_its_own_forms_only() -> None:
    """Form numbers need not begin at 1 or be dense: other centres have the others."""
    held = bundle(identities=(identity(7), identity(9)))

    assert [one.form_number for one in held.identities] == [7, 9]
    assert msgspec.json.decode(encode_canonical(held), type=OpeningBundle) == held


@pytest.mark.usefixtures("cheap_scrypt")
def test_the_opening_key_needs_its_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key file opens with the passphrase, and one refusal covers everything else."""
    data = seal_opening_key(OPENING_IDENTITY, "口令")

    assert open_opening_key(data, "口令") == OPENING_IDENTITY
    for other, passphrase in ((data, "错"), (b"", "口令")):
        with refuses(IntegrityError, "opening.key"):
            open_opening_key(other, passphrase)
    opens_to(monkeypatch, "密".encode())
    with refuses(IntegrityError, "opening.key"):
        open_opening_key(data, "口令")
