"""After the paper: submitting, the receipt, and the screens that say why it cannot go on."""

from PySide6.QtCore import Qt

from exam_client.itemview.marks import Mark, MarkSign
from exam_client.session.snapshot import Connection, KioskSnapshot
from exam_client.ui import object_names
from exam_client.ui.building_blocks import CentredCard, Notice, label, restyle
from exam_client.ui.wording import close_reason_text, receipt_lines


class SubmittingScreen(CentredCard):
    """The few moments between submitting and the receipt."""

    def __init__(self) -> None:
        super().__init__(name=object_names.SCREEN_SUBMITTING, width_px=760)
        self.column.addWidget(label(self.tr("正在交卷"), "title"))
        self._words = self.add_text(" ")

    def show_snapshot(self, snapshot: KioskSnapshot) -> None:
        """Say what is being waited for."""
        if snapshot.connection is Connection.AWAY:
            words = self.tr("网络暂时断开，答卷先封存在本机，请稍候，不要关机。")
        elif snapshot.unsynced:
            words = self.tr("正在上传最后 %1 条作答记录，请稍候，不要关机。").replace(
                "%1", str(snapshot.unsynced)
            )
        else:
            words = self.tr("正在等待服务器确认，请稍候，不要关机。")
        self._words.show_text(words)


class ReceiptScreen(CentredCard):
    """The receipt, in groups of four; honest about whether the server has it yet."""

    def __init__(self) -> None:
        super().__init__(name=object_names.SCREEN_RECEIPT, width_px=900)
        self._headline = label("", "title", name="receipt_headline")
        self._state = Notice(name=object_names.RECEIPT_STATE, kind="good")
        self._caption = label(self.tr("交卷回执"), "field")
        self._receipt = label("", "receipt", name=object_names.RECEIPT_TEXT)
        self._receipt.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._note = label(
            self.tr("回执是答卷内容的指纹，可用于事后核对。如需留存，请抄在准考证背面。"), "soft"
        )
        self._person = label("", "subtitle", name="receipt_person")
        self.column.addWidget(self._headline)
        self.column.addWidget(self._person)
        self.column.addWidget(self._state)
        self.column.addSpacing(6)
        self.column.addWidget(self._caption)
        self.column.addWidget(self._receipt)
        self.column.addWidget(self._note)

    def show_snapshot(self, snapshot: KioskSnapshot) -> None:
        """Draw the receipt and where the answers are."""
        self._headline.setText(close_reason_text(snapshot.close_reason))
        receipt = snapshot.receipt or ""
        self._receipt.setText(receipt_lines(receipt))
        self._receipt.setAccessibleName(receipt)
        for widget in (self._caption, self._receipt, self._note):
            widget.setVisible(bool(receipt))
        if snapshot.candidate is not None:
            who = snapshot.candidate
            seat = self.tr("机位 %1").replace("%1", snapshot.seat_id)
            self._person.setText(f"{who.name}　{who.admission_number}　{seat}")
        restyle(self._state, "notice", "warn" if snapshot.is_closed_offline else "good")
        self._state.say(self._state_text(snapshot))

    def _state_text(self, snapshot: KioskSnapshot) -> str:
        if snapshot.is_closed_offline:
            return self.tr(
                "答卷已在本机封存，尚未传到服务器。\n"
                "网络恢复后自动上传。请不要关机，举手告知监考老师后再离场。"
            )
        if not snapshot.receipt:
            return self.tr("本机没有需要上传的答卷。请按监考老师的安排离场。")
        return self.tr("服务器已收到全部答卷。请安静离场。")


class ProblemScreen(CentredCard):
    """Why this kiosk cannot go on, with what to do and the code for the technician."""

    def __init__(self, *, name: str = object_names.SCREEN_PROBLEM) -> None:
        super().__init__(name=name, width_px=860)
        self.column.addWidget(MarkSign(Mark.CROSS, size_px=56))
        self._headline = label("", "title")
        self.column.addWidget(self._headline)
        self._words = self.add_text(" ")
        self._words.setObjectName(f"{name}_text")
        self._seat = label("", "soft")
        self.column.addWidget(self._seat)

    def show_snapshot(self, snapshot: KioskSnapshot) -> None:
        """Say why, as the engine says it."""
        self._headline.setText(self.tr("本机暂时不能继续，请举手报告"))
        lines = [f"{alarm.message}。{alarm.advice}（{alarm.code}）" for alarm in snapshot.alarms]
        if not lines and snapshot.refusal is not None:
            refusal = snapshot.refusal
            lines = [f"{refusal.message}。{refusal.advice}（{refusal.code}）"]
        self._say("\n".join(lines) or self.tr("原因不明，请技术人员查看日志。"), snapshot)

    def _say(self, words: str, snapshot: KioskSnapshot) -> None:
        self._words.show_text(words)
        self._seat.setText(self.tr("机位 %1").replace("%1", snapshot.seat_id))


class NotEnrolledScreen(ProblemScreen):
    """This machine has no certificate yet."""

    def __init__(self) -> None:
        super().__init__(name=object_names.SCREEN_NOT_ENROLLED)
        self._number = label("", "compare")
        self._number.setObjectName(object_names.ENROL_NUMBER)
        self.column.insertWidget(2, self._number)

    def show_snapshot(self, snapshot: KioskSnapshot) -> None:
        """Say what the technician does, and the number that staff compare."""
        self._headline.setText(self.tr("本机尚未登记"))
        number = snapshot.enrol_number
        self._number.setVisible(bool(number))
        shown = f"{snapshot.seat_id}　{number[:3]} {number[3:]}"
        self._number.setText(shown)
        self._number.setAccessibleName(shown)
        if number:
            words = self.tr(
                "请工作人员在考务台“机位”页面核对机位号和上面的 6 位数字，"
                "相同按“相符”，本机随即登记；不同按“不符”，并报告技术人员。"
            )
            self._say(words, snapshot)
            return
        words = self.tr(
            "请技术人员在考务台为本机位生成 8 位登记码，在本机执行 "
            "exam-client enrol --join-code 登记码，然后重新启动考试程序。"
        )
        reasons = "".join(f"\n{alarm.message}。{alarm.advice}" for alarm in snapshot.alarms)
        self._say(words + reasons, snapshot)
