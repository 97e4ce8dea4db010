"""All item numbers, grouped by type: where the candidate is and what is still open.

Each state has a shape besides its colour: answered is filled, partly answered is half filled,
unanswered is empty; a flag stands in the corner; the current number has a thick frame.
"""

# ruff: noqa: N802  overridden methods have Qt's names

from itertools import groupby

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QAbstractButton,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from exam_client.itemview import style
from exam_client.itemview.marks import Mark, paint_mark
from exam_client.ui import object_names
from exam_client.ui.building_blocks import button, label
from exam_client.ui.progress import FormProgress, Progress
from exam_core.model.items import TITLES_ZH, Form

_COLUMNS = 6
_CELL = QSize(38, 36)


class NumberCell(QAbstractButton):
    """One item number in its state; number 0 is a sample without a number, for the legend."""

    def __init__(self, number: int, *, name: str) -> None:
        super().__init__()
        self.number = number
        self.setObjectName(name)
        self.setFixedSize(_CELL)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.progress = Progress.UNANSWERED
        self.is_flagged = False
        self.is_current = False
        self._describe()

    def show_state(self, progress: Progress, *, is_flagged: bool, is_current: bool) -> None:
        """Draw another state."""
        state = (progress, is_flagged, is_current)
        if state != (self.progress, self.is_flagged, self.is_current):
            self.progress, self.is_flagged, self.is_current = state
            self._describe()
            self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Ground, number, flag, frame."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(self.rect()).adjusted(2, 2, -2, -2)
        painter.setPen(QPen(style.INK_SOFT, 1.2))
        painter.setBrush(style.ACCENT if self.progress is Progress.ANSWERED else style.CARD)
        painter.drawRoundedRect(box, 5, 5)
        if self.progress is Progress.PARTIAL:
            shape = QPainterPath()
            shape.addRoundedRect(box, 5, 5)
            painter.save()
            painter.setClipPath(shape)
            low = box.adjusted(0, box.height() * 0.62, 0, 0)
            painter.fillRect(low, style.ACCENT)
            painter.restore()
        if self.is_current or self.hasFocus():
            line = Qt.PenStyle.SolidLine if self.is_current else Qt.PenStyle.DotLine
            painter.setPen(QPen(style.INK, 3, line))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(box, 5, 5)
        font = self.font()
        font.setPixelSize(16)
        font.setBold(self.is_current)
        painter.setFont(font)
        painter.setPen(style.CARD if self.progress is Progress.ANSWERED else style.INK)
        room = box.adjusted(0, 0, 0, -8) if self.progress is Progress.PARTIAL else box
        if self.is_flagged:
            room = room.adjusted(-4, 2, -6, 2)
        if self.number:
            painter.drawText(room, Qt.AlignmentFlag.AlignCenter, str(self.number))
        if self.is_flagged:
            corner = QRectF(box.right() - 13, box.top() - 1, 15, 15)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(style.AMBER)
            painter.drawRoundedRect(corner, 3, 3)
            paint_mark(painter, Mark.FLAG, corner.adjusted(1.5, 1.5, -1.5, -1.5))
        painter.end()

    def _describe(self) -> None:
        words = [
            self.tr("第 %1 题").replace("%1", str(self.number)),
            {
                Progress.UNANSWERED: self.tr("未答"),
                Progress.PARTIAL: self.tr("未答完"),
                Progress.ANSWERED: self.tr("已答"),
            }[self.progress],
        ]
        if self.is_flagged:
            words.append(self.tr("待检查"))
        self.setAccessibleName(" ".join(words))


class Navigator(QFrame):
    """The panel of item numbers, with counts, legend and the submit button.

    Signals:
        item_chosen: A number was pressed; counts from 1.
        submit_pressed: The candidate wants to submit.
    """

    item_chosen = Signal(int)
    submit_pressed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName(object_names.NAVIGATOR)
        self.setFixedWidth(_COLUMNS * (_CELL.width() + 4) + 50)
        self._cells: list[NumberCell] = []
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._counts = label("", "section", name="navigator_counts")
        submit = button(self.tr("检查并交卷"), name=object_names.PAPER_SUBMIT)
        submit.clicked.connect(self.submit_pressed)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 12, 4, 12)
        column.setSpacing(8)
        column.addWidget(self._counts)
        column.addWidget(self._scroll, 1)
        column.addWidget(_legend(self))
        submit_row = QHBoxLayout()
        submit_row.setContentsMargins(0, 0, 12, 0)
        submit_row.addWidget(submit)
        column.addLayout(submit_row)

    def set_form(self, form: Form) -> None:
        """Lay out the numbers of a form."""
        page = QWidget()
        page.setProperty("page", True)
        grids = QVBoxLayout(page)
        grids.setContentsMargins(0, 0, 0, 0)
        grids.setSpacing(6)
        self._cells = []
        numbered = list(enumerate(form.items, 1))
        for item_type, group in groupby(numbered, key=lambda pair: pair[1].item_type):
            numbers = [number for number, _ in group]
            count = self.tr("%1 题").replace("%1", str(len(numbers)))
            grids.addWidget(label(f"{TITLES_ZH[item_type]}（{count}）", "hint"))
            grid = QGridLayout()
            grid.setSpacing(4)
            for place, number in enumerate(numbers):
                cell = NumberCell(number, name=f"navigator_{number}")
                cell.clicked.connect(lambda _on=False, number=number: self.item_chosen.emit(number))
                grid.addWidget(cell, place // _COLUMNS, place % _COLUMNS)
                self._cells.append(cell)
            grid.setColumnStretch(_COLUMNS, 1)
            grids.addLayout(grid)
        grids.addStretch(1)
        self._scroll.setWidget(page)

    def show_progress(self, form: Form, progress: FormProgress, *, current: int) -> None:
        """Draw every number's state; `current` counts from 1."""
        flagged = set(progress.flagged)
        for cell, item in zip(self._cells, form.items, strict=True):
            cell.show_state(
                progress.of_items[item.item_id],
                is_flagged=cell.number in flagged,
                is_current=cell.number == current,
            )
        counts = self.tr("已答 %1 / %2").replace("%1", str(progress.answered_count))
        marked = self.tr("待检查 %1").replace("%1", str(len(progress.flagged)))
        self._counts.setText(f"{counts.replace('%2', str(len(form.items)))}　{marked}")

    def show_current(self, current: int) -> None:
        """Scroll so that the current number can be seen."""
        if self._cells:
            self._scroll.ensureWidgetVisible(self._cells[current - 1], 0, 60)


def _legend(navigator: Navigator) -> QWidget:
    legend = QWidget()
    grid = QGridLayout(legend)
    grid.setContentsMargins(0, 4, 0, 4)
    grid.setSpacing(4)
    entries = (
        (Progress.UNANSWERED, False, navigator.tr("未答")),
        (Progress.ANSWERED, False, navigator.tr("已答")),
        (Progress.PARTIAL, False, navigator.tr("未答完")),
        (Progress.UNANSWERED, True, navigator.tr("待检查")),
    )
    for place, (progress, is_flagged, words) in enumerate(entries):
        cell = NumberCell(0, name=f"legend_{place + 1}")
        cell.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        cell.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        cell.show_state(progress, is_flagged=is_flagged, is_current=False)
        grid.addWidget(cell, place // 2, place % 2 * 2)
        grid.addWidget(label(words, "hint"), place // 2, place % 2 * 2 + 1)
    grid.setColumnStretch(1, 1)
    grid.setColumnStretch(3, 1)
    return legend
