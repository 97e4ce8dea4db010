"""Reads a roster from an .xlsx file into candidates; the file names the columns.

Refuses what it cannot read; whether the candidates can be seated is `check_roster`'s question.
"""

import io
import zipfile
from collections.abc import Iterator, Sequence
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from exam_core import limits
from exam_core.errors import InputError, declare
from exam_core.model.identifiers import AdmissionNumber, SeatId
from exam_core.model.roster import ROSTER_ROW, Candidate, check_roster

ROSTER_FILE = declare("roster.file", "名单应为 .xlsx 文件，首行为列名；请用模板重新整理。")

COLUMNS = ("准考证号", "姓名", "身份证号", "单位", "代表队", "是否替补", "座位")
_OPTIONAL = frozenset({"是否替补"})
_YES = frozenset({"是", "1", "替补", "Y", "y"})
_NO = frozenset({"", "否", "0", "N", "n"})
_FIRST_ROW = 2


def read_roster(data: bytes) -> list[Candidate]:
    """The candidates, in the order of the file, all of them sound.

    Raises:
        InputError: `roster.file`, `roster.row`.
    """
    if len(data) > limits.roster_bytes_max:
        raise InputError(ROSTER_FILE, "名单文件过大")
    candidates = [_candidate(row, cells) for row, cells in _rows(data)]
    check_roster(candidates, first_row=_FIRST_ROW)
    return candidates


def _rows(data: bytes) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        sheet = book.worksheets[0]
        values = sheet.iter_rows(max_row=limits.roster_candidates_max + 10, values_only=True)
        header = [_text(value) for value in next(values, ())]
    except (
        InvalidFileException,
        zipfile.BadZipFile,
        KeyError,
        ValueError,
        OSError,
        IndexError,
    ) as error:
        raise InputError(ROSTER_FILE, "名单文件不是可读取的 .xlsx") from error
    missing = [name for name in COLUMNS if name not in header and name not in _OPTIONAL]
    if missing:
        raise InputError(ROSTER_FILE, f"名单缺少列：{'、'.join(missing)}", columns=missing)
    for row, cells in enumerate(values, _FIRST_ROW):
        texts = _named(header, cells)
        if any(texts.values()):
            yield row, texts


def _named(header: Sequence[str], cells: Sequence[Any]) -> dict[str, str]:
    return {
        name: _text(value) for name, value in zip(header, cells, strict=False) if name in COLUMNS
    }


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
        seat_id=SeatId(cells.get("座位", "")),
        is_substitute=substitute in _YES,
    )


def _text(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # a number cell; an identity number lost digits and is refused
    return "" if value is None else str(value).strip()
