"""Vectors of what headquarters makes: encoding, root, envelopes, package, bundle, answer key."""

import base64
import hashlib
import struct
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from exam_core.crypto.sealing import recipient_of
from exam_core.crypto.signing import PrivateSigningKey, public_key_of
from exam_core.formats import opening_bundle as opening_format
from exam_core.formats.audit_log import next_entry
from exam_core.formats.canonical import encode_canonical
from exam_core.formats.centre_descriptor import CentreDescriptor, sign_centre
from exam_core.formats.dsse import sign_envelope
from exam_core.formats.package_manifest import Manifest
from exam_core.formats.paper_package import MAGIC, PAYLOAD_TYPE
from exam_core.formats.signed_file import join_signed_file
from exam_core.formats.trust_root import Office, sign_root_update
from exam_core.keys import package as key_package
from tests.support import builders
from tests.vectors.made import BOTH, Folder, Made, flip
from tests.vectors.readers import TEST_TYPE
from tests.vectors.recipes import KEYS, ingredient, manifest_of


def canonical_encoding() -> Iterator[Made]:
    """One value in its encoding, and in every other one that JSON allows."""
    folder, error = Folder("canonical-encoding", "canonical"), "audit.malformed"
    entry = next_entry(
        None,
        at_utc_ms=2**53,
        actors=("张三", "\U00020bb7"),
        role="chief",
        action='tab\t quote" backslash\\ slash/ delete\x7f control\x01',
        subject="\u2028",
        details={"b": "1", "a": "2", "乙": "3", "\U00020000": "4", "\uffff": "5", "B": "6"},
    )
    good = encode_canonical(entry)
    yield folder.good("every-kind", good, "escapes, order, characters as they are")
    for name, data, claim in (
        ("space", good.replace(b":", b": ", 1), "no white space between tokens"),
        ("newline", good + b"\n", "nothing after the value"),
        ("bom", b"\xef\xbb\xbf" + good, "no byte order mark"),
        ("order", b'{"n":1,' + good[1:].replace(b'"n":1,', b""), "keys in order"),
        ("twice", good.replace(b'"n":1', b'"n":1,"n":1'), "no key twice"),
        ("escape", good.replace("张".encode(), b"\\u5f20"), "no character is escaped needlessly"),
        ("slash", good.replace(b"slash/", b"slash\\/"), "the slash is not escaped"),
        ("surrogate", good.replace("张".encode(), b"\\ud800"), "no lone surrogate"),
        ("float", good.replace(b'"n":1', b'"n":1.0'), "integers have no point"),
        ("exponent", good.replace(b'"n":1', b'"n":1e0'), "integers have no exponent"),
        ("minus-zero", good.replace(b'"n":1', b'"n":-0'), "zero has no sign"),
        ("too-large", good.replace(b'"n":1', b'"n":9223372036854775808'), "64 bits at most"),
        ("boolean", good.replace(b'"n":1', b'"n":true'), "a truth value is no number"),
        ("unknown", good.replace(b'"n":1', b'"m":1,"n":1'), "no unknown field"),
        ("missing", good.replace(b'"n":1,', b""), "every field is written"),
        ("utf8", good.replace("张".encode(), b"\xe5\xbc"), "well-formed UTF-8"),
        ("empty", b"", "there is a value"),
    ):
        yield folder.bad(name, data, error, claim)


def trust_root() -> Iterator[Made]:
    """Roots, envelopes and centre descriptors."""
    folder = Folder("trust-root", "root")
    root = ingredient("root.json")
    yield folder.good("root", root, "two keys, both must sign")
    plain = msgspec.json.decode(root)
    upper = {KEYS.centre_public.upper(): "setter"}
    setters = dict.fromkeys(plain["keys"], "setter")
    crowd = plain["keys"] | {f"{number:064x}": "setter" for number in range(7)}
    for name, fields, error, claim in (
        ("version-0", {"version": 0}, "root.malformed", "versions count from 1"),
        ("threshold-0", {"threshold": 0}, "root.threshold", "somebody must sign"),
        ("threshold-1", {"threshold": 1}, "root.threshold", "nobody acts alone"),
        ("threshold-3", {"threshold": 3}, "root.threshold", "no more than there are keys"),
        ("crowd", {"keys": crowd}, "root.malformed", "8 keys at most"),
        ("setters", {"keys": setters}, "root.offices", "no approver"),
        ("office", {"keys": plain["keys"] | {"00" * 32: "命题"}}, "root.malformed", "two offices"),
        ("short-key", {"keys": plain["keys"] | {"ab": "setter"}}, "signing.key", "64 digits a key"),
        ("capitals", {"keys": plain["keys"] | upper}, "signing.key", "keys are in lower case"),
    ):
        yield folder.bad(name, encode_canonical(plain | fields), error, claim)
    yield from _root_updates(folder.reading("root update"))
    yield from _envelopes(folder)
    centres = folder.reading("centre")
    centre = msgspec.json.decode(ingredient("centre.json"), type=CentreDescriptor)
    signed = sign_centre(centre, BOTH)
    yield centres.good("centre", signed, "a descriptor signed by two")
    yield centres.bad(
        "centre-unsigned",
        ingredient("centre.json"),
        "signature.malformed",
        "an unsigned descriptor is none",
    )
    yield centres.bad(
        "centre-one-signer",
        sign_centre(centre, BOTH[:1]),
        "signature.threshold",
        "one signer is not two",
    )


def _root_updates(folder: Folder) -> Iterator[Made]:
    keys = {
        public_key_of(KEYS.stranger): Office.SETTER,
        public_key_of(KEYS.approver): Office.APPROVER,
    }
    following = builders.root(version=2, keys=keys)
    signers = [*BOTH, KEYS.stranger]
    yield folder.good(
        "update", sign_root_update(following, signers), "another setter; the approver stays"
    )
    skipped = builders.root(version=3, keys=keys)
    for name, root, who, error, claim in (
        ("new-alone", following, signers[1:], "signature.unknown_key", "the old setter is missing"),
        ("old-alone", following, BOTH, "root.successors", "the new setter is missing"),
        ("skipped", skipped, signers, "root.version", "version 2 was skipped"),
        ("again", builders.root(), BOTH, "root.version", "the present version once more"),
    ):
        yield folder.bad(f"update-{name}", sign_root_update(root, who), error, claim)


def _envelopes(folder: Folder) -> Iterator[Made]:
    envelopes = folder.reading("envelope")
    payload = "试卷".encode()
    good = sign_envelope(payload, TEST_TYPE, BOTH)
    with_stranger = sign_envelope(payload, TEST_TYPE, [KEYS.stranger, *BOTH])
    yield envelopes.good("envelope", good, "two trusted signatures")
    yield envelopes.good("envelope-stranger", with_stranger, "a stranger does no harm")
    plain = msgspec.json.decode(good)
    first, second = plain["signatures"]

    def changed(**fields: Any) -> bytes:
        return encode_canonical(plain | fields)

    twice = sign_envelope(payload, TEST_TYPE, [KEYS.setter] * 2)
    other = base64.b64encode("答案".encode()).decode()
    for name, data, error, claim in (
        ("no-signature", changed(signatures=[]), "signature.threshold", "somebody must sign"),
        ("one-signer", changed(signatures=[first]), "signature.threshold", "one is not two"),
        ("same-signer", twice, "signature.repeated", "one person does not count twice"),
        (
            "borrowed",
            changed(signatures=[first, second | {"sig": first["sig"]}]),
            "signature.invalid",
            "a signature under another name",
        ),
        ("payload", changed(payload=other), "signature.invalid", "another payload"),
        ("type", changed(payloadType="text/plain"), "signature.type", "another type"),
        ("no-padding", changed(payload="6K+V5Y23="), "signature.malformed", "strict base64"),
        ("loose-bits", changed(payload="YWJjZB=="), "signature.malformed", "one base64 for each"),
        ("url-base64", changed(payload="6K-V5Y23"), "signature.malformed", "standard alphabet"),
        ("not-canonical", good + b"\n", "signature.malformed", "the envelope is canonical"),
        ("crowd", changed(signatures=[first] * 17), "signature.malformed", "16 signatures at most"),
    ):
        yield envelopes.bad(f"envelope-{name}", data, error, claim)


def _package_file(
    manifest: Manifest | dict[str, Any],
    body: bytes,
    signers: Sequence[PrivateSigningKey] = tuple(BOTH),
) -> bytes:
    envelope = sign_envelope(encode_canonical(manifest), PAYLOAD_TYPE, signers)
    return join_signed_file(MAGIC, envelope, body)


def paper_package() -> Iterator[Made]:
    """Packages, and forms that are taken out of one."""
    folder = Folder("paper-package", "package")
    names = ("form-1.age", "form-2.age")
    body = b"".join(map(ingredient, names))
    manifest = manifest_of(*names)
    good = _package_file(manifest, body)
    yield folder.good("two-forms", good, "two forms, signed by two")
    plain: dict[str, Any] = msgspec.to_builtins(manifest)
    one, two = plain["members"]
    (recipient,) = plain["results_recipients"]

    def resigned(**fields: Any) -> bytes:
        return _package_file(plain | fields, body)

    long = struct.pack(">I", 8 * 1024 * 1024 + 1)
    for name, data, error, claim in (
        ("empty", b"", "package.malformed", "an empty file"),
        ("magic", b"EXPK2\n" + good[6:], "package.malformed", "another version"),
        ("zip", b"PK\x03\x04" + good[4:], "package.malformed", "another kind of file"),
        ("length", good[:6] + long + good[10:], "package.malformed", "an envelope over the limit"),
        ("cut", good[:-1], "package.size", "a byte is missing at the end"),
        ("grown", good + b"\0", "package.size", "a byte too many at the end"),
        ("altered-1", flip(good, len(good) - len(body) + 40), "package.altered", "form 1 changed"),
        ("altered-2", flip(good, -1), "package.altered", "form 2 changed"),
        (
            "one-signer",
            _package_file(manifest, body, signers=BOTH[:1]),
            "signature.threshold",
            "signed by one person",
        ),
        (
            "stranger",
            _package_file(manifest, body, signers=[KEYS.setter, KEYS.stranger]),
            "signature.unknown_key",
            "the second signer is unknown",
        ),
        ("suite", resigned(suite="gm1"), "package.suite", "another suite"),
        ("sequence-0", resigned(sequence=0), "package.manifest", "sequences count from 1"),
        ("duration", resigned(duration_ms=43_200_001), "package.manifest", "over twelve hours"),
        ("no-recipient", resigned(results_recipients=[]), "package.recipients", "nobody to read"),
        (
            "recipient-missing",
            _package_file(_without(plain, "results_recipients"), body),
            "package.manifest",
            "no word on who reads the results",
        ),
        (
            "recipient-identity",
            resigned(results_recipients=[KEYS.grading_identity]),
            "package.recipients",
            "a private key in place of a recipient",
        ),
        (
            "recipient-checksum",
            resigned(results_recipients=[_slip(recipient)]),
            "package.recipients",
            "a recipient with a slip",
        ),
        (
            "recipient-capitals",
            resigned(results_recipients=[recipient.upper()]),
            "package.recipients",
            "recipients are in lower case",
        ),
        (
            "recipient-crowd",
            resigned(results_recipients=[recipient] * 17),
            "package.recipients",
            "16 recipients at most",
        ),
        (
            "no-form",
            resigned(members=[], total_forms=0),
            "package.members",
            "a package without forms",
        ),
        ("order", resigned(members=[two, one]), "package.members", "members out of order"),
        (
            "overlap",
            resigned(members=[one, two | {"offset": two["offset"] - 1}]),
            "package.members",
            "members overlap",
        ),
        (
            "gap",
            resigned(members=[one | {"size": one["size"] - 1}, two]),
            "package.members",
            "a gap between members",
        ),
        ("forms", resigned(total_forms=3), "package.members", "more forms than members"),
        (
            "role",
            resigned(members=[one, two | {"role": "key"}]),
            "package.manifest",
            "a third role",
        ),
        ("name", resigned(members=[one, two | {"name": "02"}]), "package.members", "one spelling"),
        ("program", resigned(min_program="9999.0.0"), "package.program", "a later program"),
        ("version", resigned(min_program="1.0"), "package.manifest", "no version"),
        ("key", resigned(answer_key="B"), "package.manifest", "an unknown field"),
    ):
        yield folder.bad(name, data, error, claim)
    pictured = manifest_of("form-with-image.age", images=["image.age"])
    picture_body = ingredient("form-with-image.age") + ingredient("image.age")
    images = folder.reading("package image")
    yield images.good(
        "image", _package_file(pictured, picture_body), "a form that shows a picture, opened"
    )
    yield images.bad(
        "image-altered",
        flip(_package_file(pictured, picture_body), -1),
        "package.altered",
        "the picture changed",
    )
    without = manifest_of("form-with-image.age")
    yield images.bad(
        "image-missing",
        _package_file(without, ingredient("form-with-image.age")),
        "package.image",
        "the picture is not in the package",
    )
    other = manifest_of("form-with-image.age", images=["form-1.age"])
    other_body = ingredient("form-with-image.age") + ingredient("form-1.age")
    yield images.bad(
        "image-other",
        _package_file(other, other_body),
        "package.altered",
        "something else under the picture's name",
    )
    forms = folder.reading("form")
    yield forms.good("form", ingredient("form-1.age"), "the first member, opened")
    form_two = ingredient("form-2.age")
    yield forms.bad("form-other", form_two, "package.altered", "another form inside")
    with_key = ingredient("form-with-key.age")
    yield forms.bad("form-key", with_key, "form.malformed", "an answer key in a form")
    cut = ingredient("form-1.age")[:-1]
    yield forms.bad("form-cut", cut, "seal.open", "a form cut short")


def _without(plain: dict[str, Any], field: str) -> dict[str, Any]:
    return {name: value for name, value in plain.items() if name != field}


def _slip(recipient: str) -> str:
    return recipient[:-1] + ("q" if recipient[-1] != "q" else "p")


def opening_bundle() -> Iterator[Made]:
    """Bundles, and the centre's opening key."""
    folder = Folder("opening-bundle", "opening bundle")
    body = ingredient("opening-body.age")
    header = _opening_header(body)
    good = _opening_file(header, body)
    zeros = "00000 00000 00000 00000 00000 00000"
    yield folder.good("bundle", good, "centre key and code open it")
    for pair in ("1 2", "1 3", "2 3"):
        name = f"envelopes-{pair.replace(' ', '-')}"
        yield folder.good(name, good, "centre key and two envelopes open it", envelopes=pair)
    one_signer = ingredient("opening-body-one-signer.age")
    two_forms = {**header, "form_numbers": [1, 2]}
    for name, data, error, claim, given in (
        ("wrong-code", good, "opening.code", "a well-formed wrong code", {"code": zeros}),
        ("group", good, "opening.code_group", "a slip in group 1", {"code": "1" + zeros[1:]}),
        ("shape", good, "opening.code_shape", "a group is missing", {"code": zeros[6:]}),
        ("centre", good, "opening.mismatch", "another centre's bundle", {"centre_id": "C02"}),
        ("sitting", good, "opening.mismatch", "another sitting's bundle", {"sitting_id": "S2"}),
        (
            "package",
            good,
            "opening.mismatch",
            "the bundle of another package",
            {"manifest_sha256": "cd" * 32},
        ),
        ("empty", b"", "opening.malformed", "an empty file", {}),
        ("magic", b"EXOP2\n" + good[6:], "opening.malformed", "another version", {}),
        ("cut", good[:-1], "opening.altered", "cut short", {}),
        ("altered", flip(good, -100), "opening.altered", "one bit changed", {}),
        ("body-only", body, "opening.malformed", "no header", {}),
        (
            "foreign",
            _opening_file(_opening_header(ingredient("form-1.age")), ingredient("form-1.age")),
            "opening.key",
            "the body is sealed to another key",
            {},
        ),
        (
            "header-one-signer",
            _opening_file(header, body, BOTH[:1]),
            "signature.threshold",
            "the header is signed by one person",
            {},
        ),
        (
            "one-signer",
            _opening_file(_opening_header(one_signer), one_signer),
            "signature.threshold",
            "the content is signed by one person",
            {},
        ),
        (
            "header-forms",
            _opening_file(two_forms, body),
            "opening.mismatch",
            "header and content name other forms",
            {},
        ),
        (
            "header-order",
            _opening_file({**header, "form_numbers": [2, 1]}, body),
            "opening.malformed",
            "form numbers out of order",
            {},
        ),
        ("same-envelope", good, "opening.same_envelope", "one envelope", {"envelopes": "2 2"}),
    ):
        yield folder.bad(name, data, error, claim, **given)
    key = ingredient("opening-key.age")
    yield folder.reading("opening key").good("opening-key", key, "the centre's key file")
    yield folder.reading("opening key").bad(
        "opening-key-passphrase",
        key,
        "opening.key",
        "a wrong passphrase",
        passphrase="不对",
    )


def _opening_header(body: bytes) -> dict[str, Any]:
    recipient = recipient_of(KEYS.opening_identity)
    return {
        "body_sha256": hashlib.sha256(body).hexdigest(),
        "centre_id": "C01",
        "form_numbers": [1],
        "manifest_sha256": "ab" * 32,
        "paper_id": "P2026A",
        "recipient_sha256": opening_format.recipient_fingerprint(recipient),
        "sitting_id": "S2026-1",
    }


def _opening_file(
    header: dict[str, Any], body: bytes, signers: Sequence[PrivateSigningKey] = tuple(BOTH)
) -> bytes:
    envelope = sign_envelope(encode_canonical(header), opening_format.HEADER_TYPE, signers)
    return join_signed_file(opening_format.MAGIC, envelope, body)


def answer_key_package() -> Iterator[Made]:
    """Answer-key packages."""
    folder, magic = Folder("answer-key-package", "answer-key package"), key_package.MAGIC
    good = magic + ingredient("answer-key.age")
    yield folder.good("key", good, "one item, one form")
    for name, data, error, claim in (
        ("magic", b"EXKY2\n" + good[6:], "key.file", "another version"),
        ("package", MAGIC + good[6:], "key.file", "another kind of file"),
        ("cut", good[:-1], "seal.open", "cut short"),
        ("altered", flip(good, -1), "seal.open", "one bit changed"),
        ("foreign", magic + ingredient("form-1.age"), "seal.open", "sealed to somebody else"),
        (
            "one-signer",
            magic + ingredient("answer-key-one-signer.age"),
            "signature.threshold",
            "signed by one person",
        ),
        (
            "same-signer",
            magic + ingredient("answer-key-twice-signed.age"),
            "signature.repeated",
            "signed twice by one person",
        ),
        (
            "no-map",
            magic + ingredient("answer-key-without-map.age"),
            "key.malformed",
            "choices without letters",
        ),
    ):
        yield folder.bad(name, data, error, claim)
