"""Vectors of what an exam centre vouches for: its officials, and who writes which form."""

from collections.abc import Iterator
from typing import Any

import msgspec

from exam_core.crypto.signing import public_key_of
from exam_core.formats import assignment as assignment_format
from exam_core.formats import centre_descriptor
from exam_core.formats.assignment import sign_assignment
from exam_core.formats.canonical import encode_canonical
from exam_core.formats.dsse import sign_envelope
from exam_core.model.identifiers import FormNumber
from tests.support import builders
from tests.support.builders import candidate
from tests.vectors.made import BOTH, Folder, Made, flip
from tests.vectors.recipes import KEYS, ingredient


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


def assignment() -> Iterator[Made]:
    """Tables drawn and tables made up, signed rightly and wrongly."""
    folder = Folder("assignment", "assignment")
    kind = assignment_format._PAYLOAD_TYPE
    good = builders.assignment()
    plain = msgspec.json.decode(encode_canonical(good))
    first, second = plain["rows"]
    signed = sign_assignment(good, KEYS.centre)
    yield folder.good("assignment", signed, "two candidates, one spare form")

    own = [FormNumber(number) for number in (41, 42, 44, 60)]
    second_room = sign_assignment(builders.assignment(form_numbers=own), KEYS.centre)
    yield folder.good("own-forms", second_room, "a centre with forms 41, 42, 44 and 60")

    def changed(**fields: Any) -> bytes:
        return sign_envelope(encode_canonical(plain | fields), kind, [KEYS.centre])

    swapped = [
        first | {"form_number": second["form_number"]},
        second | {"form_number": first["form_number"]},
    ]
    other = encode_canonical(builders.assignment(roster=builders.roster(3)))
    renamed = [candidate(1), candidate(2, name="冒名者")]
    again = encode_canonical(builders.assignment(roster=renamed))
    for name, data, error, claim in (
        (
            "stranger",
            sign_assignment(good, KEYS.stranger),
            "signature.unknown_key",
            "not the centre",
        ),
        ("altered", flip(signed, 40), "signature.invalid", "one letter of the payload changed"),
        ("cut", signed[:-1], "signature.malformed", "cut short"),
        ("swapped", changed(rows=swapped), "assignment.draw", "two forms are exchanged"),
        ("seed", changed(seed="33" * 32), "assignment.draw", "another seed gives other forms"),
        ("spare", changed(spares=[1]), "assignment.draw", "the spare is not the one drawn"),
        ("algorithm", changed(algorithm="v2"), "assignment.algorithm", "an unknown way to draw"),
        ("centre", changed(centre_id="C02"), "assignment.other", "another centre's"),
        ("order", changed(rows=[second, first]), "assignment.malformed", "rows out of order"),
        ("twice", changed(rows=[first, first]), "assignment.malformed", "a candidate twice"),
        ("nobody", changed(rows=[]), "assignment.malformed", "no rows"),
        (
            "too-few",
            changed(form_numbers=[1]),
            "assignment.malformed",
            "more candidates than forms",
        ),
        (
            "forms-order",
            changed(form_numbers=[2, 1, 3]),
            "assignment.malformed",
            "form numbers out of order",
        ),
        ("form-zero", changed(form_numbers=[0, 1, 2]), "assignment.malformed", "a form number 0"),
        (
            "other-forms",
            changed(form_numbers=[4, 5, 6]),
            "assignment.draw",
            "forms are given out that are not among those drawn from",
        ),
        ("short-seed", changed(seed="22"), "assignment.malformed", "a seed has 32 bytes"),
        ("digest", changed(roster_sha256="ab"), "assignment.malformed", "no digest"),
        (
            "roster",
            changed(roster_sha256="ab" * 32),
            "assignment.roster",
            "drawn for another roster",
        ),
        (
            "person",
            sign_envelope(again, kind, [KEYS.centre]),
            "assignment.roster",
            "a number stood for somebody else",
        ),
        (
            "people",
            sign_envelope(other, kind, [KEYS.centre]),
            "assignment.roster",
            "somebody is missing on the roster",
        ),
    ):
        yield folder.bad(name, data, error, claim)


def _many(count: int) -> list[dict[str, str]]:
    return [
        {
            "name": f"官员{n}",
            "office": "监考",
            "signing_key": public_key_of(builders.signing_key(f"official {n}")),
        }
        for n in range(count)
    ]
