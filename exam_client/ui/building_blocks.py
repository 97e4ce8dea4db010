"""Labels, buttons and cards as every screen uses them."""

# ruff: noqa: N802  overridden methods have Qt's names

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from exam_client.itemview.marks import MarkSign
from exam_client.itemview.text_flow import TextFlow
from exam_client.ui.wording import Saying


def label(text: str, role: str = "", *, name: str = "") -> QLabel:
    """A label in one of the stylesheet's roles; it is plain text, whatever it contains."""
    made = QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    if role:
        made.setProperty("role", role)
    if name:
        made.setObjectName(name)
    return made


def button(
    text: str, *, name: str, is_primary: bool = False, is_large: bool = False
) -> QPushButton:
    """A button that Return presses as the space bar does."""
    made = QPushButton(text)
    made.setObjectName(name)
    made.setAccessibleName(text)
    made.setAutoDefault(True)
    made.setProperty("primary", is_primary)
    made.setProperty("large", is_large)
    return made


def restyle(widget: QWidget, name: str, value: object) -> None:
    """Set a property that the stylesheet looks at, and apply it."""
    if widget.property(name) != value:
        widget.setProperty(name, value)
        widget.style().unpolish(widget)
        widget.style().polish(widget)


class Notice(QLabel):
    """A framed sentence that is there only when there is something to say."""

    def __init__(self, *, name: str, kind: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setProperty("notice", kind)
        self.hide()

    def say(self, text: str) -> None:
        """Show `text`, or nothing when it is empty."""
        self.setText(text)
        self.setAccessibleName(text)
        self.setVisible(bool(text))


class ElidedLabel(QLabel):
    """One line that ends in dots where the room ends; the whole text is the accessible name."""

    def __init__(self, role: str) -> None:
        super().__init__()
        self.setProperty("role", role)

    def say(self, text: str) -> None:
        """Show a text."""
        self.setText(text)
        self.setAccessibleName(text)

    def minimumSizeHint(self) -> QSize:
        """May become narrow."""
        return QSize(80, super().minimumSizeHint().height())

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw what fits."""
        painter = QPainter(self)
        text = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
        painter.setPen(self.palette().windowText().color())
        painter.drawText(self.rect(), int(self.alignment()), text)
        painter.end()


class SayingView(QWidget):
    """A sign with a headline and a line below; its size does not change with what it says."""

    def __init__(self, *, name: str, width_px: int) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setFixedWidth(width_px)
        self._sign: MarkSign | None = None
        self._headline = label("", "section")
        self._detail = label("", "hint")
        lines = QVBoxLayout()
        lines.setSpacing(2)
        lines.addStretch(1)
        lines.addWidget(self._headline)
        lines.addWidget(self._detail)
        lines.addStretch(1)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(10)
        self._row.addLayout(lines, 1)
        self.saying: Saying | None = None

    def say(self, saying: Saying) -> None:
        """Show a saying."""
        if saying == self.saying:
            return
        self.saying = saying
        if self._sign is None:
            self._sign = MarkSign(saying.mark, self, size_px=26)
            self._row.insertWidget(0, self._sign)
        self._sign.show_mark(saying.mark)
        self._headline.setText(saying.headline)
        self._detail.setText(saying.detail)
        self._detail.setVisible(bool(saying.detail))
        self.setAccessibleName(f"{saying.headline} {saying.detail}".strip())


class CentredCard(QWidget):
    """A screen with one white card in its middle; subclasses fill `column`."""

    def __init__(self, *, name: str, width_px: int) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setProperty("ground", True)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        card = QFrame(self)
        card.setProperty("card", True)
        card.setMaximumWidth(width_px)
        card.setMinimumWidth(min(width_px, 640))
        self.column = QVBoxLayout(card)
        self.column.setContentsMargins(48, 40, 48, 40)
        self.column.setSpacing(16)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(32, 24, 32, 24)
        outer.addStretch(1)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(card, 100)
        row.addStretch(1)
        outer.addLayout(row)
        outer.addStretch(2)

    def add_text(self, text: str) -> TextFlow:
        """A paragraph with room between its lines."""
        flow = TextFlow([text])
        flow.setStyleSheet("* { font-size: 19px; }")
        self.column.addWidget(flow)
        return flow
