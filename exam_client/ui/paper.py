"""The paper: header, item, navigator, and in their place the submit check or the pause."""

# ruff: noqa: N802  overridden methods have Qt's names

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from exam_client.session.snapshot import Connection, KioskSnapshot, SavedState
from exam_client.ui import object_names
from exam_client.ui.building_blocks import CentredCard, Notice, label
from exam_client.ui.header import PaperHeader
from exam_client.ui.navigator import Navigator
from exam_client.ui.progress import form_progress
from exam_client.ui.submit_check import SubmitCheck
from exam_client.ui.work_area import WorkArea
from exam_core.model.identifiers import PaperId
from exam_core.model.items import Form, Item
from exam_core.model.responses import is_empty
from exam_core.model.states import SittingState

_PLAIN = {
    Qt.KeyboardModifier.NoModifier,
    Qt.KeyboardModifier.KeypadModifier,
    Qt.KeyboardModifier.ShiftModifier,
}


class PaperScreen(QWidget):
    """Shows a form and reports what the candidate does with it.

    Signals:
        response_given: A part's whole response: part_id, Response.
        flag_set: item_id, is_flagged.
        submit_confirmed: The candidate has confirmed twice; all that was typed was reported.
    """

    response_given = Signal(str, object)
    flag_set = Signal(str, bool)
    submit_confirmed = Signal()

    def __init__(self, *, clock_ms: Callable[[], int]) -> None:
        super().__init__()
        self.setObjectName(object_names.SCREEN_PAPER)
        self.setProperty("ground", True)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._snapshot: KioskSnapshot | None = None
        self._form_shown: tuple[PaperId, int] | None = None
        self._number = 1
        self._is_typing = False
        self._header = PaperHeader(clock_ms=clock_ms)
        self._alarm = Notice(name=object_names.PAPER_ALARM, kind="bad")
        self._work = WorkArea()
        self._navigator = Navigator()
        self._check = SubmitCheck()
        self._paused = CentredCard(name=object_names.PAPER_PAUSED, width_px=760)
        self._paused.column.addWidget(label(self.tr("考试暂停"), "title"))
        self._pause_words = self._paused.add_text(_pause_text(self, is_whole_room=True))
        self._body = QStackedWidget()
        self._answering = self._make_answering()
        for page in (self._answering, self._check, self._paused):
            self._body.addWidget(page)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._header)
        column.addWidget(self._alarm)
        column.addWidget(self._body, 1)
        self._connect()

    def show_snapshot(self, snapshot: KioskSnapshot) -> None:
        """Draw the state of the session; the item in front stays in front."""
        self._snapshot = snapshot
        form = snapshot.form
        if form is None:
            return
        if self._form_shown != (form.paper_id, form.form_number):
            self._form_shown = (form.paper_id, form.form_number)
            self._work.clear()
            self._navigator.set_form(form)
            self._go_to(_first_open(form, snapshot))
        self._header.show_snapshot(snapshot, is_typing=self._is_typing)
        self._alarm.say(_alarm_text(snapshot))
        self._work.show_snapshot(snapshot)
        progress = form_progress(form, snapshot.responses, snapshot.flagged)
        self._navigator.show_progress(form, progress, current=self._number)
        self._check.show_progress(progress, warning=_submit_warning(self, snapshot))
        self._show_pause(snapshot)

    def report_pending(self) -> None:
        """Report at once everything typed and not yet reported."""
        self._work.report_pending()

    def clear(self) -> None:
        """Forget the paper."""
        self._work.clear()
        self._snapshot = None
        self._form_shown = None
        self._body.setCurrentWidget(self._answering)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Page keys turn, F marks, letters and digits pick; the rest goes on."""
        if self._body.currentWidget() is not self._answering:
            super().keyPressEvent(event)
            return
        key = event.key()
        if key == Qt.Key.Key_PageUp:
            self._on_step(-1)
        elif key == Qt.Key.Key_PageDown:
            self._on_step(1)
        elif event.modifiers() not in _PLAIN or event.isAutoRepeat():
            super().keyPressEvent(event)
        elif self._work.pick_by_key(key):
            pass  # an item with six choices needs F for the sixth; there the button marks
        elif key == Qt.Key.Key_F:
            self._work.toggle_flag()
        else:
            super().keyPressEvent(event)

    def _make_answering(self) -> QWidget:
        answering = QWidget()
        row = QHBoxLayout(answering)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self._work, 1)
        row.addWidget(self._navigator)
        return answering

    def _connect(self) -> None:
        self._work.response_given.connect(self.response_given)
        self._work.flag_set.connect(self.flag_set)
        self._work.pending_changed.connect(self._on_pending_changed)
        self._work.step_requested.connect(self._on_step)
        self._navigator.item_chosen.connect(self._on_item_chosen)
        self._navigator.submit_pressed.connect(self._on_submit_pressed)
        self._check.item_chosen.connect(self._on_item_chosen)
        self._check.back_pressed.connect(self._on_back)
        self._check.submit_confirmed.connect(self._on_submit_confirmed)

    def _on_step(self, step: int) -> None:
        self._on_item_chosen(self._number + step)

    def _on_item_chosen(self, number: int) -> None:
        if self._snapshot is None or self._snapshot.form is None:
            return
        if 1 <= number <= len(self._snapshot.form.items):
            self.report_pending()
            self._body.setCurrentWidget(self._answering)
            self._go_to(number)
            self.show_snapshot(self._snapshot)

    def _go_to(self, number: int) -> None:
        if self._snapshot is None or self._snapshot.form is None:
            return
        self._number = number
        form = self._snapshot.form
        self._work.show_item(form.items[number - 1], number, form, self._snapshot)
        self._navigator.show_current(number)

    def _on_pending_changed(self, is_typing: bool) -> None:
        self._is_typing = is_typing
        if self._snapshot is not None:
            self._header.show_saved(self._snapshot, is_typing=is_typing)

    def _on_submit_pressed(self) -> None:
        self.report_pending()
        self._body.setCurrentWidget(self._check)
        self._check.begin()

    def _on_back(self) -> None:
        self._body.setCurrentWidget(self._answering)
        if self._work.page is not None:
            self._work.page.focus_first()

    def _on_submit_confirmed(self) -> None:
        self.report_pending()
        self.submit_confirmed.emit()

    def _show_pause(self, snapshot: KioskSnapshot) -> None:
        is_paused = snapshot.frozen_time_left_ms is not None
        if is_paused and self._body.currentWidget() is not self._paused:
            self.report_pending()
            is_whole_room = snapshot.sitting_state is SittingState.HELD
            self._pause_words.show_text(_pause_text(self, is_whole_room=is_whole_room))
            self._body.setCurrentWidget(self._paused)
        elif not is_paused and self._body.currentWidget() is self._paused:
            self._on_back()


def _first_open(form: Form, snapshot: KioskSnapshot) -> int:
    """The item to begin with: the first, or after a restart the first that has no response."""

    def is_open(item: Item) -> bool:
        given = [snapshot.responses.get(part.part_id) for part in item.parts]
        return all(response is None or is_empty(response) for response in given)

    return next((n for n, item in enumerate(form.items, 1) if is_open(item)), 1)


def _alarm_text(snapshot: KioskSnapshot) -> str:
    lines = [f"{alarm.message}。{alarm.advice}" for alarm in snapshot.alarms]
    if snapshot.refusal is not None:
        lines.append(f"{snapshot.refusal.message}。{snapshot.refusal.advice}")
    return "\n".join(lines)


def _submit_warning(screen: PaperScreen, snapshot: KioskSnapshot) -> str:
    if snapshot.saved is SavedState.NOT_KEPT:
        return screen.tr("有答案尚未保存，请先举手报告监考老师，再交卷。")
    if snapshot.connection is Connection.AWAY:
        return screen.tr("网络暂时断开。现在也可以交卷：答卷先封存在本机，网络恢复后自动上传。")
    return ""


def _pause_text(screen: PaperScreen, *, is_whole_room: bool) -> str:
    who = screen.tr("全场考试暂停") if is_whole_room else screen.tr("监考老师暂停了本机位的考试")
    return who + screen.tr(
        "，计时已经停止，您的剩余时间不受影响。请在原位安静等候，恢复后自动回到原来的题目。"
    )
