"""Waiting for the room: one sentence that says for what."""

from exam_client.itemview.marks import MarkSign
from exam_client.session.snapshot import KioskSnapshot
from exam_client.ui import object_names
from exam_client.ui.building_blocks import CentredCard, label
from exam_client.ui.wording import duration_text, waiting_saying


class WaitingScreen(CentredCard):
    """There is nothing to press here."""

    def __init__(self) -> None:
        super().__init__(name=object_names.SCREEN_WAITING, width_px=860)
        self._sign: MarkSign | None = None
        self._headline = label("", "title", name=object_names.WAITING_STATE)
        self._detail = self.add_text(" ")
        self.column.insertWidget(0, self._headline)
        self.column.addSpacing(16)
        self._person = label("", "subtitle", name="waiting_person")
        self._sitting = label("", "soft", name="waiting_sitting")
        self._sitting.setWordWrap(True)
        self.column.addWidget(self._person)
        self.column.addWidget(self._sitting)

    def show_snapshot(self, snapshot: KioskSnapshot) -> None:
        """Draw what is waited for."""
        saying = waiting_saying(snapshot)
        if self._headline.text() != saying.headline:
            self._headline.setText(saying.headline)
            self._headline.setAccessibleName(f"{saying.headline} {saying.detail}")
            self._detail.show_text(saying.detail)
        if self._sign is None:
            self._sign = MarkSign(saying.mark, size_px=56)
            self.column.insertWidget(0, self._sign)
        self._sign.show_mark(saying.mark)
        seat = self.tr("机位 %1").replace("%1", snapshot.seat_id)
        if snapshot.candidate is not None:
            who = snapshot.candidate
            self._person.setText(f"{who.name}　{who.admission_number}　{seat}")
        if snapshot.sitting is not None:
            title = snapshot.sitting.paper_title or snapshot.sitting.title
            time = self.tr("答题时间 %1").replace("%1", duration_text(snapshot.sitting.duration_ms))
            self._sitting.setText(f"{title}　{time}")
