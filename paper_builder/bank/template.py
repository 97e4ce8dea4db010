"""What does the workbook that authors fill in look like? Columns, checks, and how to fill them.

`paper_builder.bank.xlsx` writes items into it and `paper_builder.bank.xlsx_read` reads it.
"""

from collections.abc import Iterable
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.worksheet.datavalidation import DataValidation

from exam_core.keys.model import LETTERS
from paper_builder.bank.check import UNORDERED_MARK
from paper_builder.bank.fields import DIFFICULTIES, TYPE_NAMES

SHEET = "试题"
GUIDE_SHEET = "说明"
CHOICE_COLUMNS = tuple(f"选项{letter}" for letter in LETTERS)
COLUMNS = (
    "题号",
    "题型",
    "领域",
    "知识点",
    "题干",
    "材料(案例)",
    "图片",
    *CHOICE_COLUMNS,
    "答案",
    "采分点",
    "分值",
    "难度",
    "法律依据",
    "解析",
    "备注",
)
REQUIRED_COLUMNS = ("题号", "题型", "领域", "题干", "选项A", "答案")
DOMAINS = ("就业创业", "社会保险", "人事人才", "劳动关系", "综合服务标准规范")
"""The five domains of the notices; a bank may hold others."""

Row = dict[str, str]
"""One row by column name; absent and empty are the same."""

_WIDTHS = {"题干": 48, "材料(案例)": 40, "采分点": 36, "法律依据": 28, "解析": 30, "领域": 18}
_VALIDATED_ROWS = 20_000
_WRAP = Alignment(wrap_text=True, vertical="top")
_HEAD_FONT = Font(bold=True, color="FFFFFF")
_HEAD_FILL = PatternFill("solid", fgColor="2F5496")

_GUIDE = (
    "一题一行；第一行是表头，不要改动列名。列的先后可以调整。",
    "题号：在题库中唯一且不变，例如 JY-0001；再次导入同一题号而内容不同，就成为该题的新版本。",
    "题型：单选、多选、判断、填空、简答、案例。领域、题型、难度可从下拉列表中选择。",
    "选项：从选项A起依次填写，中间不要留空，最多八个；判断题不填选项。",
    "答案：单选填一个字母；多选填几个字母，如 ABD；判断填“正确”或“错误”；简答不填。",
    (
        "填空：题干中的每个空写成（）；答案中各空之间用“；”分开，同一空的几种写法用“|”分开，"
        f"如 30日|三十日；公平。各空可以互换次序的，在答案最前面写“{UNORDERED_MARK}”。"
    ),
    (
        "采分点：只用于简答题；一行一个，写成“要点|分值”，如 责令限期改正|1.5；"
        "各采分点分值之和不少于该题分值。"
    ),
    "分值：最多三位小数。客观题可以不填，组卷时以蓝图中的分值为准；简答题和案例小题必须填写。",
    (
        "难度：易、中、难（预计得分率 0.85、0.6、0.35），也可以直接填 0 到 1 之间的预计得分率；"
        "不填按“中”。"
    ),
    (
        "案例：第一行的题型填“案例”，填写题号和材料，题干、答案留空；"
        "以后各行是它的小题，题号写成 LD-0301#1、LD-0301#2……，"
        "题型填小题的题型，领域、知识点、难度、法律依据和解析只填在第一行。"
    ),
    (
        "图片：一行一张，写成“文件名|图片说明”，如 流程图.png|失业登记流程；"
        "图片文件与题库表放在同一文件夹，只收 PNG 和 JPEG，每题最多四张。案例的图片写在第一行。"
    ),
    "所有单元格都是文本格式，2/3、50%、007 会照原样保存；请不要改成数字或日期格式。",
    "题号以“示例”开头的行是例子，导入时自动略过。",
    "备注：随题保存，只供命题人员查看，不会出现在试卷和答案上。",
)

_EXAMPLES: tuple[Row, ...] = (
    {
        "题号": "示例-1", "题型": "单选", "领域": "就业创业", "知识点": "公共就业服务",
        "题干": "公共就业服务机构向劳动者提供职业介绍服务，应当（）。",
        "选项A": "免费提供", "选项B": "按次收费", "选项C": "按月收费", "选项D": "按年收费",
        "答案": "A", "难度": "易", "法律依据": "《中华人民共和国就业促进法》第三十五条",
        "备注": "这一行是例子，导入时略过",
    },
    {
        "题号": "示例-2", "题型": "多选", "领域": "就业创业", "知识点": "平等就业",
        "题干": "劳动者就业，不因（）不同而受歧视。",
        "选项A": "民族", "选项B": "种族", "选项C": "地域", "选项D": "性别",
        "答案": "ABD", "难度": "中", "法律依据": "《中华人民共和国就业促进法》第三条",
    },
    {
        "题号": "示例-3", "题型": "判断", "领域": "就业创业", "知识点": "用人自主权",
        "题干": "用人单位依法享有自主用人的权利。", "答案": "正确", "难度": "易",
        "法律依据": "《中华人民共和国就业促进法》第八条",
    },
    {
        "题号": "示例-4", "题型": "填空", "领域": "社会保险", "知识点": "基本养老保险模式",
        "题干": "基本养老保险实行（）与（）相结合。",
        "答案": f"{UNORDERED_MARK}社会统筹；个人账户|个人帐户", "难度": "易",
        "法律依据": "《中华人民共和国社会保险法》第十一条",
    },
    {
        "题号": "示例-5", "题型": "简答", "领域": "社会保险", "知识点": "领取失业保险金的条件",
        "题干": "简述失业人员领取失业保险金应当符合的条件。", "分值": "4", "难度": "中",
        "采分点": "失业前用人单位和本人已经缴纳失业保险费满一年|1.5\n"
        "非因本人意愿中断就业|1\n已经进行失业登记，并有求职要求|1.5",
        "法律依据": "《中华人民共和国社会保险法》第四十五条",
    },
    {
        "题号": "示例-6", "题型": "案例", "领域": "劳动关系", "知识点": "试用期",
        "材料(案例)": "周某与某公司订立两年期劳动合同，约定试用期三个月。",
        "难度": "中", "法律依据": "《中华人民共和国劳动合同法》第十九条",
    },
    {
        "题号": "示例-6#1", "题型": "判断", "分值": "2",
        "题干": "该劳动合同约定的试用期符合规定。", "答案": "错误",
    },
    {
        "题号": "示例-6#2", "题型": "简答", "分值": "4",
        "题干": "两年期劳动合同的试用期最长可以是多久？说明理由。",
        "采分点": "不得超过二个月|2\n劳动合同期限一年以上不满三年的，试用期不得超过二个月|2",
    },
)  # fmt: skip


def new_workbook(rows: Iterable[Row]) -> Workbook:
    """A workbook with the template's sheets and these rows, ready to be saved once."""
    book = Workbook(write_only=True)
    # The stubs of openpyxl know little of a write-only sheet.
    sheet: Any = book.create_sheet(SHEET)
    sheet.freeze_panes = "C2"
    for index, column in enumerate(COLUMNS):
        dimension = sheet.column_dimensions[_letter(index)]
        dimension.width = _WIDTHS.get(column, 14)
        dimension.number_format = "@"
    sheet.auto_filter.ref = f"A1:{_letter(len(COLUMNS) - 1)}1"
    _add_list(sheet, "题型", TYPE_NAMES.values(), is_strict=True)
    _add_list(sheet, "领域", DOMAINS, is_strict=False)
    _add_list(sheet, "难度", DIFFICULTIES, is_strict=False)
    sheet.append([_head_cell(sheet, column) for column in COLUMNS])
    for row in rows:
        sheet.append([_text_cell(sheet, row.get(column, "")) for column in COLUMNS])
    guide: Any = book.create_sheet(GUIDE_SHEET)
    guide.column_dimensions["A"].width = 110
    guide.append([_head_cell(guide, "填写说明")])
    for line in _GUIDE:
        guide.append([_text_cell(guide, line)])
    return book


def example_rows() -> tuple[Row, ...]:
    """The rows that the empty template shows."""
    return _EXAMPLES


def _add_list(sheet: Any, column: str, names: Iterable[str], *, is_strict: bool) -> None:
    rule = DataValidation(
        type="list",
        formula1='"' + ",".join(names) + '"',
        allow_blank=True,
        showErrorMessage=True,
        errorStyle="stop" if is_strict else "warning",
        errorTitle=column,
        error="请从列表中选择",
    )
    letter = _letter(COLUMNS.index(column))
    rule.add(f"{letter}2:{letter}{_VALIDATED_ROWS}")
    sheet.data_validations.append(rule)


def _head_cell(sheet: Any, text: str) -> Any:
    cell = _text_cell(sheet, text)
    cell.font = _HEAD_FONT
    cell.fill = _HEAD_FILL
    return cell


def _text_cell(sheet: Any, text: str) -> Any:
    cell = WriteOnlyCell(sheet, value=text or None)
    if text:
        # Never a formula, whatever it starts with; also after an edit in a spreadsheet program.
        cell.data_type = "s"
        cell.quotePrefix = text[0] in "=+-@"
    cell.number_format = "@"
    cell.alignment = _WRAP
    return cell


def _letter(index: int) -> str:
    return chr(ord("A") + index)
