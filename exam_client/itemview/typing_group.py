"""Groups keystrokes, so that typing makes a few journal entries a second and not one a key."""

from PySide6.QtCore import QObject, QTimer, Signal

GROUP_MS = 250
"""The longest that typed text waits before it is handed on; counted from the first keystroke."""


class TypingGroup(QObject):
    """Says when typed text is due.

    Signals:
        due: The text should be handed on now.
        pending_changed: Whether keystrokes are waiting.
    """

    due = Signal()
    pending_changed = Signal(bool)

    def __init__(self, parent: QObject | None = None, *, group_ms: int = GROUP_MS) -> None:
        super().__init__(parent)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(group_ms)
        self._timer.timeout.connect(self.finish)
        self._is_pending = False

    @property
    def is_pending(self) -> bool:
        """Whether keystrokes are waiting."""
        return self._is_pending

    def add(self) -> None:
        """A keystroke came. A running wait is not made longer."""
        if not self._is_pending:
            self._is_pending = True
            self._timer.start()
            self.pending_changed.emit(True)

    def finish(self) -> None:
        """Hand on what waits now, if anything does."""
        if not self._is_pending:
            return
        self._timer.stop()
        self._is_pending = False
        self.due.emit()
        self.pending_changed.emit(False)
