"""Short answer: a box of several lines with a character counter."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from exam_client.itemview.answer_box import AnswerBox
from exam_client.itemview.clipboard import OwnClipboard
from exam_client.itemview.text_flow import TextFlow
from exam_client.itemview.typed_view import TypedView
from exam_core import limits
from exam_core.model.items import Part
from exam_core.model.responses import Response, TextResponse

_LINES = 8
_NEAR_LIMIT_CHARS = 500


class ShortAnswerView(TypedView):
    """The counter counts characters that are not white space; the limit counts all of them."""

    def __init__(
        self, part: Part, parent: QWidget | None = None, *, clipboard: OwnClipboard
    ) -> None:
        super().__init__(part, parent)
        self._box = AnswerBox(
            self,
            clipboard=clipboard,
            chars_max=limits.response_text_chars_max,
            is_single_line=False,
        )
        self._box.setObjectName(f"text_{part.part_id}")
        self._box.setAccessibleName(self.tr("作答"))
        self._box.setPlaceholderText(self.tr("请在这里作答"))
        self._box.setMinimumHeight(_LINES * self._box.fontMetrics().lineSpacing())
        self._counter = QLabel(self)
        self._counter.setObjectName(f"counter_{part.part_id}")
        self._counter.setProperty("role", "hint")
        self._counter.setAlignment(Qt.AlignmentFlag.AlignRight)
        below = QHBoxLayout()
        below.addWidget(self._composing_hint, 1)
        below.addWidget(self._counter)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(12)
        self._column.addWidget(TextFlow([part.stem], self))
        self._column.addWidget(self._box, 1)
        self._column.addLayout(below)
        self._box.textChanged.connect(self._on_counted)
        self._watch([self._box])
        self._on_counted()

    def _typed(self) -> Response:
        return TextResponse(text=self._box.text())

    def _show(self, response: Response | None) -> None:
        self._box.show_text(response.text if isinstance(response, TextResponse) else "")

    def _on_counted(self) -> None:
        text = self._box.text()
        count = sum(not character.isspace() for character in text)
        left = limits.response_text_chars_max - len(text)
        words = self.tr("已写 %1 字").replace("%1", str(count))
        if left <= _NEAR_LIMIT_CHARS:
            words += self.tr("，还可写 %1 字").replace("%1", str(left))
        self._counter.setText(words)
        self._column.activate()  # at once, or its first character is cut until the next layout
