"""The one text box in which candidates type; nothing seen in it is ever lost.

Text still being composed by an input method is not part of a document, and Qt's own input-method
commit loses it (measured with ibus and fcitx5: a click elsewhere, a change of focus, commit()).
So the box remembers what was being composed and puts it in when the box loses the focus or when
`commit_composition` is called; composing that the candidate cancels with Escape stays cancelled.
"""

# ruff: noqa: N802  overridden methods have Qt's names

from PySide6.QtCore import QEvent, QMimeData, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QFocusEvent,
    QGuiApplication,
    QInputMethodEvent,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QTextCursor,
    QTextOption,
)
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QWidget

from exam_client.itemview.clipboard import OwnClipboard

_GROW_STEP_EM = 4
_WIDTH_MIN_EM = 8
_HEIGHT_EM = 1.9


class AnswerBox(QPlainTextEdit):
    """Several lines, or one line that grows with its text in steps.

    Never holds more than `chars_max` characters (Unicode code points, as the server counts). Cut,
    copy and paste use the exam's own clipboard; drops and the middle mouse button bring nothing in.

    Signals:
        edited: The text changed by the candidate's hand, composing left out.
        composing_changed: Whether text is being composed by an input method.
        left: The focus went elsewhere; what was composed has been put in.
        entered: Return was pressed in a box of one line.
        limit_reached: Characters beyond the limit were not taken.
    """

    edited = Signal()
    composing_changed = Signal(bool)
    left = Signal()
    entered = Signal()
    limit_reached = Signal()

    def __init__(
        self,
        parent: QWidget | None = None,
        *,
        clipboard: OwnClipboard,
        chars_max: int,
        is_single_line: bool,
    ) -> None:
        super().__init__(parent)
        self._clipboard = clipboard
        self._chars_max = chars_max
        self._is_single_line = is_single_line
        self._composing = ""
        self._vanished = ""
        self._commits = 0
        self._known_text = ""
        self.setTabChangesFocus(True)
        self.setAcceptDrops(False)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.setAttribute(Qt.WidgetAttribute.WA_InputMethodEnabled, True)
        self._set_margin()
        if is_single_line:
            self.setProperty("single_line", True)
            self.setFrameShape(QFrame.Shape.NoFrame)
            self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
            self.setWordWrapMode(QTextOption.WrapMode.NoWrap)
            self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
            self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.textChanged.connect(self._on_text_changed)

    def text(self) -> str:
        """What was typed, lines parted by a line feed; half a surrogate pair is left out."""
        # PySide 6.11 leaves halves out itself; older ones may hand them on, and JSON cannot.
        return self.toPlainText().encode("utf-8", "ignore").decode()

    def show_text(self, text: str) -> None:
        """Show a stored text; nothing is emitted and it cannot be undone into another item."""
        self._known_text = text  # so that showing it is no edit
        self.setPlainText(text)
        self.moveCursor(QTextCursor.MoveOperation.End)

    def is_composing(self) -> bool:
        """Whether an input method holds text that is not yet in the box."""
        return bool(self._composing)

    def commit_composition(self) -> None:
        """Put in what is being composed, as it is seen; on return it is part of the text."""
        composing = self._composing
        if not composing:
            return
        commits = self._commits
        # Tell the input method first, or it would commit once more later. Most drop the text.
        QGuiApplication.inputMethod().reset()
        self._set_composing("")
        self._vanished = ""
        if self._commits == commits:
            self._put_in(composing)

    def sizeHint(self) -> QSize:
        """In a box of one line the width follows the text, in steps, so that little moves."""
        if not self._is_single_line:
            return super().sizeHint()
        em = self.fontMetrics().horizontalAdvance("国")
        needed = self.fontMetrics().horizontalAdvance(self.toPlainText()) + 2 * em
        steps = max(0, -(-(needed - _WIDTH_MIN_EM * em) // (_GROW_STEP_EM * em)))
        return QSize((_WIDTH_MIN_EM + _GROW_STEP_EM * steps) * em, round(_HEIGHT_EM * em))

    def inputMethodEvent(self, event: QInputMethodEvent) -> None:
        """Follow what is being composed, and notice when it vanishes."""
        before = self._composing
        now, committed = event.preeditString(), event.commitString()
        self._commits += bool(committed)
        super().inputMethodEvent(event)
        self._vanished = before if before and not now and not committed else ""
        if self._vanished:
            # A focus loss follows in the same turn of the event loop; a cancel is alone in it.
            QTimer.singleShot(0, self, self._forget_vanished)
        self._set_composing(now)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Keep what was being composed when the focus went away."""
        rescued = self._composing or self._vanished
        self._vanished = ""
        super().focusOutEvent(event)
        self._set_composing("")
        if rescued:
            self._put_in(rescued)
        self.left.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Own clipboard; page keys go on to the screen; Return leaves a box of one line."""
        if event.matches(QKeySequence.StandardKey.Copy):
            self._clipboard.put(self._selected())
        elif event.matches(QKeySequence.StandardKey.Cut):
            self._clipboard.put(self._selected())
            self.textCursor().removeSelectedText()
        elif event.matches(QKeySequence.StandardKey.Paste):
            self._paste()
        elif event.key() in {Qt.Key.Key_PageUp, Qt.Key.Key_PageDown}:
            event.ignore()
        elif self._is_single_line and event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self.entered.emit()
        else:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """The middle button would paste what another program selected."""
        if event.button() != Qt.MouseButton.MiddleButton:
            super().mousePressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """As for the press."""
        if event.button() != Qt.MouseButton.MiddleButton:
            super().mouseReleaseEvent(event)

    def createMimeDataFromSelection(self) -> QMimeData:
        """Give nothing to other programs, by clipboard, selection or drag."""
        return QMimeData()

    def canInsertFromMimeData(self, _source: QMimeData) -> bool:
        """Take nothing from other programs."""
        return False

    def insertFromMimeData(self, _source: QMimeData) -> None:
        """Take nothing from other programs."""

    def changeEvent(self, event: QEvent) -> None:
        """A box of one line stays as high as its font, its text in its middle."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._set_margin()
            self.updateGeometry()

    def _set_margin(self) -> None:
        if not self._is_single_line:
            self.document().setDocumentMargin(10)
            return
        metrics = self.fontMetrics()
        height = round(_HEIGHT_EM * metrics.horizontalAdvance("国"))
        self.document().setDocumentMargin(max(0, (height - metrics.height()) / 2))

    def _selected(self) -> str:
        return self.textCursor().selectedText().replace("\u2029", "\n")

    def _paste(self) -> None:
        text = self._clipboard.text()
        if self._is_single_line:
            text = " ".join(text.splitlines())
        self.textCursor().insertText(text)
        self.ensureCursorVisible()

    def _put_in(self, text: str) -> None:
        event = QInputMethodEvent("", [])
        event.setCommitString(text)
        super().inputMethodEvent(event)

    def _set_composing(self, text: str) -> None:
        was = bool(self._composing)
        self._composing = text
        if was != bool(text):
            self.composing_changed.emit(bool(text))

    def _forget_vanished(self) -> None:
        self._vanished = ""

    def _on_text_changed(self) -> None:
        # Qt says "changed" for margins, fonts and composing too; only other text is an edit.
        text = self.toPlainText()
        if text == self._known_text:
            return
        excess = len(text) - self._chars_max
        if excess > 0:
            self._drop_before_cursor(excess)
            self.limit_reached.emit()
            return  # the removal comes back here
        self._known_text = text
        self.edited.emit()

    def _drop_before_cursor(self, count: int) -> None:
        cursor = self.textCursor()
        end = cursor.position()
        whole = self.toPlainText().encode("utf-16-le", "surrogatepass")
        before = whole[: 2 * end].decode("utf-16-le", "surrogatepass")
        units = len(before[-count:].encode("utf-16-le", "surrogatepass")) // 2
        cursor.setPosition(end - units, QTextCursor.MoveMode.KeepAnchor)
        cursor.removeSelectedText()
