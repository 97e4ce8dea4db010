"""Running text with room between its lines, and with fields standing in it.

A QLabel can neither space its lines nor hold a field inside a sentence; a QTextDocument can do
both and breaks Chinese lines by the rules (no comma at the beginning of a line).
"""

# ruff: noqa: N802  overridden methods have Qt's names

import math
from collections.abc import Sequence
from typing import cast

from PySide6.QtCore import QEvent, QPointF, QSize, Qt, QUrl
from PySide6.QtGui import (
    QImage,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextImageFormat,
    QTextOption,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from exam_client.itemview import style

_PLACEHOLDER = "field"
_WIDTH_MIN_PX = 160


class TextFlow(QWidget):
    """Shows text, wrapped to its width; fields given in the sequence stand in the line.

    The height follows the width. A field keeps the size of its own `sizeHint`, but is never wider
    than the text; call `fields_resized` after a hint changed.
    """

    def __init__(
        self, pieces: Sequence[str | QWidget], parent: QWidget | None = None, *, bold: bool = False
    ) -> None:
        super().__init__(parent)
        self._document = QTextDocument(self)
        self._document.setDocumentMargin(0)
        option = QTextOption()
        option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self._document.setDefaultTextOption(option)
        image = QImage(1, 1, QImage.Format.Format_ARGB32)
        image.fill(Qt.GlobalColor.transparent)
        self._document.addResource(
            QTextDocument.ResourceType.ImageResource.value, QUrl(_PLACEHOLDER), image
        )
        self._is_bold = bold
        self._fields: list[tuple[int, QWidget]] = []
        self._fill(pieces)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setAccessibleName("".join(p if isinstance(p, str) else "（）" for p in pieces))
        self._lay_out()

    def hasHeightForWidth(self) -> bool:
        """The height follows the width."""
        return True

    def heightForWidth(self, width: int) -> int:
        """The height of all lines when the text is `width` pixels wide."""
        self._document.setTextWidth(width)
        height = math.ceil(self._document.size().height())
        self._document.setTextWidth(self.width())
        return height

    def minimumSizeHint(self) -> QSize:
        """Narrow enough for half a screen at the largest font."""
        return QSize(_WIDTH_MIN_PX, self.fontMetrics().height())

    def sizeHint(self) -> QSize:
        """One line, as far as that goes: what a short sentence needs."""
        ideal = min(math.ceil(self._document.idealWidth()) + 1, 720)
        width = max(ideal, _WIDTH_MIN_PX)
        return QSize(width, self.heightForWidth(width))

    def show_text(self, text: str) -> None:
        """Show another text, without fields."""
        self._document.clear()
        self._fields = []
        self._fill([text])
        self.setAccessibleName(text)
        self.fields_resized()

    def fields_resized(self) -> None:
        """Give every field the room that its size hint asks for now."""
        self._lay_out()
        self.updateGeometry()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the text; the fields are widgets of their own."""
        painter = QPainter(self)
        painter.translate(0, self._line_distance() / 2)
        self._document.drawContents(painter)
        painter.end()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Break the lines anew."""
        super().resizeEvent(event)
        self._lay_out()

    def changeEvent(self, event: QEvent) -> None:
        """Follow the font size."""
        super().changeEvent(event)
        if event.type() in {QEvent.Type.FontChange, QEvent.Type.StyleChange}:
            self.fields_resized()

    def _fill(self, pieces: Sequence[str | QWidget]) -> None:
        cursor = QTextCursor(self._document)
        ink = QTextCharFormat()
        ink.setForeground(style.INK)
        if self._is_bold:
            ink.setFontWeight(700)
        for piece in pieces:
            if isinstance(piece, str):
                cursor.insertText(piece, ink)
            else:
                piece.setParent(self)
                self._fields.append((cursor.position(), piece))
                cursor.insertImage(_image_format(piece.sizeHint(), piece.sizeHint().width()))

    def _lay_out(self) -> None:
        self._document.setDefaultFont(self.font())
        cursor = QTextCursor(self._document)
        cursor.select(QTextCursor.SelectionType.Document)
        spacing = QTextBlockFormat()
        spacing.setLineHeight(
            self._line_distance(), QTextBlockFormat.LineHeightTypes.LineDistanceHeight.value
        )
        cursor.mergeBlockFormat(spacing)
        spacing.setTopMargin(2 * self._line_distance())
        block = self._document.firstBlock().next()
        while block.isValid():
            QTextCursor(block).mergeBlockFormat(spacing)
            block = block.next()
        for position, widget in self._fields:
            cursor.setPosition(position)
            cursor.setPosition(position + 1, QTextCursor.MoveMode.KeepAnchor)
            cursor.setCharFormat(_image_format(widget.sizeHint(), self.width()))
        self._document.setTextWidth(self.width())
        for position, widget in self._fields:
            self._place(position, widget)
        self.update()

    def _line_distance(self) -> float:
        # Qt puts all of it below each line; half of it is moved above by whoever paints.
        return self.fontMetrics().height() * style.LINE_DISTANCE / 2

    def _place(self, position: int, widget: QWidget) -> None:
        block = self._document.findBlock(position)
        layout = block.layout()
        line = layout.lineForTextPosition(position - block.position())
        if not line.isValid():
            return
        image = _image_format(widget.sizeHint(), self.width())
        # The stub says object: the binding returns (x, cursor position).
        left, _ = cast("tuple[float, int]", line.cursorToX(position - block.position()))
        origin = layout.position() + QPointF(left, line.y() + self._line_distance() / 2)
        # On the sentence's own base line, taking the field's text to stand in its middle.
        metrics = self.fontMetrics()
        above = (image.height() - metrics.height()) / 2 + metrics.ascent()
        widget.setGeometry(
            round(origin.x()) + 4,
            round(origin.y() + line.ascent() - above),
            round(image.width()) - 8,
            round(image.height()),
        )


def _image_format(size: QSize, width_max: int) -> QTextImageFormat:
    image = QTextImageFormat()
    image.setName(_PLACEHOLDER)
    image.setWidth(max(min(size.width(), width_max), 40))
    image.setHeight(size.height())
    image.setVerticalAlignment(QTextCharFormat.VerticalAlignment.AlignMiddle)
    return image
