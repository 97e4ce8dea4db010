"""A package is used only when everything in it is as it was signed."""

import hashlib
import struct
from typing import Any

import msgspec
import pytest

from exam_core import limits
from exam_core.crypto.sealing import recipient_of, seal
from exam_core.errors import ExamError, InputError, IntegrityError
from exam_core.formats.canonical import encode_canonical
from exam_core.formats.dsse import sign_envelope
from exam_core.formats.package_manifest import Manifest, Member, MemberRole
from exam_core.formats.paper_package import (
    MAGIC,
    PAYLOAD_TYPE,
    build_package,
    open_form,
    seal_form,
    verify_package,
)
from exam_core.formats.signed_file import join_signed_file
from exam_core.formats.trust_root import Office
from exam_core.model.identifiers import FormNumber, PaperId
from exam_core.model.items import Form
from tests.support.builders import (
    APPROVER,
    FORM_IDENTITY,
    GRADING_IDENTITY,
    PAPER_ID,
    SETTER,
    STRANGER,
    bundle,
    form,
    manifest,
    package,
    root,
)
from tests.support.refusals import refuses

RECIPIENT = recipient_of(GRADING_IDENTITY)
TWO_FORMS = package(form(1), form(2))


def signed(document: object, body: bytes = b"sealed", *, kind: str = PAYLOAD_TYPE) -> bytes:
    """A package file around any signed JSON."""
    envelope = sign_envelope(encode_canonical(document), kind, [SETTER, APPROVER])
    return join_signed_file(MAGIC, envelope, body)


def changed_manifest(**fields: Any) -> dict[str, Any]:
    """The JSON of a manifest with other fields, past the checks of the type."""
    plain: dict[str, Any] = msgspec.to_builtins(manifest())
    return plain | fields


def open_first(sealed: bytes) -> Form:
    """Open as form 1 of the test paper."""
    return open_form(sealed, FORM_IDENTITY, paper_id=PAPER_ID, form_number=FormNumber(1))


def test_a_package_comes_back() -> None:
    """Manifest and forms are what was put in, and each form opens with its identity."""
    opened = verify_package(TWO_FORMS, root())

    assert opened.manifest.title == "业务技能比武笔试"
    assert len(opened.manifest_sha256) == 64
    assert [member.name for member in opened.manifest.members] == ["1", "2"]
    assert opened.sha256 == hashlib.sha256(TWO_FORMS).hexdigest()
    assert {signer.office for signer in opened.signers} == {Office.SETTER, Office.APPROVER}
    assert open_first(opened.sealed_form(FormNumber(1))) == form(1)


def test_an_unknown_form_number_is_refused() -> None:
    """Asking for a form that the package lacks names the number."""
    for number in (0, 3, -1):
        with refuses(InputError, "package.form"):
            verify_package(TWO_FORMS, root()).sealed_form(FormNumber(number))


def test_a_plaintext_of_no_form_shows() -> None:
    """Nothing of a form can be read in the package."""
    for text in ("下列哪一项正确", "选项A", "i1.1"):
        assert text.encode() not in TWO_FORMS


@pytest.mark.parametrize(
    "data",
    [
        b"",
        MAGIC,
        MAGIC + b"\0\0\0",
        b"PK\x03\x04" + TWO_FORMS[4:],
        b"EXPK2\n" + TWO_FORMS[6:],
        MAGIC + struct.pack(">I", len(TWO_FORMS)) + TWO_FORMS[10:],
        MAGIC + struct.pack(">I", limits.manifest_bytes_max + 1) + bytes(5 * limits.MIB),
        TWO_FORMS[:500],
    ],
)
def test_another_or_a_cut_file_is_refused(data: bytes) -> None:
    """A file of another kind, or without all of its envelope, is refused as malformed."""
    with refuses(InputError, "package.malformed"):
        verify_package(data, root())


def test_a_body_that_is_cut_or_grown_is_refused() -> None:
    """The length of the file is what the manifest says, and both are named."""
    for data in (TWO_FORMS[:-1], TWO_FORMS + b"\0"):
        with refuses(InputError, "package.size") as caught:
            verify_package(data, root())
        assert caught.value.facts == {"expected": len(TWO_FORMS), "found": len(data)}


class Changing:
    """A file that somebody changes after it was verified."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.reads = 0
        self.size = len(data)

    def read_at(self, offset: int, size: int) -> bytes:
        """What is there now."""
        self.reads += 1
        return self.data[offset : offset + size]


def test_a_file_that_changes_after_it_was_verified_is_noticed() -> None:
    """A member is compared with its digest each time it is read; a shorter file as well."""
    source = Changing(TWO_FORMS)
    opened = verify_package(source, root())
    assert open_first(opened.sealed_form(FormNumber(1))) == form(1)

    for changed in (TWO_FORMS[:-1] + b"x", TWO_FORMS[:-1], b""):
        source.data = changed
        with refuses(IntegrityError, "package.altered"):
            opened.sealed_form(FormNumber(2))


@pytest.mark.parametrize("kept", [0, 9, 300, -1])
def test_a_file_that_shrinks_while_it_is_read_is_refused(kept: int) -> None:
    """A file shorter than it said is malformed in its head, and altered in its body."""
    source = Changing(TWO_FORMS)
    source.data = TWO_FORMS[:kept]

    with pytest.raises(ExamError, match=r"package\.(malformed|altered)"):
        verify_package(source, root())


def test_a_large_member_is_read_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than a chunk is asked for at a time, and progress adds up to the file."""
    monkeypatch.setattr(limits, "read_chunk_bytes", 100)
    source, told = Changing(TWO_FORMS), list[int]()

    verify_package(source, root(), on_progress=told.append)

    assert sum(told) == len(TWO_FORMS)
    assert max(told[1:]) == 100
    assert source.reads > 40


def test_a_later_program_is_asked_for() -> None:
    """A package that wants a later version of the programs is refused with both versions."""
    data = package(min_program="1.2.0")

    assert verify_package(data, root(), program="1.10.0").manifest.min_program == "1.2.0"
    for program in ("0.9.9", "1.1.99"):
        with refuses(InputError, "package.program") as caught:
            verify_package(data, root(), program=program)
        assert caught.value.facts == {"wanted": "1.2.0", "program": program}


@pytest.mark.parametrize("at", [-1, -300, -500])
def test_an_altered_member_is_refused(at: int) -> None:
    """One byte changed in a form is named with its form number."""
    data = bytearray(package())
    data[at] ^= 1

    with refuses(IntegrityError, "package.altered") as caught:
        verify_package(bytes(data), root())
    assert caught.value.facts == {"role": "form", "name": "1"}


def test_swapped_members_are_refused() -> None:
    """Two forms of equal size cannot change places."""
    one, two = (seal_form(form(1), recipient_of(FORM_IDENTITY)) for _ in range(2))
    padded = [sealed.ljust(max(len(one), len(two)), b"\0") for sealed in (one, two)]
    data = package(sealed_forms=padded)

    body = b"".join(padded)
    with refuses(IntegrityError, "package.altered"):
        verify_package(data[: -len(body)] + padded[1] + padded[0], root())


def test_two_of_headquarters_must_sign() -> None:
    """One signer, or one with a stranger, is refused."""
    for keys, code in (
        ([SETTER], "signature.threshold"),
        ([SETTER, STRANGER], "signature.unknown_key"),
    ):
        with refuses(IntegrityError, code):
            verify_package(package(keys=keys), root())


def test_a_signed_file_of_another_kind_is_refused() -> None:
    """An opening bundle's signature does not make a package."""
    with refuses(InputError, "signature.type"):
        verify_package(signed(bundle(), kind="application/vnd.gongyuan.opening.v1+json"), root())


MEMBER = {"role": "form", "name": "1", "offset": 0, "size": 6, "sha256": "00" * 32}
SECOND = MEMBER | {"name": "2", "offset": 6}
IMAGE = MEMBER | {"role": "image", "name": "ab" * 16, "offset": 6}
LATER = IMAGE | {"name": "cd" * 16, "offset": 12}


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"suite": "gm1"}, "suite"),
        ({"suite": "x" * 1000}, "suite"),
        ({"sequence": 0}, "manifest"),
        ({"duration_ms": 0}, "manifest"),
        ({"duration_ms": limits.duration_ms_max + 1}, "manifest"),
        ({"exam_id": ""}, "manifest"),
        ({"sitting_id": "x" * 65}, "manifest"),
        ({"paper_id": "../x"}, "manifest"),
        ({"title": "x" * 201}, "manifest"),
        ({"scoring_note": "a\nb"}, "manifest"),
        ({"not_before_utc_ms": -1}, "manifest"),
        ({"not_before_utc_ms": limits.utc_ms_max + 1}, "manifest"),
        ({"min_program": "1.0"}, "manifest"),
        ({"min_program": "1.00.0"}, "manifest"),
        ({"members": [], "total_forms": 0}, "members"),
        ({"members": [MEMBER] * 3, "total_forms": -1}, "members"),
        ({"total_forms": 2}, "members"),
        ({"members": [MEMBER | {"name": "2"}]}, "members"),
        ({"members": [MEMBER | {"name": "01"}]}, "members"),
        ({"members": [MEMBER | {"role": "image"}]}, "members"),
        ({"members": [MEMBER | {"role": "key"}]}, "manifest"),
        ({"members": [MEMBER | {"offset": 1}]}, "members"),
        ({"members": [MEMBER | {"size": 0}]}, "members"),
        ({"members": [MEMBER | {"size": -6}]}, "members"),
        ({"members": [MEMBER | {"size": 7}]}, "size"),
        ({"members": [MEMBER | {"size": limits.member_bytes_max + 1}]}, "members"),
        ({"members": [MEMBER | {"sha256": "AB" * 32}]}, "members"),
        ({"members": [MEMBER, SECOND | {"offset": 0}], "total_forms": 2}, "members"),
        ({"members": [MEMBER, SECOND | {"offset": 7}], "total_forms": 2}, "members"),
        ({"members": [MEMBER, MEMBER | {"offset": 6}], "total_forms": 2}, "members"),
        ({"members": [MEMBER, SECOND]}, "members"),
        ({"members": [MEMBER, IMAGE], "total_forms": 2}, "members"),
        ({"members": [MEMBER, IMAGE | {"name": "AB" * 16}]}, "members"),
        ({"members": [MEMBER, LATER | {"offset": 6}, IMAGE | {"offset": 12}]}, "members"),
        ({"members": [MEMBER, IMAGE, IMAGE | {"offset": 12}]}, "members"),
        ({"members": [MEMBER] * 20_001, "total_forms": 20_001}, "members"),
        ({"members": [MEMBER] * 2_002, "total_forms": 1}, "members"),
        ({"answer_key": "B"}, "manifest"),
        ({"title": 7}, "manifest"),
    ],
)
def test_a_signed_manifest_that_cannot_be_is_refused(fields: dict[str, Any], code: str) -> None:
    """Also headquarters cannot sign members that overlap, leave gaps or exceed a limit."""
    with refuses(InputError, f"package.{code}"):
        verify_package(signed(changed_manifest(**fields)), root())


def test_a_manifest_of_the_largest_package_fits() -> None:
    """As many members as allowed, each as large as allowed, stay below the envelope's limit."""
    size = limits.member_bytes_max
    forms = [(MemberRole.FORM, str(n + 1)) for n in range(limits.package_forms_max)]
    images = [(MemberRole.IMAGE, f"{n:032x}") for n in range(limits.package_images_max)]
    members = tuple(
        Member(role=role, name=name, offset=n * size, size=size, sha256="f" * 64)
        for n, (role, name) in enumerate(forms + images)
    )
    largest: Manifest = manifest(members=members, total_forms=len(forms))

    envelope = sign_envelope(encode_canonical(largest), PAYLOAD_TYPE, [SETTER, APPROVER])

    assert len(envelope) < limits.manifest_bytes_max


def test_a_form_opens_only_as_itself() -> None:
    """A form of another number or paper, or no form at all, is refused after opening."""
    recipient = recipient_of(FORM_IDENTITY)

    for other in (form(2), form(1, paper_id=PaperId("P9"))):
        with refuses(IntegrityError, "package.altered"):
            open_first(seal_form(other, recipient))
    for plaintext in (b"", b"{}", encode_canonical(manifest())):
        with refuses(InputError, "form.malformed"):
            open_first(seal(plaintext, [recipient]))
    with refuses(IntegrityError, "seal.open"):
        open_form(
            seal_form(form(1), recipient),
            GRADING_IDENTITY,
            paper_id=PAPER_ID,
            form_number=FormNumber(1),
        )


def test_a_form_with_a_key_inside_is_refused() -> None:
    """A form to which somebody added a key field does not open."""
    plain = msgspec.to_builtins(form(1))
    plain["items"][0]["parts"][0]["key"] = "B"

    with refuses(InputError, "form.malformed"):
        open_first(seal(encode_canonical(plain), [recipient_of(FORM_IDENTITY)]))


@pytest.mark.parametrize(
    "recipients",
    [
        [],
        [RECIPIENT] * 17,
        ["age1nonsense"],
        [RECIPIENT.upper()],
        [f" {RECIPIENT}"],
        [RECIPIENT, "ssh-ed25519 AAAA"],
        [GRADING_IDENTITY],
        "missing",
    ],
)
def test_a_package_names_who_reads_the_results(recipients: list[str] | str) -> None:
    """One to sixteen well-formed recipients are signed with the forms, or it is no package."""
    plain = changed_manifest(results_recipients=recipients)
    if recipients == "missing":
        del plain["results_recipients"]
    assert verify_package(TWO_FORMS, root()).manifest.results_recipients == (RECIPIENT,)

    code = "package.manifest" if recipients == "missing" else "package.recipients"
    with refuses(InputError, code):
        verify_package(signed(plain), root())


def test_building_refuses_what_reading_refuses() -> None:
    """A package without forms is not made in the first place."""
    with refuses(InputError, "package.members"):
        build_package(
            exam_id=manifest().exam_id,
            paper_id=PAPER_ID,
            sitting_id=manifest().sitting_id,
            title="",
            sequence=1,
            duration_ms=1,
            scoring_note="",
            results_recipients=[RECIPIENT],
            sealed_forms=[],
            keys=[SETTER],
        )
