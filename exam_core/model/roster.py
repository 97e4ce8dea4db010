"""The people of a sitting: who may sit where, and for which team.

A roster is checked as a whole (`check_roster`); one bad row refuses the file and names the row.
"""

import re
import unicodedata
from collections.abc import Sequence

import msgspec

from exam_core import limits
from exam_core.errors import InputError, declare
from exam_core.model.identifiers import AdmissionNumber, SeatId

ROSTER_SIZE = declare("roster.size", "请检查选的文件，考生应在第一张工作表；本次没有导入任何考生。")
ROSTER_ROW = declare("roster.row", "请按提示修改名单中的这一行后重新导入；本次没有导入任何考生。")

_SEAT_ID = re.compile(rf"[0-9A-Za-z\u4e00-\u9fff-]{{1,{limits.seat_id_chars_max}}}")
_CONTROL_KINDS = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})  # Unicode's categories
_LOST_DIGITS = re.compile(r"[0-9]{15}000|[0-9.]+[eE]\+?[0-9]+")  # what a number cell leaves
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ID_CHECKS = "10X98765432"


class Candidate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One person on the roster.

    `id_number` is the whole resident identity number, 18 characters, the last may be X.
    `is_substitute` says that the person does not count for the team unless named in.
    """

    admission_number: AdmissionNumber
    name: str
    id_number: str
    unit: str
    team: str
    seat_id: SeatId
    is_substitute: bool = False


def id_number_is_valid(id_number: str) -> bool:
    """Whether the check character of a resident identity number is right.

    Source: GB 11643-1999, section 3.2 (ISO 7064 MOD 11-2).
    """
    body, check = id_number[:-1], id_number[-1:]
    if len(id_number) != limits.id_number_chars or not (body.isascii() and body.isdecimal()):
        return False
    total = sum(weight * int(digit) for weight, digit in zip(_ID_WEIGHTS, body, strict=True))
    return check == _ID_CHECKS[total % 11]


def seat_id_is_valid(seat_id: str) -> bool:
    """Whether a seat may be called so: letters, digits, Chinese characters and hyphens, at most 16.

    Seats whose names differ in upper and lower case alone are the same seat.
    """
    return _SEAT_ID.fullmatch(seat_id) is not None


def check_roster(candidates: Sequence[Candidate], *, first_row: int = 1) -> None:
    """Refuse a roster that cannot be seated.

    Args:
        candidates: In the order of the file.
        first_row: Row number of the first candidate in the file, for the message.

    Raises:
        InputError: `roster.size`; `roster.row`, naming row and problem.
    """
    if not candidates:
        raise InputError(ROSTER_SIZE, "名单中没有考生")
    if len(candidates) > limits.roster_candidates_max:
        raise InputError(ROSTER_SIZE, f"名单超过 {limits.roster_candidates_max} 名考生")
    seen: dict[tuple[str, str], int] = {}
    for row, candidate in enumerate(candidates, first_row):
        problem = _problem(candidate)
        for field, value in (
            ("准考证号", candidate.admission_number),
            ("身份证号", candidate.id_number),
            ("机位", candidate.seat_id.casefold()),
        ):
            before = seen.setdefault((field, value), row)
            if before != row:
                problem = problem or f"{field}与第 {before} 行重复"
        if problem:
            raise InputError(ROSTER_ROW, f"第 {row} 行：{problem}", row=row)


def _problem(candidate: Candidate) -> str:
    number = candidate.admission_number
    if not number:
        return "没有填准考证号"
    if not (number.isascii() and number.isalnum()):
        return "准考证号只能由字母和数字组成"
    if len(number) > limits.admission_number_chars_max:
        return "准考证号过长"
    if not 1 <= len(candidate.name) <= limits.name_chars_max:
        return "姓名为空或过长"
    for field, text in (
        ("姓名", candidate.name),
        ("单位", candidate.unit),
        ("代表队", candidate.team),
    ):
        if any(unicodedata.category(char) in _CONTROL_KINDS for char in text):
            return f"{field}中有换行或看不见的控制字符"
    if not candidate.id_number:
        return "没有填身份证号"
    if not id_number_is_valid(candidate.id_number):
        if _LOST_DIGITS.fullmatch(candidate.id_number):
            return "身份证号成了数字，末几位已丢失；请把该列设为文本格式后重新填写"
        return "身份证号的校验位不对"
    if not candidate.unit or not candidate.team or not candidate.seat_id:
        return "单位、代表队和机位都要填写"
    if not seat_id_is_valid(candidate.seat_id):
        most = limits.seat_id_chars_max
        return f"机位只能用字母、数字、汉字和短横，最多 {most} 个字符"
    return ""
