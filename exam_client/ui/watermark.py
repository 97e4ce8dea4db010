"""Seat and admission number, pale and slanting, over everything of the paper that can be read.

A photograph of the screen then says whose screen it was. The marks lie above the page, so that a
picture of one choice row or one text box has them too; they take no mouse, no focus and no place
in the layout. Whoever crops or retouches them away is met by the order of the choices, which
`grading trace` reads.
"""

# ruff: noqa: N802  overridden methods have Qt's names

import math

from PySide6.QtCore import QEvent, QObject, QPointF, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import QWidget

from exam_client.itemview import style
from exam_client.session.snapshot import KioskSnapshot

OPACITY = 0.075
"""Text stays at 7 : 1 where a mark crosses it, and a noisy photograph at half size keeps the mark:
`tests/ui/test_watermark.py` computes the one and takes the other."""

ANGLE_DEGREES = -24
FONT_PX = 22
_GAP_PX = 28


def watermark_text(snapshot: KioskSnapshot) -> str:
    """What the marks say; empty while nobody is logged in."""
    if snapshot.candidate is None:
        return ""
    return f"{snapshot.seat_id} · {snapshot.candidate.admission_number}"


def watermark_tile(text: str, *, scale: float = 1.0) -> QPixmap:
    """One tile, transparent but for its two marks; laid edge to edge it leaves no seam.

    Args:
        text: What each mark says.
        scale: Device pixels a pixel.
    """
    font = QFont(list(style.FONT_FAMILIES))
    font.setPixelSize(FONT_PX)
    font.setBold(True)
    metrics = QFontMetrics(font)
    length, slant = metrics.horizontalAdvance(text), math.radians(-ANGLE_DEGREES)
    size = QSize(
        math.ceil(length * math.cos(slant) + metrics.height() * math.sin(slant)) + _GAP_PX,
        2 * (math.ceil(length * math.sin(slant) + metrics.height() * math.cos(slant)) + _GAP_PX),
    )
    tile = QPixmap(size * scale)
    tile.setDevicePixelRatio(scale)
    tile.fill(Qt.GlobalColor.transparent)
    ink = QColor(style.INK)
    ink.setAlphaF(OPACITY)
    painter = QPainter(tile)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setFont(font)
    painter.setPen(ink)
    width, height = size.width(), size.height()
    # The second row stands half a tile to the side: its mark leaves at one edge, returns at the
    # other.
    for centre in ((width / 2, height / 4), (0, height * 3 / 4), (width, height * 3 / 4)):
        painter.save()
        painter.translate(QPointF(*centre))
        painter.rotate(ANGLE_DEGREES)
        painter.drawText(QPointF(-length / 2, metrics.ascent() / 2), text)
        painter.restore()
    painter.end()
    return tile


class Watermark(QWidget):
    """Covers a sibling with marks, wherever that goes; the sibling keeps mouse, keys and focus."""

    def __init__(self, covered: QWidget, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("watermark")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._covered = covered
        self._text = ""
        self._tile: QPixmap | None = None
        covered.installEventFilter(self)
        self.setGeometry(covered.geometry())

    @property
    def text(self) -> str:
        """What the marks say; empty for none."""
        return self._text

    def show_text(self, text: str) -> None:
        """Say this from now on; an empty text takes the marks away."""
        if text != self._text:
            self._text = text
            self._tile = None
            self.setVisible(bool(text))
            self.raise_()
            self.update()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the covered widget."""
        if watched is self._covered and event.type() in {QEvent.Type.Resize, QEvent.Type.Move}:
            self.setGeometry(self._covered.geometry())
        return super().eventFilter(watched, event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Lay the tile over what is to be drawn anew; it was drawn once."""
        if not self._text:
            return
        scale = self.devicePixelRatioF()
        if self._tile is None or self._tile.devicePixelRatio() != scale:
            self._tile = watermark_tile(self._text, scale=scale)
        part: QRect = event.rect()
        painter = QPainter(self)
        painter.drawTiledPixmap(part, self._tile, part.topLeft())
        painter.end()
