"""Asks for a resume code: the kiosk was started again and the server cannot be reached."""

# ruff: noqa: N802  overridden methods have Qt's names

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QRegularExpressionValidator
from PySide6.QtWidgets import QHBoxLayout, QLineEdit

from exam_client.session.snapshot import KioskSnapshot
from exam_client.ui import object_names
from exam_client.ui.building_blocks import CentredCard, Notice, button, label, restyle
from exam_core.crypto.opening_code import GROUP_DIGITS, GROUPS, group_is_valid


class _Group(QLineEdit):
    """Five digits of the code; Backspace in an empty one goes to the one before.

    Signals:
        left: Backspace was pressed and there was nothing to delete.
    """

    left = Signal()

    def __init__(self, number: int) -> None:
        super().__init__()
        self.setObjectName(object_names.resume_code_group(number))
        self.setMaxLength(GROUP_DIGITS)
        self.setFixedWidth(120)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setValidator(QRegularExpressionValidator("[0-9]*", self))
        self.setAttribute(Qt.WidgetAttribute.WA_InputMethodEnabled, False)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.setAcceptDrops(False)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Delete across groups."""
        if event.key() == Qt.Key.Key_Backspace and not self.text():
            self.left.emit()
        else:
            super().keyPressEvent(event)

    @property
    def is_wrong(self) -> bool:
        """Whether it is full and its check digit does not fit."""
        return len(self.text()) == GROUP_DIGITS and not group_is_valid(self.text())


class ResumeCodeScreen(CentredCard):
    """Wrong groups are pointed out while typing; a code is asked for by its number.

    Signals:
        code_given: The whole code, whose check digits fit.
    """

    code_given = Signal(str)

    def __init__(self) -> None:
        super().__init__(name=object_names.SCREEN_RESUME_CODE, width_px=980)
        self.column.addWidget(label(self.tr("连不上考场服务器，请输入断网恢复码"), "title"))
        self._request = label("", "field", name=object_names.RESUME_CODE_REQUEST)
        self._request.setWordWrap(True)
        self.column.addWidget(self._request)
        note = label(
            self.tr(
                "请考生举手，不要自己输入。监考老师拆封“断网恢复码单”，核对机位号和序号后输入；"
                "每个码只能用一次，用后请在单上划掉。已作答的内容都在本机，不会丢失；"
                "服务器恢复后本页自动消失，不需要恢复码。"
            ),
            "soft",
        )
        note.setWordWrap(True)
        self.column.addWidget(note)
        self.column.addSpacing(12)
        self._groups = [_Group(number) for number in range(1, GROUPS + 1)]
        row = QHBoxLayout()
        row.setSpacing(12)
        for number, group in enumerate(self._groups, 1):
            group.setAccessibleName(self.tr("第 %1 组").replace("%1", str(number)))
            group.textEdited.connect(self._on_edited)
            group.returnPressed.connect(self._on_given)
            group.left.connect(self._on_left)
            row.addWidget(group)
        row.addStretch(1)
        self.column.addLayout(row)
        self._hint = label("", "hint", name=object_names.RESUME_CODE_HINT)
        self._refusal = Notice(name=object_names.RESUME_CODE_REFUSAL, kind="bad")
        self._button = button(
            self.tr("恢复考试"),
            name=object_names.RESUME_CODE_BUTTON,
            is_primary=True,
            is_large=True,
        )
        for widget in (self._hint, self._refusal, self._button):
            self.column.addWidget(widget)
        self._button.clicked.connect(self._on_given)
        self._refusal_shown = 0
        self._say_hint()

    def show_snapshot(self, snapshot: KioskSnapshot) -> None:
        """Draw which code is asked for, and why the last one was refused."""
        words = self.tr("机位 %1，第 %2 个恢复码（6 组，每组 5 位数字）")
        words = words.replace("%1", snapshot.seat_id)
        self._request.setText(words.replace("%2", str(snapshot.resume_code_number)))
        refusal = snapshot.refusal
        if refusal is None:
            self._refusal_shown = 0
            self._refusal.say("")
        elif refusal.number != self._refusal_shown:
            self._refusal_shown = refusal.number
            self._refusal.say(f"{refusal.message}。\n{refusal.advice}")

    def clear(self) -> None:
        """Forget what was typed."""
        for group in self._groups:
            group.clear()
        self._say_hint()

    def focus_first(self) -> None:
        """Put the focus into the first group that is not whole and right."""
        unfinished = (one for one in self._groups if not group_is_valid(one.text()))
        next(unfinished, self._button).setFocus()

    def _on_edited(self) -> None:
        self._say_hint()
        at = next((one for one in self._groups if one is self.focusWidget()), None)
        if at is not None and group_is_valid(at.text()):
            self.focus_first()

    def _on_left(self) -> None:
        at = next((place for place, one in enumerate(self._groups) if one is self.sender()), 0)
        self._groups[max(0, at - 1)].setFocus()

    def _on_given(self) -> None:
        if all(group_is_valid(one.text()) for one in self._groups):
            self.code_given.emit(" ".join(one.text() for one in self._groups))
        else:
            self.focus_first()

    def _say_hint(self) -> None:
        wrong = [number for number, one in enumerate(self._groups, 1) if one.is_wrong]
        for one in self._groups:
            restyle(one, "alert", one.is_wrong)
        restyle(self._hint, "alert", bool(wrong))
        names = "、".join(map(str, wrong))
        words = self.tr("第 %1 组有误，请对照单上重新核对。").replace("%1", names)
        self._hint.setText(words if wrong else self.tr("输入有误的组会立即标出。"))
        self._button.setEnabled(all(group_is_valid(one.text()) for one in self._groups))
