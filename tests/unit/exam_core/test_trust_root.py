"""The root and the centre descriptor: who is trusted, and who vouches."""

from typing import Any

import pytest

from exam_core.crypto.signing import PrivateSigningKey, PublicSigningKey, public_key_of
from exam_core.errors import InputError, IntegrityError
from exam_core.formats.canonical import encode_canonical
from exam_core.formats.centre_descriptor import (
    encode_centre,
    parse_centre,
    sign_centre,
    verify_centre,
)
from exam_core.formats.dsse import sign_envelope
from exam_core.formats.trust_root import (
    UPDATE_TYPE,
    Office,
    TrustRoot,
    accept_root_update,
    encode_root,
    fingerprint,
    parse_root,
    sign_root_update,
)
from tests.support.builders import APPROVER, SETTER, STRANGER, centre, root, signing_key
from tests.support.refusals import refuses

NEW_SETTER, NEW_APPROVER = signing_key("new setter"), signing_key("new approver")
KEYS = {public_key_of(SETTER): Office.SETTER, public_key_of(APPROVER): Office.APPROVER}
GOOD = {"version": 1, "threshold": 2, "keys": KEYS}


def test_a_root_comes_back() -> None:
    """What was written is read, and every key has its id."""
    assert parse_root(encode_root(root())) == root()
    assert len(root().trusted()) == 2


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"version": 0}, "root.malformed"),
        ({"threshold": 0}, "root.threshold"),
        ({"threshold": 1}, "root.threshold"),
        ({"threshold": 3}, "root.threshold"),
        ({"keys": {}}, "root.threshold"),
        ({"keys": dict.fromkeys(KEYS, "setter")}, "root.offices"),
        ({"keys": dict.fromkeys(KEYS, "命题")}, "root.malformed"),
        ({"keys": {f"{n:064x}": "setter" for n in range(9)}}, "root.malformed"),
        ({"extra": 1}, "root.malformed"),
        ({"keys": []}, "root.malformed"),
    ],
)
def test_a_root_that_cannot_be_is_refused(fields: dict[str, Any], code: str) -> None:
    """A root needs a version, both offices, and as many keys as must sign, two at least."""
    assert parse_root(encode_canonical(GOOD)).version == 1
    with refuses(InputError, code):
        parse_root(encode_canonical(GOOD | fields))


@pytest.mark.parametrize("key", ["", "ab", public_key_of(SETTER).upper()])
def test_a_root_with_a_malformed_key_is_refused(key: str) -> None:
    """One key cannot stand in a root twice under two spellings."""
    with refuses(InputError, "signing.key"):
        parse_root(encode_root(root(keys=KEYS | {PublicSigningKey(key): Office.SETTER})))


def next_root(**fields: Any) -> TrustRoot:
    """Version 2, with new people."""
    keys = {
        public_key_of(NEW_SETTER): Office.SETTER,
        public_key_of(NEW_APPROVER): Office.APPROVER,
    }
    return root(**({"version": 2, "keys": keys} | fields))


EVERYBODY = [SETTER, APPROVER, NEW_SETTER, NEW_APPROVER]


def test_old_and_new_people_change_the_root_together() -> None:
    """Two of the present root and two of the next one sign; who stays signs once for both."""
    assert accept_root_update(sign_root_update(next_root(), EVERYBODY), root()) == next_root()
    staying = next_root(keys=KEYS)
    assert accept_root_update(sign_root_update(staying, [SETTER, APPROVER]), root()) == staying


@pytest.mark.parametrize(
    ("signers", "code"),
    [
        ([], "signature.threshold"),
        ([SETTER, NEW_SETTER, NEW_APPROVER], "signature.unknown_key"),
        ([NEW_SETTER, NEW_APPROVER], "signature.unknown_key"),
        ([SETTER, SETTER, NEW_SETTER, NEW_APPROVER], "signature.repeated"),
        ([SETTER, APPROVER], "root.successors"),
        ([SETTER, APPROVER, NEW_SETTER], "root.successors"),
        ([SETTER, APPROVER, NEW_SETTER, STRANGER], "root.successors"),
    ],
)
def test_a_change_that_one_side_did_not_sign_is_refused(
    signers: list[PrivateSigningKey], code: str
) -> None:
    """Neither the old people alone, nor the new ones, nor one of either."""
    with refuses(IntegrityError, code):
        accept_root_update(sign_root_update(next_root(), signers), root())


def test_both_offices_of_both_roots_sign() -> None:
    """Two setters of a larger root are not enough, on either side."""
    more = KEYS | {public_key_of(STRANGER): Office.SETTER}
    with refuses(IntegrityError, "signature.office"):
        accept_root_update(
            sign_root_update(next_root(), [SETTER, STRANGER, NEW_SETTER, NEW_APPROVER]),
            root(keys=more),
        )
    crowd = next_root().keys | {public_key_of(STRANGER): Office.SETTER}
    with refuses(IntegrityError, "root.successors") as caught:
        accept_root_update(
            sign_root_update(next_root(keys=crowd), [SETTER, APPROVER, NEW_SETTER, STRANGER]),
            root(),
        )
    assert caught.value.facts == {"reason": "signature.office"}


@pytest.mark.parametrize("version", [1, 3, 9])
def test_versions_are_neither_skipped_nor_repeated(version: int) -> None:
    """The step is from one version to the next."""
    with refuses(IntegrityError, "root.version"):
        accept_root_update(sign_root_update(next_root(version=version), EVERYBODY), root())


def test_another_signed_file_changes_no_root() -> None:
    """Neither a descriptor nor a root without an envelope nor nonsense inside one."""
    signed = sign_envelope(b"{}", UPDATE_TYPE, EVERYBODY)
    for data, code in (
        (sign_centre(centre(), EVERYBODY), "signature.type"),
        (encode_root(next_root()), "signature.malformed"),
        (signed, "root.malformed"),
    ):
        with refuses(InputError, code):
            accept_root_update(data, root())


def test_the_fingerprint_can_be_read_aloud() -> None:
    """Sixteen groups of four; another root has another one."""
    groups = fingerprint(root()).split(" ")

    assert [len(group) for group in groups] == [4] * 16
    assert fingerprint(root(version=2)) != fingerprint(root())


def test_a_signed_descriptor_comes_back() -> None:
    """Two signatures of headquarters make the descriptor trusted."""
    assert parse_centre(encode_centre(centre())) == centre()
    assert verify_centre(sign_centre(centre(), [SETTER, APPROVER]), root()) == centre()


def test_a_descriptor_without_headquarters_is_refused() -> None:
    """Neither an unsigned file nor a stranger's signature makes a centre."""
    with refuses(InputError, "signature.malformed"):
        verify_centre(encode_centre(centre()), root())
    with refuses(IntegrityError, "signature.unknown_key"):
        verify_centre(sign_centre(centre(), [SETTER, STRANGER]), root())


@pytest.mark.parametrize("data", [b"", b"{}", encode_root(root())])
def test_another_file_is_no_descriptor(data: bytes) -> None:
    """A file of another kind is refused by name."""
    with refuses(InputError, "centre.malformed"):
        parse_centre(data)
