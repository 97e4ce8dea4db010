"""The double check before submitting: what is open, then once more whether it is meant."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from exam_client.ui import object_names
from exam_client.ui.building_blocks import Notice, button, label
from exam_client.ui.navigator import NumberCell
from exam_client.ui.progress import FormProgress, Progress
from exam_client.ui.wording import numbers_text

_COLUMNS = 18


class SubmitCheck(QWidget):
    """Lists unanswered, partly answered and flagged items; a number leads back to its item.

    Signals:
        item_chosen: The candidate wants to go back to this item; counts from 1.
        back_pressed: The candidate goes on answering.
        submit_confirmed: The candidate has confirmed twice.
    """

    item_chosen = Signal(int)
    back_pressed = Signal()
    submit_confirmed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName(object_names.CHECK)
        self.setProperty("ground", True)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._shown: FormProgress | None = None
        self._steps = QStackedWidget()
        self._lists = QVBoxLayout()
        self._unsaved = Notice(name="check_unsaved", kind="warn")
        self._last_words = label("", "subtitle")
        self._steps.addWidget(self._make_overview())
        self._steps.addWidget(self._make_last_question())
        outer = QVBoxLayout(self)
        outer.setContentsMargins(32, 20, 32, 20)
        outer.addWidget(self._steps)

    def begin(self) -> None:
        """Start with the overview."""
        self._really.setEnabled(True)
        self._steps.setCurrentIndex(0)
        self._back.setFocus()

    def show_progress(self, progress: FormProgress, *, warning: str) -> None:
        """Draw the lists; `warning` is what the candidate should know of the saved state."""
        self._unsaved.say(warning)
        if progress == self._shown:
            return
        self._shown = progress
        _empty(self._lists)
        open_count = len(progress.unanswered) + len(progress.partial)
        head = self.tr("%1 题全部作答完毕") if not open_count else self.tr("还有 %1 题没有答完")
        total = len(progress.of_items)
        self._headline.setText(head.replace("%1", str(open_count or total)))
        self._add_group(self.tr("未答"), "unanswered", progress.unanswered, progress)
        self._add_group(self.tr("未答完"), "partial", progress.partial, progress)
        self._add_group(self.tr("标记为待检查"), "flagged", progress.flagged, progress)
        self._lists.addStretch(1)
        words = self.tr("交卷后不能再修改答案。")
        if open_count:
            words += self.tr("您还有 %1没有答完。").replace("%1", numbers_text(open_count))
        self._last_words.setText(words)

    def _add_group(
        self, title: str, name: str, numbers: Sequence[int], progress: FormProgress
    ) -> None:
        text = f"{title}：{numbers_text(len(numbers))}" if numbers else f"{title}：{self.tr('无')}"
        self._lists.addWidget(label(text, "field", name=f"check_{name}"))
        grid = QGridLayout()
        grid.setSpacing(6)
        states = list(progress.of_items.values())
        for place, number in enumerate(numbers):
            cell = NumberCell(number, name=f"check_{name}_{number}")
            state = states[number - 1] if name == "flagged" else Progress.UNANSWERED
            cell.show_state(
                Progress.PARTIAL if name == "partial" else state,
                is_flagged=number in progress.flagged,
                is_current=False,
            )
            cell.clicked.connect(lambda _on=False, number=number: self.item_chosen.emit(number))
            grid.addWidget(cell, place // _COLUMNS, place % _COLUMNS)
        grid.setColumnStretch(_COLUMNS, 1)
        self._lists.addLayout(grid)
        self._lists.addSpacing(10)

    def _make_overview(self) -> QWidget:
        page, column = _card(self.tr("交卷前检查"))
        self._headline = label("", "subtitle", name="check_headline")
        column.addWidget(self._headline)
        column.addWidget(self._unsaved)
        inner = QWidget()
        inner.setProperty("page", True)
        inner.setLayout(self._lists)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(inner)
        column.addWidget(scroll, 1)
        self._back = button(
            self.tr("返回继续作答"), name=object_names.CHECK_BACK, is_primary=True, is_large=True
        )
        self._back.clicked.connect(self.back_pressed)
        go_on = button(self.tr("交卷…"), name=object_names.CHECK_SUBMIT, is_large=True)
        go_on.clicked.connect(self._on_go_on)
        row = QHBoxLayout()
        row.addWidget(self._back)
        row.addStretch(1)
        row.addWidget(go_on)
        column.addLayout(row)
        return page

    def _make_last_question(self) -> QWidget:
        page, column = _card(self.tr("确定交卷吗？"))
        column.addWidget(self._last_words)
        column.addStretch(1)
        # The sure way stands where the overview's dangerous one stood: a double click submits
        # nothing.
        self._not_yet = button(
            self.tr("不，继续作答"),
            name=object_names.CHECK_NOT_YET,
            is_primary=True,
            is_large=True,
        )
        self._not_yet.clicked.connect(self.back_pressed)
        self._really = button(self.tr("确定交卷"), name=object_names.CHECK_REALLY, is_large=True)
        self._really.clicked.connect(self.submit_confirmed)
        self._really.clicked.connect(lambda: self._really.setEnabled(False))  # submits once
        row = QHBoxLayout()
        row.addWidget(self._really)
        row.addStretch(1)
        row.addWidget(self._not_yet)
        column.addLayout(row)
        return page

    def _on_go_on(self) -> None:
        self._steps.setCurrentIndex(1)
        self._not_yet.setFocus()


def _card(title: str) -> tuple[QWidget, QVBoxLayout]:
    page = QFrame()
    page.setProperty("card", True)
    column = QVBoxLayout(page)
    column.setContentsMargins(40, 28, 40, 28)
    column.setSpacing(12)
    column.addWidget(label(title, "title"))
    return page, column


def _empty(layout: QVBoxLayout | QGridLayout) -> None:
    while (entry := layout.takeAt(0)) is not None:
        widget, inner = entry.widget(), entry.layout()
        if widget is not None:
            widget.hide()
            widget.deleteLater()
        elif isinstance(inner, QGridLayout):
            _empty(inner)
