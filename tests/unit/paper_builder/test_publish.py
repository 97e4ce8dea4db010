"""Sealing and signing: what comes out opens for the right people, and for them only."""

import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest

from exam_core import limits
from exam_core.crypto.sealing import SealingIdentity, generate_identity, recipient_of
from exam_core.crypto.signing import public_key_of
from exam_core.errors import InputError, IntegrityError
from exam_core.formats.centre_descriptor import encode_centre, sign_centre, verify_centre
from exam_core.formats.opening_bundle import (
    OpeningBundle,
    open_bundle,
    read_opening_file,
    unwrap_bundle,
)
from exam_core.formats.opening_locks import prove_by_code, prove_by_envelopes
from exam_core.formats.paper_package import open_form, verify_package
from exam_core.formats.trust_root import Office, accept_root_update
from exam_core.keys.package import open_key_package
from exam_core.model.identifiers import CentreId, FormNumber
from paper_builder.assembly import PaperDraft, draw_paper
from paper_builder.publish import (
    CentreOrder,
    SealedPaper,
    SigningKeyFile,
    make_headquarters_keys,
    read_key_file,
    read_root,
    read_signing_key,
    rotate_headquarters_keys,
    seal_paper,
    share_forms,
    sign_centre_file,
    write_headquarters_keys,
    write_sealed,
)
from tests.support import builders
from tests.support.refusals import refuses
from tests.unit.paper_builder.bank_items import SEED, Stock, blueprint

OTHER_IDENTITY = generate_identity()
OTHER = builders.centre(centre_id=CentreId("C02"), opening_recipient=recipient_of(OTHER_IDENTITY))


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(scope="module")
def draft() -> PaperDraft:
    """A drawn paper of three forms."""
    return draw_paper(Stock().items(), blueprint(), SEED, forms=3).draft


@pytest.fixture(scope="module", autouse=True)
def _cheap_scrypt() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "scrypt_log_n", 10)
        yield


@pytest.fixture(scope="module")
def sealed(draft: PaperDraft) -> SealedPaper:
    """That paper, for two centres: one with its own code and what is left, one with forms 2, 3."""
    return _seal(
        draft,
        centres=[
            CentreOrder(centre=builders.centre(), code=builders.OPENING_CODE),
            CentreOrder(centre=OTHER, form_numbers=[FormNumber(3), FormNumber(2)]),
        ],
    )


def _seal(draft: PaperDraft, **changed: object) -> SealedPaper:
    arguments = {
        "exam_id": builders.EXAM_ID,
        "sitting_id": builders.SITTING_ID,
        "sequence": 1,
        "keys": [builders.SETTER, builders.APPROVER],
        "root": builders.root(),
        "centres": [CentreOrder(centre=builders.centre(), code=builders.OPENING_CODE)],
        "grading_recipients": [builders.recipient()],
    }
    return seal_paper(draft, **(arguments | changed))  # type: ignore[arg-type]


def _opened(sealed: SealedPaper, centre_id: CentreId, identity: SealingIdentity) -> OpeningBundle:
    file = read_opening_file(sealed.bundles[centre_id], builders.root())
    proof = prove_by_code(sealed.codes[centre_id].opening_code)
    return open_bundle(unwrap_bundle(file, identity), proof, builders.root())


def test_two_envelopes_open_what_the_code_opens(sealed: SealedPaper) -> None:
    """The codes on sheets 1 and 3 of a centre, together, open its bundle."""
    file = read_opening_file(sealed.bundles[OTHER.centre_id], builders.root())
    first, _, third = sealed.codes[OTHER.centre_id].envelope_codes
    proof = prove_by_envelopes({1: first, 3: third})
    bundle = open_bundle(unwrap_bundle(file, OTHER_IDENTITY), proof, builders.root())
    assert bundle == _opened(sealed, OTHER.centre_id, OTHER_IDENTITY)


def test_the_package_opens_form_by_form(draft: PaperDraft) -> None:
    """With key, code and package a lone centre opens every form, each with its own identity."""
    sealed = _seal(draft)
    package = verify_package(sealed.package, builders.root())
    assert package.manifest_sha256 == sealed.manifest_sha256
    assert package.manifest.duration_ms == draft.duration_ms
    assert "多选题" in package.manifest.scoring_note
    assert package.manifest.results_recipients == (builders.recipient(),)
    bundle = _opened(sealed, builders.CENTRE_ID, builders.OPENING_IDENTITY)
    assert bundle.manifest_sha256 == sealed.manifest_sha256
    assert len({entry.identity for entry in bundle.identities}) == 3
    for entry, laid_out in zip(bundle.identities, draft.forms, strict=True):
        form = open_form(
            package.sealed_form(entry.form_number),
            entry.identity,
            paper_id=draft.paper_id,
            form_number=entry.form_number,
        )
        assert form == laid_out.form
    with refuses(IntegrityError, "seal.open"):
        open_form(
            package.sealed_form(FormNumber(2)),
            bundle.identities[0].identity,
            paper_id=draft.paper_id,
            form_number=FormNumber(2),
        )


def test_a_centre_gets_its_own_forms_and_secret(sealed: SealedPaper) -> None:
    """Another centre's key, code, forms and journal secret are its own."""
    bundle = _opened(sealed, OTHER.centre_id, OTHER_IDENTITY)
    assert bundle.form_numbers() == (2, 3)
    first = _opened(sealed, builders.CENTRE_ID, builders.OPENING_IDENTITY)
    assert first.form_numbers() == (1,)
    package = verify_package(sealed.package, builders.root())
    for mine, theirs in ((first, bundle), (bundle, first)):
        for held in mine.identities:
            for number in theirs.form_numbers():
                with refuses(IntegrityError, "seal.open"):
                    open_form(
                        package.sealed_form(number),
                        held.identity,
                        paper_id=mine.paper_id,
                        form_number=number,
                    )
    ours, others = sealed.codes[builders.CENTRE_ID], sealed.codes[OTHER.centre_id]
    assert len({ours.opening_code, *ours.envelope_codes, others.opening_code}) == 5
    with refuses(IntegrityError, "opening.key"):
        _opened(sealed, OTHER.centre_id, builders.OPENING_IDENTITY)
    key = open_key_package(sealed.key_package, builders.GRADING_IDENTITY, builders.root())
    assert key.journal_secrets[OTHER.centre_id] == bundle.journal_secret
    assert len(set(key.journal_secrets.values())) == 2


def test_the_answer_key_is_for_the_grading_site_alone(
    draft: PaperDraft, sealed: SealedPaper
) -> None:
    """It holds items, maps and scoring of this paper, and no centre opens it."""
    key = open_key_package(sealed.key_package, builders.GRADING_IDENTITY, builders.root())
    assert key.items == draft.items
    assert key.forms == tuple(laid_out.form_map for laid_out in draft.forms)
    assert (key.paper_id, key.key_version, key.scoring) == (draft.paper_id, 1, draft.scoring)
    with refuses(IntegrityError, "seal.open"):
        open_key_package(sealed.key_package, builders.OPENING_IDENTITY, builders.root())


def test_progress_counts_forms_and_bundles(draft: PaperDraft) -> None:
    """Three forms and one bundle are four steps."""
    told: list[int] = []
    _seal(draft, on_progress=told.append)
    assert sum(told) == 4


@pytest.mark.parametrize(
    ("signers", "code"),
    [(["setter"], "signature.threshold"), (["setter", "stranger"], "signature.unknown_key")],
)
def test_too_few_trusted_signers_are_refused(
    draft: PaperDraft, signers: list[str], code: str
) -> None:
    """One of two, or a stranger beside one, is not enough: nothing is made."""
    with refuses(IntegrityError, code):
        _seal(draft, keys=[builders.signing_key(name) for name in signers])


def test_the_same_signer_twice_is_refused(draft: PaperDraft) -> None:
    """Two signatures of one person are one person."""
    with refuses(InputError, "publish.signers"):
        _seal(draft, keys=[builders.SETTER, builders.SETTER])


def _centre_order(number: int, *form_numbers: int) -> CentreOrder:
    centre = builders.centre(centre_id=CentreId(f"C{number:02d}"))
    return CentreOrder(centre=centre, form_numbers=[*map(FormNumber, form_numbers)] or None)


@pytest.mark.parametrize(
    ("orders", "shares"),
    [
        ([_centre_order(1)], [range(1, 11)]),
        ([_centre_order(1), _centre_order(2)], [range(1, 6), range(6, 11)]),
        (
            [_centre_order(1), _centre_order(2), _centre_order(3)],
            [range(1, 4), range(4, 7), range(7, 11)],
        ),
        (
            [_centre_order(1), _centre_order(2, 9, 2), _centre_order(3)],
            [(1, 3, 4, 5), (2, 9), (6, 7, 8, 10)],
        ),
    ],
)
def test_centres_share_the_forms(orders: list[CentreOrder], shares: list[Sequence[int]]) -> None:
    """What nobody named is shared evenly and in order; no form is opened by two centres."""
    shared = share_forms(orders, 10)

    assert list(shared.values()) == [tuple(share) for share in shares]
    assert len({number for share in shared.values() for number in share}) == 10


@pytest.mark.parametrize(
    "orders",
    [
        [],
        [CentreOrder(centre=builders.centre()), CentreOrder(centre=builders.centre())],
        [CentreOrder(centre=builders.centre(centre_id=CentreId("../x")))],
        [CentreOrder(centre=builders.centre(), form_numbers=[])],
        [CentreOrder(centre=builders.centre(), form_numbers=[FormNumber(4)])],
        [
            CentreOrder(centre=builders.centre(), form_numbers=builders.form_numbers(2)),
            CentreOrder(centre=OTHER, form_numbers=[FormNumber(3), FormNumber(2)]),
        ],
        [
            CentreOrder(centre=builders.centre(), form_numbers=builders.form_numbers(3)),
            CentreOrder(centre=OTHER),
        ],
        [_centre_order(number) for number in range(1, 5)],
    ],
)
def test_impossible_centres_are_refused(draft: PaperDraft, orders: list[CentreOrder]) -> None:
    """None, one twice, a name that is a path; no forms, unknown ones, shared ones, too few."""
    with refuses(InputError, "publish.centre"):
        _seal(draft, centres=orders)


def test_a_wrong_code_or_recipient_is_refused(draft: PaperDraft) -> None:
    """A mistyped group and a malformed public key are named before anything is written."""
    wrong = builders.OPENING_CODE.replace("12340", "12341")
    with refuses(InputError, "opening.code_group"):
        _seal(draft, centres=[CentreOrder(centre=builders.centre(), code=wrong)])
    with refuses(InputError, "seal.key"):
        _seal(draft, grading_recipients=["age1nonsense"])


def test_sealed_files_hold_neither_codes_nor_plaintext(
    draft: PaperDraft, sealed: SealedPaper, tmp_path: Path
) -> None:
    """Four files, readable by the courier, with nothing to read in them."""
    write_sealed(sealed, tmp_path / "out")
    names = _names(tmp_path / "out")
    assert names == [
        "answers.examkey",
        "opening-C01.examopen",
        "opening-C02.examopen",
        "paper.exampkg",
    ]
    contents = b"".join((tmp_path / "out" / name).read_bytes() for name in names)
    stems = {part.stem for laid_out in draft.forms for part in laid_out.form.parts()}
    for codes in sealed.codes.values():
        for code in (codes.opening_code, *codes.envelope_codes):
            assert code.encode() not in contents
    for text in stems | {item.explanation for item in draft.items}:
        assert text.encode() not in contents


def test_headquarters_keys_are_private_and_come_back(tmp_path: Path) -> None:
    """One key an office, 0600, and a root that wants both."""
    made = make_headquarters_keys()
    write_headquarters_keys(made, tmp_path / "hq")
    assert read_root(tmp_path / "hq" / "root.json") == made.root
    assert made.root.threshold == 2
    for office, key in made.private_keys.items():
        path = tmp_path / "hq" / f"{office}.key"
        assert read_signing_key(path) == key
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_two_people_of_one_office_have_keys_of_their_own(tmp_path: Path) -> None:
    """Their files are numbered, and the root knows both as setters."""
    made = make_headquarters_keys(["setter", "approver", "setter"], threshold=3)
    write_headquarters_keys(made, tmp_path / "hq")
    assert _names(tmp_path / "hq") == ["approver.key", "root.json", "setter-2.key", "setter.key"]
    assert sorted(made.root.keys.values()) == ["approver", "setter", "setter"]


def test_keys_are_replaced_by_a_root_that_both_sign(tmp_path: Path) -> None:
    """Who stays keeps the key, the other one's no longer counts, and old roots accept the step."""
    first = make_headquarters_keys()
    write_headquarters_keys(first, tmp_path / "old")
    old = {name: read_key_file(tmp_path / "old" / f"{name}.key") for name in first.private_keys}
    made = rotate_headquarters_keys(
        first.root,
        signers=list(old.values()),
        staying=[old["setter"]],
        offices=["approver"],
        threshold=2,
    )
    write_headquarters_keys(made, tmp_path / "new")

    assert _names(tmp_path / "new") == ["approver.key", "root.json", "root.update"]
    update = (tmp_path / "new" / "root.update").read_bytes()
    assert accept_root_update(update, first.root) == made.root
    assert made.root.version == 2
    assert old["setter"].public_key in made.root.keys
    assert old["approver"].public_key not in made.root.keys


def test_one_person_cannot_replace_the_keys() -> None:
    """The present root's rules hold for its own replacement."""
    first = make_headquarters_keys()
    setter = SigningKeyFile(
        kind="gongyuan-signing-key/1",
        office=Office.SETTER,
        public_key=public_key_of(first.private_keys["setter"]),
        private_key=first.private_keys["setter"],
    )
    with refuses(IntegrityError, "signature.unknown_key"):
        rotate_headquarters_keys(
            first.root, signers=[setter], staying=[], offices=["setter", "approver"], threshold=2
        )


@pytest.mark.parametrize(
    "offices", [["setter", "setter"], ["a/b"], [""], [], ["setter", "approver"] * 5]
)
def test_impossible_offices_are_refused(offices: list[str]) -> None:
    """Names that are no office, offices that are missing, and crowds."""
    with refuses(InputError, "publish.offices"):
        make_headquarters_keys(offices)


def test_an_impossible_threshold_is_refused() -> None:
    """Three of two can never sign, and nobody signs alone."""
    for threshold in (0, 1, 3):
        with refuses(InputError, "publish.threshold"):
            make_headquarters_keys(threshold=threshold)


def test_a_file_that_is_no_key_is_refused(tmp_path: Path) -> None:
    """The root, another kind of file, or a key whose halves do not belong together."""
    made = make_headquarters_keys()
    write_headquarters_keys(made, tmp_path / "hq")
    with refuses(InputError, "publish.key_file"):
        read_signing_key(tmp_path / "hq" / "root.json")
    raw = msgspec.json.decode((tmp_path / "hq" / "setter.key").read_bytes())
    raw["public_key"] = "00" * 32
    mixed = tmp_path / "mixed.key"
    mixed.write_bytes(msgspec.json.encode(raw, order="sorted"))
    with refuses(InputError, "publish.key_file"):
        read_signing_key(mixed)


def test_a_centre_is_signed_once_and_verifies() -> None:
    """The signed descriptor is the centre's own; a signed one is no unsigned one."""
    keys = [builders.SETTER, builders.APPROVER]
    signed = sign_centre_file(encode_centre(builders.centre()), keys, builders.root())
    assert verify_centre(signed, builders.root()) == builders.centre()
    assert signed == sign_centre(builders.centre(), keys)
    with refuses(InputError, "centre.malformed"):
        sign_centre_file(signed, keys, builders.root())
    with refuses(IntegrityError, "signature.threshold"):
        sign_centre_file(encode_centre(builders.centre()), keys[:1], builders.root())
