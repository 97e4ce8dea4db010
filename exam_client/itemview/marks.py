"""Small drawn signs: flag, tick, cross, dots.

Drawn and not typed, because no Chinese font promises these characters and an empty box says
nothing.
"""

# ruff: noqa: N802  overridden methods have Qt's names

from enum import Enum, auto

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPaintEvent, QPen, QPixmap, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from exam_client.itemview import style


class Mark(Enum):
    """What a sign says."""

    NONE = auto()
    FLAG = auto()
    TICK = auto()
    CROSS = auto()
    DOT = auto()
    RING = auto()
    WAIT = auto()


_COLOURS = {
    Mark.NONE: style.INK_SOFT,
    Mark.FLAG: QColor("#b04a00"),
    Mark.TICK: style.GOOD,
    Mark.CROSS: style.RED,
    Mark.DOT: style.ACCENT,
    Mark.RING: style.INK_SOFT,
    Mark.WAIT: style.ACCENT,
}


def paint_mark(painter: QPainter, mark: Mark, box: QRectF, colour: QColor | None = None) -> None:
    """Draw a sign into a square box; the painter's pen and brush are changed."""
    ink = colour or _COLOURS[mark]
    unit = box.width() / 16
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(
        QPen(
            ink,
            2.2 * unit,
            Qt.PenStyle.SolidLine,
            Qt.PenCapStyle.RoundCap,
            Qt.PenJoinStyle.RoundJoin,
        )
    )
    painter.setBrush(Qt.BrushStyle.NoBrush)

    def at(x: float, y: float) -> QPointF:
        return box.topLeft() + QPointF(x * unit, y * unit)

    match mark:
        case Mark.FLAG:
            painter.drawLine(at(4, 2), at(4, 15))
            painter.setBrush(ink)
            painter.drawPolygon(QPolygonF([at(4, 2.5), at(13, 5.5), at(4, 8.5)]))
        case Mark.TICK:
            painter.drawPolyline(QPolygonF([at(2.5, 8.5), at(6.5, 12.5), at(13.5, 4)]))
        case Mark.CROSS:
            painter.drawLine(at(3.5, 3.5), at(12.5, 12.5))
            painter.drawLine(at(12.5, 3.5), at(3.5, 12.5))
        case Mark.DOT:
            painter.setBrush(ink)
            painter.drawEllipse(at(8, 8), 3.5 * unit, 3.5 * unit)
        case Mark.RING:
            painter.drawEllipse(at(8, 8), 4.5 * unit, 4.5 * unit)
        case Mark.WAIT:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(ink)
            for x in (2.5, 8, 13.5):
                painter.drawEllipse(at(x, 8), 1.9 * unit, 1.9 * unit)
        case Mark.NONE:
            pass


class MarkSign(QWidget):
    """A sign beside a text."""

    def __init__(self, mark: Mark, parent: QWidget | None = None, *, size_px: int = 22) -> None:
        super().__init__(parent)
        self._mark = mark
        self._size_px = size_px
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    @property
    def mark(self) -> Mark:
        """The sign shown."""
        return self._mark

    def show_mark(self, mark: Mark) -> None:
        """Show another sign in the same room."""
        self._mark = mark
        self.update()

    def sizeHint(self) -> QSize:
        """A square."""
        return QSize(self._size_px, self._size_px)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the sign."""
        painter = QPainter(self)
        paint_mark(painter, self._mark, QRectF(self.rect()))
        painter.end()


def flag_icon() -> QIcon:
    """The review flag for a button; needs a running application."""
    pixmap = QPixmap(40, 40)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    paint_mark(painter, Mark.FLAG, QRectF(0, 0, 40, 40))
    painter.end()
    return QIcon(pixmap)
