"""The frame of every PDF: header, footer with digest, 第 i 页 / 共 n 页, and table looks."""

import io
from collections.abc import Iterable, Sequence
from typing import Any

from reportlab.lib.colors import Color, HexColor
from reportlab.lib.pagesizes import A4, landscape
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, Flowable, Frame, PageTemplate, Paragraph, Table

from grading.reporting.fonts import (
    main_font,
    paragraph_markup,
    paragraph_style,
    split_runs,
    text_width,
)

PORTRAIT = A4
LANDSCAPE = landscape(A4)
MARGIN = 40.0
"""White border in points; header and footer stand inside it."""

INK = HexColor("#1b2430")
ACCENT = HexColor("#1f4e79")
FAINT = HexColor("#6b7684")
RULE = HexColor("#c6ced8")
ZEBRA = HexColor("#f3f6fa")
WARNING = HexColor("#9c2b1b")

_TITLE_SIZE = 11.0
_TITLE_SIZE_MIN = 7.0
_HEADER = 30.0
_FOOTER = 26.0


def build_pdf(
    story: Sequence[Flowable],
    *,
    title: str,
    document_name: str,
    digest: str,
    page_size: tuple[float, float],
) -> bytes:
    """The PDF; the same input gives the same bytes.

    Args:
        story: What flows through the pages.
        title: Title of the examination, in the header on the left.
        document_name: What the document is, in the header on the right.
        digest: `results_sha256`, in the footer, whole.
        page_size: PORTRAIT or LANDSCAPE.
    """
    width, height = page_size

    def make_canvas(*arguments: Any, **settings: Any) -> "_NumberedCanvas":
        # Else reportlab lists its Helvetica, which is never embedded, in every file.
        settings["initialFontName"] = main_font()
        return _NumberedCanvas(
            *arguments, title=title, document_name=document_name, digest=digest, **settings
        )

    out = io.BytesIO()
    document = BaseDocTemplate(
        out, pagesize=page_size, title=f"{title} {document_name}", author="Gongyuan", invariant=1
    )
    frame = Frame(
        MARGIN,
        MARGIN + _FOOTER,
        width - 2 * MARGIN,
        height - 2 * MARGIN - _HEADER - _FOOTER,
        *(0, 0, 0, 0),
    )
    document.addPageTemplates([PageTemplate("page", [frame])])
    document.build(list(story), canvasmaker=make_canvas)
    return out.getvalue()


def draw_text(  # noqa: PLR0917 - the order of a canvas call: where, what, how
    canvas: Canvas, x: float, y: float, text: str, size: float, colour: Color = INK
) -> None:
    """Draw one line of text from `x` to the right, each run in its own font."""
    canvas.setFillColor(colour)
    for run in split_runs(text):
        canvas.setFont(run.font_name, size)
        canvas.drawString(x, y, run.text)
        x += text_width(run.text, size)


def cell(text: str, size: float = 9.0, **settings: object) -> Paragraph:
    """Text for a table cell that may be long or hold rare characters."""
    return Paragraph(paragraph_markup(text), paragraph_style("cell", size, **settings))


def lines(texts: Iterable[str], size: float = 8.5, colour: Color = FAINT) -> list[Paragraph]:
    """One paragraph a line, for rules and notes."""
    style = paragraph_style("line", size, textColor=colour)
    return [Paragraph(paragraph_markup(text), style) for text in texts]


def ruled_table(
    rows: Sequence[Sequence[Any]],
    widths: Sequence[float],
    *,
    right_from: int,
    size: float = 9.0,
    extra: Sequence[tuple[Any, ...]] = (),
) -> Table:
    """A table with a dark head that repeats on each page and rows in turn white and tinted.

    Args:
        rows: The first one is the head.
        widths: In points.
        right_from: Columns from here on hold numbers and stand to the right.
        size: Font size of plain strings.
        extra: More reportlab style commands.
    """
    style = [
        ("FONT", (0, 0), (-1, -1), main_font(), size),
        ("TEXTCOLOR", (0, 0), (-1, -1), INK),
        ("BACKGROUND", (0, 0), (-1, 0), ACCENT),
        ("TEXTCOLOR", (0, 0), (-1, 0), HexColor("#ffffff")),
        ("ROWBACKGROUNDS", (0, 1), (-1, -1), [HexColor("#ffffff"), ZEBRA]),
        ("LINEBELOW", (0, 0), (-1, -1), 0.4, RULE),
        ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
        ("ALIGN", (0, 0), (0, -1), "CENTER"),
        ("ALIGN", (right_from, 0), (-1, -1), "RIGHT"),
        ("TOPPADDING", (0, 0), (-1, -1), 3.5),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 4.5),
        *extra,
    ]
    return Table(list(rows), colWidths=list(widths), repeatRows=1, style=style, hAlign="LEFT")


class _NumberedCanvas(Canvas):  # type: ignore[misc]  # reportlab has no types
    """Keeps the pages until the end, since only then their number is known."""

    def __init__(
        self, *arguments: Any, title: str, document_name: str, digest: str, **settings: Any
    ) -> None:
        super().__init__(*arguments, **settings)
        self._frame_texts = (title, document_name, f"成绩摘要 SHA-256  {digest}")
        self._pages: list[dict[str, Any]] = []

    def showPage(self) -> None:  # noqa: N802 - reportlab's name
        """Keep the page for later."""
        self._pages.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        """Draw the frame on every page and write the file."""
        for number, page in enumerate(self._pages, 1):
            self.__dict__.update(page)
            self._draw_frame(f"第 {number} 页 / 共 {len(self._pages)} 页")
            super().showPage()
        super().save()

    def _draw_frame(self, page_text: str) -> None:
        title, document_name, digest_text = self._frame_texts
        width, height = self._pagesize
        right = width - MARGIN
        top, bottom = height - MARGIN - 10, MARGIN + 8
        name_start = right - text_width(document_name, 9)
        title, size = _fitted(title, name_start - MARGIN - 12)
        draw_text(self, MARGIN, top, title, size, ACCENT)
        draw_text(self, name_start, top, document_name, 9, FAINT)
        draw_text(self, MARGIN, bottom - 6, digest_text, 6.5, FAINT)
        draw_text(self, right - text_width(page_text, 8), bottom - 6, page_text, 8, FAINT)
        self.setStrokeColor(RULE)
        self.setLineWidth(0.6)
        self.line(MARGIN, top - 8, right, top - 8)
        self.line(MARGIN, bottom + 6, right, bottom + 6)


def _fitted(title: str, width: float) -> tuple[str, float]:
    """The title at the greatest size that fits, cut off with … where even the least does not."""
    size = min(_TITLE_SIZE, _TITLE_SIZE * width / max(text_width(title, _TITLE_SIZE), 1))
    if size >= _TITLE_SIZE_MIN:
        return title, size
    while text_width(f"{title}…", _TITLE_SIZE_MIN) > width:
        title = title[:-1]
    return f"{title}…", _TITLE_SIZE_MIN
