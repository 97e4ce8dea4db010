"""The item in front of the candidate, with the buttons below it."""

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from exam_client.itemview import FontStep, ItemPage, OwnClipboard, font_step_stylesheet
from exam_client.itemview.marks import flag_icon
from exam_client.session.snapshot import KioskSnapshot
from exam_client.ui import object_names
from exam_client.ui.building_blocks import button, label
from exam_client.ui.watermark import Watermark, watermark_text
from exam_core.model.identifiers import ItemId
from exam_core.model.items import Form, Item


class WorkArea(QWidget):
    """One item a page. Pages are made when first seen and kept, so that a return shows no change.

    Signals:
        response_given: A part's whole response: part_id, Response.
        flag_set: An item was marked for review or the mark taken away: item_id, is_flagged.
        pending_changed: Whether something typed has not been reported yet.
        step_requested: The candidate wants the item before (-1) or after (+1).
    """

    response_given = Signal(str, object)
    flag_set = Signal(str, bool)
    pending_changed = Signal(bool)
    step_requested = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self._clipboard = OwnClipboard()
        self._font_step = FontStep.STANDARD
        self._pages: dict[ItemId, ItemPage] = {}
        self._flags_asked: dict[ItemId, bool] = {}
        self._stack = QStackedWidget()
        self._stack.setObjectName("item_stack")
        self._stack.setProperty("page", True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._stack, 1)
        column.addWidget(self._make_footer())
        self._watermark = Watermark(self._stack, self)
        self._apply_font_step()

    @property
    def page(self) -> ItemPage | None:
        """The page in front."""
        page = self._stack.currentWidget()
        return page if isinstance(page, ItemPage) else None

    def show_item(self, item: Item, number: int, form: Form, snapshot: KioskSnapshot) -> None:
        """Bring an item to the front and put the focus where answering begins."""
        page = self._pages.get(item.item_id)
        if page is None:
            page = ItemPage(item, number, clipboard=self._clipboard, images=snapshot.images)
            page.response_given.connect(self.response_given)
            page.pending_changed.connect(self.pending_changed)
            self._pages[item.item_id] = page
            self._stack.addWidget(page)
        self._stack.setCurrentWidget(page)
        self._previous.setEnabled(number > 1)
        self._next.setEnabled(number < len(form.items))
        self._position.setText(f"{number} / {len(form.items)}")
        self.show_snapshot(snapshot)
        page.focus_first()

    def show_snapshot(self, snapshot: KioskSnapshot) -> None:
        """Draw what is stored for the item in front."""
        self._watermark.show_text(watermark_text(snapshot))
        if self.page is None:
            return
        item_id = self.page.item_id
        is_flagged = item_id in snapshot.flagged
        # What is stored runs a moment behind the hand; until it agrees, the hand is right.
        if self._flags_asked.get(item_id) == is_flagged:
            del self._flags_asked[item_id]
        is_flagged = self._flags_asked.get(item_id, is_flagged)
        self.page.show_responses(snapshot.responses)
        self.page.show_flag(is_flagged=is_flagged)
        self._flag.setChecked(is_flagged)

    def report_pending(self) -> None:
        """Report at once everything typed on the page in front."""
        if self.page is not None:
            self.page.report_pending()

    def pick_by_key(self, key: int) -> bool:
        """Pick the choice that a key means on the page in front; False when it means none."""
        return self.page is not None and self.page.pick_by_key(key)

    def toggle_flag(self) -> None:
        """Mark the item in front for review, or take the mark away."""
        self._flag.click()

    def clear(self) -> None:
        """Forget all items and what was copied from them."""
        self._clipboard.clear()
        for page in self._pages.values():
            self._stack.removeWidget(page)
            page.deleteLater()
        self._pages = {}
        self._flags_asked = {}
        self._watermark.show_text("")

    def _make_footer(self) -> QWidget:
        footer = QFrame()
        footer.setObjectName(object_names.PAPER_FOOTER)
        footer.setFixedHeight(68)
        self._smaller = button(self.tr("字号－"), name=object_names.PAPER_FONT_SMALLER)
        self._smaller.setAccessibleName(self.tr("缩小字号"))
        self._smaller.clicked.connect(lambda: self._on_font_step(self._font_step.next_smaller()))
        self._larger = button(self.tr("字号＋"), name=object_names.PAPER_FONT_LARGER)
        self._larger.setAccessibleName(self.tr("放大字号"))
        self._larger.clicked.connect(lambda: self._on_font_step(self._font_step.next_larger()))
        self._flag = button(self.tr("待检查 F"), name=object_names.PAPER_FLAG)
        self._flag.setAccessibleName(self.tr("标记为待检查"))
        self._flag.setIcon(flag_icon())
        self._flag.setIconSize(QSize(20, 20))
        self._flag.setCheckable(True)
        self._flag.clicked.connect(self._on_flag)
        self._position = label("", "soft", name="paper_position")
        self._previous = button(self.tr("上一题 PgUp"), name=object_names.PAPER_PREVIOUS)
        self._previous.clicked.connect(lambda: self.step_requested.emit(-1))
        self._next = button(self.tr("下一题 PgDn"), name=object_names.PAPER_NEXT, is_primary=True)
        self._next.clicked.connect(lambda: self.step_requested.emit(1))
        row = QHBoxLayout(footer)
        row.setContentsMargins(28, 8, 28, 8)
        row.setSpacing(12)
        row.addWidget(self._smaller)
        row.addWidget(self._larger)
        row.addSpacing(8)
        row.addWidget(self._flag)
        row.addStretch(1)
        row.addWidget(self._position)
        row.addSpacing(8)
        row.addWidget(self._previous)
        row.addWidget(self._next)
        return footer

    def _on_flag(self, is_checked: bool) -> None:
        if self.page is not None:
            self._flags_asked[self.page.item_id] = is_checked
            self.flag_set.emit(self.page.item_id, is_checked)

    def _on_font_step(self, step: FontStep) -> None:
        self._font_step = step
        self._apply_font_step()

    def _apply_font_step(self) -> None:
        self._stack.setStyleSheet(font_step_stylesheet(self._font_step))
        self._smaller.setEnabled(self._font_step is not FontStep.STANDARD)
        self._larger.setEnabled(self._font_step is not FontStep.LARGEST)
