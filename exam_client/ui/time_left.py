"""The clock in the header. It asks the clock; its timer only repaints."""

# ruff: noqa: N802  overridden methods have Qt's names

from collections.abc import Callable

from PySide6.QtCore import QRectF, QSize, Qt, QTimer
from PySide6.QtGui import QColor, QFont, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from exam_client.itemview import style
from exam_client.session.snapshot import KioskSnapshot
from exam_client.ui.wording import Urgency, clock_text, time_caption, urgency

_REPAINT_MS = 200
_DIGIT_PX = 38
_GROUNDS = {
    Urgency.CALM: (style.CARD, style.INK),
    Urgency.AMBER: (style.AMBER, style.AMBER_INK),
    Urgency.RED: (style.RED, style.CARD),
    Urgency.FROZEN: (QColor("#dfe5ec"), style.INK),
}


class TimeLeft(QWidget):
    """Large digits, each in a cell of the same width, so that nothing trembles."""

    def __init__(self, *, name: str, clock_ms: Callable[[], int]) -> None:
        super().__init__()
        self.setObjectName(name)
        self._clock_ms = clock_ms
        self._snapshot: KioskSnapshot | None = None
        self._drawn = ("", "")
        self._timer = QTimer(self)
        self._timer.setInterval(_REPAINT_MS)
        self._timer.timeout.connect(self.refresh)
        self._timer.start()

    @property
    def text(self) -> str:
        """What the clock shows now, such as 1:59:59; empty while there is no clock."""
        left = self._left_ms()
        return "" if left is None else clock_text(left)

    @property
    def urgency(self) -> Urgency:
        """How the clock is shown now."""
        left = self._left_ms()
        if left is None or self._snapshot is None:
            return Urgency.CALM
        return urgency(left, is_frozen=self._snapshot.deadline_monotonic_ms is None)

    def show_snapshot(self, snapshot: KioskSnapshot) -> None:
        """Take the deadline of the engine."""
        self._snapshot = snapshot
        self.refresh()

    def refresh(self) -> None:
        """Repaint when what is shown has changed."""
        drawn = (self.text, time_caption(self.urgency))
        if drawn != self._drawn:
            self._drawn = drawn
            if self._drawn[0].endswith("00"):  # a screen reader hears it once a minute
                self.setAccessibleName(f"{drawn[1]} {drawn[0]}")
            self.update()

    def sizeHint(self) -> QSize:
        """Room for 00:00:00 with its caption."""
        return QSize(204, 68)

    def minimumSizeHint(self) -> QSize:
        """As for `sizeHint`."""
        return self.sizeHint()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Caption above, digits below."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ground, ink = _GROUNDS[self.urgency]
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ground)
        painter.drawRoundedRect(QRectF(self.rect()), 8, 8)
        painter.setPen(ink)
        font = QFont(self.font())
        font.setPixelSize(16)
        painter.setFont(font)
        top = QRectF(0, 3, self.width(), 22)
        painter.drawText(top, Qt.AlignmentFlag.AlignCenter, time_caption(self.urgency))
        font.setPixelSize(_DIGIT_PX)
        font.setBold(True)
        painter.setFont(font)
        self._paint_digits(painter, self.text or "-:--:--")
        painter.end()

    def _paint_digits(self, painter: QPainter, text: str) -> None:
        metrics = painter.fontMetrics()
        digit = max(metrics.horizontalAdvance(character) for character in "0123456789")
        widths = [digit if c.isdigit() else metrics.horizontalAdvance(":") + 2 for c in text]
        left = (self.width() - sum(widths)) / 2
        for character, width in zip(text, widths, strict=True):
            cell = QRectF(left, 22, width, self.height() - 24)
            painter.drawText(cell, Qt.AlignmentFlag.AlignCenter, character)
            left += width

    def _left_ms(self) -> int | None:
        return self._snapshot.time_left_ms(self._clock_ms()) if self._snapshot else None
