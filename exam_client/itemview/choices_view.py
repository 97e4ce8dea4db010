"""Single choice, multiple choice and true or false: rows to pick from."""

from PySide6.QtWidgets import QVBoxLayout, QWidget

from exam_client.itemview.choice_row import ChoiceRow
from exam_client.itemview.part_view import PartView
from exam_client.itemview.text_flow import TextFlow
from exam_client.itemview.wording import shown_stem
from exam_core.model.identifiers import ChoiceId
from exam_core.model.items import ItemType, Part
from exam_core.model.responses import ChoiceResponse, Response


class ChoicesView(PartView):
    """A pick is reported at once, in the order of choosing."""

    def __init__(self, part: Part, parent: QWidget | None = None) -> None:
        super().__init__(part, parent)
        self._is_exclusive = part.item_type is not ItemType.MULTIPLE_CHOICE
        self._picked: tuple[ChoiceId, ...] = ()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(10)
        column.addWidget(TextFlow([shown_stem(part.stem)], self))
        column.addSpacing(6)
        self._rows: list[ChoiceRow] = []
        for index, choice in enumerate(part.choices):
            row = ChoiceRow(choice, index, self, is_exclusive=self._is_exclusive)
            row.clicked.connect(lambda _on=False, index=index: self.pick(index))
            row.step_requested.connect(lambda step, index=index: self._on_step(index, step))
            column.addWidget(row)
            self._rows.append(row)

    def pick(self, index: int) -> bool:
        """Pick a choice; in multiple choice a second time takes it back."""
        if index >= len(self._rows):
            return False
        choice_id = self._rows[index].choice_id
        if self._is_exclusive:
            picked: tuple[ChoiceId, ...] = (choice_id,)
        elif choice_id in self._picked:
            picked = tuple(other for other in self._picked if other != choice_id)
        else:
            picked = (*self._picked, choice_id)
        self._show_picked(picked)
        self._focus(self._rows[index])
        self._report(ChoiceResponse(choice_ids=picked))
        return True

    def focus_first(self) -> None:
        """The picked row, or the first."""
        picked = [row for row in self._rows if row.choice_id in self._picked]
        (picked or self._rows)[0].setFocus()

    def _show(self, response: Response | None) -> None:
        self._show_picked(response.choice_ids if isinstance(response, ChoiceResponse) else ())

    def _show_picked(self, picked: tuple[ChoiceId, ...]) -> None:
        self._picked = picked
        for row in self._rows:
            row.setChecked(row.choice_id in picked)

    def _on_step(self, index: int, step: int) -> None:
        self._focus(self._rows[(index + step) % len(self._rows)])

    def _focus(self, row: ChoiceRow) -> None:
        row.setFocus()
        self.bring_into_view(row)
