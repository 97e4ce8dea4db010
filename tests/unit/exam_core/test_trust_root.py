"""The root and the centre descriptor: who is trusted, and who vouches."""

from typing import Any

import pytest

from exam_core.crypto.signing import PublicSigningKey, public_key_of
from exam_core.errors import InputError, IntegrityError
from exam_core.formats.canonical import encode_canonical
from exam_core.formats.centre_descriptor import (
    encode_centre,
    parse_centre,
    sign_centre,
    verify_centre,
)
from exam_core.formats.trust_root import encode_root, fingerprint, parse_root
from tests.support.builders import APPROVER, SETTER, STRANGER, centre, root
from tests.support.refusals import refuses

GOOD = {"version": 1, "threshold": 1, "keys": {public_key_of(SETTER): "命题"}}


def test_a_root_comes_back() -> None:
    """What was written is read, and every key has its id."""
    assert parse_root(encode_root(root())) == root()
    assert len(root().trusted()) == 2


@pytest.mark.parametrize(
    "fields",
    [{"version": 0}, {"threshold": 0}, {"threshold": 2}, {"keys": {}}, {"extra": 1}, {"keys": []}],
)
def test_a_root_that_cannot_be_is_refused(fields: dict[str, Any]) -> None:
    """A root needs a version and at least as many keys as must sign."""
    assert parse_root(encode_canonical(GOOD)).version == 1
    with refuses(InputError, "root.malformed"):
        parse_root(encode_canonical(GOOD | fields))


@pytest.mark.parametrize("key", ["", "ab", public_key_of(SETTER).upper()])
def test_a_root_with_a_malformed_key_is_refused(key: str) -> None:
    """One key cannot stand in a root twice under two spellings."""
    with refuses(InputError, "signing.key"):
        parse_root(encode_root(root(threshold=1, keys={PublicSigningKey(key): "命题"})))


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
    with refuses(IntegrityError, "signature.threshold"):
        verify_centre(sign_centre(centre(), [SETTER, STRANGER]), root())


@pytest.mark.parametrize("data", [b"", b"{}", encode_root(root())])
def test_another_file_is_no_descriptor(data: bytes) -> None:
    """A file of another kind is refused by name."""
    with refuses(InputError, "centre.malformed"):
        parse_centre(data)
