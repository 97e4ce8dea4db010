"""One item on one page: its heading, its pictures, its material if it is a case, its parts."""

# ruff: noqa: N802  overridden methods have Qt's names

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from exam_client.itemview.blanks_view import BlanksView
from exam_client.itemview.choices_view import ChoicesView
from exam_client.itemview.clipboard import OwnClipboard
from exam_client.itemview.image_view import ImageView
from exam_client.itemview.marks import Mark, MarkSign
from exam_client.itemview.part_view import PartView
from exam_client.itemview.short_answer_view import ShortAnswerView
from exam_client.itemview.text_flow import TextFlow
from exam_client.itemview.wording import choice_index_of_key, points_text
from exam_core.model.identifiers import ImageId, ItemId, PartId
from exam_core.model.items import CHOICE_TYPES, TITLES_ZH, Item, ItemType, Part
from exam_core.model.responses import Response

_TEXT_WIDTH_MAX_PX = 1000
"""Longer lines are hard to follow from their end to the next beginning."""


class ItemPage(QWidget):
    """Shows one item whole and reports what the candidate gives to its parts.

    Keys A to H and 1 to 8 pick choices while no text box has the focus; in a case they mean the
    part that has the focus, else its first choice part.

    Signals:
        response_given: A part's whole response: part_id, Response.
        pending_changed: Whether something typed has not been reported yet.
    """

    response_given = Signal(str, object)
    pending_changed = Signal(bool)

    def __init__(
        self,
        item: Item,
        number: int,
        parent: QWidget | None = None,
        *,
        clipboard: OwnClipboard,
        images: Mapping[ImageId, bytes] | None = None,
    ) -> None:
        super().__init__(parent)
        self.item = item
        self._images = [
            ImageView(image, (images or {}).get(image.image_id)) for image in item.images
        ]
        self.setObjectName(f"item_{item.item_id}")
        self.setAccessibleName(self.tr("第 %1 题").replace("%1", str(number)))
        self._views = [_part_view(part, clipboard) for part in item.parts]
        for view in self._views:
            view.response_given.connect(self.response_given)
            view.pending_changed.connect(lambda _is: self.pending_changed.emit(self.is_pending))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._make_heading(number))
        if item.item_type is ItemType.CASE:
            column.addWidget(self._make_case(), 1)
        else:
            column.addWidget(_scrolled([*self._images, *self._views], self, margin=28), 1)

    @property
    def item_id(self) -> ItemId:
        """The item shown."""
        return self.item.item_id

    @property
    def is_pending(self) -> bool:
        """Whether something typed or composed has not been reported yet."""
        return any(view.is_pending for view in self._views)

    def show_responses(self, responses: Mapping[PartId, Response]) -> None:
        """Show what is stored, except where the candidate has changed it here since."""
        for view in self._views:
            view.show_response(responses.get(view.part_id))

    def show_flag(self, *, is_flagged: bool) -> None:
        """Say in the heading whether the item is marked for review."""
        self._flag.setVisible(is_flagged)

    def report_pending(self) -> None:
        """Report at once everything typed on this page."""
        for view in self._views:
            view.report_pending()

    def focus_first(self) -> None:
        """Put the focus where answering begins."""
        self._views[0].focus_first()

    def pick_by_key(self, key: int) -> bool:
        """Pick the choice that a key means; False when it means none here."""
        index = choice_index_of_key(key)
        if index is None:
            return False
        choosable = [view for view in self._views if isinstance(view, ChoicesView)]
        focused = [view for view in choosable if view.isAncestorOf(self.focusWidget())]
        for view in (focused or choosable)[:1]:
            return view.pick(index)
        return False

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Letters and digits pick; everything else goes on to the screen."""
        plain = event.modifiers() & ~(
            Qt.KeyboardModifier.KeypadModifier | Qt.KeyboardModifier.ShiftModifier
        )
        if plain == Qt.KeyboardModifier.NoModifier and self.pick_by_key(event.key()):
            return
        super().keyPressEvent(event)

    def _make_heading(self, number: int) -> QWidget:
        heading = QWidget(self)
        row = QHBoxLayout(heading)
        row.setContentsMargins(28, 18, 28, 6)
        title = self.tr("第 %1 题").replace("%1", str(number))
        kind = TITLES_ZH[self.item.item_type]
        points = self.tr("%1 分").replace("%1", points_text(self.item.points_milli))
        label = QLabel(f"{title}　{kind}（{points}）", heading)
        label.setObjectName("item_heading")
        label.setProperty("role", "section")
        hint = QLabel(self._how_to(), heading)
        hint.setProperty("role", "hint")
        self._flag = QWidget(heading)
        self._flag.setObjectName("item_flag")
        flag_row = QHBoxLayout(self._flag)
        flag_row.setContentsMargins(0, 0, 0, 0)
        flag_row.addWidget(MarkSign(Mark.FLAG, self._flag))
        flag_row.addWidget(QLabel(self.tr("待检查"), self._flag))
        self._flag.hide()
        row.addWidget(label)
        row.addSpacing(16)
        row.addWidget(hint)
        row.addStretch(1)
        row.addWidget(self._flag)
        return heading

    def _how_to(self) -> str:
        match self.item.item_type:
            case ItemType.SINGLE_CHOICE:
                return self.tr("只有一个正确选项")
            case ItemType.MULTIPLE_CHOICE:
                return self.tr("有两个或两个以上正确选项，再点一次可取消")
            case ItemType.TRUE_FALSE:
                return self.tr("判断说法是否正确")
            case ItemType.FILL_BLANK:
                return self.tr("在横线处填写，按回车键到下一空")
            case ItemType.SHORT_ANSWER:
                return self.tr("分点作答，写明要点")
            case ItemType.CASE:
                return self.tr("阅读材料，回答各小题")

    def _make_case(self) -> QWidget:
        splitter = QSplitter(Qt.Orientation.Horizontal, self)
        splitter.setObjectName("case_splitter")
        splitter.setChildrenCollapsible(False)
        splitter.setHandleWidth(14)
        material = _scrolled([*self._images, TextFlow([self.item.material])], splitter, margin=28)
        material.setObjectName("case_material")
        material.setAccessibleName(self.tr("案例材料"))
        material.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        numbered: list[QWidget] = []
        for index, view in enumerate(self._views, 1):
            points = self.tr("%1 分").replace("%1", points_text(view.part.points_milli))
            kind = TITLES_ZH[view.part.item_type]
            label = QLabel(f"（{index}）{kind}（{points}）")
            label.setProperty("role", "section")
            numbered += [label, view]
        parts = _scrolled(numbered, splitter, margin=20)
        parts.setObjectName("case_parts")
        splitter.addWidget(material)
        splitter.addWidget(parts)
        splitter.setSizes([460, 540])
        return splitter


class _PageScroll(QScrollArea):
    """Leaves the page keys to the screen, where they mean previous and next item."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in {Qt.Key.Key_PageUp, Qt.Key.Key_PageDown}:
            event.ignore()
        else:
            super().keyPressEvent(event)


def _part_view(part: Part, clipboard: OwnClipboard) -> PartView:
    if part.item_type in CHOICE_TYPES:
        return ChoicesView(part)
    if part.item_type is ItemType.FILL_BLANK:
        return BlanksView(part, clipboard=clipboard)
    return ShortAnswerView(part, clipboard=clipboard)


def _scrolled(widgets: Sequence[QWidget], parent: QWidget, *, margin: int) -> QScrollArea:
    scroll = _PageScroll(parent)
    scroll.setWidgetResizable(True)
    scroll.setFrameShape(QFrame.Shape.NoFrame)
    scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    page = QWidget(scroll)
    page.setProperty("page", True)
    page.setMaximumWidth(_TEXT_WIDTH_MAX_PX)
    column = QVBoxLayout(page)
    column.setContentsMargins(margin, 10, margin, 20)
    column.setSpacing(14)
    for widget in widgets:
        column.addWidget(widget, 1 if isinstance(widget, ShortAnswerView) else 0)
    if not any(isinstance(widget, ShortAnswerView) for widget in widgets):
        column.addStretch(1)
    scroll.setWidget(page)
    return scroll
