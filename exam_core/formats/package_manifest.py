"""What headquarters signs about a paper package: what it is for, and every member of the file.

A value of these types is already one that can be: order, offsets, sizes, names and texts were
checked when it was made. Specified in `docs/spec/paper-package.md`.
"""

import re
from enum import StrEnum

import msgspec

from exam_core import limits
from exam_core.crypto.sealing import Recipient, is_recipient
from exam_core.errors import InputError, declare
from exam_core.model.identifiers import ExamId, FormNumber, ImageId, PaperId, SittingId
from exam_core.model.images import image_id_is_valid
from exam_core.version import version_is_valid

PACKAGE_MANIFEST = declare("package.manifest", "试卷包清单的内容不合规定，请总部重新制包。")
PACKAGE_SUITE = declare("package.suite", "本程序不支持这个试卷包的密码套件，请核对程序版本。")
PACKAGE_MEMBERS = declare(
    "package.members", "试卷包清单中各卷、各图的顺序、位置或大小不对，请总部重新制包。"
)
PACKAGE_RECIPIENTS = declare(
    "package.recipients", "试卷包没有正确写明谁能打开考试结果，请总部重新制包。"
)

SUITE = "std"

_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_ID = re.compile(rf"[\w.:-]{{1,{limits.package_id_chars_max}}}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class MemberRole(StrEnum):
    """What a member holds; forms stand before images."""

    FORM = "form"
    IMAGE = "image"


class Member(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One sealed form or image: where it stands behind the envelope, and its digest in hex.

    `name` is the form's number in decimal, or the image's id.
    """

    role: MemberRole
    name: str
    offset: int
    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What headquarters signs.

    `sequence` rises with every package made for the sitting; a server and a kiosk refuse a lower
    one. `duration_ms` is the working time before any accommodation. `not_before_utc_ms` is when
    the sitting is planned to begin, or null: it warns and is logged, and never decides, because
    no clock in a room can be trusted. `min_program` is the oldest version of the programs that
    may use the package. `scoring_note` is shown with the rules. Form numbers run from 1 to
    `total_forms`. `results_recipients` are all who can open the results of the sitting: the rooms
    seal to them and to nobody else.
    """

    suite: str
    exam_id: ExamId
    sitting_id: SittingId
    paper_id: PaperId
    title: str
    sequence: int
    duration_ms: int
    not_before_utc_ms: int | None
    min_program: str
    scoring_note: str
    results_recipients: tuple[Recipient, ...]
    total_forms: int
    members: tuple[Member, ...]

    def __post_init__(self) -> None:
        if self.suite != SUITE:
            raise InputError(PACKAGE_SUITE, f"不支持的密码套件 {self.suite[:20]}")
        self._check_facts()
        if not 1 <= len(self.results_recipients) <= limits.results_recipients_max:
            raise InputError(PACKAGE_RECIPIENTS, "试卷包没有写明结果接收方，或接收方过多")
        if not all(map(is_recipient, self.results_recipients)):
            raise InputError(PACKAGE_RECIPIENTS, "试卷包中的结果接收方公钥格式不对")
        self._check_members()

    def forms(self) -> tuple[Member, ...]:
        """The members that are forms, by number."""
        return self.members[: self.total_forms]

    def images(self) -> tuple[Member, ...]:
        """The members that are images, by id."""
        return self.members[self.total_forms :]

    def _check_facts(self) -> None:
        if not all(map(_ID.fullmatch, (self.exam_id, self.sitting_id, self.paper_id))):
            raise InputError(PACKAGE_MANIFEST, "试卷包的考试、场次或试卷编号不对")
        for text, chars_max in (
            (self.title, limits.package_title_chars_max),
            (self.scoring_note, limits.scoring_note_chars_max),
        ):
            if len(text) > chars_max or _CONTROL.search(text):
                raise InputError(PACKAGE_MANIFEST, "试卷包的标题或计分说明过长，或含控制字符")
        if self.sequence < 1 or not 0 < self.duration_ms <= limits.duration_ms_max:
            raise InputError(PACKAGE_MANIFEST, "试卷包的序号或考试时长不对")
        planned = self.not_before_utc_ms
        if planned is not None and not 0 <= planned <= limits.utc_ms_max:
            raise InputError(PACKAGE_MANIFEST, "试卷包的计划开考时间不对")
        if not version_is_valid(self.min_program):
            raise InputError(PACKAGE_MANIFEST, "试卷包要求的程序版本写得不对")

    def _check_members(self) -> None:
        images = len(self.members) - self.total_forms
        if not 1 <= self.total_forms <= limits.package_forms_max:
            raise InputError(PACKAGE_MEMBERS, "试卷包的卷数不对")
        if not 0 <= images <= limits.package_images_max:
            raise InputError(PACKAGE_MEMBERS, "试卷包的卷数与清单不符，或图片过多")
        end = 0
        for place, member in enumerate(self.members, 1):
            is_form = place <= self.total_forms
            role = MemberRole.FORM if is_form else MemberRole.IMAGE
            is_named = member.name == str(place) if is_form else image_id_is_valid(member.name)
            if member.role is not role or not is_named:
                raise InputError(PACKAGE_MEMBERS, f"试卷包清单第 {place} 项的种类或名称不对")
            if member.offset != end or not 0 < member.size <= limits.member_bytes_max:
                raise InputError(PACKAGE_MEMBERS, f"试卷包清单第 {place} 项的位置或大小不对")
            if not _DIGEST.fullmatch(member.sha256):
                raise InputError(PACKAGE_MEMBERS, f"试卷包清单第 {place} 项的摘要不对")
            end += member.size
        names = [member.name for member in self.images()]
        if names != sorted(set(names)):
            raise InputError(PACKAGE_MEMBERS, "试卷包清单中的图片重复或顺序不对")


def form_name(form_number: FormNumber) -> str:
    """The name of a form among the members."""
    return str(form_number)


def describe(member: Member) -> str:
    """A member for a sentence, in Chinese."""
    if member.role is MemberRole.FORM:
        return f"第 {member.name} 卷"
    return f"图片 {ImageId(member.name)}"
