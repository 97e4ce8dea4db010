"""Rosters come in whole or are refused with the row."""

import io
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook

from exam_core.errors import InputError
from exam_server.room.services.roster_file import read_roster
from tests.support import builders
from tests.support.room_world import roster_file


def changed(cell: str, value: Any) -> bytes:
    """The roster file of four with one cell changed."""
    book = load_workbook(io.BytesIO(roster_file(builders.roster(4))))
    sheet = book.active
    assert sheet is not None
    sheet[cell] = value
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def test_a_roster_comes_in_as_it_is_in_the_file() -> None:
    """Every column, in the order of the rows."""
    roster = (*builders.roster(3), builders.candidate(4, is_substitute=True))
    assert tuple(read_roster(roster_file(roster))) == roster


def test_lower_case_x_and_number_cells_are_understood() -> None:
    """What spreadsheets do to numbers is undone where nothing was lost."""
    read = read_roster(changed("A2", 20260001.0))
    assert read[0].admission_number == "20260001"


@pytest.mark.parametrize(
    ("cell", "value", "row"),
    [
        ("A3", "", 3),
        ("A3", "20260001", 3),
        ("B2", None, 2),
        ("C2", "350102199001010011", 2),
        ("C2", 350102199001010010, 2),
        ("D4", "", 4),
        ("F2", "也许", 2),
        ("G5", "A01", 5),
    ],
)
def test_a_bad_row_refuses_the_file_and_is_named(cell: str, value: Any, row: int) -> None:
    """Missing, doubled, wrong check digit, digits lost, unclear substitute, seat twice."""
    with pytest.raises(InputError) as refusal:
        read_roster(changed(cell, value))
    assert refusal.value.code == "roster.row"
    assert f"第 {row} 行" in refusal.value.message


@pytest.mark.parametrize("data", [b"", b"nonsense", b"PK\x03\x04broken"])
def test_a_file_of_another_kind_is_refused(data: bytes) -> None:
    """It is not even opened as a spreadsheet."""
    with pytest.raises(InputError, match=r"roster\.file"):
        read_roster(data)


def test_missing_columns_are_named() -> None:
    """All of them at once."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["准考证号", "姓名"])
    buffer = io.BytesIO()
    book.save(buffer)
    with pytest.raises(InputError, match="身份证号、单位、代表队、座位"):
        read_roster(buffer.getvalue())


def test_an_empty_roster_and_one_too_large_are_refused() -> None:
    """There must be somebody, and a limit."""
    with pytest.raises(InputError, match=r"roster\.row"):
        read_roster(roster_file(()))
    with pytest.raises(InputError, match=r"roster\.file"):
        read_roster(bytes(17 * 1024 * 1024))
