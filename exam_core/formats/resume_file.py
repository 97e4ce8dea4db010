"""`resume.age`: with it a kiosk goes on after a crash while the server is away.

Sealed twice: outside to the kiosk's device key, inside to the recipient of the next one-time
resume code. The codes of a seat follow from the journal secret, so the server can print them and
hand out their recipients, and neither kiosk nor disk ever holds a code. Specified in
`docs/spec/resume-file.md`.
"""

from typing import Annotated

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from exam_core.crypto.opening_code import NUMBERS, parse_code, write_code
from exam_core.crypto.sealing import (
    Recipient,
    SealingIdentity,
    identity_from,
    recipient_of,
    seal,
    unseal,
)
from exam_core.errors import ExamError, InputError, IntegrityError, declare
from exam_core.formats.canonical import decode_canonical, encode_canonical
from exam_core.model.identifiers import FormNumber, SeatId, SessionId, SittingId

RESUME_MALFORMED = declare(
    "resume.malformed", "本机的断网恢复文件已损坏；请等待服务器恢复，作答记录不受影响。"
)
RESUME_DEVICE = declare(
    "resume.device", "断网恢复文件不是本机的，不能在本机恢复；请等待服务器恢复或更换回原机。"
)
RESUME_CODE = declare(
    "resume.code", "恢复码不对，或已用过；请监考老师核对恢复码单上的机位和序号后重新输入。"
)
RESUME_CODE_SHAPE = declare(
    "resume.code_shape", "恢复码应为 6 组、每组 5 位数字，请按恢复码单上的数字重新输入。"
)
RESUME_CODE_GROUP = declare("resume.code_group", "请重新核对提示的那一组数字，其余各组无需改动。")

MAGIC = b"EXRA1\n"
CODES_OF_SEAT = 3
_KEY_BYTES = 32
_CODE_NAME = "恢复码"

_CodeNumber = Annotated[int, msgspec.Meta(ge=1, le=CODES_OF_SEAT)]


class _Value(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of what a resume file holds."""


class ResumeTicket(_Value, frozen=True, kw_only=True):
    """What stands between the layers: for whom this is, and which code opens the rest."""

    sitting_id: SittingId
    seat_id: SeatId
    session_id: SessionId
    code_number: _CodeNumber


class ResumeKeys(_Value, frozen=True, kw_only=True):
    """What the server handed out with the paper, and what it takes to seal it again."""

    package_sha256: str
    form_number: FormNumber
    form_identity: SealingIdentity
    journal_key: bytes
    recipients: tuple[Recipient, ...]


class LockedResume(msgspec.Struct, frozen=True, kw_only=True):
    """A resume file whose outer layer is off."""

    ticket: ResumeTicket
    inner: bytes


def resume_code(
    journal_secret: bytes, *, sitting_id: SittingId, seat_id: SeatId, number: int
) -> str:
    """The `number`-th one-time code of a seat, from 1, written like an opening code.

    Source: RFC 5869, HKDF-SHA256.
    """
    info = f"gongyuan/resume/v1/{sitting_id}/{seat_id}/{number}".encode()
    drawn = HKDF(hashes.SHA256(), _KEY_BYTES, None, info).derive(journal_secret)
    # 256 bits over 80: what the remainder prefers is beyond any measuring.
    return write_code(int.from_bytes(drawn, "big") % NUMBERS)


def resume_recipients(
    journal_secret: bytes, *, sitting_id: SittingId, seat_id: SeatId
) -> tuple[Recipient, ...]:
    """What a kiosk seals to, one for each code of its seat in their order."""
    codes = [
        resume_code(journal_secret, sitting_id=sitting_id, seat_id=seat_id, number=number)
        for number in range(1, CODES_OF_SEAT + 1)
    ]
    return tuple(
        recipient_of(_identity(code, sitting_id=sitting_id, seat_id=seat_id, number=number))
        for number, code in enumerate(codes, 1)
    )


def seal_resume(keys: ResumeKeys, ticket: ResumeTicket, device: Recipient) -> bytes:
    """The file for the code that the ticket names.

    Raises:
        InputError: `seal.key`, when a recipient is none; `resume.malformed`, when there is none
            for this code.
    """
    if ticket.code_number > len(keys.recipients):
        raise InputError(RESUME_MALFORMED, "没有这个序号的恢复码")
    inner = seal(encode_canonical(keys), [keys.recipients[ticket.code_number - 1]])
    return seal(MAGIC + encode_canonical(ticket) + b"\n" + inner, [device])


def open_device_layer(data: bytes, device: SealingIdentity) -> LockedResume:
    """Take the outer layer off, with the device key alone.

    Raises:
        IntegrityError: `resume.device`.
        InputError: `resume.malformed`, `seal.key`.
    """
    try:
        plain = unseal(data, device)
    except IntegrityError as error:
        raise IntegrityError(RESUME_DEVICE, "断网恢复文件不属于本机或已损坏") from error
    head, _, inner = plain.removeprefix(MAGIC).partition(b"\n")
    if not plain.startswith(MAGIC) or not inner:
        raise InputError(RESUME_MALFORMED, "断网恢复文件格式不对")
    ticket = decode_canonical(head, ResumeTicket, RESUME_MALFORMED, "断网恢复文件")
    return LockedResume(ticket=ticket, inner=inner)


def unlock_resume(locked: LockedResume, code: str) -> ResumeKeys:
    """The keys, with the one code that the ticket names.

    Raises:
        InputError: `resume.code_shape`, `resume.code_group`, `resume.malformed`.
        IntegrityError: `resume.code`.
    """
    ticket = locked.ticket
    identity = _identity(
        parse_resume_code(code),
        sitting_id=ticket.sitting_id,
        seat_id=ticket.seat_id,
        number=ticket.code_number,
    )
    try:
        plain = unseal(locked.inner, identity)
    except IntegrityError as error:
        raise IntegrityError(RESUME_CODE, "恢复码打不开断网恢复文件") from error
    return decode_canonical(plain, ResumeKeys, RESUME_MALFORMED, "断网恢复文件")


def parse_resume_code(text: str) -> str:
    """The code in its one written form.

    Raises:
        InputError: `resume.code_shape`, `resume.code_group` naming the wrong groups.
    """
    try:
        return parse_code(text, _CODE_NAME)
    except ExamError as error:
        is_shape = "groups" not in error.facts
        code = RESUME_CODE_SHAPE if is_shape else RESUME_CODE_GROUP
        raise InputError(code, error.message, **error.facts) from error


def _identity(code: str, *, sitting_id: SittingId, seat_id: SeatId, number: int) -> SealingIdentity:
    info = f"gongyuan/resume-identity/v1/{sitting_id}/{seat_id}/{number}".encode()
    return identity_from(HKDF(hashes.SHA256(), _KEY_BYTES, None, info).derive(code.encode()))
