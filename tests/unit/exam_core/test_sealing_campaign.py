"""Ten thousand damaged files: none is accepted as something else, and none crashes a reader.

A mutant may still be read as exactly the original value where the format allows a difference that
means nothing (a signature by an unknown key); reading it as anything else is the failure that
this campaign looks for, and so is any exception that is not ours.
"""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from itertools import product
from typing import Any, NamedTuple

import msgspec
import pytest

from exam_core.crypto import age_passphrase
from exam_core.crypto.sealing import recipient_of, seal, unseal
from exam_core.crypto.signing import PrivateSigningKey, public_key_of
from exam_core.errors import ExamError
from exam_core.formats import opening_bundle, results_bundle
from exam_core.formats.audit_log import AuditEntry, every_line, next_entry, verify_lines
from exam_core.formats.canonical import encode_canonical
from exam_core.formats.centre_descriptor import sign_centre, verify_centre
from exam_core.formats.checkpoint import (
    checkpoint_of,
    open_checkpoint,
    room_origin,
    sign_checkpoint,
    split_checkpoints,
)
from exam_core.formats.dsse import sign_envelope
from exam_core.formats.journal import HEADER_BYTES
from exam_core.formats.journal_entries import decode_entry, encode_entry
from exam_core.formats.journal_recovery import Health, recover_segment
from exam_core.formats.opening_bundle import (
    LockedBundle,
    open_bundle,
    read_opening_file,
    unwrap_bundle,
)
from exam_core.formats.opening_locks import prove_by_code
from exam_core.formats.paper_package import MAGIC, PAYLOAD_TYPE, open_form, verify_package
from exam_core.formats.results_bundle import (
    open_results,
)
from exam_core.formats.signed_file import join_signed_file
from exam_core.formats.trust_root import encode_root, parse_root
from exam_core.keys import package as key_package
from exam_core.keys.package import open_key_package
from exam_core.model.identifiers import FormNumber
from tests.support import builders
from tests.support.builders import (
    APPROVER,
    GRADING_IDENTITY,
    JOURNAL_KEY,
    OPENING_CODE,
    SETTER,
    STRANGER,
)
from tests.support.mutate import mutants, truncations
from tests.support.scale import mutant_times
from tests.vectors.readers import FOLDER

pytestmark = pytest.mark.sealing

ROOT = builders.root()
RECIPIENT = recipient_of(GRADING_IDENTITY)


class Target(NamedTuple):
    """One format under attack: good bytes, how they are read, how many mutants."""

    campaign: str
    name: str
    original: bytes
    read: Callable[[bytes], Any]
    mutants: int


# Sealed bytes are random; the committed vectors are the same every time, and so are their mutants.
PACKAGE = (FOLDER / "paper-package/v1/good-two-forms.bin").read_bytes()
KEY_PACKAGE = (FOLDER / "answer-key-package/v1/good-key.bin").read_bytes()
BUNDLE = (FOLDER / "opening-bundle/v1/good-bundle.bin").read_bytes()
RESULTS = (FOLDER / "results-bundle/v1/good-results.bin").read_bytes()


def _read_bundle(data: bytes) -> LockedBundle:
    return unwrap_bundle(read_opening_file(data, ROOT), builders.OPENING_IDENTITY)


LOCKED = _read_bundle(BUNDLE)


def _bundle_envelope() -> bytes:
    kind = opening_bundle.CONTENT_TYPE
    return sign_envelope(encode_canonical(builders.bundle()), kind, [SETTER, APPROVER])


def _read_content(envelope: bytes) -> Any:
    # The lock is opened by a stand-in (see the fixture): scrypt would cost hours.
    held = LockedBundle(header=LOCKED.header, content=envelope, locks=LOCKED.locks)
    return open_bundle(held, prove_by_code(OPENING_CODE), ROOT)


def _read_inner(inner: bytes) -> Any:
    body = seal(inner, [recipient_of(builders.OPENING_IDENTITY)])
    digest = hashlib.sha256(body).hexdigest()
    header = msgspec.structs.replace(LOCKED.header, body_sha256=digest)
    kind = opening_bundle.HEADER_TYPE
    envelope = sign_envelope(encode_canonical(header), kind, [SETTER, APPROVER])
    locked = _read_bundle(join_signed_file(opening_bundle.MAGIC, envelope, body))
    return {"content": locked.content, "locks": locked.locks}


def _read_header(plaintext: bytes) -> Any:
    envelope = sign_envelope(plaintext, opening_bundle.HEADER_TYPE, [SETTER, APPROVER])
    body = BUNDLE[BUNDLE.index(b"age-encryption.org") :]
    return read_opening_file(join_signed_file(opening_bundle.MAGIC, envelope, body), ROOT).header


def _audit_file() -> bytes:
    last: AuditEntry | None = None
    lines = []
    for n in range(5):
        last = next_entry(
            last,
            at_utc_ms=1_700_000_000_000 + n,
            actors=("zhang",),
            role="chief",
            action="signed_in",
            subject="console",
            details={"n": str(n)},
        )
        lines.append(encode_canonical(last) + b"\n")
    return b"".join(lines)


def _read_audit(data: bytes) -> str:
    return verify_lines(every_line(data))


def report(campaign: str, count: int) -> None:
    """Tell the runner how many mutants were tried."""
    print(f"campaign mutants_{campaign} {count}")  # noqa: T201  the runner reads it


AUDIT_HEAD = _read_audit(_audit_file())


def _read_audit_against_head(data: bytes) -> str:
    """A log is only as good as the head that was written elsewhere."""
    head = _read_audit(data)
    return head if head == AUDIT_HEAD else _refuse()


def _refuse() -> str:
    raise ExamError("audit.chain", "another head")


TARGETS = [
    Target(
        "package", "package", PACKAGE, lambda data: verify_package(data, ROOT), mutant_times(10_000)
    ),
    Target("opening_bundle", "opening bundle", BUNDLE, _read_bundle, mutant_times(10_000)),
    Target(
        "opening_bundle", "opening content", _bundle_envelope(), _read_content, mutant_times(4000)
    ),
    Target(
        "key_package",
        "answer-key package",
        KEY_PACKAGE,
        lambda data: open_key_package(data, GRADING_IDENTITY, ROOT),
        mutant_times(10_000),
    ),
    Target(
        "results",
        "results bundle",
        RESULTS,
        lambda data: open_results(data, GRADING_IDENTITY, builders.centre()),
        mutant_times(10_000),
    ),
    Target(
        "trust",
        "centre descriptor",
        sign_centre(builders.centre(), [SETTER, APPROVER]),
        lambda data: verify_centre(data, ROOT),
        mutant_times(4000),
    ),
    Target("audit_log", "audit log", _audit_file(), _read_audit_against_head, mutant_times(4000)),
]


class Signed(NamedTuple):
    """A plaintext that is signed or sealed, and the whole way to make and read a file of it."""

    campaign: str
    name: str
    plaintext: bytes
    read: Callable[[bytes], Any]
    mutants: int


def _read_signed_manifest(plaintext: bytes) -> Any:
    envelope = sign_envelope(plaintext, PAYLOAD_TYPE, [SETTER, APPROVER])
    return verify_package(join_signed_file(MAGIC, envelope, b"sealed"), ROOT).manifest


def _read_sealed_form(plaintext: bytes) -> Any:
    sealed = seal(plaintext, [RECIPIENT])
    return open_form(
        sealed, GRADING_IDENTITY, paper_id=builders.PAPER_ID, form_number=FormNumber(1)
    )


def _read_signed_bundle(plaintext: bytes) -> Any:
    return _read_content(sign_envelope(plaintext, opening_bundle.CONTENT_TYPE, [SETTER, APPROVER]))


def _read_signed_key(plaintext: bytes) -> Any:
    envelope = sign_envelope(plaintext, key_package.PAYLOAD_TYPE, [SETTER, APPROVER])
    data = key_package.MAGIC + seal(envelope, [RECIPIENT])
    return open_key_package(data, GRADING_IDENTITY, ROOT)


def _read_signed_results(plaintext: bytes) -> Any:
    sealed = seal(plaintext, [RECIPIENT])
    manifest = builders.results_manifest(content_sha256=hashlib.sha256(sealed).hexdigest())
    kind = results_bundle._PAYLOAD_TYPE
    envelope = sign_envelope(encode_canonical(manifest), kind, builders.RESULTS_KEYS)
    data = join_signed_file(results_bundle.MAGIC, envelope, sealed)
    return open_results(data, GRADING_IDENTITY, builders.centre())[1]


def _read_framed_entry(plaintext: bytes) -> Any:
    found = recover_segment(builders.segment(plaintext), JOURNAL_KEY)
    return decode_entry(found.payloads[0])


SIGNED = [
    Signed(
        "package",
        "manifest",
        encode_canonical(builders.manifest()),
        _read_signed_manifest,
        mutant_times(3000),
    ),
    Signed(
        "package", "form", encode_canonical(builders.form()), _read_sealed_form, mutant_times(3000)
    ),
    Signed(
        "opening_bundle",
        "bundle",
        encode_canonical(builders.bundle()),
        _read_signed_bundle,
        mutant_times(3000),
    ),
    Signed(
        "opening_bundle",
        "opening header",
        encode_canonical(LOCKED.header),
        _read_header,
        mutant_times(3000),
    ),
    Signed(
        "opening_bundle",
        "opening body",
        encode_canonical({"content": LOCKED.content, "locks": LOCKED.locks}),
        _read_inner,
        mutant_times(3000),
    ),
    Signed(
        "key_package",
        "answer key",
        encode_canonical(builders.answer_key()),
        _read_signed_key,
        mutant_times(3000),
    ),
    Signed(
        "results",
        "results",
        encode_canonical(builders.results_content()),
        _read_signed_results,
        mutant_times(3000),
    ),
    Signed(
        "journal",
        "entry",
        encode_entry(builders.session_submitted()),
        _read_framed_entry,
        mutant_times(3000),
    ),
]


@pytest.fixture
def _code_opens_to_its_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening_bundle, "unlock", lambda *_: "")
    monkeypatch.setattr(
        opening_bundle, "unseal", lambda data, key: unseal(data, key) if key else data
    )


@pytest.mark.usefixtures("_code_opens_to_its_input")
@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_mutants_are_refused(target: Target) -> None:
    """No damaged file is read, not even as the same value, and every refusal is one of ours."""
    target.read(target.original)
    accepted = 0

    for mutant in mutants(target.original, count=target.mutants, seed=target.name):
        with suppress(ExamError):
            target.read(mutant)
            accepted += 1

    assert accepted == 0
    report(target.campaign, target.mutants)


def test_the_campaign_has_teeth(monkeypatch: pytest.MonkeyPatch) -> None:
    """A build that believes every signature is found out by the same mutants."""
    target = next(one for one in TARGETS if one.name == "centre descriptor")
    original = target.read(target.original)
    monkeypatch.setattr("exam_core.formats.dsse.signature_holds", lambda *_: True)

    accepted = 0
    for mutant in mutants(target.original, count=target.mutants, seed=target.name):
        with suppress(ExamError):
            accepted += target.read(mutant) != original

    assert accepted > 0


@pytest.mark.usefixtures("_code_opens_to_its_input")
@pytest.mark.parametrize("signed", SIGNED, ids=lambda one: one.name)
def test_signed_rubbish_is_refused_or_has_one_encoding(signed: Signed) -> None:
    """What was damaged before it was signed never crashes a reader either.

    Who can sign may sign another value; but no two byte strings are read as the same value.
    """
    for mutant in mutants(signed.plaintext, count=signed.mutants, seed=signed.name):
        with suppress(ExamError):
            assert encode_canonical(signed.read(mutant)) == mutant

    report(signed.campaign, signed.mutants)


@pytest.mark.usefixtures("cheap_scrypt")
def test_mutants_of_a_passphrase_file_are_refused() -> None:
    """No damaged file under a passphrase opens, not even to the same plaintext."""
    sealed = age_passphrase.encrypt(b"opening key", "passphrase")
    count = mutant_times(3000)

    for mutant in mutants(sealed, count=count, seed="passphrase"):
        assert age_passphrase.decrypt(mutant, "passphrase") is None

    report("trust", count)


def test_mutants_of_a_segment_keep_good_frames() -> None:
    """A damaged segment gives back only true frames, and is clean only when it was cut between two.

    A cut at a frame's end cannot be told from a shorter journal without the head that the server
    has, and a header alone is an empty segment of whatever name it has; all else is reported.
    """
    original = builders.segment(*(f"payload {n}".encode() for n in range(12)))
    whole = recover_segment(original, JOURNAL_KEY)
    count = mutant_times(10_000)

    for mutant in mutants(original, count=count, seed="segment"):
        try:
            found = recover_segment(mutant, JOURNAL_KEY)
        except ExamError:
            continue
        assert found.frames == [frame for frame in whole.frames if frame in found.frames]
        assert found.payloads == [
            whole.payloads[whole.frames.index(frame)] for frame in found.frames
        ]
        if found.health is Health.CLEAN:
            assert original.startswith(mutant) or len(mutant) == HEADER_BYTES

    report("journal", count)


def test_mutants_of_a_root_never_keep_its_fingerprint() -> None:
    """The root has no signature: what protects it is the fingerprint, compared on paper."""
    original = encode_root(ROOT)
    count = mutant_times(4000)

    for mutant in mutants(original, count=count, seed="root"):
        try:
            assert parse_root(mutant) != ROOT
        except ExamError:
            continue

    report("trust", count)


def test_mutants_of_a_checkpoint_are_refused() -> None:
    """No damaged checkpoint opens to another state of the log, nor to the same one."""
    origin = room_origin(builders.CENTRE_ID, builders.SITTING_ID)
    key = public_key_of(builders.CENTRE_KEY)
    lines = _audit_file().splitlines()
    original = sign_checkpoint(
        checkpoint_of(lines, origin=origin, head=AUDIT_HEAD), builders.CENTRE_KEY
    )
    assert open_checkpoint(original, origin=origin, key=key).size == len(lines)
    count = mutant_times(10_000)

    for mutant in mutants(original.encode(), count=count, seed="checkpoint"):
        for note in split_checkpoints(mutant):
            if note != original:  # two notes one after the other are a file of two
                with pytest.raises(ExamError):
                    open_checkpoint(note, origin=origin, key=key)

    report("checkpoint", count)


FOREIGN: dict[str, list[str]] = {
    "strangers": [STRANGER, builders.APPROVER[::-1]],
    "one of the two": [SETTER],
    "one and a stranger": [APPROVER, STRANGER],
    "one of them twice": [SETTER, SETTER],
}


@pytest.mark.usefixtures("_code_opens_to_its_input")
@pytest.mark.parametrize("signers", FOREIGN, ids=lambda name: name.replace(" ", "-"))
def test_what_others_signed_is_refused_whatever_it_says(signers: str) -> None:
    """An attacker who writes a sound file, or any file, and signs it, gets nothing accepted."""
    keys = [PrivateSigningKey(key) for key in FOREIGN[signers]]
    forms = PACKAGE[PACKAGE.index(b"age-encryption.org") :]
    body = BUNDLE[BUNDLE.index(b"age-encryption.org") :]
    manifest = verify_package(PACKAGE, ROOT).manifest

    def package(plaintext: bytes) -> Any:
        return verify_package(
            join_signed_file(MAGIC, sign_envelope(plaintext, PAYLOAD_TYPE, keys), forms), ROOT
        )

    def opening(plaintext: bytes) -> Any:
        envelope = sign_envelope(plaintext, opening_bundle.HEADER_TYPE, keys)
        return read_opening_file(join_signed_file(opening_bundle.MAGIC, envelope, body), ROOT)

    def key(plaintext: bytes) -> Any:
        envelope = sign_envelope(plaintext, key_package.PAYLOAD_TYPE, keys)
        sealed = seal(envelope, [RECIPIENT])
        return open_key_package(key_package.MAGIC + sealed, GRADING_IDENTITY, ROOT)

    count = mutant_times(250)
    for campaign, plaintext, read in (
        ("package", encode_canonical(manifest), package),
        ("opening_bundle", encode_canonical(LOCKED.header), opening),
        ("key_package", encode_canonical(builders.answer_key()), key),
    ):
        for mutant in (plaintext, *mutants(plaintext, count=count, seed=signers)):
            with pytest.raises(ExamError):
                read(mutant)
        report(campaign, count)


def test_parts_of_two_sound_files_make_no_third() -> None:
    """Envelopes, lengths and bodies of two signed files in every combination: only the two hold."""
    other = (FOLDER / "opening-bundle/v1/good-bundle.bin").read_bytes()
    files = [PACKAGE, other, RESULTS]
    readers: tuple[Callable[[bytes], Any], ...] = (
        lambda data: verify_package(data, ROOT),
        lambda data: read_opening_file(data, ROOT),
        lambda data: open_results(data, GRADING_IDENTITY, builders.centre()),
    )
    cut = [
        (data[:6], data[6 : data.index(b"age-enc")], data[data.index(b"age-enc") :])
        for data in files
    ]
    accepted = set()
    for place, combination in enumerate(product(cut, repeat=3)):
        magic, envelope, body = (part[at] for at, part in enumerate(combination))
        for read in readers:
            with suppress(ExamError):
                read(magic + envelope + body)
                accepted.add(place)

    assert accepted == {0, 13, 26}, "only the three that are whole"


SMALL_FILES = [
    ("package", PACKAGE, lambda data: verify_package(data, ROOT)),
    ("opening_bundle", BUNDLE, lambda data: read_opening_file(data, ROOT)),
    ("key_package", KEY_PACKAGE, lambda data: open_key_package(data, GRADING_IDENTITY, ROOT)),
    (
        "results",
        RESULTS,
        lambda data: open_results(data, GRADING_IDENTITY, builders.centre()),
    ),
]


@pytest.mark.parametrize(("campaign", "data", "read"), SMALL_FILES, ids=lambda one: str(one)[:14])
def test_a_file_cut_at_any_byte_is_refused(
    campaign: str, data: bytes, read: Callable[[bytes], Any]
) -> None:
    """Truncation at every byte of a small file: nothing of it is used."""
    for cut in truncations(data):
        with pytest.raises(ExamError):
            read(cut)

    report(campaign, len(data))
