"""Vectors of what an exam centre vouches for: its officials."""

from collections.abc import Iterator

import msgspec

from exam_core.crypto.signing import public_key_of
from exam_core.formats import centre_descriptor
from exam_core.formats.canonical import encode_canonical
from exam_core.formats.dsse import sign_envelope
from tests.support import builders
from tests.vectors.made import BOTH, Folder, Made, flip
from tests.vectors.recipes import ingredient


def officials() -> Iterator[Made]:
    """Descriptors with too few, too many and doubtful officials; an official's key file."""
    folder = Folder("trust-root", "centre")
    plain = msgspec.json.decode(ingredient("centre.json"))
    first, second = plain["officials"][:2]
    for name, chosen, error, claim in (
        ("one-official", [first], "centre.officials", "two must sign results"),
        ("no-officials", [], "centre.officials", "nobody can sign results"),
        ("nine-officials", _many(9), "centre.officials", "more than eight"),
        (
            "official-twice",
            [first, second | {"signing_key": first["signing_key"]}],
            "centre.officials",
            "one key for two people",
        ),
        (
            "official-namesake",
            [first, second | {"name": first["name"]}],
            "centre.officials",
            "one name for two people",
        ),
        (
            "official-is-centre",
            [first, second | {"signing_key": plain["signing_key"]}],
            "centre.officials",
            "the centre is no official of its own",
        ),
        ("official-nameless", [first, second | {"name": ""}], "centre.officials", "no name"),
        ("official-key", [first, second | {"signing_key": "ab"}], "signing.key", "no key"),
    ):
        payload = encode_canonical(plain | {"officials": chosen})
        envelope = sign_envelope(payload, centre_descriptor._PAYLOAD_TYPE, BOTH)
        yield folder.bad(f"centre-{name}", envelope, error, claim)
    keys = folder.reading("official key")
    key = ingredient("official-key.age")
    yield keys.good("official-key", key, "an official's key file")
    for name, data, claim, given in (
        ("passphrase", key, "another passphrase", {"passphrase": "另一口令"}),
        ("altered", flip(key, -1), "one bit changed", {}),
        ("opening", ingredient("opening-key.age"), "the centre's opening key", {}),
    ):
        yield keys.bad(f"official-key-{name}", data, "official.key", claim, **given)


def _many(count: int) -> list[dict[str, str]]:
    return [
        {
            "name": f"官员{n}",
            "office": "监考",
            "signing_key": public_key_of(builders.signing_key(f"official {n}")),
        }
        for n in range(count)
    ]
