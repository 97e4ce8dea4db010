"""The plain-text form of the official bank."""

from pathlib import Path

import pytest

from exam_core.keys.model import BlanksKey, ChoiceKey
from exam_core.model.items import ItemType
from paper_builder.bank import ReadResult, TextDefaults, read_bank_file

DEFAULTS = TextDefaults(domain="就业创业", knowledge_point="就业促进")

SAMPLE = """一单选题
1．公共就业服务机构提供职业介绍服务，应当（）。
A．免费提供
B．按次收费
C．按月收费
D．按年收费
答案：A
2．期限最长不超过（）年。
A.1年
B.2年
答案：Ｂ
二多选题
1．劳动者就业，不因()不同而受歧视。
A.民族
B.种族
C.地域
D.性别
答案：ABD
三判断题
1．用人单位依法享有自主用人的权利。（）
答案：正确。
2．职业中介机构可以扣押证件。（）
答案：错误
四填空题
1．提供()的就业机会和（ ）的就业条件。
答案：平等；公平
2．补贴标准不超过其实际缴费的（）。
答案：2/3。
"""


def _read(tmp_path: Path, text: str, encoding: str = "utf-8") -> ReadResult:
    path = tmp_path / "bank.txt"
    path.write_bytes(text.encode(encoding))
    return read_bank_file(path, DEFAULTS)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_the_official_form_is_read(tmp_path: Path, encoding: str, line_end: str) -> None:
    """All four sections, in every encoding and with every line end."""
    result = _read(tmp_path, SAMPLE.replace("\n", line_end), encoding)
    assert result.problems == []
    kinds = [item.item_type for item in result.items]
    assert kinds == [
        ItemType.SINGLE_CHOICE,
        ItemType.SINGLE_CHOICE,
        ItemType.MULTIPLE_CHOICE,
        ItemType.TRUE_FALSE,
        ItemType.TRUE_FALSE,
        ItemType.FILL_BLANK,
        ItemType.FILL_BLANK,
    ]
    assert {(item.domain, item.knowledge_point) for item in result.items} == {
        ("就业创业", "就业促进")
    }
    keys = [item.parts[0].key for item in result.items]
    assert keys[:5] == [ChoiceKey(letters=letters) for letters in ("A", "B", "ABD", "A", "B")]
    assert keys[5:] == [BlanksKey(blanks=(("平等",), ("公平",))), BlanksKey(blanks=(("2/3",),))]
    assert result.items[5].parts[0].stem == "提供（）的就业机会和（）的就业条件。"
    assert [note.row for note in result.notes] == [8, 25]


def test_ids_follow_the_wording(tmp_path: Path) -> None:
    """The same wording has the same id, whatever its key: a corrected key is a new version."""
    first = _read(tmp_path, SAMPLE)
    again = _read(tmp_path, SAMPLE.replace("答案：A\n", "答案：C\n"))
    assert [item.bank_item_id for item in first.items] == [
        item.bank_item_id for item in again.items
    ]
    assert first.items[0] != again.items[0]
    assert len({item.bank_item_id for item in first.items}) == 7


@pytest.mark.parametrize(
    "heading",
    ["一、单选题", "单项选择题", "第一部分 单选题（每题1分，共50分）", "一.单选题"],
)
def test_headings_are_written_in_many_ways(tmp_path: Path, heading: str) -> None:
    """With or without a number, a mark and a note."""
    result = _read(tmp_path, f"{heading}\n(1) 题（）\nA、甲\nB、乙\n【答案】B\n")
    assert [item.parts[0].key for item in result.items] == [ChoiceKey(letters="B")]


def test_choices_may_share_a_line_and_stems_may_have_several(tmp_path: Path) -> None:
    """Choices beside each other are told apart; other lines go on with what came before."""
    text = (
        "一单选题\n1．第一行\n2.5倍以上的（）\nA．甲 B．乙　C．丙\n接着丙 D．丁\n"
        "答案：C\n解析：因为。\n"
    )
    (item,) = _read(tmp_path, text).items
    assert item.parts[0].stem == "第一行\n2.5倍以上的（）"
    assert item.parts[0].choices == ("甲", "乙", "丙\n接着丙 D．丁")
    assert item.explanation == "因为。"


@pytest.mark.parametrize(
    ("body", "row", "reason"),
    [
        ("1．没有答案（）\nA．甲\nB．乙\n2．好题（）\nA．甲\nB．乙\n答案：A", 2, "没有答案"),
        ("1．越界（）\nA．甲\nB．乙\n答案：D", 2, "超出选项范围"),
        ("1．错位（）\nA．甲\nC．丙\n答案：A", 4, "应为 B"),
        ("1．粘题（）\nA．甲\nB．乙\nA．丙\nB．丁\n答案：A", 5, "应为 C"),
        ("1．多余（）\nA．甲\nB．乙\n答案：A\n这是哪里来的", 6, "多余的文字"),
        ("1．两答（）\nA．甲\nB．乙\n答案：A\n答案：B", 6, "两行答案"),
        ("1．粘答（）\nA．甲\nB．乙\n答案：A2．下一题", 2, "选项字母"),
        ("1．两选（）\nA．甲\nB．乙\n答案：AB", 2, "只能有一个"),
        ("1．没有选项（）\n答案：A", 2, "超出选项范围"),
        ("题外的话", 2, "不属于任何试题"),
    ],
)
def test_a_malformed_item_is_named_by_line(
    tmp_path: Path, body: str, row: int, reason: str
) -> None:
    """Line and reason; what comes after it is read as usual."""
    tail = "\n9．好题九（）\nA．甲\nB．乙\n答案：B\n"
    result = _read(tmp_path, "一单选题\n" + body + tail)
    assert [problem.row for problem in result.problems] == [row]
    assert reason in result.problems[0].reason
    assert result.items[-1].parts[0].stem == "好题九（）"


def test_nine_choices_are_two_items_glued(tmp_path: Path) -> None:
    """More choices than letters are reported."""
    choices = "\n".join(f"{letter}．项{letter}" for letter in "ABCDEFGHI")
    result = _read(tmp_path, f"一单选题\n1．题（）\n{choices}\n答案：A\n")
    assert "超过 8 个" in result.problems[0].reason


def test_a_repeated_item_is_found(tmp_path: Path) -> None:
    """The same wording twice in a file is reported with the line of the first."""
    block = "1．题（）\nA．甲\nB．乙\n答案：A\n"
    result = _read(tmp_path, "一单选题\n" + block + block)
    assert len(result.items) == 1
    assert result.problems[0].reason == "与第 2 行的试题重复"


def test_fill_blanks_must_match_their_keys(tmp_path: Path) -> None:
    """Too few answers, and a glued next item inside the answer, are reported."""
    text = (
        "四填空题\n1．甲（）乙（）。\n答案：公平\n"
        "2．丙（）。\n答案：公平3．县级以上人民政府（）负责\n"
    )
    result = _read(tmp_path, text)
    assert [problem.row for problem in result.problems] == [2, 4]
    assert "2 个空" in result.problems[0].reason
    assert "粘在一起" in result.problems[1].reason


def test_the_text_form_has_no_marked_types(tmp_path: Path) -> None:
    """Short answers need marking points, which only the workbook has."""
    result = _read(tmp_path, "五简答题\n1．简述。\n答案：略\n")
    assert "xlsx" in result.problems[0].reason


def test_an_answer_on_its_own_line_belongs_to_the_key(tmp_path: Path) -> None:
    """答案： with the letter below it is a key."""
    result = _read(tmp_path, "一单选题\n1．题（）\nA．甲\nB．乙\n答案：\nB\n")
    assert result.items[0].parts[0].key == ChoiceKey(letters="B")


def test_problems_are_counted_past_the_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is all wrong does not fill the memory with its problems."""
    monkeypatch.setattr("paper_builder.limits.problems_max", 2)
    result = _read(tmp_path, "一单选题\n" + "废话\n" * 5)
    assert (len(result.problems), result.problems_unlisted) == (2, 3)
