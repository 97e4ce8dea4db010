"""Start-up check: what this machine has and whom it reaches, before anybody sits down."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtWidgets import QGridLayout

from exam_client.itemview.marks import Mark, MarkSign
from exam_client.session.snapshot import Connection, KioskSnapshot
from exam_client.ui import object_names
from exam_client.ui.building_blocks import CentredCard, label


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineCheck:
    """One thing looked at when the program started."""

    subject: str
    finding: str
    is_good: bool


class StartUpScreen(CentredCard):
    """Findings about this machine stand still; those about the room follow the snapshot."""

    def __init__(self, checks: Sequence[MachineCheck]) -> None:
        super().__init__(name=object_names.SCREEN_STARTING, width_px=860)
        self.column.addWidget(label(self.tr("开机自检"), "title"))
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(18)
        self._grid.setVerticalSpacing(14)
        self._grid.setColumnStretch(2, 1)
        self.column.addSpacing(8)
        self.column.addLayout(self._grid)
        self._seat = self._add_row(self.tr("机位号"))
        for check in checks:
            mark = Mark.TICK if check.is_good else Mark.CROSS
            self._add_row(check.subject).say(mark, check.finding)
        self._server = self._add_row(self.tr("考场服务器"))
        self._package = self._add_row(self.tr("加密试卷"))
        self.column.addSpacing(8)
        self.column.addWidget(
            label(self.tr("全部正常后自动进入登录界面，不需要任何操作。"), "soft")
        )

    def show_snapshot(self, snapshot: KioskSnapshot) -> None:
        """Draw what is known of the room."""
        self._seat.say(Mark.TICK, snapshot.seat_id)
        if snapshot.connection is Connection.ONLINE or snapshot.sitting is not None:
            self._server.say(Mark.TICK, self.tr("已连接"))
        else:
            words = self.tr("正在连接……如长时间停在这里，请检查网线并报告考务人员")
            self._server.say(Mark.RING, words)
        if snapshot.has_package:
            self._package.say(Mark.TICK, self.tr("已收到，签名有效"))
        else:
            self._package.say(Mark.RING, self.tr("连接后自动接收"))

    def _add_row(self, subject: str) -> "_Row":
        row = _Row(self._grid, subject)
        row.say(Mark.RING, "")
        return row


class _Row:
    """One line of the list: sign, subject, finding."""

    def __init__(self, grid: QGridLayout, subject: str) -> None:
        place = grid.rowCount()
        self._sign = MarkSign(Mark.RING, size_px=26)
        self._finding = label("")
        self._finding.setWordWrap(True)
        grid.addWidget(self._sign, place, 0)
        grid.addWidget(label(subject, "field"), place, 1)
        grid.addWidget(self._finding, place, 2)

    def say(self, mark: Mark, finding: str) -> None:
        """Show what was found."""
        self._sign.show_mark(mark)
        self._finding.setText(finding)
        self._finding.setAccessibleName(finding)
