"""The table of what a room refuses to import, and with which code; nothing of it is kept.

Every case is a whole package file that goes the whole way of `import_package` into a room that
holds sequence 5, with a root of two setters and two approvers. Where a case is about a manifest,
it is signed as it should be: only the one thing is wrong.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from exam_core.crypto.signing import PrivateSigningKey, public_key_of
from exam_core.errors import ExamError
from exam_core.formats import opening_bundle, results_bundle
from exam_core.formats.audit_log import AuditEntry
from exam_core.formats.canonical import encode_canonical
from exam_core.formats.dsse import sign_envelope
from exam_core.formats.paper_package import MAGIC, PAYLOAD_TYPE, verify_package
from exam_core.formats.signed_file import join_signed_file
from exam_core.formats.trust_root import UPDATE_TYPE, Office, encode_root
from exam_server.accounts.audit import AuditTrail
from exam_server.clock import SystemClock
from exam_server.room.folder import RoomFolder
from exam_server.room.serve import open_store
from exam_server.room.services import imports
from exam_server.store.engine import Store
from tests.support import builders
from tests.support.audit_logs import read_entries
from tests.support.room_world import Delivery, deliver, initialise_room

SETTER, APPROVER = builders.SETTER, builders.APPROVER
SETTER_2, APPROVER_2 = builders.signing_key("setter 2"), builders.signing_key("approver 2")
BOTH = [SETTER, APPROVER]
ROOT = builders.root(
    keys={
        public_key_of(SETTER): Office.SETTER,
        public_key_of(SETTER_2): Office.SETTER,
        public_key_of(APPROVER): Office.APPROVER,
        public_key_of(APPROVER_2): Office.APPROVER,
    }
)
BODY = (b"sealed form 1", b"sealed form 2")
PLAIN: dict[str, Any] = msgspec.to_builtins(builders.manifest(BODY, sequence=6))
FIRST, SECOND = PLAIN["members"]
IMAGE = SECOND | {"role": "image", "name": "ab" * 16}
ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493  # RFC 8032, section 5.1


def package(
    *,
    keys: list[PrivateSigningKey] | None = None,
    kind: str = PAYLOAD_TYPE,
    payload: bytes | None = None,
    body: bytes = b"".join(BODY),
    **fields: Any,
) -> bytes:
    """A package file of two members; what is given differs."""
    content = encode_canonical(PLAIN | fields) if payload is None else payload
    envelope = sign_envelope(content, kind, BOTH if keys is None else keys)
    return join_signed_file(MAGIC, envelope, body)


def enveloped(change: Callable[[dict[str, Any]], object]) -> bytes:
    """A package whose envelope was changed after it was signed."""
    envelope = json.loads(sign_envelope(encode_canonical(PLAIN), PAYLOAD_TYPE, BOTH))
    change(envelope)
    return join_signed_file(MAGIC, encode_canonical(envelope), b"".join(BODY))


def rewritten(change: Callable[[bytes], bytes]) -> bytes:
    """A package the text of whose envelope was changed after it was signed."""
    envelope = sign_envelope(encode_canonical(PLAIN), PAYLOAD_TYPE, BOTH)
    return join_signed_file(MAGIC, change(envelope), b"".join(BODY))


def signature(change: Callable[[bytes], bytes], at: int = 1) -> bytes:
    """A package one of whose signatures was changed."""

    def put(envelope: dict[str, Any]) -> None:
        raw = base64.b64decode(envelope["signatures"][at]["sig"])
        envelope["signatures"][at]["sig"] = base64.b64encode(change(raw)).decode()

    return enveloped(put)


def sig_text(change: Callable[[str], str]) -> bytes:
    """A package the text of whose second signature was changed."""

    def put(envelope: dict[str, Any]) -> None:
        envelope["signatures"][1]["sig"] = change(envelope["signatures"][1]["sig"])

    return enveloped(put)


def payload_text(change: Callable[[str], str]) -> bytes:
    """A package the text of whose payload was changed."""
    return enveloped(lambda envelope: envelope.update(payload=change(envelope["payload"])))


def other_form_of(raw: bytes) -> bytes:
    """The signature with S + L in place of S, which a lax verifier takes as well."""
    scalar = int.from_bytes(raw[32:], "little") + ED25519_ORDER
    return raw[:32] + scalar.to_bytes(32, "little")


def under(keyid: str, key: PrivateSigningKey) -> bytes:
    """A package signed by one of BOTH, and by `key` in somebody else's name."""

    def put(envelope: dict[str, Any]) -> None:
        other = json.loads(sign_envelope(encode_canonical(PLAIN), PAYLOAD_TYPE, [key]))
        envelope["signatures"][1] = {"keyid": keyid, "sig": other["signatures"][0]["sig"]}

    return enveloped(put)


def members(*listed: dict[str, Any], forms: int = 2) -> bytes:
    """A package with this list of members over the same body."""
    return package(members=list(listed), total_forms=forms)


def id_of(key: PrivateSigningKey) -> str:
    """The key id of a private key."""
    return hashlib.sha256(bytes.fromhex(public_key_of(key))).hexdigest()


STRANGER, CENTRE = builders.STRANGER, builders.CENTRE_KEY
HUGE = 64 * 1024 * 1024 + 1

RULES: dict[str, tuple[Callable[[], bytes], str]] = {
    # Who signed
    "nobody": (lambda: package(keys=[]), "signature.threshold"),
    "the setter alone": (lambda: package(keys=[SETTER]), "signature.threshold"),
    "the approver alone": (lambda: package(keys=[APPROVER]), "signature.threshold"),
    "the setter twice": (lambda: package(keys=[SETTER, SETTER]), "signature.repeated"),
    "the setter twice and the approver": (
        lambda: package(keys=[SETTER, APPROVER, SETTER]),
        "signature.repeated",
    ),
    "two setters and no approver": (lambda: package(keys=[SETTER, SETTER_2]), "signature.office"),
    "two approvers and no setter": (
        lambda: package(keys=[APPROVER, APPROVER_2]),
        "signature.office",
    ),
    "the setter and a stranger": (
        lambda: package(keys=[SETTER, STRANGER]),
        "signature.unknown_key",
    ),
    "two strangers": (lambda: package(keys=[STRANGER, CENTRE]), "signature.unknown_key"),
    "the centre's own key": (lambda: package(keys=[CENTRE]), "signature.unknown_key"),
    "the setter and the centre": (lambda: package(keys=[SETTER, CENTRE]), "signature.unknown_key"),
    "a stranger in the approver's name": (
        lambda: under(id_of(APPROVER), STRANGER),
        "signature.invalid",
    ),
    "the setter in the approver's name": (
        lambda: under(id_of(APPROVER), SETTER),
        "signature.invalid",
    ),
    "the approver under an unknown name": (
        lambda: under("00" * 32, APPROVER),
        "signature.unknown_key",
    ),
    "the approver's name in capitals": (
        lambda: under(id_of(APPROVER).upper(), APPROVER),
        "signature.unknown_key",
    ),
    "seventeen signatures": (
        lambda: enveloped(lambda e: e.update(signatures=e["signatures"][:1] * 17)),
        "signature.malformed",
    ),
    # What a signature is
    "one bit of a signature": (
        lambda: signature(lambda raw: raw[:9] + bytes([raw[9] ^ 1]) + raw[10:]),
        "signature.invalid",
    ),
    "an empty signature": (lambda: signature(lambda _: b""), "signature.invalid"),
    "a short signature": (lambda: signature(lambda raw: raw[:-1]), "signature.invalid"),
    "a long signature": (lambda: signature(lambda raw: raw + b"\0"), "signature.invalid"),
    "the other form of a signature": (lambda: signature(other_form_of), "signature.invalid"),
    "a signature of zeros": (lambda: signature(lambda _: bytes(64)), "signature.invalid"),
    "a third signature that does not hold": (
        lambda: enveloped(
            lambda e: e["signatures"].append(
                {"keyid": id_of(SETTER_2), "sig": base64.b64encode(bytes(64)).decode()}
            )
        ),
        "signature.invalid",
    ),
    "a manifest changed after signing": (
        lambda: payload_text(
            lambda text: base64.b64encode(
                base64.b64decode(text).replace(b'"sequence":6', b'"sequence":7')
            ).decode()
        ),
        "signature.invalid",
    ),
    # Of what kind it is
    "an opening bundle's header": (
        lambda: package(kind=opening_bundle.HEADER_TYPE),
        "signature.type",
    ),
    "results": (lambda: package(kind=results_bundle._PAYLOAD_TYPE), "signature.type"),
    "a change of root": (lambda: package(kind=UPDATE_TYPE), "signature.type"),
    "no type": (lambda: package(kind=""), "signature.type"),
    "the type in capitals": (lambda: package(kind=PAYLOAD_TYPE.upper()), "signature.type"),
    "signed as another type, relabelled": (
        lambda: rewritten(
            lambda _: sign_envelope(encode_canonical(PLAIN), "x/y", BOTH).replace(
                b'"x/y"', f'"{PAYLOAD_TYPE}"'.encode()
            )
        ),
        "signature.invalid",
    ),
    # How it is written
    "base64 without padding": (
        lambda: sig_text(lambda text: text.rstrip("=")),
        "signature.malformed",
    ),
    "base64 for addresses": (
        lambda: payload_text(lambda text: "-" + text[1:]),
        "signature.malformed",
    ),
    "base64 with a line break": (
        lambda: payload_text(lambda text: text[:8] + "\n" + text[8:]),
        "signature.malformed",
    ),
    "base64 with loose bits": (
        lambda: sig_text(lambda text: text[:-3] + chr(ord(text[-3]) + 1) + "=="),
        "signature.malformed",
    ),
    "an envelope with a key twice": (
        lambda: rewritten(lambda e: e.replace(b'{"payload":', b'{"payload":"","payload":', 1)),
        "signature.malformed",
    ),
    "an envelope with a key too many": (
        lambda: enveloped(lambda e: e.update(note="")),
        "signature.malformed",
    ),
    "an envelope with a key too few": (
        lambda: enveloped(lambda e: e.pop("signatures")),
        "signature.malformed",
    ),
    "an envelope with white space": (
        lambda: rewritten(lambda e: e.replace(b":", b": ", 1)),
        "signature.malformed",
    ),
    "an envelope with a byte order mark": (
        lambda: rewritten(lambda e: b"\xef\xbb\xbf" + e),
        "signature.malformed",
    ),
    "no envelope": (lambda: rewritten(lambda _: b""), "signature.malformed"),
    "a signature with a certificate": (
        lambda: enveloped(lambda e: e["signatures"][0].update(cert="")),
        "signature.malformed",
    ),
    # What was signed: the manifest
    "nothing": (lambda: package(payload=b""), "package.manifest"),
    "a manifest that is not canonical": (
        lambda: package(payload=json.dumps(PLAIN).encode()),
        "package.manifest",
    ),
    "a manifest with a key twice": (
        lambda: package(
            payload=encode_canonical(PLAIN).replace(b'"sequence":6', b'"sequence":9,"sequence":6')
        ),
        "package.manifest",
    ),
    "a manifest with an answer key": (lambda: package(answer_key="B"), "package.manifest"),
    "sequence 0": (lambda: package(sequence=0), "package.manifest"),
    "a sequence beyond 64 bits": (
        lambda: package(
            payload=encode_canonical(PLAIN).replace(
                b'"sequence":6', b'"sequence":9223372036854775808'
            )
        ),
        "package.manifest",
    ),
    "a paper id with a path": (lambda: package(paper_id="../P"), "package.manifest"),
    "another suite": (lambda: package(suite="gm1"), "package.suite"),
    "a later program": (lambda: package(min_program="9.0.0"), "package.program"),
    "nobody to read the results": (lambda: package(results_recipients=[]), "package.recipients"),
    # What was signed: the members
    "no members": (lambda: members(forms=0), "package.members"),
    "more forms than members": (lambda: members(FIRST, SECOND, forms=3), "package.members"),
    "members in another order": (lambda: members(SECOND, FIRST), "package.members"),
    "a form twice": (
        lambda: members(FIRST, SECOND | {"name": "1"}),
        "package.members",
    ),
    "a form number with a zero": (
        lambda: members(FIRST, SECOND | {"name": "02"}),
        "package.members",
    ),
    "members that overlap": (
        lambda: members(FIRST, SECOND | {"offset": SECOND["offset"] - 1}),
        "package.members",
    ),
    "a gap between members": (
        lambda: members(FIRST, SECOND | {"offset": SECOND["offset"] + 1}),
        "package.members",
    ),
    "a negative offset": (
        lambda: members(FIRST | {"offset": -1}, SECOND),
        "package.members",
    ),
    "an empty member": (
        lambda: members(FIRST | {"size": 0}, SECOND | {"offset": 0}),
        "package.members",
    ),
    "a negative size": (
        lambda: members(FIRST | {"size": -13}, SECOND),
        "package.members",
    ),
    "a huge member": (
        lambda: members(FIRST | {"size": HUGE}, forms=1),
        "package.members",
    ),
    "a digest in capitals": (
        lambda: members(FIRST | {"sha256": FIRST["sha256"].upper()}, SECOND),
        "package.members",
    ),
    "an image without an id": (
        lambda: members(FIRST, IMAGE | {"name": "p.png"}, forms=1),
        "package.members",
    ),
    "an unknown role": (lambda: members(FIRST, SECOND | {"role": "key"}), "package.manifest"),
    # What the file holds
    "a byte too few": (lambda: package(body=b"".join(BODY)[:-1]), "package.size"),
    "a byte too many": (lambda: package(body=b"".join(BODY) + b"\0"), "package.size"),
    "no body": (lambda: package(body=b""), "package.size"),
    "a member of another size": (
        lambda: members(FIRST, SECOND | {"size": SECOND["size"] + 1}),
        "package.size",
    ),
    "members exchanged": (lambda: package(body=BODY[1] + BODY[0]), "package.altered"),
    "one bit of a member": (
        lambda: package(body=b"sealed form 1sealed form 3"),
        "package.altered",
    ),
    "another file": (lambda: b"PK\x03\x04" + bytes(99), "package.malformed"),
    "half an envelope": (lambda: package()[:200], "package.malformed"),
    "another version": (lambda: b"EXPK2\n" + package()[6:], "package.malformed"),
    # What the room knows
    "a lower sequence": (lambda: package(sequence=4), "package.sequence"),
    "the same sequence, other content": (lambda: package(sequence=5), "package.same_sequence"),
    "another exam": (lambda: package(exam_id="E2025"), "package.sitting"),
    "another sitting": (lambda: package(sitting_id="S2026-2"), "package.sitting"),
    "a package without its opening bundle": (package, "opening.mismatch"),
}


class HeldRoom:
    """A room that holds a package of sequence 5."""

    def __init__(self, folder: RoomFolder, store: Store, delivery: Delivery) -> None:
        self.folder = folder
        self.delivery = delivery
        self._store = store
        self._trail = AuditTrail(folder.audit_file, SystemClock())

    def take(self, data: bytes) -> None:
        """Import a file with the opening bundle that is here."""
        stick = self.folder.path.with_name("stick")
        stick.write_bytes(data)
        imports.import_package(
            self._store, self.folder, self._trail, package=stick, opening=self.delivery.opening
        )

    def contents(self) -> dict[str, bytes]:
        """Every file that an import could touch, but for the log."""
        return {str(path): path.read_bytes() for path in (self.folder.path / "packages").iterdir()}

    def log(self) -> list[AuditEntry]:
        """The lines of the log."""
        return read_entries(self.folder.audit_file.read_bytes().splitlines())


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HeldRoom]:
    """One room for all cases: every one of them leaves it as it was."""
    folder, _ = initialise_room(tmp_path_factory.mktemp("rules") / "room")
    (folder.path / "root.json").write_bytes(encode_root(ROOT))
    store = open_store(folder)
    held = HeldRoom(folder, store, deliver(folder.centre(), forms=2, sequence=5))
    held.take(held.delivery.package)
    yield held
    store.close()


@pytest.mark.parametrize("name", RULES)
def test_a_room_refuses(room: HeldRoom, name: str) -> None:
    """The file is refused with the code of its fault, logged, and the room is as it was."""
    make, code = RULES[name]
    before, lines = room.contents(), room.log()

    with pytest.raises(ExamError) as caught:
        room.take(make())

    assert caught.value.code == code
    assert caught.value.advice
    assert room.contents() == before
    (line,) = room.log()[len(lines) :]
    assert (line.action, line.details) == ("package_refused", {"code": code})


@pytest.mark.parametrize(
    "keys",
    [
        [SETTER, APPROVER],
        [APPROVER_2, SETTER_2],
        [SETTER, SETTER_2, APPROVER],
        [STRANGER, SETTER, CENTRE, APPROVER],
    ],
)
def test_the_rules_let_through_what_is_right(keys: list[PrivateSigningKey]) -> None:
    """The files that the table spoils are good ones; strangers neither count nor harm."""
    assert verify_package(package(keys=keys), ROOT).manifest.sequence == 6


def test_the_table_is_as_long_as_promised() -> None:
    """At least forty cases, and at least fifteen codes among them."""
    assert len(RULES) >= 40
    assert len({code for _, code in RULES.values()}) >= 15


def test_a_vanished_package_is_not_a_way_back(room: HeldRoom) -> None:
    """The highest sequence outlives the file; the very package that vanished comes back."""
    file = next((room.folder.path / "packages").glob("*.exampkg"))
    kept = file.read_bytes()
    file.unlink()

    with pytest.raises(ExamError, match=r"package\.sequence"):
        room.take(package(sequence=4))
    room.take(kept)

    assert Path(file).read_bytes() == kept
