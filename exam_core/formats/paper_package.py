"""`.exampkg`: sealed forms and images under a manifest signed at headquarters; no keys inside.

Members stand back to back in the order of the manifest and fill the file. Each is an age file
with an identity of its own. Everything is verified before anything is used, without ever holding
more than a mebibyte of the file; what is used later is read and compared with its digest again.
Specified in `docs/spec/paper-package.md`.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from exam_core import limits
from exam_core.crypto.sealing import Recipient, SealingIdentity, seal, unseal
from exam_core.crypto.signing import PrivateSigningKey
from exam_core.errors import InputError, IntegrityError, declare
from exam_core.formats.byte_source import ByteSource, BytesSource, read_chunks
from exam_core.formats.canonical import decode_canonical, encode_canonical
from exam_core.formats.dsse import sign_envelope
from exam_core.formats.package_manifest import (
    PACKAGE_MANIFEST,
    SUITE,
    Manifest,
    Member,
    MemberRole,
    describe,
    form_name,
)
from exam_core.formats.signed_file import join_signed_file, read_envelope
from exam_core.formats.trust_root import Signer, TrustRoot, verify_by_root
from exam_core.model.identifiers import ExamId, FormNumber, ImageId, PaperId, SittingId
from exam_core.model.images import ImageSeal
from exam_core.model.items import FORM_MALFORMED, Form
from exam_core.version import PROGRAM_VERSION, is_at_least

PACKAGE_MALFORMED = declare("package.malformed", "试卷包不完整或不是试卷包，请重新拷贝后再试。")
PACKAGE_SIZE = declare(
    "package.size", "试卷包的长度与签名清单不符，多半没有拷全；请重新拷贝后再试。"
)
PACKAGE_ALTERED = declare("package.altered", "试卷包内容与签名清单不符，停止使用并上报总部。")
PACKAGE_FORM = declare("package.form", "试卷包中没有这一卷号，请核对卷号与试卷包。")
PACKAGE_IMAGE = declare("package.image", "试卷包中没有这张图片，停止使用并上报总部。")
PACKAGE_PROGRAM = declare(
    "package.program", "本机程序太旧，用不了这个试卷包；请先安装总部下发的新版程序。"
)
PACKAGE_SEQUENCE = declare("package.sequence", "已有更新的试卷包；请使用总部最近一次下发的试卷包。")

MAGIC = b"EXPK1\n"
PAYLOAD_TYPE = "application/vnd.gongyuan.exampkg.v1+json"
NEEDED_PROGRAM = "0.1.0"
"""The oldest version of the programs that reads what `build_package` writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperPackage:
    """A verified package: nothing in it differed from what was signed.

    Attributes:
        manifest: What was signed.
        manifest_sha256: Digest of the manifest's bytes; opening bundles name it.
        sha256: Digest of the whole file.
        signers: Who signed.
        source: The file; it may change after it was verified, so every use compares again.
        body_offset: Where the first member begins.
    """

    manifest: Manifest
    manifest_sha256: str
    sha256: str
    signers: tuple[Signer, ...]
    source: ByteSource
    body_offset: int

    def sealed_form(self, form_number: FormNumber) -> bytes:
        """The age file of one form, read now.

        Raises:
            InputError: `package.form`.
            IntegrityError: `package.altered`, when the file has changed since it was verified.
            ExamError: The source's own, when it cannot be read.
        """
        if not 1 <= form_number <= self.manifest.total_forms:
            raise InputError(PACKAGE_FORM, f"试卷包中没有第 {form_number} 卷")
        return self._read(self.manifest.members[form_number - 1])

    def sealed_image(self, image_id: ImageId) -> bytes:
        """The age file of one image, read now.

        Raises:
            InputError: `package.image`.
            IntegrityError, ExamError: As `sealed_form`.
        """
        for member in self.manifest.images():
            if member.name == image_id:
                return self._read(member)
        raise InputError(PACKAGE_IMAGE, f"试卷包中没有图片 {image_id[:32]}")

    def _read(self, member: Member) -> bytes:
        sealed = self.source.read_at(self.body_offset + member.offset, member.size)
        if hashlib.sha256(sealed).hexdigest() != member.sha256:
            raise _altered(member)
        return sealed


def seal_form(form: Form, recipient: Recipient) -> bytes:
    """One member: the canonical form, sealed to the form's own identity."""
    return seal(encode_canonical(form), [recipient])


def build_package(
    *,
    exam_id: ExamId,
    sitting_id: SittingId,
    paper_id: PaperId,
    title: str,
    sequence: int,
    duration_ms: int,
    scoring_note: str,
    results_recipients: Sequence[Recipient],
    sealed_forms: Sequence[bytes],
    keys: Sequence[PrivateSigningKey],
    sealed_images: Sequence[tuple[ImageId, bytes]] = (),
    not_before_utc_ms: int | None = None,
    min_program: str = NEEDED_PROGRAM,
) -> bytes:
    """The package file; `sealed_forms[i]` becomes form number i + 1.

    Raises:
        InputError: `package.*`, when the manifest could not be.
    """
    named = [
        (MemberRole.FORM, form_name(FormNumber(number)), sealed)
        for number, sealed in enumerate(sealed_forms, 1)
    ]
    named += [(MemberRole.IMAGE, str(name), sealed) for name, sealed in sorted(sealed_images)]
    members = []
    offset = 0
    for role, name, sealed in named:
        digest = hashlib.sha256(sealed).hexdigest()
        members.append(Member(role=role, name=name, offset=offset, size=len(sealed), sha256=digest))
        offset += len(sealed)
    manifest = Manifest(
        suite=SUITE,
        exam_id=exam_id,
        sitting_id=sitting_id,
        paper_id=paper_id,
        title=title,
        sequence=sequence,
        duration_ms=duration_ms,
        not_before_utc_ms=not_before_utc_ms,
        min_program=min_program,
        scoring_note=scoring_note,
        results_recipients=tuple(results_recipients),
        total_forms=len(sealed_forms),
        members=tuple(members),
    )
    envelope = sign_envelope(encode_canonical(manifest), PAYLOAD_TYPE, keys)
    return join_signed_file(MAGIC, envelope, b"".join(sealed for _, _, sealed in named))


def verify_package(
    package: ByteSource | bytes,
    root: TrustRoot,
    *,
    program: str = PROGRAM_VERSION,
    on_progress: Callable[[int], None] = lambda _bytes: None,
) -> PaperPackage:
    """The package, once signatures, sizes and every digest hold.

    Args:
        package: The file, or its bytes for who has just made them.
        root: Whose signatures count.
        program: The version of the program that wants to use it.
        on_progress: Told how many more bytes were read.

    Raises:
        InputError: `package.malformed`, `package.manifest`, `package.suite`, `package.members`,
            `package.recipients`, `package.program`, `package.size`, `signature.malformed`,
            `signature.type`.
        IntegrityError: `package.altered`, `signature.*`.
        ExamError: The source's own, when it cannot be read.
    """
    source = BytesSource(package) if isinstance(package, bytes) else package
    envelope, body_offset = read_envelope(source, MAGIC, code=PACKAGE_MALFORMED, name="试卷包")
    payload, signers = verify_by_root(envelope, PAYLOAD_TYPE, root)
    manifest = decode_canonical(payload, Manifest, PACKAGE_MANIFEST, "试卷包清单")
    if not is_at_least(program, manifest.min_program):
        raise InputError(
            PACKAGE_PROGRAM,
            f"试卷包要求程序版本不低于 {manifest.min_program}，本程序是 {program}",
            wanted=manifest.min_program,
            program=program,
        )
    last = manifest.members[-1]
    expected = body_offset + last.offset + last.size
    if source.size != expected:
        raise InputError(
            PACKAGE_SIZE,
            f"试卷包应有 {expected} 字节，实有 {source.size} 字节",
            expected=expected,
            found=source.size,
        )
    file_digest = hashlib.sha256(join_signed_file(MAGIC, envelope, b""))
    on_progress(body_offset)
    for member in manifest.members:
        digest = hashlib.sha256()
        for chunk in read_chunks(source, body_offset + member.offset, member.size):
            digest.update(chunk)
            file_digest.update(chunk)
            on_progress(len(chunk))
        if digest.hexdigest() != member.sha256:
            raise _altered(member)
    return PaperPackage(
        manifest=manifest,
        manifest_sha256=hashlib.sha256(payload).hexdigest(),
        sha256=file_digest.hexdigest(),
        signers=signers,
        source=source,
        body_offset=body_offset,
    )


def open_form(
    sealed: bytes, identity: SealingIdentity, *, paper_id: PaperId, form_number: FormNumber
) -> Form:
    """The form in a member, once it is the one that was asked for.

    Raises:
        IntegrityError: `seal.open`; `package.altered` when another form is inside.
        InputError: `form.malformed`, `image.malformed`, `seal.key`.
    """
    form = decode_canonical(unseal(sealed, identity), Form, FORM_MALFORMED, "试卷")
    if (form.paper_id, form.form_number) != (paper_id, form_number):
        raise IntegrityError(PACKAGE_ALTERED, f"第 {form_number} 卷中是另一份试卷")
    if form.image_ids() != {key.image_id for key in form.image_seals}:
        raise InputError(FORM_MALFORMED, "试卷中有图片没有密钥", form_number=form_number)
    return form


def open_image(package: PaperPackage, key: ImageSeal) -> bytes:
    """One picture of a form, once it is the one that the form names.

    Raises:
        IntegrityError: `seal.open`; `package.altered` when another picture is inside.
        InputError: `package.image`, `seal.key`.
    """
    picture = unseal(package.sealed_image(key.image_id), key.identity)
    if len(picture) > limits.image_bytes_max or hashlib.sha256(picture).hexdigest() != key.sha256:
        raise IntegrityError(PACKAGE_ALTERED, f"图片 {key.image_id} 中是另一张图")
    return picture


def _altered(member: Member) -> IntegrityError:
    return IntegrityError(
        PACKAGE_ALTERED,
        f"{describe(member)}的内容被改动过",
        role=str(member.role),
        name=member.name,
    )
