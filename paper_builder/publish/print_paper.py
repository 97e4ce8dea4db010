"""What does the paper form look like in print? As a candidate would get it, without any key."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from reportlab.lib.colors import HexColor
from reportlab.platypus import Flowable, KeepTogether, Spacer, Table

from exam_core.keys.model import LETTERS
from exam_core.model.items import Choice, Form, Item, ItemType, Part
from grading.reporting.fonts import register_fonts, text_width
from paper_builder.bank.check import BLANK
from paper_builder.bank.fields import format_milli
from paper_builder.publish.pages import (
    BODY_SIZE,
    TEXT_WIDTH,
    PageTexts,
    body_style,
    build_pdf,
    heading_style,
    text,
    title_style,
)
from paper_builder.publish.sections import form_points_milli, sections_of

_INDENT = 20.0
_CHOICE_GAP = 14.0
_RULE = HexColor("#999999")
_LINE_HEIGHT = 24.0
_ANSWER_LINES = {ItemType.SHORT_ANSWER: 6}
_LINE = "＿" * 6  # reportlab swallows all but one space, whatever their kind


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintOptions:
    """What is printed around the items; `banner` such as 机密★启用前, or empty."""

    duration_ms: int
    banner: str = ""
    notes: Sequence[str] = ()


_Block: TypeAlias = list[Flowable]
"""What stays on one page if it fits."""


def paper_pdf(form: Form, options: PrintOptions) -> bytes:
    """One form as a PDF on A4; the same input gives the same bytes.

    Raises:
        InputError: `publish.banner`, `report.font`, `report.missing_glyph`.
    """
    register_fonts()
    story: list[Flowable] = [
        text(form.title, title_style(17)),
        text(_summary(form, options), title_style(10.5)),
        text("准考证号 ________________    姓名 ____________    单位 ____________________",
             title_style(10.5)),
    ]  # fmt: skip
    story += [text(note, body_style()) for note in options.notes]
    for section in sections_of(form):
        blocks = [block for number, item in section.numbered for block in _item(number, item)]
        # A heading never stands alone at the foot of a page.
        blocks[0].insert(0, text(section.heading, heading_style()))
        story += map(KeepTogether, blocks)
    return build_pdf(
        story,
        title=form.title,
        around=PageTexts(banner=options.banner, name=f"试卷 第 {form.form_number} 卷"),
    )


def _summary(form: Form, options: PrintOptions) -> str:
    minutes, rest_ms = divmod(options.duration_ms, 60_000)
    seconds = f" {rest_ms // 1000} 秒" if rest_ms else ""
    points = format_milli(form_points_milli(form))
    facts = (
        f"第 {form.form_number} 卷",
        f"共 {len(form.items)} 题",
        f"满分 {points} 分",
        f"时间 {minutes} 分钟{seconds}",
    )
    return f"（{'，'.join(facts)}）"


def _item(number: int, item: Item) -> list[_Block]:
    if item.item_type is not ItemType.CASE:
        return [[*_part(f"{number}．", item.parts[0]), Spacer(0, 4)]]
    style = body_style(_INDENT, firstLineIndent=-_INDENT)
    blocks: list[_Block] = []
    for place, part in enumerate(item.parts, 1):
        worth = f"（{format_milli(part.points_milli)}分）"
        blocks.append(_part(f"（{place}）", part, worth))
    # The material stays with its first question.
    blocks[0].insert(0, text(f"{number}．{item.material}", style))
    blocks[-1].append(Spacer(0, 8))
    return blocks


def _part(label: str, part: Part, worth: str = "") -> list[Flowable]:
    style = body_style(_INDENT, firstLineIndent=-_INDENT)
    flowables: list[Flowable] = [text(f"{label}{_with_room(part)}{worth}", style)]
    if part.choices and part.item_type is not ItemType.TRUE_FALSE:
        flowables.append(_choices(part.choices))
    if lines := _ANSWER_LINES.get(part.item_type, 0):
        flowables.append(_ruled_space(lines))
    return flowables


def _with_room(part: Part) -> str:
    """The stem with room to write in: a line for each blank, brackets for a letter or a mark."""
    stem = part.stem
    if part.item_type is ItemType.FILL_BLANK:
        return stem.replace(BLANK, _LINE)
    if part.item_type is ItemType.TRUE_FALSE and not stem.endswith(BLANK):
        stem += BLANK
    return stem.replace(BLANK, "（ ）")


def _choices(choices: Sequence[Choice]) -> Table:
    """Four, two or one beside each other: as many as fit on their lines."""
    texts = [f"{letter}．{choice.text}" for letter, choice in zip(LETTERS, choices, strict=False)]
    widest = max(text_width(line, BODY_SIZE) for line in texts) + _CHOICE_GAP
    room = TEXT_WIDTH - _INDENT
    columns = next((count for count in (4, 2) if widest * count <= room), 1)
    cells: list[Any] = [text(line, body_style()) for line in texts]
    cells += [""] * (-len(cells) % columns)
    rows = [cells[at : at + columns] for at in range(0, len(cells), columns)]
    style = [
        ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ("RIGHTPADDING", (0, 0), (-1, -1), 4),
        ("TOPPADDING", (0, 0), (-1, -1), 0),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 0),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ]
    widths = [_INDENT] + [room / columns] * columns
    return Table([["", *row] for row in rows], colWidths=widths, style=style)


def _ruled_space(lines: int) -> Table:
    style = [("LINEBELOW", (1, 0), (1, -1), 0.4, _RULE)]
    return Table(
        [["", ""]] * lines,
        colWidths=[_INDENT, TEXT_WIDTH - _INDENT],
        rowHeights=_LINE_HEIGHT,
        style=style,
    )
