"""Laws of the formats: round trips, one encoding, and no stranger's bytes crash a reader."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from exam_core.crypto.opening_code import parse_code
from exam_core.crypto.sealing import unseal, unseal_with_passphrase
from exam_core.errors import ExamError, InputError, IntegrityError
from exam_core.formats.audit_log import verify_lines
from exam_core.formats.canonical import decode_canonical, encode_canonical
from exam_core.formats.centre_descriptor import parse_centre, verify_centre
from exam_core.formats.dsse import sign_envelope, verify_envelope
from exam_core.formats.journal import (
    SegmentCipher,
    frame_sequence,
    segment_header,
    segment_id_of,
)
from exam_core.formats.journal_entries import decode_entry
from exam_core.formats.journal_recovery import recover_segment
from exam_core.formats.opening_bundle import MAGIC as OPENING_MAGIC
from exam_core.formats.opening_bundle import read_opening_file
from exam_core.formats.opening_locks import Locks, prove_by_code, unlock
from exam_core.formats.paper_package import MAGIC as PACKAGE_MAGIC
from exam_core.formats.paper_package import open_form, verify_package
from exam_core.formats.results_bundle import (
    MAGIC as RESULTS_MAGIC,
)
from exam_core.formats.results_bundle import open_results
from exam_core.formats.trust_root import parse_root
from exam_core.keys.package import MAGIC as KEY_MAGIC
from exam_core.keys.package import open_key_package
from exam_core.model.identifiers import FormNumber
from exam_core.protocol.http import RoomReply, decode_body
from exam_core.protocol.messages import decode_kiosk_message, decode_server_message
from tests.support import builders
from tests.support.builders import APPROVER, FORM_IDENTITY, JOURNAL_KEY, SEGMENT_ID, SETTER
from tests.support.refusals import refuses

CODE = "root.malformed"
ROOT = builders.root()

# Surrogates are no text: msgspec refuses them in JSON, and no encoder can write them.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
integers = st.integers(-(2**63), 2**63 - 1)


class Value(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A struct with every kind of field that our formats use."""

    text: str
    number: int
    flag: bool
    data: bytes
    table: dict[str, int]
    many: tuple[str, ...]
    inner: "Value | None" = None


values: st.SearchStrategy[Value] = st.recursive(
    st.builds(
        Value,
        text=texts,
        number=integers,
        flag=st.booleans(),
        data=st.binary(max_size=40),
        table=st.dictionaries(texts, integers, max_size=4),
        many=st.lists(texts, max_size=4).map(tuple),
        inner=st.none(),
    ),
    lambda inner: st.builds(
        Value,
        text=texts,
        number=integers,
        flag=st.booleans(),
        data=st.just(b""),
        table=st.just({}),
        many=st.just(()),
        inner=inner,
    ),
    max_leaves=3,
)


@given(value=values)
def test_canonical_bytes_come_back(value: Value) -> None:
    """Every value decodes from its encoding, and that encoding is stable."""
    data = encode_canonical(value)

    again = decode_canonical(data, Value, CODE, "样例")

    assert again == value
    assert encode_canonical(again) == data


@given(value=values, data=st.data())
def test_other_json_of_the_same_value_is_refused(value: Value, data: st.DataObject) -> None:
    """White space or another order of fields, wherever put in, makes the bytes foreign."""
    canonical = encode_canonical(value)
    plain: dict[str, Any] = msgspec.json.decode(canonical)
    names = data.draw(st.permutations(sorted(plain)), label="order of fields")
    other = msgspec.json.encode({name: plain[name] for name in names})
    spaced = msgspec.json.format(canonical, indent=data.draw(st.integers(0, 2), label="indent"))

    for foreign in (other, spaced, canonical + b" "):
        assume(foreign != canonical)
        with refuses(InputError, CODE):
            decode_canonical(foreign, Value, CODE, "样例")


@given(payload=st.binary(max_size=200), kind=texts)
def test_envelopes_come_back(payload: bytes, kind: str) -> None:
    """Whatever is signed under whatever type verifies to the same bytes."""
    envelope = sign_envelope(payload, kind, [SETTER, APPROVER])

    assert verify_envelope(envelope, kind, ROOT.trusted(), 2) == payload


READERS: dict[str, tuple[bytes, Callable[[bytes], object]]] = {
    "canonical": (b'{"', lambda data: decode_canonical(data, Value, CODE, "样例")),
    "envelope": (b'{"payload":"', lambda data: verify_envelope(data, "t", ROOT.trusted(), 2)),
    "root": (b'{"keys":{', parse_root),
    "centre": (b'{"ca_certificate":"', parse_centre),
    "signed centre": (b'{"payload":"', lambda data: verify_centre(data, ROOT)),
    "package": (PACKAGE_MAGIC + b"\0\0\0\x10", lambda data: verify_package(data, ROOT)),
    "form": (
        b"age-encryption.org/v1\n-> X25519 ",
        lambda data: open_form(
            data, FORM_IDENTITY, paper_id=builders.PAPER_ID, form_number=FormNumber(1)
        ),
    ),
    "opening bundle": (
        OPENING_MAGIC + b"\0\0\0\x10",
        lambda data: read_opening_file(data, ROOT),
    ),
    "opening locks": (
        b"age-encryption.org/v1\n-> scrypt ",
        lambda data: unlock(
            Locks(code=data, envelopes_1_2=b"", envelopes_1_3=b"", envelopes_2_3=b""),
            prove_by_code(builders.OPENING_CODE),
        ),
    ),
    "passphrase": (
        b"age-encryption.org/v1\n-> scrypt ",
        lambda data: unseal_with_passphrase(data, "x"),
    ),
    "sealed": (
        b"age-encryption.org/v1\n-> X25519 A\nB\n--- ",
        lambda data: unseal(data, FORM_IDENTITY),
    ),
    "answer-key package": (
        KEY_MAGIC + b"age-encryption.org/v1\n",
        lambda data: open_key_package(data, FORM_IDENTITY, ROOT),
    ),
    "results": (
        RESULTS_MAGIC + b"\0\0\0\x10",
        lambda data: open_results(data, FORM_IDENTITY, builders.centre()),
    ),
    "segment": (segment_header(SEGMENT_ID) + b"\xe5\x4aRC", segment_id_of),
    "recovery": (
        segment_header(SEGMENT_ID) + b"\xe5\x4aRC\x30\0\0\0",
        lambda data: recover_segment(data, JOURNAL_KEY),
    ),
    "frame": (b"\xe5\x4aRC\x30\0\0\0", frame_sequence),
    "cipher": (b"\xe5\x4aRC\x30\0\0\0", SegmentCipher(JOURNAL_KEY, SEGMENT_ID).open),
    "entry": (b'{"at_ms":0,"type":"', decode_entry),
    "audit line": (b'{"action":"', lambda data: verify_lines([data])),
    "kiosk message": (b"\x83\xa4type\xa4save", decode_kiosk_message),
    "server message": (b"\x81\xa4type", decode_server_message),
    "body": (b'{"', lambda data: decode_body(data, RoomReply)),
    "opening code": (b"12340", lambda data: parse_code(data.decode("utf-8", "replace"))),
}


@pytest.mark.parametrize("reader", READERS)
@given(data=st.binary(max_size=400))
def test_random_bytes_are_refused_in_our_words(reader: str, data: bytes) -> None:
    """Bytes from nowhere raise an ExamError of a family, or are read; nothing else happens."""
    start, read = READERS[reader]

    for stranger in (data, start + data):
        try:
            read(stranger)
        except ExamError as error:
            refusal = error
        else:
            continue
        assert type(refusal) in {InputError, IntegrityError}
        assert refusal.advice
