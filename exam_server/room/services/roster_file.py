"""Reads a roster from an .xlsx file into candidates; the file names the columns.

Refuses what it cannot read; whether the candidates can be seated is `check_roster`'s question.
"""

import io
import warnings
import zipfile
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from itertools import islice

from openpyxl import load_workbook

from exam_core.errors import ExamError, InputError, declare
from exam_core.formats.office_xml import check_office_xml
from exam_core.limits import roster_bytes_max
from exam_core.model.identifiers import AdmissionNumber, SeatId
from exam_core.model.roster import ROSTER_ROW, Candidate, check_roster
from exam_server import limits

ROSTER_FILE = declare("roster.file", "名单应为 .xlsx 文件，首行为列名；请用模板重新整理。")

COLUMNS = ("准考证号", "姓名", "身份证号", "单位", "代表队", "是否替补", "机位")
_OTHER_NAMES = {"座位": "机位"}  # as associations' own lists call it
_OPTIONAL = frozenset({"是否替补"})
_YES = frozenset({"是", "1", "替补", "Y", "y"})
_NO = frozenset({"", "否", "0", "N", "n"})
_FIRST_ROW = 2
_CHUNK_BYTES = 64 * 1024


def read_roster(data: bytes) -> list[Candidate]:
    """The candidates, in the order of the file, all of them sound.

    Raises:
        InputError: `roster.file`, `roster.row`.
    """
    if len(data) > roster_bytes_max:
        raise InputError(ROSTER_FILE, "名单文件过大")
    header, *lines = _lines(data) or [[]]
    header = [_OTHER_NAMES.get(name, name) for name in header]
    missing = [name for name in COLUMNS if name not in header and name not in _OPTIONAL]
    if missing:
        raise InputError(ROSTER_FILE, f"名单缺少列：{'、'.join(missing)}", columns=missing)
    doubled = [name for name in COLUMNS if header.count(name) > 1]
    if doubled:
        raise InputError(ROSTER_FILE, f"名单有重复的列：{'、'.join(doubled)}", columns=doubled)
    candidates = []
    for row, texts in enumerate(lines, _FIRST_ROW):
        cells = _named(header, texts)
        if any(cells.values()):
            candidates.append(_candidate(row, cells))
    check_roster(candidates, first_row=_FIRST_ROW)
    return candidates


def _lines(data: bytes) -> list[list[str]]:
    """Every row of the first sheet as texts; the parser is lazy, so all of it happens in here."""
    try:
        _refuse_bomb(data)
        with warnings.catch_warnings():
            # openpyxl warns of styles and extensions that it drops; we read text alone.
            warnings.simplefilter("ignore", UserWarning)
            book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
            with closing(book):
                sheet = book.worksheets[0]
                sheet.reset_dimensions()  # what the file says of its own size is not to be believed
                rows = sheet.iter_rows(max_col=limits.roster_columns_max, values_only=True)
                lines = [
                    [_text(value) for value in row]
                    for row in islice(rows, limits.roster_rows_max + 1)
                ]
    except ExamError:
        raise
    # openpyxl documents no exceptions; on damaged files it raises what its innards happen to.
    except Exception as error:
        raise InputError(ROSTER_FILE, "名单文件不是可读取的 .xlsx") from error
    if len(lines) > limits.roster_rows_max:
        raise InputError(ROSTER_FILE, f"名单超过 {limits.roster_rows_max} 行（空行也算）")
    return lines


def _refuse_bomb(data: bytes) -> None:
    """Before any XML is parsed: a few kilobytes must not unpack, or expand, to gigabytes."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        unpacked = sum(member.file_size for member in members)  # zipfile unpacks no byte more
        is_bomb = (
            len(members) > limits.roster_members_max or unpacked > limits.roster_unpacked_bytes_max
        )
        if is_bomb or any(_may_expand(archive.read(member)) for member in members):
            raise InputError(ROSTER_FILE, "名单文件展开后异常庞大或含有危险内容")
        left = limits.roster_elements_max
        for member in members:
            with archive.open(member) as content:
                left -= check_office_xml(
                    iter(partial(content.read, _CHUNK_BYTES), b""),
                    elements_max=left,
                    code=ROSTER_FILE,
                    name="名单文件",
                )


def _may_expand(content: bytes) -> bool:
    """Entities need a DOCTYPE; in UTF-16, where it would not be found, every letter has a NUL."""
    is_xml = content.lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n\0").startswith(b"<")
    return is_xml and (b"<!DOCTYPE" in content or b"\0" in content)


def _named(header: Sequence[str], texts: Sequence[str]) -> dict[str, str]:
    return {name: text for name, text in zip(header, texts, strict=False) if name in COLUMNS}


def _candidate(row: int, cells: dict[str, str]) -> Candidate:
    substitute = cells.get("是否替补", "")
    if substitute not in _YES | _NO:
        raise InputError(ROSTER_ROW, f"第 {row} 行：是否替补应填“是”或“否”", row=row)
    return Candidate(
        admission_number=AdmissionNumber(cells.get("准考证号", "")),
        name=cells.get("姓名", ""),
        id_number=cells.get("身份证号", "").upper(),
        unit=cells.get("单位", ""),
        team=cells.get("代表队", ""),
        seat_id=SeatId(cells.get("机位", "")),
        is_substitute=substitute in _YES,
    )


def _text(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # a number cell; an identity number lost digits and is refused
    return "" if value is None else str(value).strip()
