"""Log-in on the assigned seat: admission number, whole ID number, the room's code."""

# ruff: noqa: N802  overridden methods have Qt's names

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence, QRegularExpressionValidator
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from exam_client.session.snapshot import Connection, KioskSnapshot
from exam_client.ui import object_names
from exam_client.ui.building_blocks import Notice, button, label, restyle
from exam_core import limits
from exam_core.model.roster import id_number_is_valid

_SEAT_LOCKED = "login.seat_locked"
_ANSWER_MS_MAX = 20_000  # longer than the engine's own timeout; then the button works again


class _Field(QLineEdit):
    """Digits and letters only: no input method, no clipboard, no menu."""

    def __init__(self, *, name: str, title: str, pattern: str, chars_max: int) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setAccessibleName(title)
        self.setMaxLength(chars_max)
        self.setValidator(QRegularExpressionValidator(pattern, self))
        self.setAttribute(Qt.WidgetAttribute.WA_InputMethodEnabled, False)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.setAcceptDrops(False)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Nothing of an identity document goes to the machine's clipboard."""
        keys = QKeySequence.StandardKey
        if not any(event.matches(key) for key in (keys.Copy, keys.Cut, keys.Paste)):
            super().keyPressEvent(event)


class LogInScreen(QWidget):
    """Mistypes are pointed out here and cost no try; a refusal is shown with its advice.

    Signals:
        log_in_requested: admission number, ID number, room code.
    """

    log_in_requested = Signal(str, str, str)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName(object_names.SCREEN_LOG_IN)
        self.setProperty("ground", True)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._title = label("", "title")
        self._title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._admission = _Field(
            name=object_names.LOG_IN_ADMISSION_NUMBER,
            title=self.tr("准考证号"),
            pattern="[0-9A-Za-z]*",
            chars_max=limits.admission_number_chars_max,
        )
        self._id_number = _Field(
            name=object_names.LOG_IN_ID_NUMBER,
            title=self.tr("身份证号"),
            pattern="[0-9]*[0-9Xx]",
            chars_max=limits.id_number_chars,
        )
        self._room_code = _Field(
            name=object_names.LOG_IN_ROOM_CODE,
            title=self.tr("考场码"),
            pattern="[0-9]*",
            chars_max=limits.room_code_digits,
        )
        self._hint = label("", "hint", name="log_in_hint")
        self._refusal = Notice(name=object_names.LOG_IN_REFUSAL, kind="bad")
        self._button = button(
            self.tr("登录"), name=object_names.LOG_IN_BUTTON, is_primary=True, is_large=True
        )
        self._retry = button(self.tr("监考老师已解锁，重新登录"), name=object_names.LOG_IN_RETRY)
        self._refusal_dismissed = 0
        self._refusal_shown = 0
        self._is_busy = False
        self._is_sent = False
        self._seat = label("", "seat", name=object_names.LOG_IN_SEAT)
        self._network = label("", "hint")
        self._lay_out()
        self._button.clicked.connect(self._on_log_in)
        self._retry.clicked.connect(self._on_retry)
        for field in (self._admission, self._id_number, self._room_code):
            field.returnPressed.connect(self._on_return)
            field.textEdited.connect(self._on_edited)

    def show_snapshot(self, snapshot: KioskSnapshot) -> None:
        """Draw seat, sitting, refusal, and whether an answer is awaited."""
        self._seat.setText(snapshot.seat_id)
        self._title.setText(snapshot.sitting.title if snapshot.sitting else "")
        is_away = snapshot.connection is Connection.AWAY
        self._network.setText(self.tr("网络暂时断开，正在自动重新连接……") if is_away else "")
        refusal = snapshot.refusal
        is_answered = refusal is not None and refusal.number != self._refusal_shown
        if snapshot.is_logging_in or is_answered:
            self._is_sent = False
        self._is_busy = snapshot.is_logging_in or self._is_sent
        self._button.setText(self.tr("正在核对……") if self._is_busy else self.tr("登录"))
        if refusal is None:
            self._refusal_shown = self._refusal_dismissed = 0  # the engine may count anew
            self._refusal.say("")
        elif refusal.number != self._refusal_shown:
            self._refusal_shown = refusal.number
            self._refusal.say(f"{refusal.message}。\n{refusal.advice}")
            self._room_code.clear()
        is_locked = refusal is not None and refusal.code == _SEAT_LOCKED
        is_locked = is_locked and refusal is not None and refusal.number != self._refusal_dismissed
        self._retry.setVisible(is_locked)
        self._button.setVisible(not is_locked)
        for widget in (self._admission, self._id_number, self._room_code, self._button):
            widget.setEnabled(not is_locked and not self._is_busy)

    def clear(self) -> None:
        """Forget what was typed; the next person starts with empty fields."""
        for field in (self._admission, self._id_number, self._room_code):
            field.clear()
        self._is_sent = False
        self._say_hint("", None)

    def focus_first(self) -> None:
        """Put the focus into the first empty field."""
        fields = (self._admission, self._id_number, self._room_code)
        next((field for field in fields if not field.text()), self._button).setFocus()

    def _on_return(self) -> None:
        fields = (self._admission, self._id_number, self._room_code)
        empty = [field for field in fields if not field.text()]
        if empty:
            empty[0].setFocus()
        else:
            self._on_log_in()

    def _on_log_in(self) -> None:
        self._id_number.setText(self._id_number.text().upper())
        problem, field = self._problem()
        self._say_hint(problem, field)
        if field is not None:
            field.setFocus()
        elif not self._is_busy:
            self._is_sent = self._is_busy = True  # until the engine says so itself: sent once
            self._button.setEnabled(False)
            QTimer.singleShot(_ANSWER_MS_MAX, self, self._on_unanswered)
            self.log_in_requested.emit(
                self._admission.text(), self._id_number.text(), self._room_code.text()
            )

    def _problem(self) -> tuple[str, _Field | None]:
        id_number = self._id_number.text()
        if not self._admission.text():
            return self.tr("请输入准考证号。"), self._admission
        if len(id_number) < limits.id_number_chars:
            words = self.tr("身份证号应为 18 位，现在是 %1 位。")
            return words.replace("%1", str(len(id_number))), self._id_number
        if not id_number_is_valid(id_number):
            return self.tr("身份证号有误：最后一位与前 17 位不符，请逐位核对。"), self._id_number
        if len(self._room_code.text()) < limits.room_code_digits:
            return self.tr("考场码是 6 位数字，请看考场前方的公布。"), self._room_code
        return "", None

    def _on_edited(self) -> None:
        id_number = self._id_number.text().upper()
        if len(id_number) == limits.id_number_chars and not id_number_is_valid(id_number):
            words = self.tr("身份证号有误：最后一位与前 17 位不符，请逐位核对。")
            self._say_hint(words, self._id_number)
        else:
            self._say_hint("", None)

    def _say_hint(self, words: str, field: _Field | None) -> None:
        self._hint.setText(words or self.tr("身份证号末位为字母时请输入 X。"))
        restyle(self._hint, "alert", bool(words))
        for each in (self._admission, self._id_number, self._room_code):
            restyle(each, "alert", each is field)

    def _on_unanswered(self) -> None:
        if self._is_sent:
            self._is_sent = self._is_busy = False
            self._button.setEnabled(True)

    def _on_retry(self) -> None:
        self._refusal_dismissed = self._refusal_shown
        self._refusal.say("")
        self._retry.hide()
        self._button.show()
        for widget in (self._admission, self._id_number, self._room_code, self._button):
            widget.setEnabled(True)
        self.focus_first()

    def _lay_out(self) -> None:
        outer = QVBoxLayout(self)
        outer.setContentsMargins(32, 24, 32, 24)
        outer.addStretch(1)
        outer.addWidget(self._title)
        outer.addSpacing(20)
        card = QFrame()
        card.setProperty("card", True)
        card.setFixedWidth(980)
        row = QHBoxLayout(card)
        row.setContentsMargins(40, 32, 48, 32)
        row.setSpacing(40)
        seat_column = QVBoxLayout()
        seat_column.addStretch(1)
        seat_caption = label(self.tr("本机机位"), "subtitle")
        seat_hint = label(self.tr("请核对与准考证上的机位一致"), "hint")
        for widget in (seat_caption, self._seat, seat_hint):
            widget.setAlignment(Qt.AlignmentFlag.AlignCenter)
            seat_column.addWidget(widget)
        seat_column.addStretch(1)
        row.addLayout(seat_column, 1)
        row.addLayout(self._make_form(), 1)
        centred = QHBoxLayout()
        centred.addStretch(1)
        centred.addWidget(card)
        centred.addStretch(1)
        outer.addLayout(centred)
        outer.addWidget(self._network, 0, Qt.AlignmentFlag.AlignHCenter)
        outer.addStretch(2)
        self._say_hint("", None)
        self._retry.hide()

    def _make_form(self) -> QVBoxLayout:
        form = QVBoxLayout()
        form.setSpacing(6)
        fields: tuple[tuple[QLineEdit, str], ...] = (
            (self._admission, self.tr("准考证号")),
            (self._id_number, self.tr("身份证号（18 位）")),
            (self._room_code, self.tr("考场码（6 位数字，由监考老师公布）")),
        )
        for field, title in fields:
            caption: QLabel = label(title, "field")
            caption.setBuddy(field)
            form.addWidget(caption)
            form.addWidget(field)
            if field is self._id_number:
                form.addWidget(self._hint)
            form.addSpacing(8)
        form.addWidget(self._refusal)
        buttons: tuple[QPushButton, ...] = (self._retry, self._button)
        for made in buttons:
            form.addWidget(made)
        return form
