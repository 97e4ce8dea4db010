"""The results as one .xlsx: ranks, teams, points by domain and type, every part, the rules."""

import io
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TypeAlias
from unicodedata import category

from openpyxl import Workbook
from openpyxl.cell.cell import Cell, MergedCell
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.header_footer import HeaderFooterItem, _HeaderFooterPart
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet

from exam_core.model.items import TITLES_ZH
from grading.analysis.items import STATUS_ZH as STATISTICS_ZH
from grading.ranking.totals import Tally
from grading.reporting.wording import (
    STATUS_ZH,
    all_scores,
    decimals_of,
    duration_text,
    item_types,
    rule_lines,
    tie_lines,
)
from grading.result_model import CandidateResult, Results

Value: TypeAlias = str | int | Decimal | None

_FORMULA_STARTS = ("=", "+", "-", "@")
_HEAD_FONT = Font(bold=True, color="FFFFFFFF")
_HEAD_PLACE = Alignment(horizontal="center", vertical="center", wrap_text=True)
_WRAPPED = Alignment(vertical="top", wrap_text=True)
_HEAD_FILL = PatternFill("solid", fgColor="FF1F4E79")
_PERSON = ("准考证号", "姓名", "单位", "代表队")
_SCORES = ("得分", "满分")
_WIDTH = 12
_WIDTHS = {
    "名次": 6,
    "替补": 6,
    "小题": 6,
    "姓名": 14,
    "准考证号": 16,
    "题库编号": 18,
    "领域": 18,
    "项目": 20,
    "代表队": 20,
    "单位": 30,
    "计入成绩的队员": 48,
    "内容": 110,
}
"""Width of a column by its head, in characters; _WIDTH where none is named."""


def results_workbook(results: Results, digest: str) -> bytes:
    """The workbook file.

    Scores are numbers; whatever a person typed is text, even when it looks like a formula.

    Args:
        results: What to write.
        digest: `results_sha256(results)`.
    """
    book = Workbook()
    book.remove(book.worksheets[0])
    score_format = "0." + "0" * decimals_of(all_scores(results))
    _ranking_sheet(book, results, score_format)
    _team_sheet(book, results, score_format)
    _tally_sheet(book, results, score_format)
    _part_sheet(book, results, score_format)
    _item_sheet(book, results)
    _rule_sheet(book, results, digest)
    for sheet in book.worksheets:
        sheet.HeaderFooter.oddHeader = _centred(f"{results.title} {sheet.title}".replace("&", "&&"))
        sheet.HeaderFooter.oddFooter = _centred("第 &P 页 / 共 &N 页")
        sheet.page_setup.orientation = "landscape"
        sheet.page_setup.paperSize = sheet.PAPERSIZE_A4
        sheet.page_setup.fitToHeight = 0
        sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _centred(text: str) -> HeaderFooterItem:
    return HeaderFooterItem(center=_HeaderFooterPart(text=text))


def _ranking_sheet(book: Workbook, results: Results, score_format: str) -> None:
    _write(
        book,
        "成绩排名",
        ["名次", *_PERSON, "考点", "替补", *_SCORES, "净用时", "备注"],
        (
            (
                row.rank,
                *_person(row),
                row.centre_id,
                "是" if row.is_substitute else "",
                *_scores(row, row.total),
                "" if row.working_ms is None else duration_text(row.working_ms),
                "缺考" if row.is_absent else "",
            )
            for row in results.candidates
        ),
        score_format,
    )


def _team_sheet(book: Workbook, results: Results, score_format: str) -> None:
    names = {row.admission_number: row.name for row in results.candidates}
    _write(
        book,
        "团体排名",
        ["名次", "代表队", "团体总分", "最高个人成绩", "队员人数", "计入成绩的队员"],
        (
            (
                team.rank,
                team.team,
                _points(team.total_milli),
                _points(team.best_milli),
                team.member_count,
                "、".join(names[number] for number in team.counted),
            )
            for team in results.teams
        ),
        score_format,
    )


def _tally_sheet(book: Workbook, results: Results, score_format: str) -> None:
    types = item_types(results)
    columns = ["名次", *_PERSON, "总分", *results.domains]
    columns += [TITLES_ZH[item_type] for item_type in types]
    _write(
        book,
        "各领域各题型得分",
        columns,
        (
            (
                row.rank,
                *_person(row),
                _scores(row, row.total)[0],
                *(_scores(row, row.by_domain.get(name, Tally()))[0] for name in results.domains),
                *(_scores(row, row.by_type.get(kind, Tally()))[0] for kind in types),
            )
            for row in results.candidates
        ),
        score_format,
    )


def _part_sheet(book: Workbook, results: Results, score_format: str) -> None:
    domains = {item.bank_item_id: item.domain for item in results.items}
    _write(
        book,
        "逐题明细",
        [*_PERSON[:2], "题库编号", "小题", "题型", "领域", *_SCORES, "结果", "人工评分"],
        (
            (
                row.admission_number,
                row.name,
                part.ref.bank_item_id,
                part.ref.part_index + 1,
                TITLES_ZH[part.item_type],
                domains[part.ref.bank_item_id],
                _points(part.score_milli),
                _points(part.points_milli),
                STATUS_ZH[part.status],
                "是" if part.is_marked else "",
            )
            for row in results.candidates
            for part in row.parts
        ),
        score_format,
    )


def _item_sheet(book: Workbook, results: Results) -> None:
    _write(
        book,
        "试题统计",
        ["题库编号", "题型", "领域", "分值", "人数", "得分率", "说明"],
        (
            (
                item.bank_item_id,
                TITLES_ZH[item.item_type],
                item.domain,
                _points(item.points_milli),
                item.candidates,
                None if item.facility_milli is None else _points(item.facility_milli),
                STATISTICS_ZH[item.status],
            )
            for item in results.items
        ),
        "0.000",
    )


def _rule_sheet(book: Workbook, results: Results, digest: str) -> None:
    notes = [("考试", results.title), ("试卷", results.paper_id)]
    notes += [("规则", line) for line in rule_lines(results)]
    notes += [("并列", line) for line in tie_lines(results)]
    notes.append(("成绩摘要 SHA-256", digest))
    _write(book, "评分规则", ("项目", "内容"), notes, "0")


def _write(
    book: Workbook,
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[Value]],
    score_format: str,
) -> None:
    """Add a sheet: a frozen head, then the rows."""
    sheet: Worksheet = book.create_sheet(title)
    for column, name in enumerate(columns, 1):
        head = sheet.cell(1, column)
        _put(head, name, score_format)
        head.font, head.fill = _HEAD_FONT, _HEAD_FILL
        head.alignment = _HEAD_PLACE
        sheet.column_dimensions[get_column_letter(column)].width = _WIDTHS.get(name, _WIDTH)
    sheet.row_dimensions[1].height = 22
    sheet.freeze_panes = "A2"
    sheet.print_title_rows = "1:1"
    for number, values in enumerate(rows, 2):
        for column, value in enumerate(values, 1):
            _put(sheet.cell(number, column), value, score_format)
    sheet.auto_filter.ref = sheet.dimensions


def _put(cell: Cell | MergedCell, value: Value, score_format: str) -> None:
    if isinstance(value, str):
        # A control character makes the file unreadable; it has no place in a name either.
        text = "".join(character for character in value if category(character) != "Cc")
        cell.value = text
        cell.data_type = "s"  # openpyxl takes a leading = for a formula; nothing here is one
        if len(text) > _WIDTH:
            cell.alignment = _WRAPPED  # a style costs more than a cell, and most texts are short
        if text.startswith(_FORMULA_STARTS):
            cell.quotePrefix = True  # keeps it text when the sheet is edited or saved as CSV
    else:
        cell.value = value
        if isinstance(value, Decimal):
            cell.number_format = score_format


def _person(row: CandidateResult) -> tuple[str, str, str, str]:
    return row.admission_number, row.name, row.unit, row.team


def _scores(row: CandidateResult, tally: Tally) -> tuple[Decimal | None, Decimal | None]:
    if row.is_absent:
        return None, None
    return _points(tally.score_milli), _points(tally.points_milli)


def _points(milli: int) -> Decimal:
    return Decimal(milli).scaleb(-3)
