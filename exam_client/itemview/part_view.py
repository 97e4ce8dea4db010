"""What every view of one part promises, whatever its type."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QScrollArea, QWidget

from exam_core.model.identifiers import PartId
from exam_core.model.items import Part
from exam_core.model.responses import Response


class PartView(QWidget):
    """Shows one part and its response; reports what the candidate gives.

    A response that was shown or reported is not reported again until it changes.

    Signals:
        response_given: The candidate's whole response to this part: part_id, Response.
        pending_changed: Whether something typed has not been reported yet.
    """

    response_given = Signal(str, object)
    pending_changed = Signal(bool)

    def __init__(self, part: Part, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.part = part
        self.setObjectName(f"part_{part.part_id}")
        self._reported: Response | None = None
        self._was_touched = False

    @property
    def part_id(self) -> PartId:
        """The part shown."""
        return self.part.part_id

    @property
    def is_pending(self) -> bool:
        """Whether something typed or composed has not been reported yet."""
        return False

    def show_response(self, response: Response | None) -> None:
        """Show a stored response, unless the candidate has changed it here since.

        What is stored runs a moment behind the hand; it must never overwrite what was just typed.
        """
        if self._was_touched or response == self._reported:
            return
        self._reported = response
        self._show(response)

    def report_pending(self) -> None:
        """Report at once what has been typed, with what an input method still holds."""

    def pick(self, _index: int) -> bool:
        """Pick choice number `_index`, counted from 0; False when there is none."""
        return False

    def focus_first(self) -> None:
        """Put the focus where answering begins."""

    def bring_into_view(self, widget: QWidget) -> None:
        """Scroll the page around this part until `widget` can be seen."""
        above = self.parentWidget()
        while above is not None:
            if isinstance(above, QScrollArea):
                above.ensureWidgetVisible(widget)
                return
            above = above.parentWidget()

    def _show(self, response: Response | None) -> None:
        raise NotImplementedError

    def _report(self, response: Response) -> None:
        self._was_touched = True
        if response != self._reported:
            self._reported = response
            self.response_given.emit(self.part.part_id, response)
