"""The people who sign results are two to eight, and nobody counts for two."""

from typing import Any

import msgspec
import pytest

from exam_core.crypto.sealing import seal_with_passphrase
from exam_core.crypto.signing import public_key_of
from exam_core.errors import InputError, IntegrityError
from exam_core.formats.centre_descriptor import sign_centre, verify_centre
from exam_core.formats.officials import Official, open_official_key, seal_official_key
from tests.support import builders
from tests.support.refusals import refuses

FIRST, SECOND, THIRD = builders.officials()
BOTH = [builders.SETTER, builders.APPROVER]


def test_a_signed_centre_names_its_officials() -> None:
    """What headquarters signed comes back, people and offices in their order."""
    signed = sign_centre(builders.centre(), BOTH)

    assert verify_centre(signed, builders.root()).officials == (FIRST, SECOND, THIRD)


def test_two_officials_are_enough_and_one_is_not() -> None:
    """Headquarters signs no centre whose results two people could not sign."""
    pair = sign_centre(builders.centre(officials=(FIRST, THIRD)), BOTH)
    assert verify_centre(pair, builders.root()).officials == (FIRST, THIRD)
    for too_few in ((), (FIRST,)):
        with refuses(InputError, "centre.officials"):
            sign_centre(builders.centre(officials=too_few), BOTH)


@pytest.mark.parametrize(
    "changed",
    [
        {"signing_key": FIRST.signing_key},
        {"signing_key": public_key_of(builders.CENTRE_KEY)},
        {"name": FIRST.name},
        {"name": ""},
        {"name": " 李秀英"},
        {"name": "李\n秀英"},
        {"office": ""},
        {"office": "副" * 51},
    ],
)
def test_officials_who_cannot_be_told_apart_are_refused(changed: dict[str, Any]) -> None:
    """One key, one name, the centre's own key, and names that are not one plain line."""
    with refuses(InputError, "centre.officials"):
        builders.centre(officials=(FIRST, msgspec.structs.replace(SECOND, **changed)))


def test_nine_officials_are_too_many() -> None:
    """Eight sign for a centre, and no ninth."""
    people = tuple(
        Official(
            name=f"官员{n}", office="监考", signing_key=public_key_of(builders.signing_key(str(n)))
        )
        for n in range(9)
    )

    assert builders.centre(officials=people[:8]).officials == people[:8]
    with refuses(InputError, "centre.officials"):
        builders.centre(officials=people)


@pytest.mark.usefixtures("cheap_scrypt")
def test_an_officials_key_opens_with_its_passphrase_alone() -> None:
    """Another passphrase, altered bytes and files of another kind have one answer."""
    key = builders.OFFICIAL_KEYS[0]
    sealed = seal_official_key(key, "本人的口令")

    assert open_official_key(sealed, "本人的口令") == key
    for data, passphrase in (
        (sealed, "别人的口令"),
        (sealed[:-1], "本人的口令"),
        (seal_with_passphrase(builders.OPENING_IDENTITY.encode(), "p"), "p"),
        (seal_with_passphrase("密".encode(), "p"), "p"),
    ):
        with refuses(IntegrityError, "official.key"):
            open_official_key(data, passphrase)
