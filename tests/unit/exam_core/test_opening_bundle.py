"""Two people open the paper, each with something of their own; neither alone can."""

import hashlib
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from exam_core.crypto import age_passphrase
from exam_core.crypto.sealing import Recipient, SealingIdentity, recipient_of, seal, unseal
from exam_core.errors import InputError, IntegrityError
from exam_core.formats.canonical import encode_canonical
from exam_core.formats.dsse import sign_envelope
from exam_core.formats.opening_bundle import (
    CONTENT_TYPE,
    HEADER_TYPE,
    MAGIC,
    SECRET_BYTES,
    FormIdentity,
    LockedBundle,
    OpeningBundle,
    OpeningHeader,
    check_fits,
    open_bundle,
    read_opening_file,
    recipient_fingerprint,
    seal_bundle,
    unwrap_bundle,
)
from exam_core.formats.opening_key import open_opening_key, seal_opening_key
from exam_core.formats.opening_locks import Proof, prove_by_code, prove_by_envelopes, unlock
from exam_core.formats.signed_file import join_signed_file
from exam_core.model.identifiers import CentreId, FormNumber, PaperId, SittingId
from tests.support.builders import (
    APPROVER,
    ENVELOPE_CODES,
    FORM_IDENTITY,
    GRADING_IDENTITY,
    JOURNAL_KEY,
    OPENING_CODE,
    OPENING_IDENTITY,
    SETTER,
    bundle,
    centre,
    codes,
    root,
)
from tests.support.refusals import refuses

pytestmark = pytest.mark.usefixtures("cheap_scrypt")

BOTH = [SETTER, APPROVER]
WRONG_CODE = "00000 00000 00000 00000 00000 00000"
RIGHT = prove_by_code(OPENING_CODE)
WRONG = prove_by_code(WRONG_CODE)
RECIPIENT = recipient_of(OPENING_IDENTITY)


@pytest.fixture
def sealed() -> bytes:
    """A bundle file for C01."""
    return seal_bundle(bundle(), BOTH, codes(), RECIPIENT)


def unwrapped(data: bytes) -> LockedBundle:
    """The bundle without its outer layer, as the room of C01 takes it off."""
    return unwrap_bundle(read_opening_file(data, root()), OPENING_IDENTITY)


def envelopes(*numbers: int) -> Proof:
    """The right codes of these envelopes."""
    return prove_by_envelopes({number: ENVELOPE_CODES[number - 1] for number in numbers})


def test_key_and_code_together_open(sealed: bytes) -> None:
    """With both, the bundle comes back; the code may be typed without spaces."""
    proof = prove_by_code(OPENING_CODE.replace(" ", ""))

    assert open_bundle(unwrapped(sealed), proof, root()) == bundle()
    assert len(JOURNAL_KEY) == SECRET_BYTES


@pytest.mark.parametrize("pair", [(1, 2), (1, 3), (2, 3), (3, 1)])
def test_any_two_envelopes_open(sealed: bytes, pair: tuple[int, int]) -> None:
    """Each pair is as good as the code, in whatever order the two come."""
    assert open_bundle(unwrapped(sealed), envelopes(*pair), root()) == bundle()
    assert envelopes(*pair).envelopes == tuple(sorted(pair))


def test_the_key_alone_does_not_open(sealed: bytes) -> None:
    """The rehearsal takes the outer layer off and learns nothing; a wrong code opens nothing."""
    locked = unwrapped(sealed)

    assert FORM_IDENTITY.encode() not in encode_canonical(locked.locks) + locked.content
    with refuses(IntegrityError, "opening.code"):
        open_bundle(locked, WRONG, root())


def test_the_code_alone_does_not_open(sealed: bytes) -> None:
    """Without the centre's key even the right code has nothing to open."""
    with refuses(IntegrityError, "opening.key"):
        unwrap_bundle(read_opening_file(sealed, root()), GRADING_IDENTITY)


def test_wrong_envelopes_open_nothing(sealed: bytes) -> None:
    """One right and one wrong, or two right ones under each other's numbers."""
    locked = unwrapped(sealed)
    for wrong in (
        {1: ENVELOPE_CODES[0], 2: WRONG_CODE},
        {1: ENVELOPE_CODES[1], 2: ENVELOPE_CODES[0]},
        {1: ENVELOPE_CODES[0], 3: ENVELOPE_CODES[1]},
        {1: OPENING_CODE, 2: ENVELOPE_CODES[1]},
    ):
        with refuses(IntegrityError, "opening.envelopes"):
            open_bundle(locked, prove_by_envelopes(wrong), root())
    with refuses(IntegrityError, "opening.code"):
        open_bundle(locked, prove_by_code(ENVELOPE_CODES[0]), root())


def test_the_header_is_readable_before_any_key(sealed: bytes) -> None:
    """What the bundle is for, and which forms it will open; no secret is needed to see it."""
    header = read_opening_file(sealed, root()).header

    assert header.form_numbers == (1,)
    assert header.recipient_sha256 == recipient_fingerprint(RECIPIENT)
    check_fits(
        header,
        centre(),
        paper_id=bundle().paper_id,
        sitting_id=bundle().sitting_id,
        manifest_sha256=bundle().manifest_sha256,
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"centre": centre(centre_id="C02")}, "考点 C01"),
        ({"centre": centre(opening_recipient=recipient_of(GRADING_IDENTITY))}, "另一把启封密钥"),
        ({"sitting_id": SittingId("S-other")}, "场次"),
        ({"paper_id": PaperId("P-other")}, "另一个试卷包"),
        ({"manifest_sha256": "cd" * 32}, "另一个试卷包"),
    ],
)
def test_what_does_not_belong_together_is_told_without_a_key(
    sealed: bytes, fields: dict[str, Any], message: str
) -> None:
    """Another centre, another key of it, another sitting, another paper, another package."""
    ours: dict[str, Any] = {
        "centre": centre(),
        "paper_id": bundle().paper_id,
        "sitting_id": bundle().sitting_id,
        "manifest_sha256": bundle().manifest_sha256,
    }
    code = "opening.other_key" if "密钥" in message else "opening.mismatch"
    with refuses(IntegrityError, code) as caught:
        check_fits(read_opening_file(sealed, root()).header, **(ours | fields))
    assert message in caught.value.message


def test_an_altered_or_cut_file_is_refused_unopened(sealed: bytes) -> None:
    """Every byte of the body is under the header's digest, and the header under signatures."""
    body_at = sealed.index(b"age-encryption.org")
    for data in (sealed[:-1], sealed + b"\0", sealed[:-1] + bytes([sealed[-1] ^ 1])):
        with refuses(IntegrityError, "opening.altered"):
            read_opening_file(data, root())
    for data in (b"", b"EXPK1\n" + sealed[6:], sealed[: body_at - 1]):
        with refuses(InputError, "opening.malformed"):
            read_opening_file(data, root())


def made(
    *,
    signers: list[Any] = BOTH,
    header: Callable[[OpeningHeader], OpeningHeader] = lambda header: header,
    content: bytes | None = None,
    inner: Callable[[dict[str, Any]], Any] = lambda inner: inner,
    recipient: Recipient = RECIPIENT,
) -> bytes:
    """A bundle file with something wrong inside, and everything around it right."""
    good = read_opening_file(seal_bundle(bundle(), BOTH, codes(), RECIPIENT), root())
    body = msgspec.json.decode(unseal(good.body, OPENING_IDENTITY))
    if content is not None:
        identity = unlock(unwrap_bundle(good, OPENING_IDENTITY).locks, RIGHT)
        body["content"] = seal(content, [recipient_of(identity)])
    sealed = seal(encode_canonical(inner(body)), [recipient])
    digest = hashlib.sha256(sealed).hexdigest()
    said = header(msgspec.structs.replace(good.header, body_sha256=digest))
    return join_signed_file(
        MAGIC, sign_envelope(encode_canonical(said), HEADER_TYPE, signers), sealed
    )


def signed(content: object, kind: str = CONTENT_TYPE, signers: list[Any] = BOTH) -> bytes:
    """The content's envelope."""
    return sign_envelope(encode_canonical(content), kind, signers)


def test_the_header_must_be_signed_by_two() -> None:
    """Whoever can write a file cannot make a header."""
    with refuses(IntegrityError, "signature.threshold"):
        read_opening_file(made(signers=[SETTER]), root())


def test_what_the_code_opens_must_be_signed() -> None:
    """Who knows every code still cannot make a bundle: headquarters' signatures decide."""
    for content, error, code in (
        (signed(bundle(), signers=[SETTER]), IntegrityError, "signature.threshold"),
        (signed(bundle(), kind=HEADER_TYPE), InputError, "signature.type"),
        (signed({}), InputError, "opening.malformed"),
    ):
        with refuses(error, code):
            open_bundle(unwrapped(made(content=content)), RIGHT, root())


@pytest.mark.parametrize(
    "fields",
    [
        {"paper_id": PaperId("P-other")},
        {"sitting_id": SittingId("S-other")},
        {"centre_id": CentreId("C02")},
        {"manifest_sha256": "cd" * 32},
        {"form_numbers": (FormNumber(1), FormNumber(2))},
    ],
)
def test_header_and_content_must_say_the_same(fields: dict[str, Any]) -> None:
    """Both were signed; a header from another delivery does not pass with this content."""
    data = made(header=lambda header: msgspec.structs.replace(header, **fields))
    with refuses(IntegrityError, "opening.mismatch"):
        open_bundle(unwrapped(data), RIGHT, root())


def test_locks_of_another_bundle_are_found() -> None:
    """A code that opens a lock opens nothing when lock and content were not made together."""
    other = unwrapped(seal_bundle(bundle(), BOTH, codes(), RECIPIENT))
    ours = unwrapped(seal_bundle(bundle(), BOTH, codes(), RECIPIENT))
    mixed = LockedBundle(header=ours.header, content=ours.content, locks=other.locks)
    with refuses(IntegrityError, "opening.altered"):
        open_bundle(mixed, RIGHT, root())


def test_a_lock_that_holds_no_key_is_refused() -> None:
    """What stands under the code is an identity or the file is not right."""
    locked = unwrapped(seal_bundle(bundle(), BOTH, codes(), RECIPIENT))
    for plain, code in (("密".encode(), "opening.code"), (b"AGE", "opening.altered")):
        lock = msgspec.structs.replace(
            locked.locks, code=age_passphrase.encrypt(plain, OPENING_CODE)
        )
        mixed = LockedBundle(header=locked.header, content=locked.content, locks=lock)
        with refuses(IntegrityError, code):
            open_bundle(mixed, RIGHT, root())


def test_a_body_of_another_shape_is_refused() -> None:
    """The inner layer has content and four locks, and nothing else."""
    data = made(inner=lambda inner: inner | {"more": 1})
    with refuses(InputError, "opening.malformed"):
        unwrapped(data)


def test_a_body_sealed_to_another_key_is_refused() -> None:
    """The header may name our key; the body must be sealed to it."""
    with refuses(IntegrityError, "opening.key"):
        unwrapped(made(recipient=recipient_of(GRADING_IDENTITY)))


def test_a_file_that_is_no_key_is_told_apart(sealed: bytes) -> None:
    """A malformed opening key is a wrong file, not a wrong bundle."""
    with refuses(InputError, "seal.key"):
        unwrap_bundle(read_opening_file(sealed, root()), SealingIdentity("AGE"))


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


@pytest.mark.parametrize(
    "fields",
    [
        {"manifest_sha256": "ab"},
        {"recipient_sha256": "AB" * 32},
        {"body_sha256": ""},
        {"form_numbers": ()},
        {"form_numbers": (2, 1)},
    ],
)
def test_a_header_that_cannot_be_is_refused(sealed: bytes, fields: dict[str, Any]) -> None:
    """Three digests, and form numbers in order."""
    header = read_opening_file(sealed, root()).header
    with refuses(InputError, "opening.malformed"):
        msgspec.structs.replace(header, **fields)


def test_a_centre_holds_its_own_forms_only() -> None:
    """Form numbers need not begin at 1 or be dense: other centres have the others."""
    held = bundle(identities=(identity(7), identity(9)))

    assert held.form_numbers() == (7, 9)
    assert msgspec.json.decode(encode_canonical(held), type=OpeningBundle) == held


def test_the_opening_key_needs_its_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key file opens with the passphrase, and one refusal covers everything else."""
    data = seal_opening_key(OPENING_IDENTITY, "口令")

    assert open_opening_key(data, "口令") == OPENING_IDENTITY
    for other, passphrase in ((data, "错"), (b"", "口令")):
        with refuses(IntegrityError, "opening.key"):
            open_opening_key(other, passphrase)
    module = "exam_core.formats.opening_key.unseal_with_passphrase"
    monkeypatch.setattr(module, lambda *_: "密".encode())
    with refuses(IntegrityError, "opening.key"):
        open_opening_key(data, "口令")
