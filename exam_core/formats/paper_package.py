"""`.exampkg`: sealed forms under a manifest signed at headquarters; no keys inside.

The manifest lists every member by offset, size and SHA-256; members stand back to back in that
order and fill the file. Each member is one form, an age file with an identity of its own.
Everything is verified before anything is used. Specified in `docs/spec/paper-package.md`.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from exam_core import limits
from exam_core.crypto.sealing import Recipient, SealingIdentity, is_recipient, seal, unseal
from exam_core.crypto.signing import PrivateSigningKey
from exam_core.errors import InputError, IntegrityError, declare
from exam_core.formats.canonical import decode_canonical, encode_canonical
from exam_core.formats.dsse import sign_envelope
from exam_core.formats.signed_file import join_signed_file, split_signed_file
from exam_core.formats.trust_root import TrustRoot
from exam_core.model.identifiers import FormNumber, PaperId, SittingId
from exam_core.model.items import FORM_MALFORMED, Form

PACKAGE_MALFORMED = declare("package.malformed", "试卷包不完整或不是试卷包，请重新拷贝后再试。")
PACKAGE_ALTERED = declare("package.altered", "试卷包内容与签名清单不符，停止使用并上报总部。")
PACKAGE_FORM = declare("package.form", "试卷包中没有这一卷号，请核对卷号与试卷包。")

MAGIC = b"EXPK1\n"
PAYLOAD_TYPE = "application/vnd.gongyuan.exampkg.v1+json"


class Member(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One sealed form: where it stands behind the envelope, and its digest in hex."""

    form_number: FormNumber
    offset: int
    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What headquarters signs.

    `sequence` rises with every package made for the sitting; a server refuses a lower one.
    `duration_ms` is the working time before any accommodation. `scoring_note` is shown with the
    rules. Form numbers run from 1 without gaps. `results_recipients` are all who can open the
    results of the sitting: the rooms seal to them and to nobody else.
    """

    suite: str
    paper_id: PaperId
    sitting_id: SittingId
    title: str
    sequence: int
    duration_ms: int
    scoring_note: str
    results_recipients: tuple[Recipient, ...]
    members: tuple[Member, ...]

    def __post_init__(self) -> None:
        if self.suite != "std":
            raise InputError(PACKAGE_MALFORMED, f"不支持的密码套件 {self.suite[:20]}")
        if self.sequence < 1 or not 0 < self.duration_ms <= limits.duration_ms_max:
            raise InputError(PACKAGE_MALFORMED, "试卷包的序号或考试时长不对")
        if not 1 <= len(self.results_recipients) <= limits.results_recipients_max:
            raise InputError(PACKAGE_MALFORMED, "试卷包没有写明结果接收方，或接收方过多")
        if not all(map(is_recipient, self.results_recipients)):
            raise InputError(PACKAGE_MALFORMED, "试卷包中的结果接收方公钥格式不对")
        if not 1 <= len(self.members) <= limits.package_members_max:
            raise InputError(PACKAGE_MALFORMED, "试卷包的卷数不对")
        end = 0
        for number, member in enumerate(self.members, 1):
            is_in_order = member.form_number == number and member.offset == end
            if not is_in_order or not 0 < member.size <= limits.member_bytes_max:
                raise InputError(PACKAGE_MALFORMED, f"试卷包清单第 {number} 项不对")
            end += member.size


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperPackage:
    """A verified package: nothing in it differs from what was signed."""

    manifest: Manifest
    manifest_sha256: str
    members: Mapping[FormNumber, bytes]

    def sealed_form(self, form_number: FormNumber) -> bytes:
        """The age file of one form.

        Raises:
            InputError: `package.form`.
        """
        try:
            return self.members[form_number]
        except KeyError:
            raise InputError(PACKAGE_FORM, f"试卷包中没有第 {form_number} 卷") from None


def seal_form(form: Form, recipient: Recipient) -> bytes:
    """One member: the canonical form, sealed to the form's own identity."""
    return seal(encode_canonical(form), [recipient])


def build_package(
    *,
    paper_id: PaperId,
    sitting_id: SittingId,
    title: str,
    sequence: int,
    duration_ms: int,
    scoring_note: str,
    results_recipients: Sequence[Recipient],
    sealed_forms: Sequence[bytes],
    keys: Sequence[PrivateSigningKey],
) -> bytes:
    """The package file; `sealed_forms[i]` becomes form number i + 1."""
    members = []
    offset = 0
    for number, sealed in enumerate(sealed_forms, 1):
        digest = hashlib.sha256(sealed).hexdigest()
        members.append(
            Member(form_number=FormNumber(number), offset=offset, size=len(sealed), sha256=digest)
        )
        offset += len(sealed)
    manifest = Manifest(
        suite="std",
        paper_id=paper_id,
        sitting_id=sitting_id,
        title=title,
        sequence=sequence,
        duration_ms=duration_ms,
        scoring_note=scoring_note,
        results_recipients=tuple(results_recipients),
        members=tuple(members),
    )
    envelope = sign_envelope(encode_canonical(manifest), PAYLOAD_TYPE, keys)
    return join_signed_file(MAGIC, envelope, b"".join(sealed_forms))


def verify_package(data: bytes, root: TrustRoot) -> PaperPackage:
    """The package, once signatures, sizes and every digest hold.

    Raises:
        InputError: `package.malformed`, `signature.malformed`, `signature.type`.
        IntegrityError: `package.altered`, `signature.invalid`, `signature.threshold`.
    """
    payload, body = split_signed_file(
        data,
        MAGIC,
        PAYLOAD_TYPE,
        root.trusted(),
        root.threshold,
        code=PACKAGE_MALFORMED,
        name="试卷包",
    )
    manifest = decode_canonical(payload, Manifest, PACKAGE_MALFORMED, "试卷包清单")
    if manifest.members[-1].offset + manifest.members[-1].size != len(body):
        raise InputError(PACKAGE_MALFORMED, "试卷包不完整或带有多余内容")
    members = {}
    for member in manifest.members:
        sealed = bytes(body[member.offset : member.offset + member.size])
        if hashlib.sha256(sealed).hexdigest() != member.sha256:
            raise IntegrityError(
                PACKAGE_ALTERED,
                f"第 {member.form_number} 卷的内容被改动过",
                form_number=member.form_number,
            )
        members[member.form_number] = sealed
    return PaperPackage(
        manifest=manifest, manifest_sha256=hashlib.sha256(payload).hexdigest(), members=members
    )


def open_form(
    sealed: bytes, identity: SealingIdentity, *, paper_id: PaperId, form_number: FormNumber
) -> Form:
    """The form in a member, once it is the one that was asked for.

    Raises:
        IntegrityError: `seal.open`; `package.altered` when another form is inside.
        InputError: `form.malformed`, `seal.key`.
    """
    form = decode_canonical(unseal(sealed, identity), Form, FORM_MALFORMED, "试卷")
    if (form.paper_id, form.form_number) != (paper_id, form_number):
        raise IntegrityError(PACKAGE_ALTERED, f"第 {form_number} 卷中是另一份试卷")
    return form
