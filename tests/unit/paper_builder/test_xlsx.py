"""The template and the import of workbooks: every problem named by row and column."""

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from exam_core.errors import InputError
from exam_core.keys.model import BlanksKey, ChoiceKey
from exam_core.model.identifiers import BankItemId
from exam_core.model.items import ItemType
from paper_builder.bank import read_bank_file, write_items, write_template
from paper_builder.bank.template import COLUMNS, example_rows, new_workbook
from tests.support.refusals import refuses
from tests.unit.paper_builder.bank_items import bank_item

GOOD: Mapping[str, str] = {
    "题号": "A-1",
    "题型": "单选",
    "领域": "就业创业",
    "题干": "题干（）",
    "选项A": "甲",
    "选项B": "乙",
    "选项C": "丙",
    "答案": "B",
}
CASE: Mapping[str, str] = {
    "题号": "C-1",
    "题型": "案例",
    "领域": "劳动关系",
    "材料(案例)": "材料",
}
NO_CHOICES: Mapping[str, str] = {"选项A": "", "选项B": "", "选项C": ""}
FILL = dict(NO_CHOICES) | {"题型": "填空"}
SHORT = dict(NO_CHOICES) | {"题型": "简答", "答案": "", "采分点": "要点|1"}
PARTS: tuple[Mapping[str, str], ...] = (
    {"题号": "C-1#1", "题型": "判断", "题干": "对不对", "答案": "正确", "分值": "2"},
    {"题号": "C-1#2", "题型": "简答", "题干": "为什么", "采分点": "要点|4", "分值": "4"},
)


def _save(tmp_path: Path, *rows: Mapping[str, Any]) -> Path:
    path = tmp_path / "items.xlsx"
    new_workbook([dict(row) for row in rows]).save(path)
    return path


def _raw(tmp_path: Path, *rows: Mapping[str, Any]) -> Path:
    """A workbook as a spreadsheet program would leave it: numbers and dates as such."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    columns = list(dict.fromkeys(["选项A", *(name for row in rows for name in row)]))
    sheet.append(columns)
    for row in rows:
        sheet.append([row.get(column) for column in columns])
    path = tmp_path / "raw.xlsx"
    book.save(path)
    return path


def test_the_template_shows_how(tmp_path: Path) -> None:
    """Columns, a frozen header, lists for type, domain and difficulty, examples, instructions."""
    path = tmp_path / "template.xlsx"
    write_template(path)
    book = openpyxl.load_workbook(path)
    sheet = book["试题"]
    assert [cell.value for cell in sheet[1]] == list(COLUMNS)
    assert sheet.freeze_panes == "C2"
    rules = {str(rule.sqref).split(":")[0]: rule for rule in sheet.data_validations.dataValidation}
    assert rules["B2"].formula1 == '"单选,多选,判断,填空,简答,案例"'
    assert "社会保险" in str(rules["C2"].formula1)
    assert {rule.type for rule in rules.values()} == {"list"}
    assert sheet.max_row == 1 + len(example_rows())
    assert book["说明"].max_row > 5


def test_the_examples_are_good_and_never_imported(tmp_path: Path) -> None:
    """Renamed, every example comes in; as they are, they are skipped without a word."""
    path = tmp_path / "template.xlsx"
    write_template(path)
    untouched = read_bank_file(path)
    assert (untouched.items, untouched.problems) == ([], [])
    renamed = [dict(row) | {"题号": row["题号"].removeprefix("示例-")} for row in example_rows()]
    result = read_bank_file(_save(tmp_path, *renamed))
    assert result.problems == []
    assert [item.item_type for item in result.items] == list(ItemType)


def test_items_come_back_as_they_were_written(tmp_path: Path) -> None:
    """One item of every type, with its remark."""
    items = [bank_item(f"A-{kind.value}", kind) for kind in ItemType]
    remarks = {BankItemId("A-case"): "案例备注"}
    write_items(tmp_path / "out.xlsx", items, remarks)
    result = read_bank_file(tmp_path / "out.xlsx")
    assert (result.items, result.remarks, result.problems, result.notes) == (
        items,
        remarks,
        [],
        [],
    )


def test_text_that_looks_like_a_formula_stays_text(tmp_path: Path) -> None:
    """A stem that starts with = is neither run nor lost."""
    result = read_bank_file(_save(tmp_path, dict(GOOD) | {"题干": "=1+1 等于（）"}))
    assert result.items[0].parts[0].stem == "=1+1 等于（）"
    sheet = openpyxl.load_workbook(tmp_path / "items.xlsx")["试题"]
    assert all(cell.data_type != "f" for row in sheet for cell in row)


@pytest.mark.parametrize(
    ("change", "column", "reason"),
    [
        ({"题号": ""}, "题号", "没有题号"),
        ({"题号": "A 1"}, "题号", "空格"),
        ({"题号": "X#1"}, "题号", "没有它的案例行"),
        ({"题型": "论述"}, "题型", "不认识的题型"),
        ({"领域": ""}, "领域", "没有填写领域"),
        ({"题干": ""}, "题干", "没有题干"),
        ({"题干": "甲（）\n答案：B"}, "题干", "粘在一起"),
        ({"选项B": "乙  C．丙"}, "选项B", "粘在一起"),
        ({"选项C": "丙\n5．下列说法"}, "选项C", "粘在一起"),
        ({"答案": ""}, "答案", "没有答案"),
        ({"答案": "D"}, "答案", "超出选项范围"),
        ({"答案": "AB"}, "答案", "只能有一个答案"),
        ({"答案": "甲"}, "答案", "选项字母"),
        ({"选项B": ""}, "选项B", "空缺"),
        ({"选项B": "甲"}, "选项A", "完全相同"),
        ({"选项B": "", "选项C": "", "答案": "A"}, "选项A", "选项应有"),
        ({"分值": "1.2345"}, "分值", "三位小数"),
        ({"分值": "0"}, "分值", "大于零"),
        ({"难度": "1.5"}, "难度", "0.001 至 1"),
        ({"难度": "很难"}, "难度", "不是数字"),
        ({"采分点": "要点|1"}, "采分点", "只有简答题"),
        ({"材料(案例)": "材料"}, "材料(案例)", "只有案例"),
        ({"题型": "判断", "答案": "正确"}, "选项A", "不要填写选项"),
        (FILL | {"答案": "甲；乙"}, "答案", "有 1 个空"),
        (SHORT, "分值", "没有分值"),
        (SHORT | {"答案": "B", "分值": "1"}, "答案", "采分点"),
        (SHORT | {"分值": "2"}, "采分点", "少于"),
        ({"知识点": "甲" * 101}, "知识点", "100 字"),
        ({"题干": "甲\x7f（）"}, "题干", "U+007F"),
    ],
)
def test_a_bad_row_is_named_and_left_out(
    tmp_path: Path, change: dict[str, str], column: str, reason: str
) -> None:
    """Row, column and reason; the rows around it come in."""
    other = dict(GOOD) | {"题号": "A-0"}
    last = dict(GOOD) | {"题号": "A-9"}
    result = read_bank_file(_save(tmp_path, other, dict(GOOD) | change, last))
    assert [item.bank_item_id for item in result.items] == ["A-0", "A-9"]
    (problem,) = result.problems
    assert (problem.file, problem.row, problem.column) == ("items.xlsx", 3, column)
    assert reason in problem.reason


def test_full_width_letters_are_mended_and_reported(tmp_path: Path) -> None:
    """Ａ is read as A, and the author is told."""
    result = read_bank_file(_save(tmp_path, dict(GOOD) | {"答案": "Ｂ"}))
    assert result.items[0].parts[0].key == ChoiceKey(letters="B")
    assert [(note.row, note.item) for note in result.notes] == [(2, "A-1")]


def test_a_duplicate_id_in_a_file_is_found(tmp_path: Path) -> None:
    """The first one comes in; the second is named with the row of the first."""
    result = read_bank_file(_save(tmp_path, GOOD, dict(GOOD) | {"题干": "另一题（）"}))
    assert len(result.items) == 1
    assert (result.problems[0].row, result.problems[0].reason) == (3, "题号与第 2 行重复")


def test_a_case_is_read_with_its_parts(tmp_path: Path) -> None:
    """The part rows below a case belong to it, in order."""
    result = read_bank_file(_save(tmp_path, CASE, *PARTS, GOOD))
    assert result.problems == []
    case = result.items[0]
    assert [part.item_type for part in case.parts] == [ItemType.TRUE_FALSE, ItemType.SHORT_ANSWER]
    assert [part.points_milli for part in case.parts] == [2000, 4000]


@pytest.mark.parametrize(
    ("rows", "row", "reason"),
    [
        ((CASE,), 2, "案例没有小题行"),
        ((CASE, PARTS[0], dict(PARTS[1]) | {"题号": "C-1#3"}), 4, "C-1#2"),
        ((CASE, dict(PARTS[0]) | {"答案": "也许"}, PARTS[1]), 3, "判断题"),
        ((CASE, dict(PARTS[0]) | {"领域": "劳动关系"}, PARTS[1]), 3, "只填在案例首行"),
        ((CASE, dict(PARTS[0]) | {"分值": ""}, PARTS[1]), 3, "没有分值"),
        ((CASE, PARTS[0], dict(PARTS[1]) | {"采分点": ""}), 4, "没有采分点"),
        ((CASE, dict(PARTS[0]) | {"题型": "案例"}, PARTS[1]), 3, "答案"),
        ((dict(CASE) | {"题干": "题干"}, *PARTS), 2, "首行不填"),
        ((dict(CASE) | {"分值": "5"}, *PARTS), 2, "不等于"),
        ((dict(CASE) | {"材料(案例)": ""}, *PARTS), 2, "要有材料"),
        ((dict(GOOD) | {"题号": "C-1"}, *PARTS), 2, "只有案例可以有小题"),
    ],
)
def test_one_bad_row_takes_the_whole_case_out(
    tmp_path: Path, rows: tuple[Mapping[str, str], ...], row: int, reason: str
) -> None:
    """Half a case is no case; the row at fault is named."""
    result = read_bank_file(_save(tmp_path, *rows))
    assert result.items == []
    assert [problem.row for problem in result.problems] == [row]
    assert reason in result.problems[0].reason


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (dt.datetime(2026, 2, 3, tzinfo=None), "日期"),  # noqa: DTZ001 - spreadsheets know no zone
        ("=1+1", "公式"),
        (True, "不是文字"),
    ],
)
def test_cells_that_a_spreadsheet_changed_are_named(
    tmp_path: Path, value: object, reason: str
) -> None:
    """2/3 that became a date is refused, not imported as something else."""
    row = dict(GOOD) | {"题型": "填空", "选项A": "", "选项B": None, "选项C": None, "答案": value}
    result = read_bank_file(_raw(tmp_path, row))
    assert result.items == []
    assert result.problems[0].column == "答案"
    assert reason in result.problems[0].reason


def test_numbers_are_read_as_they_look(tmp_path: Path) -> None:
    """1000 and 1.5 typed as numbers are the texts 1000 and 1.5."""
    row = {
        "题号": 7,
        "题型": "填空",
        "领域": "就业创业",
        "题干": "共（）元",
        "答案": 1000,
        "分值": 1.5,
    }
    result = read_bank_file(_raw(tmp_path, row))
    assert result.problems == []
    (item,) = result.items
    assert item.bank_item_id == "7"
    assert item.parts[0].key == BlanksKey(blanks=(("1000",),))
    assert item.parts[0].points_milli == 1500


def test_columns_may_stand_in_any_order(tmp_path: Path) -> None:
    """The header names the columns, with full-width brackets too; others are ignored."""
    row = dict(reversed(dict(GOOD).items())) | {"材料（案例）": None, "出题人": "某"}
    assert len(read_bank_file(_raw(tmp_path, row)).items) == 1


def test_missing_or_double_columns_refuse_the_file(tmp_path: Path) -> None:
    """A table of another kind is named as a whole."""
    with refuses(InputError, "import.columns") as caught:
        read_bank_file(_raw(tmp_path, {"姓名": "某"}))
    assert "题号" in caught.value.message
    with refuses(InputError, "import.columns"):
        read_bank_file(_raw(tmp_path, dict(GOOD) | {"答案 ": "A"}))


def test_an_item_the_template_cannot_carry_is_named(tmp_path: Path) -> None:
    """write_items refuses by id and writes nothing."""
    with refuses(InputError, "import.item") as caught:
        write_items(tmp_path / "out.xlsx", [bank_item("示例-1")])
    assert "示例-1" in caught.value.message
    assert not (tmp_path / "out.xlsx").exists()
