"""Fill in the blanks: the fields stand in the sentence."""

from itertools import pairwise

from PySide6.QtWidgets import QVBoxLayout, QWidget

from exam_client.itemview.answer_box import AnswerBox
from exam_client.itemview.clipboard import OwnClipboard
from exam_client.itemview.text_flow import TextFlow
from exam_client.itemview.typed_view import TypedView
from exam_client.itemview.wording import split_at_blanks
from exam_core import limits
from exam_core.model.items import Part
from exam_core.model.responses import BlanksResponse, Response


class BlanksView(TypedView):
    """Return goes to the next blank. Every report carries the texts of all blanks."""

    def __init__(
        self, part: Part, parent: QWidget | None = None, *, clipboard: OwnClipboard
    ) -> None:
        super().__init__(part, parent)
        boxes = []
        for number in range(1, part.blank_count + 1):
            box = AnswerBox(
                self,
                clipboard=clipboard,
                chars_max=limits.blank_text_chars_max,
                is_single_line=True,
            )
            box.setObjectName(f"blank_{part.part_id}_{number}")
            box.setAccessibleName(self.tr("第 %1 空").replace("%1", str(number)))
            box.edited.connect(self._on_resized)
            box.entered.connect(lambda number=number: self._on_entered(number))
            boxes.append(box)
        self._flow = TextFlow(_pieces(part.stem, boxes), self)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addWidget(self._flow)
        column.addWidget(self._composing_hint)
        for before, after in pairwise(boxes):
            QWidget.setTabOrder(before, after)
        self._watch(boxes)

    def _typed(self) -> Response:
        return BlanksResponse(texts=tuple(box.text() for box in self._boxes))

    def _show(self, response: Response | None) -> None:
        texts = response.texts if isinstance(response, BlanksResponse) else ("",) * len(self._boxes)
        for box, text in zip(self._boxes, texts, strict=True):
            box.show_text(text)
        self._flow.fields_resized()

    def _on_resized(self) -> None:
        if any(box.width() + 8 < box.sizeHint().width() <= self.width() for box in self._boxes):
            self._flow.fields_resized()

    def _on_entered(self, number: int) -> None:
        box = self._boxes[number % len(self._boxes)]
        box.setFocus()
        self.bring_into_view(box)


def _pieces(stem: str, boxes: list[AnswerBox]) -> list[str | QWidget]:
    around = split_at_blanks(stem, len(boxes))
    if around is None:  # the stem hides its blanks: the fields stand below, numbered
        pieces: list[str | QWidget] = [stem]
        for number, box in enumerate(boxes, 1):
            pieces += [f"\n（{number}）", box]
        return pieces
    pieces = [around[0]]
    for box, text in zip(boxes, around[1:], strict=True):
        pieces += [box, text]
    return pieces
