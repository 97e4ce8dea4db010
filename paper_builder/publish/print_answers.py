"""What do markers and checkers read? 答案及评分标准 of one form, in that form's own letters."""

from typing import Any

from reportlab.lib.colors import HexColor
from reportlab.platypus import CondPageBreak, Flowable, Spacer, Table

from exam_core.keys.model import (
    LETTERS,
    BlanksKey,
    ChoiceKey,
    FormMap,
    KeyedItem,
    KeyedPart,
    MappedPart,
    MarkingKey,
)
from exam_core.model.identifiers import BankItemId
from exam_core.model.items import CHOICE_TYPES, Form, Item, ItemType, Part
from grading.reporting.fonts import register_fonts
from paper_builder.bank.fields import format_milli
from paper_builder.publish.pages import (
    TEXT_WIDTH,
    PageTexts,
    body_style,
    build_pdf,
    heading_style,
    text,
    title_style,
)
from paper_builder.publish.print_paper import PrintOptions
from paper_builder.publish.sections import Section, sections_of

_GRID_COLUMNS = 10
_POINTS_WIDTH = 52.0
_RULE = HexColor("#888888")
_HEAD = HexColor("#eeeeee")


def answers_pdf(
    form: Form, form_map: FormMap, items: tuple[KeyedItem, ...], options: PrintOptions
) -> bytes:
    """The answers and marking standard of a form; its letters are those printed on the form.

    Raises:
        InputError: `publish.banner`, `report.font`, `report.missing_glyph`.
    """
    register_fonts()
    keyed = {item.bank_item_id: item for item in items}
    source = {
        mapped.item_id: (keyed[BankItemId(mapped.bank_item_id)], mapped.parts)
        for mapped in form_map.items
    }
    story: list[Flowable] = [
        text(form.title, title_style(17)),
        text(f"第 {form.form_number} 卷   答案及评分标准", title_style(13)),
    ]
    story += [text(note, body_style()) for note in options.notes]
    for section in sections_of(form):
        story.append(CondPageBreak(90))
        story.append(text(section.heading, heading_style()))
        if section.item_type in CHOICE_TYPES:
            answers = []
            for number, item in section.numbered:
                keyed_item, mapped = source[item.item_id]
                answer = _answer(item.parts[0], mapped[0], keyed_item.parts[0])
                answers.append((str(number), answer))
            story.append(_grid(answers))
        else:
            story += _written(section, source)
    return build_pdf(
        story,
        title=form.title,
        around=PageTexts(banner=options.banner, name=f"答案 第 {form.form_number} 卷"),
    )


def _written(
    section: Section, source: dict[Any, tuple[KeyedItem, tuple[MappedPart, ...]]]
) -> list[Flowable]:
    story: list[Flowable] = []
    for number, item in section.numbered:
        keyed, mapped = source[item.item_id]
        if section.item_type is ItemType.FILL_BLANK:
            answer = _answer(item.parts[0], mapped[0], keyed.parts[0])
            story.append(text(f"{number}．{answer}", body_style()))
            continue
        story.append(CondPageBreak(80))
        story += _marked(number, item, keyed, mapped)
        if keyed.legal_basis:
            story.append(text(f"依据：{keyed.legal_basis}", body_style(20, spaceBefore=4)))
        story.append(Spacer(0, 6))
    return story


def _marked(
    number: int, item: Item, keyed: KeyedItem, mapped: tuple[MappedPart, ...]
) -> list[Flowable]:
    story: list[Flowable] = []
    is_case = item.item_type is ItemType.CASE
    if is_case:
        story.append(text(f"{number}．{_opening(item.material)}", body_style()))
    parts = zip(item.parts, keyed.parts, mapped, strict=True)
    for place, (part, source, mapped_part) in enumerate(parts, 1):
        label = f"（{place}）" if is_case else f"{number}．"
        worth = f"（{format_milli(part.points_milli)}分）"
        indent = 20 if is_case else 0
        if isinstance(source.key, MarkingKey):
            story.append(text(f"{label}{part.stem}{worth}", body_style(indent)))
            story.append(_points_table(source.key))
        else:
            answer = _answer(part, mapped_part, source)
            story.append(text(f"{label}{answer}{worth}", body_style(indent)))
    return story


def _answer(part: Part, mapped: MappedPart, source: KeyedPart) -> str:
    """What is right: the letters as they stand on this form, or the accepted texts."""
    match source.key:
        case ChoiceKey(letters=letters):
            right = [
                choice.text if part.item_type is ItemType.TRUE_FALSE else letter
                for letter, choice in zip(LETTERS, part.choices, strict=False)
                if mapped.letters[choice.choice_id] in letters
            ]
            return "".join(right)
        case BlanksKey(blanks=blanks, is_unordered=is_unordered):
            texts = "；".join("／".join(blank) for blank in blanks)
            return f"{texts}（不分先后）" if is_unordered else texts
        case MarkingKey(marking_points=points):
            return "；".join(point.text for point in points)


def _opening(material: str) -> str:
    """The first words of a case, to find it again."""
    line = material.split("\n", maxsplit=1)[0]
    return line if len(line) <= 40 else f"{line[:40]}……"  # noqa: PLR2004 - one printed line


def _grid(answers: list[tuple[str, str]]) -> Table:
    rows: list[list[Any]] = []
    heads = []
    for at in range(0, len(answers), _GRID_COLUMNS):
        line = answers[at : at + _GRID_COLUMNS]
        line += [("", "")] * (_GRID_COLUMNS - len(line))
        heads.append(len(rows))
        rows.append([text(number, _centred()) for number, _ in line])
        rows.append([text(answer, _centred()) for _, answer in line])
    style = [
        ("GRID", (0, 0), (-1, -1), 0.5, _RULE),
        ("TOPPADDING", (0, 0), (-1, -1), 1),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
        *(("BACKGROUND", (0, row), (-1, row), _HEAD) for row in heads),
    ]
    return Table(rows, colWidths=[TEXT_WIDTH / _GRID_COLUMNS] * _GRID_COLUMNS, style=style)


def _centred() -> Any:
    return body_style(alignment=1)


def _points_table(key: MarkingKey) -> Table:
    rows = [
        [text(point.text, body_style()), text(f"{format_milli(point.points_milli)}分", _centred())]
        for point in key.marking_points
    ]
    style = [
        ("GRID", (0, 0), (-1, -1), 0.5, _RULE),
        ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
        ("TOPPADDING", (0, 0), (-1, -1), 1),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
    ]
    return Table(rows, colWidths=[TEXT_WIDTH - 20 - _POINTS_WIDTH, _POINTS_WIDTH], style=style)
