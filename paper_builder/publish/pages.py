"""What frames every printed page? Banner, title, 第 i 页 共 n 页, and the styles of the text."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_CENTER
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, Flowable, Frame, PageTemplate, Paragraph

from exam_core.errors import InputError, declare
from grading.reporting.fonts import paragraph_markup, paragraph_style, split_runs, text_width

BANNER = declare("publish.banner", "请把密级标识缩短到一行之内，例如“机密★启用前”。")

MARGIN = 54.0
"""White border in points."""

TEXT_WIDTH = A4[0] - 2 * MARGIN
BODY_SIZE = 10.5
"""五号, the size of printed papers."""

_FURNITURE_SIZE = 9.0
_BANNER_CHARS_MAX = 30
_INK = HexColor("#000000")
_FAINT = HexColor("#555555")


@dataclass(frozen=True, slots=True, kw_only=True)
class PageTexts:
    """The texts around the content: `banner` at the top left, `name` at the top right."""

    banner: str
    name: str


def build_pdf(story: Sequence[Flowable], *, title: str, around: PageTexts) -> bytes:
    """The PDF of a story on A4; the same input gives the same bytes.

    Raises:
        InputError: `publish.banner`; `report.font`, `report.missing_glyph`.
    """
    if len(around.banner) > _BANNER_CHARS_MAX or "\n" in around.banner:
        raise InputError(BANNER, f"密级标识超过 {_BANNER_CHARS_MAX} 字或有换行")

    def make_canvas(*arguments: Any, **settings: Any) -> "_NumberedCanvas":
        return _NumberedCanvas(*arguments, around=around, **settings)

    stream = io.BytesIO()
    document = BaseDocTemplate(
        stream, pagesize=A4, title=f"{title} {around.name}", author="Gongyuan", invariant=1
    )
    frame = Frame(MARGIN, MARGIN, TEXT_WIDTH, A4[1] - 2 * MARGIN, 0, 0, 0, 0)
    document.addPageTemplates([PageTemplate("page", [frame])])
    document.build(list(story), canvasmaker=make_canvas)
    return stream.getvalue()


def text(content: str, style: ParagraphStyle) -> Paragraph:
    """A paragraph that keeps the author's line breaks, each character in a font that has it."""
    return Paragraph("<br/>".join(map(paragraph_markup, content.split("\n"))), style)


def body_style(indent: float = 0.0, **settings: object) -> ParagraphStyle:
    """Running text; `indent` in points."""
    return paragraph_style("body", BODY_SIZE, leftIndent=indent, spaceAfter=2, **settings)


def heading_style() -> ParagraphStyle:
    """一、单选题 …."""
    return paragraph_style("heading", 12.5, spaceBefore=12, spaceAfter=6)


def title_style(size: float) -> ParagraphStyle:
    """Lines at the head of the first page."""
    return paragraph_style("title", size, alignment=TA_CENTER, spaceAfter=6)


class _NumberedCanvas(Canvas):  # type: ignore[misc]  # reportlab has no types
    """Keeps the pages until the end, since only then their number is known."""

    def __init__(self, *arguments: Any, around: PageTexts, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._around = around
        self._pages: list[dict[str, Any]] = []

    def showPage(self) -> None:  # noqa: N802 - reportlab's name
        """Keep the page for later."""
        self._pages.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        """Draw what stands around each page and write the file."""
        for number, page in enumerate(self._pages, 1):
            self.__dict__.update(page)
            top = A4[1] - MARGIN + 14
            self._draw(MARGIN, top, self._around.banner, _INK)
            name = self._around.name
            self._draw(A4[0] - MARGIN - text_width(name, _FURNITURE_SIZE), top, name, _FAINT)
            footer = f"第 {number} 页 共 {len(self._pages)} 页"
            self._draw(
                (A4[0] - text_width(footer, _FURNITURE_SIZE)) / 2, MARGIN - 24, footer, _FAINT
            )
            super().showPage()
        super().save()

    def _draw(self, x: float, y: float, line: str, colour: Any) -> None:
        self.setFillColor(colour)
        for run in split_runs(line):
            self.setFont(run.font_name, _FURNITURE_SIZE)
            self.drawString(x, y, run.text)
            x += text_width(run.text, _FURNITURE_SIZE)
