"""What fill-in and short answers share: boxes, grouped typing, nothing composed is lost."""

from collections.abc import Sequence

from PySide6.QtWidgets import QLabel, QWidget

from exam_client.itemview.answer_box import AnswerBox
from exam_client.itemview.part_view import PartView
from exam_client.itemview.typing_group import TypingGroup
from exam_core.model.items import Part
from exam_core.model.responses import Response


class TypedView(PartView):
    """Reports typed text at most 250 ms after the first keystroke, at once when the focus leaves.

    A subclass makes its boxes, hands them to `_watch` and says what they hold in `_typed`.
    """

    def __init__(self, part: Part, parent: QWidget | None = None) -> None:
        super().__init__(part, parent)
        self._boxes: Sequence[AnswerBox] = ()
        self._group = TypingGroup(self)
        self._group.due.connect(lambda: self._report(self._typed()))
        self._group.pending_changed.connect(lambda _is: self._tell_pending())
        self._was_pending = False
        self._composing_hint = QLabel(self)
        self._composing_hint.setObjectName("composing_hint")
        self._composing_hint.setProperty("role", "hint")
        self._composing_hint.setWordWrap(True)  # beside a case's material one line is too long

    @property
    def is_pending(self) -> bool:
        """Whether something typed or composed has not been reported yet."""
        return self._group.is_pending or any(box.is_composing() for box in self._boxes)

    def report_pending(self) -> None:
        """Put in what is being composed, then report what has been typed."""
        for box in self._boxes:
            box.commit_composition()
        self._group.finish()

    def focus_first(self) -> None:
        """The first box that is still empty, or the first."""
        empty = [box for box in self._boxes if not box.text()]
        (empty or list(self._boxes))[0].setFocus()

    def _watch(self, boxes: Sequence[AnswerBox]) -> None:
        self._boxes = boxes
        for box in boxes:
            box.edited.connect(self._on_edited)
            box.left.connect(self._group.finish)
            box.composing_changed.connect(self._on_composing_changed)
            box.limit_reached.connect(self._on_limit_reached)

    def _typed(self) -> Response:
        raise NotImplementedError

    def _on_edited(self) -> None:
        self._was_touched = True
        self._group.add()

    def _on_composing_changed(self, is_composing: bool) -> None:
        text = self.tr("输入法中的字还没有上屏，请按空格键或数字键选字。") if is_composing else ""
        self._composing_hint.setText(text)
        self._tell_pending()

    def _on_limit_reached(self) -> None:
        self._composing_hint.setText(self.tr("已到字数上限，多出的字没有录入。"))

    def _tell_pending(self) -> None:
        if self._was_pending != self.is_pending:
            self._was_pending = self.is_pending
            self.pending_changed.emit(self._was_pending)
