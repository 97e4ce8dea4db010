"""The header of the paper: which examination, who, how safe, connected, how long still."""

from collections.abc import Callable

from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout

from exam_client.session.snapshot import KioskSnapshot
from exam_client.ui import object_names
from exam_client.ui.building_blocks import ElidedLabel, SayingView
from exam_client.ui.saved_view import SavedView
from exam_client.ui.time_left import TimeLeft
from exam_client.ui.wording import connection_saying, saved_saying


class PaperHeader(QFrame):
    """Stays where it is, whatever is shown below it."""

    def __init__(self, *, clock_ms: Callable[[], int]) -> None:
        super().__init__()
        self.setObjectName(object_names.PAPER_HEADER)
        self.setFixedHeight(84)
        self._title = ElidedLabel("section")
        self._person = ElidedLabel("soft")
        self._saved = SavedView()
        self._connection = SayingView(name=object_names.PAPER_CONNECTION, width_px=136)
        self._time_left = TimeLeft(name=object_names.PAPER_TIME_LEFT, clock_ms=clock_ms)
        lines = QVBoxLayout()
        lines.setSpacing(2)
        lines.addStretch(1)
        lines.addWidget(self._title)
        lines.addWidget(self._person)
        lines.addStretch(1)
        row = QHBoxLayout(self)
        row.setContentsMargins(28, 6, 16, 6)
        row.setSpacing(20)
        row.addLayout(lines, 1)
        row.addWidget(self._saved)
        row.addWidget(self._connection)
        row.addWidget(self._time_left)

    def show_snapshot(self, snapshot: KioskSnapshot, *, is_typing: bool) -> None:
        """Draw the facts."""
        if snapshot.form is not None:
            self._title.say(snapshot.form.title)
        if snapshot.candidate is not None:
            who = snapshot.candidate
            seat = self.tr("机位 %1").replace("%1", snapshot.seat_id)
            self._person.say(f"{seat}　{who.name}　{who.admission_number}")
        self._connection.say(connection_saying(snapshot.connection))
        self.show_saved(snapshot, is_typing=is_typing)
        self._time_left.show_snapshot(snapshot)

    def show_saved(self, snapshot: KioskSnapshot, *, is_typing: bool) -> None:
        """Draw only how safe the answers are."""
        self._saved.say(saved_saying(snapshot, is_typing=is_typing))
