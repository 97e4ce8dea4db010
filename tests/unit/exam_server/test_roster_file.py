"""Rosters come in whole or are refused with the row."""

import io
import zipfile
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
    with pytest.raises(InputError, match="身份证号、单位、代表队、机位"):
        read_roster(buffer.getvalue())


def test_an_empty_roster_and_one_too_large_are_refused() -> None:
    """There must be somebody, and a limit."""
    with pytest.raises(InputError, match=r"roster\.size"):
        read_roster(roster_file(()))
    with pytest.raises(InputError, match=r"roster\.file"):
        read_roster(bytes(17 * 1024 * 1024))


@pytest.mark.parametrize("name", ["机位", "座位"])
def test_the_seat_column_has_two_names(name: str) -> None:
    """Ours, and the one that associations' lists have."""
    assert read_roster(changed("G1", name))[0].seat_id == "A01"


def test_a_column_given_twice_is_refused() -> None:
    """Nobody knows which of the two is meant."""
    with pytest.raises(InputError, match="重复的列：机位"):
        read_roster(changed("H1", "座位"))


def test_rows_far_below_are_not_lost() -> None:
    """A candidate under any number of empty rows counts; a sheet without end is refused."""
    book = load_workbook(io.BytesIO(roster_file(builders.roster(4))))
    sheet = book.active
    assert sheet is not None
    sheet.move_range("A5:G5", rows=20_000)
    buffer = io.BytesIO()
    book.save(buffer)

    assert len(read_roster(buffer.getvalue())) == 4
    with pytest.raises(InputError, match=r"roster\.file.*空行也算"):
        read_roster(changed("A60000", "x"))


def packed_with(name: str, content: bytes, *, times: int = 1) -> bytes:
    """The roster of four with one more or other member."""
    buffer = io.BytesIO(roster_file(builders.roster(4)))
    with zipfile.ZipFile(buffer) as archive:
        members = {one: archive.read(one) for one in archive.namelist()}
    members |= {f"{place or ''}{name}": content for place in range(times)}
    with zipfile.ZipFile(buffer := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as archive:
        for one, data in members.items():
            archive.writestr(one, data)
    return buffer.getvalue()


_ENTITIES = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "' + b"a" * 9_000 + b'">]><x>&a;&a;</x>'


@pytest.mark.parametrize(
    "data",
    [
        packed_with("xl/sharedStrings.xml", bytes(65 * 1024 * 1024)),
        packed_with("a.xml", b"<a/>", times=600),
        packed_with("xl/sharedStrings.xml", _ENTITIES),
        packed_with("xl/sharedStrings.xml", _ENTITIES.decode().encode("utf-16")),
    ],
    ids=["large", "many", "entities", "entities in UTF-16"],
)
def test_a_bomb_is_refused_before_it_is_parsed(data: bytes) -> None:
    """Small files that unpack or expand without end, however they are written."""
    with pytest.raises(InputError, match=r"roster\.file.*危险内容"):
        read_roster(data)
