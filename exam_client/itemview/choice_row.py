"""One choice as a broad row: letter, text, and a tick when it is picked."""

# ruff: noqa: N802  overridden methods have Qt's names

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QSizePolicy, QWidget

from exam_client.itemview import style
from exam_client.itemview.marks import Mark, paint_mark
from exam_client.itemview.text_flow import TextFlow
from exam_client.itemview.wording import choice_letter
from exam_core.model.items import Choice

_BADGE_PX = 36
_PAD_PX = 12
_TICK_PX = 28


class ChoiceRow(QAbstractButton):
    """A round badge says "one of these", a square one "all that are right".

    Signals:
        step_requested: An arrow key wants the row before (-1) or after (+1).
    """

    step_requested = Signal(int)

    def __init__(
        self, choice: Choice, index: int, parent: QWidget | None = None, *, is_exclusive: bool
    ) -> None:
        super().__init__(parent)
        self.choice_id = choice.choice_id
        self._letter = choice_letter(index)
        self._is_exclusive = is_exclusive
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setObjectName(f"choice_{choice.choice_id}")
        self.setAccessibleName(f"{self._letter}. {choice.text}")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        text = TextFlow([choice.text], self)
        text.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._row = row = QHBoxLayout(self)
        row.setContentsMargins(2 * _PAD_PX + _BADGE_PX, _PAD_PX, _PAD_PX + _TICK_PX, _PAD_PX)
        row.addWidget(text, 1, Qt.AlignmentFlag.AlignVCenter)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def sizeHint(self) -> QSize:
        """Wide enough for the text in one line, if it has no more than one."""
        width = self._row.sizeHint().width()
        return QSize(width, self.heightForWidth(width))

    def minimumSizeHint(self) -> QSize:
        """Narrow, and as high as the badge; the height follows the width."""
        return QSize(self._row.minimumSize().width(), _BADGE_PX + 2 * _PAD_PX)

    def hasHeightForWidth(self) -> bool:
        """The height follows the width."""
        return True

    def heightForWidth(self, width: int) -> int:
        """What the text needs, and never less than the badge."""
        return max(self._row.heightForWidth(width), _BADGE_PX + 2 * _PAD_PX)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrows move between rows without picking; Return picks, as the space bar does."""
        if event.key() in {Qt.Key.Key_Up, Qt.Key.Key_Left}:
            self.step_requested.emit(-1)
        elif event.key() in {Qt.Key.Key_Down, Qt.Key.Key_Right}:
            self.step_requested.emit(1)
        elif event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self.click()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Ground, badge with letter, tick."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        picked = self.isChecked()
        ground = style.ACCENT_SOFT if picked else style.CARD
        edge = style.ACCENT if picked or self.underMouse() else style.LINE
        width = 2.5 if picked else 1.5
        box = QRectF(self.rect()).adjusted(2, 2, -2, -2)
        painter.setPen(QPen(edge, width))
        painter.setBrush(ground)
        painter.drawRoundedRect(box, 8, 8)
        if self.hasFocus():
            painter.setPen(QPen(style.INK, 1.5, Qt.PenStyle.DotLine))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(box.adjusted(3, 3, -3, -3), 6, 6)
        self._paint_badge(painter, is_picked=picked)
        if picked:
            top = (self.height() - 22) / 2
            paint_mark(painter, Mark.TICK, QRectF(self.width() - 36, top, 22, 22), style.ACCENT)
        painter.end()

    def _paint_badge(self, painter: QPainter, *, is_picked: bool) -> None:
        badge = QRectF(_PAD_PX + 2, (self.height() - _BADGE_PX) / 2, _BADGE_PX, _BADGE_PX)
        painter.setPen(QPen(style.ACCENT if is_picked else style.INK_SOFT, 2))
        painter.setBrush(style.ACCENT if is_picked else style.CARD)
        radius = _BADGE_PX / 2 if self._is_exclusive else 6
        painter.drawRoundedRect(badge, radius, radius)
        font = self.font()
        font.setPixelSize(20)
        font.setBold(True)
        painter.setFont(font)
        painter.setPen(style.CARD if is_picked else style.INK)
        painter.drawText(badge, Qt.AlignmentFlag.AlignCenter, self._letter)
