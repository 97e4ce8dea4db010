"""Is this you: the person the server found, large enough to be checked at a glance."""

# ruff: noqa: N802  overridden methods have Qt's names

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QWidget

from exam_client.session.snapshot import KioskSnapshot
from exam_client.ui import object_names
from exam_client.ui.building_blocks import CentredCard, button, label


class ConfirmScreen(CentredCard):
    """Asks for nothing but yes or no.

    Signals:
        confirmed: This is me.
        denied: This is not me.
    """

    confirmed = Signal()
    denied = Signal()

    def __init__(self) -> None:
        super().__init__(name=object_names.SCREEN_CONFIRM, width_px=860)
        self.column.addWidget(label(self.tr("请核对您的信息"), "title"))
        self._name = label("", "name", name="confirm_name")
        self.column.addWidget(self._name)
        grid = QGridLayout()
        grid.setHorizontalSpacing(28)
        grid.setVerticalSpacing(10)
        grid.setColumnStretch(1, 1)
        self._unit, self._team, self._admission, self._seat = (
            label("", "fact", name=name)
            for name in ("confirm_unit", "confirm_team", "confirm_admission", "confirm_seat")
        )
        rows = (
            (self.tr("单位"), self._unit),
            (self.tr("代表队"), self._team),
            (self.tr("准考证号"), self._admission),
            (self.tr("机位"), self._seat),
        )
        for row, (caption, value) in enumerate(rows):
            value.setWordWrap(True)
            grid.addWidget(label(caption, "subtitle"), row, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(value, row, 1)
        self.column.addLayout(grid)
        self.column.addSpacing(12)
        note = self.tr("如信息有误，请选择“不是本人”并举手报告监考老师。")
        self.column.addWidget(label(note, "soft"))
        self._buttons = QWidget()
        no = button(self.tr("不是本人"), name=object_names.CONFIRM_NO, is_large=True)
        self._yes = button(
            self.tr("是本人，继续"), name=object_names.CONFIRM_YES, is_primary=True, is_large=True
        )
        no.clicked.connect(self.denied)
        self._yes.clicked.connect(self.confirmed)
        for pressed in (no, self._yes):  # a double click answers once
            pressed.clicked.connect(lambda: self._buttons.setEnabled(False))
        buttons = QHBoxLayout(self._buttons)
        buttons.setContentsMargins(0, 0, 0, 0)
        buttons.addWidget(no)
        buttons.addStretch(1)
        buttons.addWidget(self._yes)
        self.column.addWidget(self._buttons)

    def showEvent(self, event: QShowEvent) -> None:
        """Ask anew."""
        super().showEvent(event)
        self._buttons.setEnabled(True)

    def show_snapshot(self, snapshot: KioskSnapshot) -> None:
        """Draw the person."""
        self._seat.setText(snapshot.seat_id)
        if snapshot.candidate is not None:
            self._name.setText(snapshot.candidate.name)
            self._unit.setText(snapshot.candidate.unit)
            self._team.setText(snapshot.candidate.team)
            self._admission.setText(snapshot.candidate.admission_number)
